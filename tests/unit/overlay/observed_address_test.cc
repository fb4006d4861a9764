#include "libcore/overlay/observed_address.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

net::Endpoint Public(const char* text) { return *net::Endpoint::Parse(text); }
NodeId Voter(uint8_t n) {
  NodeId id;
  id.mutable_view()[0] = n;
  return id;
}

TEST(ObservedAddress, TwoHaveToAgree) {
  ObservedAddress observed;
  observed.Vote(Voter(1), EndpointAt(1), EndpointAt(50));
  EXPECT_FALSE(observed.Result().has_value());
  observed.Vote(Voter(1), EndpointAt(1), EndpointAt(50));
  EXPECT_FALSE(observed.Result().has_value()) << "one voter, one vote";
  observed.Vote(Voter(2), EndpointAt(2), EndpointAt(50));
  EXPECT_EQ(observed.Result(), EndpointAt(50));
}

TEST(ObservedAddress, OneNetworkIsOneVoice) {
  ObservedAddress observed;
  const net::Endpoint lie = Public("192.0.2.66:1");
  for (uint8_t i = 1; i < 20; ++i) observed.Vote(Voter(i), Public("198.51.100.7:7464"), lie);
  EXPECT_FALSE(observed.Result().has_value());
  const net::Endpoint truth = Public("192.0.2.1:7464");
  observed.Vote(Voter(30), Public("203.0.113.1:7464"), truth);
  observed.Vote(Voter(31), Public("198.18.0.1:7464"), truth);
  EXPECT_EQ(observed.Result(), truth);
}

TEST(ObservedAddress, AllThatWasSeenTheMostFrequentFirst) {
  ObservedAddress observed;
  EXPECT_TRUE(observed.Seen().empty());
  observed.Vote(Voter(1), EndpointAt(1), EndpointAt(50));
  observed.Vote(Voter(2), EndpointAt(2), EndpointAt(51));
  observed.Vote(Voter(3), EndpointAt(3), EndpointAt(51));
  EXPECT_EQ(observed.Seen(), (std::vector{EndpointAt(51), EndpointAt(50)}));
}

}  // namespace
}  // namespace p2pd::overlay
