#include "libcore/archive/torrent/bencode.h"

#include <gtest/gtest.h>

namespace p2pd::archive::torrent {
namespace {

std::optional<Bencoded> Parse(absl::string_view text) { return Bencoded::Parse(AsBytes(text)); }

TEST(Bencoded, ReadsTheExamplesOfBep3) {
  EXPECT_EQ(Parse("4:spam")->String(), "spam");
  EXPECT_EQ(Parse("i3e")->Integer(), 3);
  EXPECT_EQ(Parse("i-3e")->Integer(), -3);
  EXPECT_EQ(Parse("i0e")->Integer(), 0);
  const auto list = Parse("l4:spam4:eggse");
  ASSERT_EQ(list->items().size(), 2u);
  EXPECT_EQ(list->items()[1].String(), "eggs");
  const auto dictionary = Parse("d3:cow3:moo4:spaml1:a1:bee");
  EXPECT_EQ(dictionary->FindString("cow"), "moo");
  EXPECT_EQ(dictionary->Find("spam")->items().size(), 2u);
  EXPECT_EQ(AsText(dictionary->Find("spam")->source()), "l1:a1:be");
  EXPECT_EQ(dictionary->Find("dog"), nullptr);
}

TEST(Bencoded, RefusesWhatCouldBeReadInTwoWays) {
  for (const absl::string_view text : {"",
                                       "i03e",
                                       "i-0e",
                                       "ie",
                                       "i-e",
                                       "i+1e",
                                       "i 1e",
                                       "i1",
                                       "01:a",
                                       "1:",
                                       "-1:a",
                                       "2:a",
                                       "l",
                                       "d",
                                       "le1",
                                       "d1:ae",
                                       "di1e1:ae",
                                       "d1:ai1e1:ai2ee",
                                       "d1:bi1e1:ai1e1:bi1ee",
                                       "x",
                                       "e",
                                       "i9223372036854775808e",
                                       "99999999999999:a",
                                       "1:ab"}) {
    EXPECT_FALSE(Parse(text).has_value()) << text;
  }
  EXPECT_EQ(Parse("i9223372036854775807e")->Integer(), INT64_MAX);
}

TEST(Bencoded, KeysOutOfOrderAreFoundAllTheSame) {
  const auto dictionary = Parse("d1:bi1e1:ai2ee");
  ASSERT_TRUE(dictionary.has_value());
  EXPECT_EQ(dictionary->FindInteger("a"), 2);
  EXPECT_EQ(dictionary->FindInteger("b"), 1);
}

TEST(Bencoded, DepthIsBounded) {
  const auto nested = [](int depth) {
    return std::string(static_cast<size_t>(depth), 'l') +
           std::string(static_cast<size_t>(depth), 'e');
  };
  EXPECT_TRUE(Parse(nested(Bencoded::kMaxDepth)).has_value());
  EXPECT_FALSE(Parse(nested(Bencoded::kMaxDepth + 2)).has_value());
  EXPECT_FALSE(Parse(std::string(1'000'000, 'l')).has_value());
}

TEST(Bencoded, WhatItIsNotReadsAsNothing) {
  const auto value = Parse("i3e");
  EXPECT_FALSE(value->String().has_value());
  EXPECT_EQ(value->Find("a"), nullptr);
  EXPECT_FALSE(value->FindInteger("a").has_value());
  EXPECT_TRUE(value->items().empty());
}

TEST(BencodeWriter, WritesWhatTheReaderReads) {
  BencodeWriter writer;
  writer.OpenDictionary().String("a").Integer(-5).String("l").OpenList().String("x").Close();
  writer.String("raw").Raw(AsBytes("i1e")).Close();
  EXPECT_EQ(AsText(writer.bytes()), "d1:ai-5e1:ll1:xe3:rawi1ee");
  EXPECT_TRUE(Bencoded::Parse(writer.bytes()).has_value());
}

}  // namespace
}  // namespace p2pd::archive::torrent
