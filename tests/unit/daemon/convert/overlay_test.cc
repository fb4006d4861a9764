#include "daemon/convert/overlay.h"

#include <gtest/gtest.h>

#include "libcore/base/hex.h"
#include "libcore/base/rng.h"
#include "libcore/pki/hash.h"
#include "libcore/store/key.h"

namespace p2pd::daemon {
namespace {

TEST(OverlayToProto, PeersShowWhatIsKnownOfThem) {
  SeededRng rng(1);
  const net::Endpoint at = net::Endpoint::Parse("192.0.2.1:7464").value();
  overlay::PeerInfo peer{.record = overlay::NodeRecord::Make(overlay::NodeKeys::Generate(rng), 1,
                                                             {at}, overlay::Role::kClient),
                         .endpoint = at,
                         .leaf = true,
                         .table = false,
                         .round_trip = std::nullopt,
                         .last_heard = absl::Seconds(5)};
  const v1::Peer out = ToProto(peer, absl::FromUnixSeconds(100));
  EXPECT_EQ(out.node_id(), overlay::ToHex(peer.record.id()));
  EXPECT_EQ(out.name(), "peers/" + out.node_id());
  EXPECT_EQ(out.address(), "192.0.2.1:7464");
  EXPECT_EQ(out.role(), v1::PEER_ROLE_CLIENT);
  EXPECT_TRUE(out.leaf());
  EXPECT_FALSE(out.has_round_trip_time());
  EXPECT_EQ(out.last_heard_time().seconds(), 95);
  EXPECT_EQ(ToProto(peer.record).address(), "192.0.2.1:7464");
}

TEST(OverlayToProto, AHopShowsTheDigitsThatMatch) {
  overlay::Key key;
  key.mutable_view()[0] = 0xab;
  key.mutable_view()[1] = 0xcd;
  overlay::TraceHop hop{key, net::Endpoint::Parse("192.0.2.1:7464").value(),
                        absl::Milliseconds(12)};
  EXPECT_EQ(ToProto(hop, key).matching_digits(), 40);
  hop.id.mutable_view()[1] = 0xc0;
  hop.waited = absl::Milliseconds(3);
  hop.silent = {key};
  const v1::TracedHop out = ToProto(hop, key);
  EXPECT_EQ(out.matching_digits(), 3);
  EXPECT_EQ(out.hop().node_id(), overlay::ToHex(hop.id));
  EXPECT_EQ(out.hop().address(), "192.0.2.1:7464");
  EXPECT_EQ(out.elapsed().nanos(), 12'000'000);
  EXPECT_EQ(out.waited().nanos(), 3'000'000);
  ASSERT_EQ(out.silent_node_ids_size(), 1);
  EXPECT_EQ(out.silent_node_ids(0), overlay::ToHex(key));
}

TEST(OverlayToProto, ARawValueIsItsBytesAndTheirDigest) {
  const absl::Time now = absl::FromUnixSeconds(1'790'000'000);
  const auto object = store::MakeRaw(store::ServiceKey("x"), AsBytes("value"), ByteView(),
                                     now + absl::Hours(1), now);
  ASSERT_TRUE(object.ok()) << object.status();
  const v1::StoredValue out = ToProto(*object);
  EXPECT_EQ(out.kind(), "raw");
  EXPECT_EQ(out.value(), "value");
  EXPECT_EQ(out.digest(), Hex(pki::Sha256(AsBytes("value")).view()));
  EXPECT_EQ(out.sequence(), 0u);
  EXPECT_EQ(out.expire_time().seconds(), absl::ToUnixSeconds(now) + 3600);
}

}  // namespace
}  // namespace p2pd::daemon
