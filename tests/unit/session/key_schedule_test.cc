#include "libcore/session/key_schedule.h"

#include <set>

#include "gtest/gtest.h"
#include "libcore/base/hex.h"

namespace p2pd::session {
namespace {

const Bytes kSecret = Bytes(32, 1);
const pki::X25519Public kEphemeral = *pki::X25519Public::FromView(Bytes(32, 2));

TEST(KeyScheduleTest, EveryInputOfTheTranscriptCounts) {
  const pki::Sha256Digest hello = HelloDigest(AsBytes("body"), AsBytes("signature"));
  const pki::X25519Public other = *pki::X25519Public::FromView(Bytes(32, 3));
  const std::set<pki::Sha256Digest> all = {
      hello,
      HelloDigest(AsBytes("bodysignature"), AsBytes("")),  // the border counts
      HelloDigest(AsBytes("body"), AsBytes("signaturf")),
      Transcript(hello, kEphemeral, AsBytes("ack"), AsBytes("s")),
      Transcript(hello, other, AsBytes("ack"), AsBytes("s")),
      Transcript(hello, kEphemeral, AsBytes("acks"), AsBytes("")),
      Transcript(hello, kEphemeral, AsBytes("ack"), AsBytes("t")),
      Transcript({}, kEphemeral, AsBytes("ack"), AsBytes("s")),
  };
  EXPECT_EQ(all.size(), 8u);
}

TEST(KeyScheduleTest, NoTwoKeysAreTheSame) {
  const pki::Sha256Digest transcript = pki::Sha256(AsBytes("transcript"));
  const SessionKeys keys = DeriveKeys(kSecret, transcript);
  const TrafficKey ack = AckKey(kSecret, transcript, kEphemeral);
  std::set<Bytes> all;
  for (const SecretBytes* key :
       {&keys.caller.key, &keys.callee.key, &keys.confirm, &keys.exporter, &ack.key}) {
    EXPECT_EQ(key->size(), 32u);
    all.insert(ToBytes(key->view()));
  }
  EXPECT_EQ(all.size(), 5u);
  EXPECT_NE(keys.caller.iv, keys.callee.iv);
  EXPECT_EQ(keys.safety.size(), 4u);
}

TEST(KeyScheduleTest, SecretAndTranscriptBothDecide) {
  const pki::Sha256Digest one = pki::Sha256(AsBytes("one"));
  const pki::Sha256Digest two = pki::Sha256(AsBytes("two"));
  const Bytes other_secret(32, 9);
  EXPECT_NE(DeriveKeys(kSecret, one).caller.key.view(), DeriveKeys(kSecret, two).caller.key.view());
  EXPECT_NE(DeriveKeys(kSecret, one).caller.key.view(),
            DeriveKeys(other_secret, one).caller.key.view());
  EXPECT_EQ(DeriveKeys(kSecret, one).caller.key.view(), DeriveKeys(kSecret, one).caller.key.view());
  EXPECT_NE(ConfirmMac(DeriveKeys(kSecret, one), one), ConfirmMac(DeriveKeys(kSecret, one), two));
}

// The labels and their order are the protocol: another value here is another version.
TEST(KeyScheduleTest, IsWhatVersionOneSaysItIs) {
  const pki::Sha256Digest transcript = pki::Sha256(AsBytes("transcript"));
  const SecretBytes expected =
      pki::HkdfSha256(kSecret, transcript.view(), AsBytes("p2pd caller"), 44);
  const SessionKeys keys = DeriveKeys(kSecret, transcript);
  EXPECT_EQ(keys.caller.key.view(), expected.view().subspan(0, 32));
  EXPECT_EQ(keys.caller.iv.view(), expected.view().subspan(32));
  EXPECT_EQ(keys.safety.view(),
            pki::HkdfSha256(kSecret, transcript.view(), AsBytes("sas"), 4).view());
}

TEST(KeyScheduleTest, ExportsDifferByLabelAndHaveTheirSize) {
  const SecretBytes exporter(Bytes(32, 5));
  EXPECT_EQ(Export(exporter, "media caller", 28).size(), 28u);
  EXPECT_NE(Export(exporter, "media caller", 28).view(),
            Export(exporter, "media callee", 28).view());
}

}  // namespace
}  // namespace p2pd::session
