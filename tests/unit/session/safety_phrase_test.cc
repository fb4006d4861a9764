#include "libcore/session/safety_phrase.h"

#include <set>

#include "gtest/gtest.h"

namespace p2pd::session {
namespace {

TEST(SafetyPhraseTest, EveryByteHasAWordOfItsOwn) {
  std::set<std::string> words;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string word(SafetyWord(static_cast<uint8_t>(byte)));
    EXPECT_GE(word.size(), 3u) << word;
    EXPECT_LE(word.size(), 8u) << word;
    EXPECT_TRUE(std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; }));
    words.insert(word);
  }
  EXPECT_EQ(words.size(), 256u);
}

TEST(SafetyPhraseTest, SaysTheBytesInOrder) {
  const Bytes bytes = {0, 255, 0};
  EXPECT_EQ(SafetyPhrase(bytes), std::string(SafetyWord(0)) + " " + std::string(SafetyWord(255)) +
                                     " " + std::string(SafetyWord(0)));
}

}  // namespace
}  // namespace p2pd::session
