#include "libcore/presence/seen.h"

#include <gtest/gtest.h>

namespace p2pd::presence {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

pki::KeyHash User(uint16_t n) {
  pki::KeyHash user;
  user.mutable_view()[0] = static_cast<uint8_t>(n >> 8);
  user.mutable_view()[1] = static_cast<uint8_t>(n);
  return user;
}
pki::DeviceId Device(uint8_t n) {
  pki::DeviceId id;
  id.mutable_view()[0] = n;
  return id;
}

TEST(Seen, NumbersOnlyGrowAndOutliveTheProcess) {
  Seen seen;
  seen.NoteDevice(kNow, User(1), Device(1), store::Sequence(10));
  seen.NoteDevice(kNow, User(1), Device(1), store::Sequence(9));
  seen.NoteDeviceList(kNow, User(1), store::Sequence(3));
  seen.NoteDeviceList(kNow, User(1), store::Sequence(2));
  seen.NoteThere(kNow, User(1));
  seen.NoteThere(kNow - absl::Hours(1), User(1));
  EXPECT_TRUE(seen.dirty());
  MemoryStorage storage;
  ASSERT_TRUE(seen.Save(storage).ok());
  EXPECT_FALSE(seen.dirty());
  Seen again;
  ASSERT_TRUE(again.Load(storage).ok());
  EXPECT_FALSE(again.dirty());
  EXPECT_EQ(again.OfDevice(User(1), Device(1)).value(), 10u);
  EXPECT_EQ(again.OfDeviceList(User(1)).value(), 3u);
  EXPECT_EQ(again.LastSeen(User(1)), kNow);
  EXPECT_EQ(again.OfDevice(User(1), Device(2)).value(), 0u);
  EXPECT_EQ(again.LastSeen(User(2)), absl::InfinitePast());
}

TEST(Seen, WhatWasUsedLeastGoesFirst) {
  Seen seen;
  for (uint16_t i = 0; i < kMaxSeenPersons; ++i) {
    seen.NoteThere(kNow + absl::Seconds(i), User(i));
  }
  seen.NoteThere(kNow + absl::Hours(10), User(0));
  seen.NoteThere(kNow + absl::Hours(11), User(kMaxSeenPersons));
  EXPECT_EQ(seen.persons(), kMaxSeenPersons);
  EXPECT_NE(seen.LastSeen(User(0)), absl::InfinitePast());
  EXPECT_EQ(seen.LastSeen(User(1)), absl::InfinitePast());
  for (uint8_t i = 1; i <= kMaxSeenDevices + 1; ++i) {
    seen.NoteDevice(kNow, User(0), Device(i), store::Sequence(i));
  }
  EXPECT_EQ(seen.OfDevice(User(0), Device(1)).value(), 0u);
  EXPECT_EQ(seen.OfDevice(User(0), Device(2)).value(), 2u);
}

TEST(Seen, DamageIsNamedAndAFullDiskKeepsItDirty) {
  MemoryStorage storage;
  Seen seen;
  EXPECT_TRUE(seen.Load(storage).ok());  // a fresh machine
  ASSERT_TRUE(storage.Write(Seen::kBlob, AsBytes("\xff"), FileMode::kSecret).ok());
  EXPECT_TRUE(absl::IsDataLoss(seen.Load(storage)));
  seen.NoteThere(kNow, User(1));
  storage.FailWrites(absl::ResourceExhaustedError("full"));
  EXPECT_FALSE(seen.Save(storage).ok());
  EXPECT_TRUE(seen.dirty());
}

}  // namespace
}  // namespace p2pd::presence
