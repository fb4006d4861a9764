#include "libcore/archive/lt/address_guard.h"

#include <gtest/gtest.h>

namespace p2pd::archive::lt {
namespace {

TEST(AddressGuard, WhatLeadsInsideIsFound) {
  for (const absl::string_view url : {"http://127.0.0.1/announce",
                                      "http://127.0.0.1:80/announce",
                                      "udp://10.1.2.3:6969",
                                      "http://192.168.0.1/",
                                      "http://172.16.5.5/x",
                                      "http://169.254.169.254/latest/meta-data",
                                      "http://[::1]:80/a",
                                      "http://[fe80::1]/",
                                      "http://[fd00::1]/",
                                      "http://[::ffff:10.0.0.1]/",
                                      "http://0.0.0.0/",
                                      "http://localhost/",
                                      "http://LOCALHOST:80/",
                                      "http://x.localhost/",
                                      "http://router/",
                                      "http://nas.local/",
                                      "http://a.internal./",
                                      "http://2130706433/",
                                      "http://0x7f.0.0.1/",
                                      "http://127.1/",
                                      "http://good.example@127.0.0.1/",
                                      "http://239.1.1.1/",
                                      "http://0.1.2.3/",
                                      "http://100.64.0.1/",
                                      "http://100.127.255.255/",
                                      "http://192.0.0.8/",
                                      "http://198.18.0.1/",
                                      "http://255.255.255.255/",
                                      "http://[64:ff9b::10.0.0.1]/",
                                      "http://[64:ff9b:1::192.168.0.1]/",
                                      "http://[2002:0a00:0001::1]/",
                                      "http://[::127.0.0.1]/",
                                      "http://",
                                      "nothing",
                                      "http://[::1",
                                      "http:///x"}) {
    EXPECT_TRUE(LeadsInside(url)) << url;
  }
  for (const absl::string_view url :
       {"http://tracker.example.org/announce", "udp://tracker.example.org:6969/announce",
        "https://8.8.8.8/announce", "http://[2001:4860:4860::8888]:80/a", "http://100.128.0.1/a",
        "http://[64:ff9b::8.8.8.8]/a", "http://[2002:0808:0808::1]/a", "http://198.20.0.1/a",
        "http://127.0.0.1@tracker.example.org/", "http://tracker.example.org?x=http://10.0.0.1"}) {
    EXPECT_FALSE(LeadsInside(url)) << url;
  }
}

TEST(AddressGuard, OtherSchemesAreNoTrackers) {
  EXPECT_TRUE(IsTrackerUrl("UDP://a.b:1"));
  EXPECT_TRUE(IsTrackerUrl("https://a.b/announce"));
  EXPECT_FALSE(IsWebSeedUrl("udp://a.b"));
  for (const absl::string_view url :
       {"file:///etc/passwd", "gopher://a.b", "ws://a.b", "http://a.b/ HTTP/1.1\r\nX: y", ""}) {
    EXPECT_FALSE(IsTrackerUrl(url)) << url;
  }
  EXPECT_FALSE(IsTrackerUrl("http://a.b/" + std::string(3000, 'x')));
}

}  // namespace
}  // namespace p2pd::archive::lt
