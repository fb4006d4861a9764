#include <gtest/gtest.h>

#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

TEST(DeviceCertificate, RoundTrip) {
  ObjectFixture f;
  const absl::Time end = f.now + absl::Hours(1);
  const auto certificate = *MakeDeviceCertificate(f.person.key, f.device, "my laptop", end);
  const auto info = VerifyDeviceCertificate(certificate, f.person.key.public_key(), f.now);
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->user, f.person.key.public_key().hash());
  EXPECT_EQ(info->id, f.device.id);
  EXPECT_EQ(info->signing_key, f.device.signing_key.public_key());
  EXPECT_EQ(info->sealing_key, f.device.sealing_key.public_key());
  EXPECT_EQ(info->label, "my laptop");
  EXPECT_EQ(info->not_after, end);
  EXPECT_FALSE(VerifyDeviceCertificate(certificate, f.person.key.public_key(), end).has_value());
}

TEST(DeviceCertificate, AnotherUserOrAChangeIsRefused) {
  ObjectFixture f;
  const auto certificate =
      *MakeDeviceCertificate(f.person.key, f.device, "x", f.now + absl::Hours(1));
  const pki::UserKey stranger = f.ca.MakeKey(pki::KeyKind::kP256);
  EXPECT_FALSE(VerifyDeviceCertificate(certificate, stranger.public_key(), f.now).has_value());
  for (size_t i = 0; i < certificate.body().size(); i += 3) {
    auto changed = certificate;
    (*changed.mutable_body())[i] = static_cast<char>(changed.body()[i] ^ 1);
    EXPECT_FALSE(VerifyDeviceCertificate(changed, f.person.key.public_key(), f.now).has_value());
  }
  auto unsigned_one = certificate;
  unsigned_one.clear_signature();
  EXPECT_FALSE(VerifyDeviceCertificate(unsigned_one, f.person.key.public_key(), f.now).has_value());
}

TEST(DeviceCertificate, LabelHasALimit) {
  ObjectFixture f;
  EXPECT_EQ(
      MakeDeviceCertificate(f.person.key, f.device, std::string(65, 'x'), f.now).status().code(),
      absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace p2pd::store
