#include "libcore/overlay/node_record.h"

#include <gtest/gtest.h>

#include "p2pd/wire/v1/overlay.pb.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

class NodeRecordTest : public testing::Test {
 protected:
  SeededRng rng_{1};
  NodeKeys keys_ = NodeKeys::Generate(rng_);
};

TEST_F(NodeRecordTest, RoundTrip) {
  const std::vector<net::Endpoint> addresses = {EndpointAt(1),
                                                *net::Endpoint::Parse("[2001:db8::1]:7464")};
  const NodeRecord made = NodeRecord::Make(keys_, 77, addresses, Role::kClient);
  const std::optional<NodeRecord> parsed = NodeRecord::Parse(made.bytes());
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(*parsed, made);
  EXPECT_EQ(parsed->id(), NodeIdOf(keys_.signing_key.public_key()));
  EXPECT_EQ(parsed->sealing_key(), keys_.sealing_key.public_key());
  EXPECT_EQ(parsed->epoch(), 77u);
  EXPECT_EQ(parsed->addresses(), addresses);
  EXPECT_EQ(parsed->role(), Role::kClient);
}

TEST_F(NodeRecordTest, FourLongAddressesFit) {
  const std::vector<net::Endpoint> addresses(4, *net::Endpoint::Parse("[2001:db8::1]:7464"));
  const NodeRecord made = NodeRecord::Make(keys_, ~uint64_t{0}, addresses, Role::kPeer);
  EXPECT_LE(made.bytes().size(), NodeRecord::kMaxBytes);
  EXPECT_TRUE(NodeRecord::Parse(made.bytes()).has_value());
}

TEST_F(NodeRecordTest, AnyChangedByteIsRefused) {
  const NodeRecord made = NodeRecord::Make(keys_, 1, {EndpointAt(1)}, Role::kPeer);
  for (size_t i = 0; i < made.bytes().size(); ++i) {
    Bytes bytes = made.bytes();
    bytes[i] ^= 1;
    EXPECT_FALSE(NodeRecord::Parse(bytes).has_value()) << i;
  }
  Bytes longer = made.bytes();
  longer.push_back(0);
  EXPECT_FALSE(NodeRecord::Parse(longer).has_value());
  EXPECT_FALSE(NodeRecord::Parse({}).has_value());
}

TEST_F(NodeRecordTest, SomebodyElsesSignatureIsRefused) {
  SeededRng rng(2);
  const NodeKeys other = NodeKeys::Generate(rng);
  const NodeRecord ours = NodeRecord::Make(keys_, 1, {EndpointAt(1)}, Role::kPeer);
  const NodeRecord theirs = NodeRecord::Make(other, 1, {EndpointAt(1)}, Role::kPeer);
  wire::v1::SignedNodeRecord a;
  wire::v1::SignedNodeRecord b;
  ASSERT_TRUE(ParseProto(ours.bytes(), a));
  ASSERT_TRUE(ParseProto(theirs.bytes(), b));
  a.set_signature(b.signature());
  EXPECT_FALSE(NodeRecord::Parse(SerializeProto(a)).has_value());
}

TEST_F(NodeRecordTest, AddressesThatWouldHitBystandersAreRefused) {
  for (const char* address : {"224.0.0.1:7464", "0.0.0.0:7464", "10.0.0.1:0", "[ff02::1]:7464"}) {
    const NodeRecord made =
        NodeRecord::Make(keys_, 1, {*net::Endpoint::Parse(address)}, Role::kPeer);
    EXPECT_FALSE(NodeRecord::Parse(made.bytes()).has_value()) << address;
  }
}

TEST_F(NodeRecordTest, KeysSurviveTheirFile) {
  const std::optional<NodeKeys> again = NodeKeys::FromSecret(keys_.ToSecret().view());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->signing_key.public_key(), keys_.signing_key.public_key());
  EXPECT_EQ(again->sealing_key.public_key(), keys_.sealing_key.public_key());
  EXPECT_FALSE(NodeKeys::FromSecret(Bytes(63)).has_value());
}

}  // namespace
}  // namespace p2pd::overlay
