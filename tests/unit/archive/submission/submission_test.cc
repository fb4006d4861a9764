#include "libcore/archive/submission/submission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcore/archive/torrent/bencode.h"
#include "libcore/archive/torrent/metainfo.h"

namespace p2pd::archive::submission {
namespace {

using ::testing::SizeIs;

Bytes MakeMetainfo(size_t pieces, size_t trackers) {
  torrent::BencodeWriter out;
  out.OpenDictionary().String("announce-list").OpenList();
  for (size_t i = 0; i < trackers; ++i) {
    out.OpenList().String("http://tracker.example/" + std::string(400, 'a') + std::to_string(i));
    out.Close();
  }
  out.Close().String("info").OpenDictionary();
  out.String("length").Integer(static_cast<int64_t>(pieces) << 14).String("name").String("speech");
  out.String("piece length").Integer(1 << 14).String("pieces");
  out.String(std::string(pieces * 20, 'h')).Close().Close();
  return out.Take();
}

Submission MakeSubmission() {
  Submission out;
  out.to.mutable_view()[0] = 3;
  out.made = absl::FromUnixMillis(1'800'000'000'123);
  out.nonce.mutable_view()[15] = 7;
  out.content = {1, 2, 3};
  return out;
}

TEST(Submission, IsReadAsItWasWritten) {
  Submission submission = MakeSubmission();
  EXPECT_EQ(ParseBody(WriteBody(submission)), submission);
  submission.magnet = true;
  EXPECT_EQ(ParseBody(WriteBody(submission)), submission);
  const Request request{WriteBody(submission), {1, 2}, {{3}, {4, 5}}};
  EXPECT_EQ(ParseRequest(Write(request)), request);
  const Answer taken = torrent::InfoHash();
  EXPECT_EQ(ParseAnswer(Write(taken)), taken);
  EXPECT_EQ(ParseAnswer(Write(Answer(Refused{"no\x1b[31m room"}))),
            Answer(Refused{"no?[31m room"}));
}

TEST(Submission, WhatIsTooLongOrCutIsNone) {
  Submission submission = MakeSubmission();
  submission.content.assign(Submission::kMaxMetainfo + 1, 1);
  EXPECT_FALSE(ParseBody(WriteBody(submission)).has_value());
  submission.magnet = true;
  submission.content.resize(torrent::Magnet::kMaxLink + 1);
  EXPECT_FALSE(ParseBody(WriteBody(submission)).has_value());
  submission.content.clear();
  EXPECT_FALSE(ParseBody(WriteBody(submission)).has_value());
  const Bytes whole = Write(Request{WriteBody(MakeSubmission()), {1, 2}, {{3}, {4, 5}}});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseRequest(ByteView(whole).subspan(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(ParseRequest(Write(Request{WriteBody(MakeSubmission()), {1}, {}})).has_value());
}

TEST(Submission, ALargeMetainfoGoesAsAMagnet) {
  const Bytes small = MakeMetainfo(10, 3);
  EXPECT_EQ(ContentOf(small)->bytes, small);
  const Bytes large = MakeMetainfo(4000, 30);
  const absl::StatusOr<Content> content = ContentOf(large);
  ASSERT_TRUE(content.ok()) << content.status();
  EXPECT_TRUE(content->magnet);
  EXPECT_LE(content->bytes.size(), torrent::Magnet::kMaxLink);
  const absl::StatusOr<torrent::Magnet> magnet = torrent::ParseMagnet(AsText(content->bytes));
  ASSERT_TRUE(magnet.ok()) << magnet.status();
  EXPECT_EQ(magnet->hashes, torrent::ParseMetainfo(large)->hashes);
  EXPECT_EQ(magnet->name, "speech");
  EXPECT_GT(magnet->trackers.size(), 5u);
  EXPECT_FALSE(ContentOf(Bytes{1, 2, 3}).ok());
}

}  // namespace
}  // namespace p2pd::archive::submission
