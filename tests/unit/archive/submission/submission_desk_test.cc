#include "libcore/archive/submission/submission_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pki/test_ca.h"

namespace p2pd::archive::submission {
namespace {

using ::testing::HasSubstr;

class SubmissionDeskTest : public testing::Test {
 protected:
  SubmissionDeskTest() {
    self_.mutable_view()[0] = 9;
    EXPECT_TRUE(trust_.AddRoot(ca_.root).ok());
  }
  Submission Make() {
    Submission out;
    out.to = self_;
    out.made = wall();
    out.nonce = ca_.rng.Make<Nonce>();
    out.content = {1};
    return out;
  }
  absl::Time wall() const { return ca_.now + (now_ - Instant()); }
  Bytes Sign(const Submission& submission, const pki::Person& person) {
    const Bytes body = WriteBody(submission);
    return Write(
        Request{body, *person.key.Sign(ToSign(body)), {person.certificate.der(), ca_.root.der()}});
  }
  absl::StatusOr<SubmissionDesk::Accepted> Judge(ByteView request) {
    return desk_.Judge(now_, wall(), request, trust_);
  }

  pki::TestCa ca_;
  pki::Person ann_ = ca_.MakePerson("ann@example.org");
  MemberId self_ = [] {
    MemberId out;
    out.mutable_view()[0] = 9;
    return out;
  }();
  pki::TrustStore trust_;
  Counters counters_;
  Instant now_;
  SubmissionDesk desk_{self_, ca_.now - absl::Seconds(1), counters_};
};

TEST_F(SubmissionDeskTest, WhatAPersonSignedIsTakenOnce) {
  const Submission submission = Make();
  const Bytes request = Sign(submission, ann_);
  const auto accepted = Judge(request);
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_EQ(accepted->email, "ann@example.org");
  EXPECT_EQ(accepted->submission, submission);
  EXPECT_TRUE(absl::IsAlreadyExists(Judge(request).status()));
  EXPECT_EQ(counters_.Get("archive.submissions_accepted"), 1u);
  EXPECT_EQ(counters_.Get("archive.submissions_refused"), 1u);
}

TEST_F(SubmissionDeskTest, NothingIsTakenForAnotherOrOfAnotherTime) {
  Submission other = Make();
  other.to = MemberId();
  EXPECT_THAT(Judge(Sign(other, ann_)).status().message(), HasSubstr("another S-tracker"));
  for (const absl::Duration away : {-SubmissionDesk::kWindow, SubmissionDesk::kWindow}) {
    Submission late = Make();
    late.made += 2 * away;
    EXPECT_THAT(Judge(Sign(late, ann_)).status().message(), HasSubstr("set the clock"));
  }
  // An earlier run may have taken what was made before this one began.
  Submission early = Make();
  early.made -= absl::Seconds(2);
  EXPECT_TRUE(absl::IsAlreadyExists(Judge(Sign(early, ann_)).status()));
  EXPECT_EQ(desk_.seen(), 0u);
}

TEST_F(SubmissionDeskTest, OnlyWhomATrustedAuthorityCertifiesMayHandIn) {
  pki::TestCa stranger(pki::KeyKind::kP256, 2);
  const pki::Person mallory = stranger.MakePerson("ann@example.org");
  const Bytes body = WriteBody(Make());
  const Bytes by_stranger = Write(Request{
      body, *mallory.key.Sign(ToSign(body)), {mallory.certificate.der(), stranger.root.der()}});
  EXPECT_THAT(Judge(by_stranger).status().message(), HasSubstr("UNTRUSTED_ROOT"));
  // Ann's certificate, and another's signature; and a signature of something else.
  const Bytes forged = Write(
      Request{body, *mallory.key.Sign(ToSign(body)), {ann_.certificate.der(), ca_.root.der()}});
  EXPECT_THAT(Judge(forged).status().message(), HasSubstr("signature"));
  const Bytes elsewhere =
      Write(Request{body, *ann_.key.Sign(body), {ann_.certificate.der(), ca_.root.der()}});
  EXPECT_THAT(Judge(elsewhere).status().message(), HasSubstr("signature"));
  ASSERT_TRUE(trust_.AddCrl(ca_.root, ca_.MakeList(1, {ann_.certificate})).ok());
  EXPECT_THAT(Judge(Sign(Make(), ann_)).status().message(), HasSubstr("REVOKED"));
  EXPECT_EQ(desk_.seen(), 0u);
  for (const Bytes& rubbish : {Bytes(), Bytes{1}, Bytes(100, 1)}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Judge(rubbish).status()));
  }
}

TEST_F(SubmissionDeskTest, EachPersonHasARate) {
  const pki::Person bob = ca_.MakePerson("bob@example.org");
  int taken = 0;
  for (int i = 0; i < 100; ++i) taken += Judge(Sign(Make(), ann_)).ok() ? 1 : 0;
  EXPECT_EQ(taken, SubmissionDesk::kBurst);
  EXPECT_TRUE(absl::IsResourceExhausted(Judge(Sign(Make(), ann_)).status()));
  EXPECT_TRUE(Judge(Sign(Make(), bob)).ok());
  now_ = now_ + absl::Minutes(1);
  EXPECT_TRUE(Judge(Sign(Make(), ann_)).ok());
  now_ = now_ + absl::Minutes(6);
  EXPECT_TRUE(Judge(Sign(Make(), ann_)).ok());
  EXPECT_EQ(desk_.seen(), 1u) << "what is too old is refused for its time alone";
}

}  // namespace
}  // namespace p2pd::archive::submission
