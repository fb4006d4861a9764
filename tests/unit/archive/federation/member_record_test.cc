#include "libcore/archive/federation/member_record.h"

#include <gtest/gtest.h>

namespace p2pd::archive::federation {
namespace {

MemberRecord Record() {
  MemberRecord out;
  out.quota = uint64_t{20} << 30;
  out.domain = "rack 1";
  out.endpoints = {*net::Endpoint::Parse("192.0.2.1:6881"),
                   *net::Endpoint::Parse("[2001:db8::1]:6881")};
  out.trackers = {"http://192.0.2.1:6969/announce"};
  return out;
}

TEST(MemberRecord, ReadsAsItWasWritten) {
  EXPECT_EQ(ParseMemberRecord(WriteMemberRecord(Record())), Record());
  EXPECT_EQ(ParseMemberRecord(WriteMemberRecord({})), MemberRecord());
}

TEST(MemberRecord, TheLargestFitsAServicesDescription) {
  MemberRecord large = Record();
  large.domain = std::string(100, 'd');
  large.endpoints.assign(9, *net::Endpoint::Parse("[2001:db8::1]:6881"));
  large.trackers = {std::string(129, 't'), std::string(128, 't'), std::string(128, 'u'),
                    "http://a"};
  const Bytes bytes = WriteMemberRecord(large);
  // The seal around it adds a nonce, a tag, and what it is bound to.
  EXPECT_LE(bytes.size() + 12 + 16 + 28, 512u);
  const auto read = ParseMemberRecord(bytes);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->domain.size(), MemberRecord::kMaxDomain);
  EXPECT_EQ(read->endpoints.size(), MemberRecord::kMaxEndpoints);
  EXPECT_EQ(read->trackers.size(), MemberRecord::kMaxTrackers);
}

TEST(MemberRecord, WhatIsCutOrLongerIsNone) {
  const Bytes whole = WriteMemberRecord(Record());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseMemberRecord(ByteView(whole).subspan(0, size))) << size;
  }
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_FALSE(ParseMemberRecord(longer));
  Bytes other = whole;
  other[0] = 2;
  EXPECT_FALSE(ParseMemberRecord(other));
}

}  // namespace
}  // namespace p2pd::archive::federation
