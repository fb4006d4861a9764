#include "libcore/pki/device.h"

#include "gtest/gtest.h"

namespace p2pd::pki {
namespace {

TEST(DeviceKeys, OneSeedGivesOneDevice) {
  SeededRng a(5), b(5);
  const DeviceKeys one = DeviceKeys::Generate(a);
  const DeviceKeys same = DeviceKeys::Generate(b);
  const DeviceKeys other = DeviceKeys::Generate(a);
  EXPECT_EQ(one.id, same.id);
  EXPECT_EQ(one.signing_key.public_key(), same.signing_key.public_key());
  EXPECT_EQ(one.sealing_key.public_key(), same.sealing_key.public_key());
  EXPECT_NE(one.id, other.id);
  EXPECT_NE(one.signing_key.public_key(), other.signing_key.public_key());
  EXPECT_NE(one.signing_key.seed(), one.sealing_key.secret());
}

}  // namespace
}  // namespace p2pd::pki
