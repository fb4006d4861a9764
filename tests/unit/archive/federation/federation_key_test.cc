#include "libcore/archive/federation/federation_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace p2pd::archive::federation {
namespace {

using testing::HasSubstr;

MemberId Id(uint8_t number) {
  MemberId out;
  out.mutable_view()[0] = number;
  return out;
}

FederationKey Key(const std::string& name = "rack",
                  const std::string& secret = std::string(32, 's')) {
  return *FederationKey::Make(name, AsBytes(secret));
}

TEST(FederationKey, NameAndSecretSayWhereItIs) {
  EXPECT_EQ(Key().service(), Key().service());
  EXPECT_EQ(Key().service(), Key("rack", std::string(32, 's') + "\n").service());
  EXPECT_NE(Key().service(), Key("other").service());
  EXPECT_NE(Key().service(), Key("rack", std::string(32, 't')).service());
  // What the overlay takes as a service's name.
  EXPECT_LE(Key().service().size(), 64u);
}

TEST(FederationKey, RefusesWhatCouldBeGuessed) {
  const auto shorter = FederationKey::Make("rack", AsBytes("secret"));
  EXPECT_THAT(std::string(shorter.status().message()), HasSubstr("openssl rand"));
  EXPECT_FALSE(FederationKey::Make("", AsBytes(std::string(32, 's'))).ok());
  EXPECT_FALSE(FederationKey::Make(std::string(65, 'n'), AsBytes(std::string(32, 's'))).ok());
  EXPECT_FALSE(FederationKey::Make("rack", AsBytes(std::string(1025, 's'))).ok());
}

TEST(FederationKey, ARecordIsOfOneNodeAndOneSequence) {
  SeededRng rng(1);
  const FederationKey key = Key();
  const Bytes sealed = key.SealRecord(Id(1), 7, AsBytes("room"), rng);
  EXPECT_EQ(ToText(key.OpenRecord(Id(1), 7, sealed)->view()), "room");
  EXPECT_FALSE(key.OpenRecord(Id(2), 7, sealed));
  EXPECT_FALSE(key.OpenRecord(Id(1), 8, sealed));
  EXPECT_FALSE(Key("other").OpenRecord(Id(1), 7, sealed));
  for (size_t i = 0; i < sealed.size(); ++i) {
    Bytes forged = sealed;
    forged[i] ^= 1;
    EXPECT_FALSE(key.OpenRecord(Id(1), 7, forged)) << i;
  }
  EXPECT_FALSE(key.OpenRecord(Id(1), 7, {}));
}

TEST(FederationKey, ATagIsOfOneWayAndOneQuestion) {
  const FederationKey key = Key();
  const Bytes question = key.Tagged(Id(1), Id(2), {}, AsBytes("what?"));
  EXPECT_EQ(ToText(*key.Untagged(Id(1), Id(2), {}, question)), "what?");
  // Sent back, sent on, or to another federation.
  EXPECT_FALSE(key.Untagged(Id(2), Id(1), {}, question));
  EXPECT_FALSE(key.Untagged(Id(1), Id(3), {}, question));
  EXPECT_FALSE(Key("other").Untagged(Id(1), Id(2), {}, question));
  // An answer is to one question.
  const ByteView about = FederationKey::TagOf(question);
  const Bytes answer = key.Tagged(Id(2), Id(1), about, AsBytes("that"));
  EXPECT_TRUE(key.Untagged(Id(2), Id(1), about, answer));
  EXPECT_FALSE(key.Untagged(Id(2), Id(1), {}, answer));
  EXPECT_FALSE(key.Untagged(Id(2), Id(1), AsBytes("another"), answer));
  EXPECT_FALSE(key.Untagged(Id(2), Id(1), about, ByteView(answer).subspan(0, 31)));
}

}  // namespace
}  // namespace p2pd::archive::federation
