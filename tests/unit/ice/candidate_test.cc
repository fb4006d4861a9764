#include "libcore/ice/candidate.h"

#include <gtest/gtest.h>

#include "p2pd/wire/v1/path.pb.h"

namespace p2pd::ice {
namespace {

net::Endpoint At(const char* text) { return net::Endpoint::Parse(text).value(); }

TEST(CandidateTest, PrioritiesFollowTheFormulas) {
  // RFC 8445 §5.1.2.1: 126 · 2^24 + 65535 · 2^8 + 255.
  EXPECT_EQ(PriorityOf(CandidateType::kHost, 65535), 2130706431u);
  EXPECT_EQ(PriorityOf(CandidateType::kServerReflexive, 65535), 1694498815u);
  EXPECT_GT(PriorityOf(CandidateType::kHost, 0), PriorityOf(CandidateType::kPeerReflexive, 65535));
  EXPECT_GT(PriorityOf(CandidateType::kServerReflexive, 0),
            PriorityOf(CandidateType::kRelayed, 65535));
  // RFC 8445 §6.1.2.3: 2^32 · min + 2 · max + (G > D).
  EXPECT_EQ(PairPriority(3, 2), (uint64_t{2} << 32) + 6 + 1);
  EXPECT_EQ(PairPriority(2, 3), (uint64_t{2} << 32) + 6);
}

TEST(CandidateTest, AListTravels) {
  CandidateList list;
  list.generation = 3;
  list.candidates = {
      {CandidateType::kHost, At("10.0.0.1:7464"), 5},
      {CandidateType::kServerReflexive, At("[2001:db8::5]:1"), 4},
      {CandidateType::kRelayed, {}, 1, ToBytes(absl::string_view("record"))},
  };
  const auto read = ParseCandidates(EncodeCandidates(list));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->generation, 3u);
  EXPECT_EQ(read->candidates, list.candidates);
}

TEST(CandidateTest, WhatIsNoListIsRefusedAndWhatCannotBeIsLeftOut) {
  EXPECT_FALSE(ParseCandidates(Bytes{0xff}).has_value());
  wire::v1::PathCandidates many;
  for (size_t i = 0; i <= kMaxCandidates; ++i) many.add_candidates();
  EXPECT_FALSE(ParseCandidates(AsBytes(many.SerializeAsString())).has_value());

  wire::v1::PathCandidates list;
  const auto add = [&](const char* endpoint) {
    auto* candidate = list.add_candidates();
    candidate->set_type(wire::v1::PathCandidate::TYPE_HOST);
    candidate->set_endpoint(ToText(At(endpoint).ToBytes()));
  };
  add("224.0.0.1:7464");
  add("0.0.0.0:7464");
  add("[fe80::1]:7464");
  add("192.0.2.1:0");
  list.add_candidates()->set_type(static_cast<wire::v1::PathCandidate::Type>(9));
  add("192.0.2.1:7464");
  const auto read = ParseCandidates(AsBytes(list.SerializeAsString()));
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->candidates.size(), 1u);
  EXPECT_EQ(read->candidates[0].endpoint, At("192.0.2.1:7464"));

  list.mutable_candidates(0)->set_endpoint("x");
  EXPECT_FALSE(ParseCandidates(AsBytes(list.SerializeAsString())).has_value());
  list.clear_candidates();
  list.add_candidates()->set_type(wire::v1::PathCandidate::TYPE_RELAYED);
  EXPECT_FALSE(ParseCandidates(AsBytes(list.SerializeAsString())).has_value());
  list.mutable_candidates(0)->set_relay(std::string(kMaxRelay + 1, 'r'));
  EXPECT_FALSE(ParseCandidates(AsBytes(list.SerializeAsString())).has_value());
}

}  // namespace
}  // namespace p2pd::ice
