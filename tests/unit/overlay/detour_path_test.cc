#include "libcore/overlay/detour_path.h"

#include <gtest/gtest.h>

namespace p2pd::overlay {
namespace {

TEST(DetourPath, AnEndpointKeepsBothEnds) {
  const DetourPath path{0x0102030405060708, 0xf1f2f3f4f5f6f7f8};
  const net::Endpoint endpoint = path.ToEndpoint();
  EXPECT_TRUE(IsDetour(endpoint));
  EXPECT_NE(endpoint.port, 0);
  EXPECT_EQ(DetourPath::From(endpoint), path);
  EXPECT_EQ(net::Endpoint::FromBytes(endpoint.ToBytes()), endpoint);
}

TEST(DetourPath, ItTravelsAsSixteenBytes) {
  const DetourPath path{0x0102030405060708, 0xf1f2f3f4f5f6f7f8};
  EXPECT_EQ(path.ToBytes().size(), 16u);
  EXPECT_EQ(DetourPath::FromBytes(path.ToBytes()), path);
  EXPECT_FALSE(DetourPath::FromBytes(Bytes(15)).has_value());
  EXPECT_FALSE(DetourPath::FromBytes(Bytes(17)).has_value());
}

TEST(DetourPath, OthersAreOthers) {
  const DetourPath zero;
  EXPECT_NE(zero.ToEndpoint().port, 0);
  EXPECT_NE((DetourPath{1, 2}.ToEndpoint()), (DetourPath{1, 3}.ToEndpoint()));
  EXPECT_NE((DetourPath{1, 2}.ToEndpoint()), (DetourPath{2, 2}.ToEndpoint()));
}

TEST(DetourPath, WhatIsOnTheInternetIsNone) {
  for (const char* text :
       {"1.2.3.4:7464", "[::1]:7464", "[2001:db8::7]:7464", "[::ffff:1.0.0.1]:7464"}) {
    const net::Endpoint endpoint = *net::Endpoint::Parse(text);
    EXPECT_FALSE(IsDetour(endpoint)) << text;
    EXPECT_FALSE(DetourPath::From(endpoint).has_value()) << text;
  }
}

}  // namespace
}  // namespace p2pd::overlay
