#include "libcore/archive/tracker/udp_tracker.h"

#include <gtest/gtest.h>

#include "libcore/base/codec.h"
#include "libcore/base/hex.h"
#include "tests/unit/archive/tracker/fixture.h"

namespace p2pd::archive::tracker {
namespace {

const InfoHash kHash = HashNumber(1);
constexpr uint64_t kProtocolId = 0x41727101980;

class UdpTrackerTest : public ::testing::Test {
 protected:
  Bytes Ask(const net::Endpoint& from, ByteView datagram) {
    Bytes out(UdpTracker::kMaxReply);
    out.resize(udp_.Answer(f_.now, from, datagram, MutableByteView(out.data(), out.size())));
    return out;
  }
  uint64_t Connect(const net::Endpoint& from) {
    const Bytes reply = Ask(from, ByteWriter().U64(kProtocolId).U32(0).U32(7).bytes());
    ByteReader in(reply);
    EXPECT_EQ(in.U32(), 0u);
    EXPECT_EQ(in.U32(), 7u);
    const uint64_t id = in.U64();
    EXPECT_TRUE(in.AtEnd());
    return id;
  }
  Bytes AnnounceOf(uint64_t id, uint16_t port, uint64_t left = 1, uint32_t event = 0,
                   uint32_t wanted = UINT32_MAX) {
    ByteWriter out;
    out.U64(id).U32(1).U32(0xabcd).Put(kHash.view()).Put(Bytes(20, 'p'));
    out.U64(0).U64(left).U64(0).U32(event).U32(0x01020304).U32(0).U32(wanted).U16(port);
    return std::move(out).Take();
  }
  std::string ErrorOf(const Bytes& reply) {
    ByteReader in(reply);
    EXPECT_EQ(in.U32(), 3u);
    EXPECT_EQ(in.U32(), 0xabcdu);
    return ToText(in.TakeRest());
  }
  uint64_t Dropped(Count count) { return tracker_.tally().Get(count); }

  TableFixture f_;
  AccessBoard board_{Access()};
  Tracker tracker_{TrackerOptions{.connection_key = {1, 2, 3}}, f_.table, board_, nullptr, f_.rng};
  UdpTracker udp_{tracker_};
};

// BEP 15's tables, byte by byte.
TEST_F(UdpTrackerTest, LayoutOfBep15) {
  const net::Endpoint a = At("10.0.0.1:40000");
  const net::Endpoint b = At("10.0.0.2:40000");
  const Bytes connect = Ask(a, FromHex("000004172710198000000000deadbeef").value());
  EXPECT_EQ(Hex(connect).substr(0, 16), "00000000deadbeef");
  ASSERT_EQ(connect.size(), 16u);
  const uint64_t id = LoadBigEndian64(connect.data() + 8);
  // offset 16 info_hash, 36 peer_id, 56 downloaded, 64 left, 72 uploaded, 80 event, 84 IP address,
  // 88 key, 92 num_want, 96 port; the address 1.2.3.4 is not believed.
  Bytes announce = AnnounceOf(id, 0x1ae1);
  ASSERT_EQ(announce.size(), 98u);
  EXPECT_EQ(Hex(ByteView(announce).subspan(84, 4)), "01020304");
  EXPECT_EQ(Hex(ByteView(announce).subspan(92)), "ffffffff1ae1");
  EXPECT_EQ(Ask(a, announce).size(), 20u);
  const Bytes reply = Ask(b, AnnounceOf(Connect(b), 0x2000, 0));
  ASSERT_EQ(reply.size(), 26u);
  EXPECT_EQ(Hex(ByteView(reply).subspan(0, 8)), "000000010000abcd");
  ByteReader in(ByteView(reply).subspan(8));
  const uint32_t interval = in.U32();
  EXPECT_GE(interval, 108u);
  EXPECT_LE(interval, 132u);
  EXPECT_EQ(in.U32(), 1u);  // leechers
  EXPECT_EQ(in.U32(), 1u);  // seeders
  EXPECT_EQ(Hex(in.TakeRest()), "0a0000011ae1");
  // seeders, completed, leechers
  Bytes scrape =
      std::move(ByteWriter().U64(id).U32(2).U32(5).Put(kHash.view()).Put(HashNumber(2).view()))
          .Take();
  EXPECT_EQ(Hex(Ask(a, scrape)),
            "0000000200000005"
            "000000010000000000000001"
            "000000000000000000000000");
}

TEST_F(UdpTrackerTest, Ipv6PeersHave18Bytes) {
  const net::Endpoint a = At("[2001:db8::1]:40000");
  const net::Endpoint b = At("[2001:db8::2]:40000");
  Ask(a, AnnounceOf(Connect(a), 0x1ae1));
  EXPECT_EQ(Hex(ByteView(Ask(b, AnnounceOf(Connect(b), 1))).subspan(20)),
            "20010db80000000000000000000000011ae1");
}

TEST_F(UdpTrackerTest, EventsAndNumberWanted) {
  for (uint16_t port = 1; port <= 80; ++port) {
    const net::Endpoint peer = At("10.0.0.9:1");
    Ask(peer, AnnounceOf(Connect(peer), port));
  }
  const net::Endpoint a = At("10.0.0.1:1");
  const uint64_t id = Connect(a);
  EXPECT_EQ(Ask(a, AnnounceOf(id, 1)).size(), 20u + 50 * 6);
  EXPECT_EQ(Ask(a, AnnounceOf(id, 1, 1, 0, 5)).size(), 20u + 5 * 6);
  EXPECT_EQ(Ask(a, AnnounceOf(id, 1, 1, 0, 0)).size(), 20u);
  EXPECT_EQ(Ask(a, AnnounceOf(id, 1, 1, 0, 200)).size(), 20u + 50 * 6);
  Ask(a, AnnounceOf(id, 1, 0, 1));
  EXPECT_EQ(f_.table.Scrape(kHash).downloaded, 1u);
  EXPECT_EQ(Ask(a, AnnounceOf(id, 1, 0, 3)).size(), 20u);
  EXPECT_EQ(f_.table.Scrape(kHash).complete, 0u);
  Ask(a, AnnounceOf(id, 1, 1, 77));
  EXPECT_EQ(f_.table.Scrape(kHash).incomplete, 81u);
}

TEST_F(UdpTrackerTest, IdsBelongToAnAddressAndExpire) {
  const net::Endpoint a = At("10.0.0.1:1");
  const uint64_t id = Connect(a);
  EXPECT_NE(id, Connect(At("10.0.0.2:1")));
  // Another port of the same machine is the same source: it gets what is sent there.
  EXPECT_EQ(Ask(At("10.0.0.1:2"), AnnounceOf(id, 1)).size(), 20u);
  EXPECT_TRUE(Ask(At("10.0.0.2:1"), AnnounceOf(id, 1)).empty());
  f_.Pass(absl::Minutes(2));
  EXPECT_FALSE(Ask(a, AnnounceOf(id, 1)).empty());
  f_.Pass(absl::Minutes(2));
  EXPECT_TRUE(Ask(a, AnnounceOf(id, 1)).empty());
  EXPECT_EQ(Dropped(Count::kDroppedNotConnected), 2u);
}

TEST_F(UdpTrackerTest, UnprovedSourcesGetNothingMoreThanTheySent) {
  const net::Endpoint a = At("10.0.0.1:1");
  for (size_t size = 0; size <= 120; ++size) {
    for (const uint32_t action : {0u, 1u, 2u, 3u, 99u}) {
      for (const uint64_t id : {kProtocolId, uint64_t{12345}}) {
        Bytes datagram =
            std::move(ByteWriter().U64(id).U32(action).U32(1).Put(Bytes(120, 1))).Take();
        datagram.resize(size);
        const Bytes reply = Ask(a, datagram);
        EXPECT_LE(reply.size(), datagram.size());
        EXPECT_TRUE(reply.empty() || LoadBigEndian64(reply.data()) == 1);
      }
    }
  }
  EXPECT_GT(Dropped(Count::kDroppedMalformed), 0u);
  EXPECT_EQ(f_.table.stats().swarms, 0u);
}

TEST_F(UdpTrackerTest, ErrorsForThoseWhoAreConnected) {
  const net::Endpoint a = At("10.0.0.1:1");
  const uint64_t id = Connect(a);
  EXPECT_EQ(ErrorOf(Ask(a, AnnounceOf(id, 0))), "port is 0");
  Bytes short_one = AnnounceOf(id, 1);
  short_one.pop_back();
  EXPECT_EQ(ErrorOf(Ask(a, short_one)), "announce is too short");
  Bytes scrape = std::move(ByteWriter().U64(id).U32(2).U32(0xabcd)).Take();
  EXPECT_EQ(ErrorOf(Ask(a, scrape)), "scrape takes 1 to 74 hashes");
  scrape.resize(16 + 75 * 20);
  EXPECT_EQ(ErrorOf(Ask(a, scrape)), "scrape takes 1 to 74 hashes");
  scrape.resize(16 + 74 * 20);
  EXPECT_EQ(Ask(a, scrape).size(), 8u + 74 * 12);
  Access access;
  access.denied.insert(kHash);
  board_.Set(std::move(access));
  EXPECT_EQ(ErrorOf(Ask(a, AnnounceOf(id, 1))), TextOf(Refusal::kDenied));
}

// BEP 41: the path of the announce URL in options of at most 255 bytes.
TEST_F(UdpTrackerTest, KeysComeInUrlData) {
  Access access;
  access.mode = AccessMode::kKeys;
  access.keys.insert("secretkey1");
  board_.Set(std::move(access));
  const net::Endpoint a = At("10.0.0.1:1");
  const uint64_t id = Connect(a);
  const auto with = [&](std::initializer_list<absl::string_view> parts, absl::string_view end) {
    Bytes out = AnnounceOf(id, 1);
    out.push_back(1);  // nothing
    for (const absl::string_view part : parts) {
      out.push_back(2);
      out.push_back(static_cast<uint8_t>(part.size()));
      Append(out, AsBytes(part));
    }
    Append(out, AsBytes(end));
    return out;
  };
  EXPECT_EQ(ErrorOf(Ask(a, AnnounceOf(id, 1))), TextOf(Refusal::kUnknownKey));
  EXPECT_EQ(ErrorOf(Ask(a, with({"/otherkey1/announce"}, ""))), TextOf(Refusal::kUnknownKey));
  EXPECT_EQ(Ask(a, with({"/secretkey1/announce"}, "")).size(), 20u);
  EXPECT_EQ(
      Ask(a, with({"/secret", "key1/ann", "ounce?x=y"}, absl::string_view("\0junk", 5))).size(),
      20u);
  EXPECT_EQ(ErrorOf(Ask(a, with({}, "\2\377/"))), "options are broken");
}

TEST(TrackerPath, HasAKeyOrNone) {
  EXPECT_EQ(ParseTrackerPath("/announce")->key, "");
  EXPECT_FALSE(ParseTrackerPath("/announce")->scrape);
  EXPECT_EQ(ParseTrackerPath("/abc/scrape")->key, "abc");
  EXPECT_TRUE(ParseTrackerPath("/abc/scrape")->scrape);
  for (const absl::string_view path :
       {"", "/", "announce", "/a/b/announce", "//announce", "/announces", "x/announce"}) {
    EXPECT_FALSE(ParseTrackerPath(path).has_value()) << path;
  }
}

}  // namespace
}  // namespace p2pd::archive::tracker
