#include "libcore/net/endpoint.h"

#include <gtest/gtest.h>

namespace p2pd::net {
namespace {

IpAddress Ip(absl::string_view text) {
  const auto address = IpAddress::Parse(text);
  EXPECT_TRUE(address.has_value()) << text;
  return address.value_or(IpAddress());
}

TEST(IpAddress, ReadsAndWritesBothFamilies) {
  struct Row {
    absl::string_view in;
    absl::string_view out;
  };
  constexpr Row kRows[] = {
      {"0.0.0.0", "0.0.0.0"},
      {"127.0.0.1", "127.0.0.1"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"2001:DB8::00ff", "2001:db8::ff"},
      {"fe80::1", "fe80::1"},
      {"::ffff:1.2.3.4", "1.2.3.4"},
      {"::ffff:0102:0304", "1.2.3.4"},
  };
  for (const Row& row : kRows) EXPECT_EQ(Ip(row.in).ToString(), row.out);
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (const absl::string_view text :
       {"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "a.b.c.d",
        "localhost", ":::", "1::2::3", "[::1]", "fe80::1%lo", "::ffff:256.1.1.1", "12345::"}) {
    EXPECT_FALSE(IpAddress::Parse(text).has_value()) << text;
  }
  EXPECT_FALSE(IpAddress::Parse(absl::string_view("127.0.0.1\0.evil", 15)).has_value());
  EXPECT_FALSE(IpAddress::Parse(std::string(100000, '1')).has_value());
}

TEST(IpAddress, MappedAddressIsTheIpv4One) {
  EXPECT_EQ(Ip("::ffff:10.0.0.1"), IpAddress::V4({10, 0, 0, 1}));
  EXPECT_TRUE(Ip("::ffff:10.0.0.1").is_v4());
  EXPECT_EQ(Ip("::ffff:10.0.0.1").bytes().size(), 4u);
  EXPECT_NE(Ip("::"), Ip("0.0.0.0"));
}

TEST(IpAddress, KnowsItsRange) {
  struct Row {
    absl::string_view address;
    bool unspecified;
    bool loopback;
    bool link_local;
    bool is_private;
    bool multicast;
  };
  constexpr Row kRows[] = {
      {"0.0.0.0", true, false, false, false, false},
      {"127.255.0.9", false, true, false, true, false},
      {"126.255.255.255", false, false, false, false, false},
      {"10.1.2.3", false, false, false, true, false},
      {"172.15.255.255", false, false, false, false, false},
      {"172.16.0.0", false, false, false, true, false},
      {"172.31.255.255", false, false, false, true, false},
      {"172.32.0.0", false, false, false, false, false},
      {"192.168.1.1", false, false, false, true, false},
      {"192.169.1.1", false, false, false, false, false},
      {"169.254.1.1", false, false, true, true, false},
      {"223.255.255.255", false, false, false, false, false},
      {"224.0.0.1", false, false, false, false, true},
      {"239.255.255.255", false, false, false, false, true},
      {"240.0.0.1", false, false, false, false, false},
      {"8.8.8.8", false, false, false, false, false},
      {"::", true, false, false, false, false},
      {"::1", false, true, false, true, false},
      {"::2", false, false, false, false, false},
      {"fe80::1", false, false, true, true, false},
      {"febf::1", false, false, true, true, false},
      {"fec0::1", false, false, false, false, false},
      {"fc00::1", false, false, false, true, false},
      {"fdff::1", false, false, false, true, false},
      {"fe00::1", false, false, false, false, false},
      {"ff02::1", false, false, false, false, true},
      {"2001:db8::1", false, false, false, false, false},
  };
  for (const Row& row : kRows) {
    const IpAddress address = Ip(row.address);
    EXPECT_EQ(address.IsUnspecified(), row.unspecified) << row.address;
    EXPECT_EQ(address.IsLoopback(), row.loopback) << row.address;
    EXPECT_EQ(address.IsLinkLocal(), row.link_local) << row.address;
    EXPECT_EQ(address.IsPrivate(), row.is_private) << row.address;
    EXPECT_EQ(address.IsMulticast(), row.multicast) << row.address;
  }
}

TEST(IpAddress, PrefixKeepsTheFirstBits) {
  EXPECT_EQ(Ip("203.0.113.77").Prefix(24), Ip("203.0.113.0"));
  EXPECT_EQ(Ip("203.0.113.77").Prefix(32), Ip("203.0.113.77"));
  EXPECT_EQ(Ip("203.0.113.77").Prefix(28), Ip("203.0.113.64"));
  EXPECT_EQ(Ip("203.0.113.77").Prefix(0), Ip("0.0.0.0"));
  EXPECT_EQ(Ip("2001:db8:1:2ff::9").Prefix(56), Ip("2001:db8:1:200::"));
  EXPECT_EQ(Ip("2001:db8:1:2ff::9").Prefix(57), Ip("2001:db8:1:280::"));
  EXPECT_EQ(Ip("2001:db8:1:2ff::9").Prefix(128), Ip("2001:db8:1:2ff::9"));
}

TEST(IpAddress, NetworksAreThoseThatQuotasCount) {
  EXPECT_EQ(NetworkOf(Ip("203.0.113.77")), Ip("203.0.113.0"));
  EXPECT_EQ(NetworkOf(Ip("2001:db8:1:2ff::9")), Ip("2001:db8:1:200::"));
  EXPECT_EQ(WideNetworkOf(Ip("203.0.113.77")), Ip("203.0.0.0"));
  EXPECT_EQ(WideNetworkOf(Ip("2001:db8:1:2ff::9")), Ip("2001:db8::"));
}

TEST(Endpoint, ReadsAndWritesItsText) {
  for (const absl::string_view text :
       {"127.0.0.1:7464", "[::1]:7464", "0.0.0.0:0", "[2001:db8::1]:65535"}) {
    const auto endpoint = Endpoint::Parse(text);
    ASSERT_TRUE(endpoint.has_value()) << text;
    EXPECT_EQ(endpoint->ToString(), text);
  }
  EXPECT_EQ(Endpoint::Parse("[::ffff:1.2.3.4]:5")->ToString(), "1.2.3.4:5");
}

TEST(Endpoint, RefusesWhatIsNone) {
  for (const absl::string_view text : {"",
                                       ":",
                                       ":1",
                                       "127.0.0.1",
                                       "127.0.0.1:",
                                       "127.0.0.1:65536",
                                       "127.0.0.1:-1",
                                       "127.0.0.1:+1",
                                       "127.0.0.1: 1",
                                       "127.0.0.1:1 ",
                                       "127.0.0.1:0x1",
                                       "::1:7464",
                                       "[::1]",
                                       "[::1]:",
                                       "[::1:7464",
                                       "::1]:7464",
                                       "[127.0.0.1]:1",
                                       "[[::1]]:1",
                                       "localhost:1",
                                       "[]:1",
                                       "127.0.0.1:1:2"}) {
    EXPECT_FALSE(Endpoint::Parse(text).has_value()) << text;
  }
}

TEST(Endpoint, WireFormIsFamilyAddressPort) {
  const Endpoint v4{Ip("1.2.3.4"), 0x1d28};
  const Endpoint v6{Ip("::1"), 1};

  EXPECT_EQ(v4.ToBytes(), (Bytes{4, 1, 2, 3, 4, 0x1d, 0x28}));
  EXPECT_EQ(v6.ToBytes(), (Bytes{6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1}));
  EXPECT_EQ(Endpoint::FromBytes(v4.ToBytes()), v4);
  EXPECT_EQ(Endpoint::FromBytes(v6.ToBytes()), v6);
}

TEST(Endpoint, WireFormIsExact) {
  const Endpoint v4{Ip("1.2.3.4"), 7464};
  const Endpoint v6{Ip("2001:db8::1"), 7464};
  for (const Endpoint& endpoint : {v4, v6}) {
    const Bytes whole = endpoint.ToBytes();
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(Endpoint::FromBytes(ByteView(whole.data(), size)).has_value()) << size;
    }
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_FALSE(Endpoint::FromBytes(longer).has_value());
  }
  EXPECT_FALSE(Endpoint::FromBytes(Bytes{5, 1, 2, 3, 4, 0, 1}).has_value());
}

// One endpoint, one encoding: signatures and digests cover these bytes.
TEST(Endpoint, AMappedAddressAsFamilySixIsRefused) {
  const Bytes mapped = {6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4, 0, 1};

  EXPECT_FALSE(Endpoint::FromBytes(mapped).has_value());
}

TEST(Endpoint, SeveralInARowLeaveTheReaderBehindThem) {
  ByteWriter writer;
  const Endpoint a{Ip("1.2.3.4"), 1};
  const Endpoint b{Ip("::1"), 2};
  a.Write(writer);
  b.Write(writer);
  ByteReader reader(writer.bytes());

  EXPECT_EQ(Endpoint::Read(reader), a);
  EXPECT_EQ(Endpoint::Read(reader), b);
  EXPECT_TRUE(reader.AtEnd());
  EXPECT_EQ(Endpoint::Read(reader), std::nullopt);
}

TEST(Endpoint, IsOrderedByAddressThenPort) {
  const Endpoint a{Ip("1.2.3.4"), 9};
  const Endpoint b{Ip("1.2.3.5"), 1};

  EXPECT_LT(a, b);
  EXPECT_LT((Endpoint{a.address, 8}), a);
}

}  // namespace
}  // namespace p2pd::net
