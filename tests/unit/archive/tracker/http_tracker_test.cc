#include "libcore/archive/tracker/http_tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "libcore/archive/torrent/bencode.h"
#include "libcore/base/hex.h"
#include "tests/unit/archive/tracker/fixture.h"

namespace p2pd::archive::tracker {
namespace {

using ::testing::HasSubstr;

const InfoHash kHash = HashNumber(1);

std::string Encoded(const InfoHash& hash) {
  std::string out;
  for (const uint8_t byte : hash.view()) absl::StrAppend(&out, "%", Hex(ByteView(&byte, 1)));
  return out;
}

class HttpTrackerTest : public ::testing::Test {
 protected:
  // What an answer says, as one dictionary; it lives until the next.
  torrent::Bencoded Ask(absl::string_view target, absl::string_view from = "10.0.0.1") {
    body_ = http_.Answer(f_.now, net::IpAddress::Parse(from).value(), target).body;
    const auto read = torrent::Bencoded::Parse(body_);
    EXPECT_TRUE(read.has_value()) << AsText(body_);
    return read.value_or(torrent::Bencoded());
  }
  std::string Announce(absl::string_view more) {
    return absl::StrCat("/announce?info_hash=", Encoded(kHash), "&", more);
  }
  std::string FailureOf(absl::string_view target) {
    const torrent::Bencoded answer = Ask(target);
    EXPECT_EQ(answer.FindString("retry in"), "never");
    return std::string(answer.FindString("failure reason").value_or("none"));
  }

  TableFixture f_;
  AccessBoard board_{Access()};
  Tracker tracker_{TrackerOptions(), f_.table, board_, nullptr, f_.rng};
  HttpTracker http_{tracker_};
  Bytes body_;
};

TEST_F(HttpTrackerTest, AnswersCompactWithBothFamilies) {
  Ask(Announce("peer_id=x&port=6881&left=0&event=started"), "10.0.0.2");
  Ask(Announce("port=6882&left=5"), "2001:db8::7");
  const torrent::Bencoded answer = Ask(Announce("port=1&left=5&compact=1&ip=1.2.3.4&ipv4=1.2.3.4"));
  EXPECT_EQ(answer.FindInteger("complete"), 1);
  EXPECT_EQ(answer.FindInteger("incomplete"), 2);
  EXPECT_EQ(answer.FindInteger("downloaded"), 0);
  EXPECT_EQ(Hex(AsBytes(answer.FindString("peers").value())), "0a0000021ae1");
  EXPECT_EQ(Hex(AsBytes(answer.FindString("peers6").value())),
            "20010db80000000000000000000000071ae2");
  // BEP 24.
  EXPECT_EQ(Hex(AsBytes(answer.FindString("external ip").value())), "0a000001");
  EXPECT_GE(answer.FindInteger("interval"), 108);
  EXPECT_EQ(answer.FindInteger("min interval"), 60);
  EXPECT_FALSE(f_.table.MarkConnectable(kHash, At("1.2.3.4:1"), true));
  EXPECT_TRUE(f_.table.MarkConnectable(kHash, At("10.0.0.1:1"), true));
}

TEST_F(HttpTrackerTest, AnswersInDictionariesWhenAsked) {
  Ask(Announce("port=6881&left=0"), "10.0.0.2");
  Ask(Announce("port=6882&left=5"), "2001:db8::7");
  const torrent::Bencoded answer = Ask(Announce("port=1&left=5&compact=0"));
  const torrent::Bencoded* peers = answer.Find("peers");
  ASSERT_NE(peers, nullptr);
  ASSERT_EQ(peers->items().size(), 2u);
  EXPECT_EQ(peers->items()[0].FindString("ip"), "10.0.0.2");
  EXPECT_EQ(peers->items()[0].FindInteger("port"), 6881);
  EXPECT_EQ(peers->items()[1].FindString("ip"), "2001:db8::7");
}

TEST_F(HttpTrackerTest, EventsAndNumbersWanted) {
  for (int port = 1; port <= 60; ++port) {
    Ask(Announce(absl::StrCat("left=1&port=", port)), "10.0.0.2");
  }
  EXPECT_EQ(Ask(Announce("left=1&port=1")).FindString("peers")->size(), 300u);
  EXPECT_EQ(Ask(Announce("left=1&port=1&numwant=2")).FindString("peers")->size(), 12u);
  EXPECT_EQ(Ask(Announce("left=1&port=1&numwant=0")).FindString("peers")->size(), 0u);
  EXPECT_EQ(Ask(Announce("left=1&port=1&numwant=-1")).FindString("peers")->size(), 300u);
  // Without left it is no seed.
  EXPECT_EQ(Ask(Announce("port=1")).FindInteger("complete"), 0);
  EXPECT_EQ(Ask(Announce("port=1&left=0&event=completed")).FindInteger("downloaded"), 1);
  EXPECT_EQ(Ask(Announce("port=1&left=0&event=stopped")).FindInteger("complete"), 0);
}

TEST_F(HttpTrackerTest, SaysWhatIsWrong) {
  EXPECT_THAT(FailureOf("/announce"), HasSubstr("info_hash"));
  EXPECT_THAT(FailureOf("/announce?info_hash=short&port=1"), HasSubstr("info_hash"));
  EXPECT_THAT(FailureOf("/announce?info_hash=%zz&port=1"), HasSubstr("info_hash"));
  for (const absl::string_view port : {"", "port=0", "port=65536", "port=-1", "port=1x", "port="}) {
    EXPECT_THAT(FailureOf(Announce(port)), HasSubstr("port")) << port;
  }
  EXPECT_THAT(FailureOf("/scrape"), HasSubstr("74"));
  EXPECT_EQ(http_.Answer(f_.now, net::IpAddress(), "/").status, 404);
  EXPECT_EQ(http_.Answer(f_.now, net::IpAddress(), "").status, 404);
  Access access;
  access.mode = AccessMode::kKeys;
  access.keys.insert("secretkey1");
  board_.Set(std::move(access));
  EXPECT_EQ(FailureOf(Announce("port=1")), TextOf(Refusal::kUnknownKey));
  EXPECT_TRUE(
      Ask(absl::StrCat("/secretkey1", Announce("port=1"))).FindInteger("interval").has_value());
}

TEST_F(HttpTrackerTest, ScrapesWhatIsAskedForOnce) {
  Ask(Announce("port=1&left=0"));
  const std::string one = absl::StrCat("info_hash=", Encoded(kHash));
  const std::string other = absl::StrCat("info_hash=", Encoded(HashNumber(2)));
  const torrent::Bencoded answer = Ask(absl::StrCat("/scrape?", one, "&", other, "&", one));
  const torrent::Bencoded* files = answer.Find("files");
  ASSERT_NE(files, nullptr);
  EXPECT_EQ(files->items().size(), 2u);
  const torrent::Bencoded* counts = files->Find(kHash.text());
  ASSERT_NE(counts, nullptr);
  EXPECT_EQ(counts->FindInteger("complete"), 1);
  EXPECT_EQ(counts->FindInteger("incomplete"), 0);
  std::string many = "/scrape?";
  for (uint64_t i = 0; i < 75; ++i)
    absl::StrAppend(&many, "info_hash=", Encoded(HashNumber(i)), "&");
  EXPECT_THAT(FailureOf(many), HasSubstr("74"));
}

}  // namespace
}  // namespace p2pd::archive::tracker
