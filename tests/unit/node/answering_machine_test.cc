#include "libcore/node/answering_machine.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace p2pd::node {
namespace {

using Kind = AnsweringMachine::Order::Kind;
using session::CallState;
using testing::ElementsAre;
using testing::IsEmpty;

class AnsweringMachineTest : public ::testing::Test {
 protected:
  AnsweringMachineTest() { view_.info.id.mutable_view()[0] = 1; }

  // The call is now like this.
  void Is(CallState state, bool voicemail = false, bool room = true) {
    view_.info.state = state;
    view_.voicemail = voicemail;
    machine_.OnCall(now_, view_, room);
  }
  std::vector<Kind> After(absl::Duration span) {
    now_ = now_ + span;
    machine_.OnTimeout(now_);
    return Orders();
  }
  std::vector<Kind> Orders() {
    std::vector<Kind> out;
    while (const auto order = machine_.PollOrder()) out.push_back(order->kind);
    return out;
  }

  Instant now_ = Instant::FromNanos(0);
  AnsweringMachine machine_{
      {.patience = absl::Seconds(20), .greeting = absl::Seconds(4), .length = absl::Minutes(1)}};
  CallView view_;
};

TEST_F(AnsweringMachineTest, ACallThatNobodyTakesIsAMessageOfSomeLength) {
  Is(CallState::kRinging);
  EXPECT_EQ(machine_.PollTimeout(), now_ + absl::Seconds(20));
  EXPECT_THAT(After(absl::Milliseconds(19'999)), IsEmpty());
  EXPECT_THAT(After(absl::Milliseconds(1)), ElementsAre(Kind::kTake));
  EXPECT_THAT(After(absl::Seconds(1)), IsEmpty()) << "once";
  Is(CallState::kActive, true);
  // Figures of the call do not begin the greeting again.
  EXPECT_THAT(After(absl::Seconds(3)), IsEmpty());
  Is(CallState::kActive, true);
  EXPECT_THAT(After(absl::Seconds(1)), ElementsAre(Kind::kRecord));
  EXPECT_THAT(After(absl::Seconds(59)), IsEmpty());
  Is(CallState::kHeld, true);
  EXPECT_THAT(After(absl::Seconds(1)), ElementsAre(Kind::kHangUp));
  EXPECT_EQ(machine_.PollTimeout(), std::nullopt);
  Is(CallState::kEnded, true);
  EXPECT_THAT(After(absl::Hours(1)), IsEmpty());
}

TEST_F(AnsweringMachineTest, WhatMustNotRingIsTakenAtOnce) {
  view_.quiet = true;
  Is(CallState::kRinging);
  EXPECT_THAT(After(absl::ZeroDuration()), ElementsAre(Kind::kTake));
}

TEST_F(AnsweringMachineTest, WhoPicksUpHasTheCall) {
  Is(CallState::kRinging);
  Is(CallState::kActive);
  EXPECT_THAT(After(absl::Hours(1)), IsEmpty()) << "before the machine";

  view_.info.id.mutable_view()[0] = 2;
  Is(CallState::kRinging);
  EXPECT_THAT(After(absl::Seconds(20)), ElementsAre(Kind::kTake));
  Is(CallState::kActive, true);
  EXPECT_THAT(After(absl::Seconds(4)), ElementsAre(Kind::kRecord));
  Is(CallState::kActive, false);
  EXPECT_THAT(Orders(), ElementsAre(Kind::kLetGo)) << "while it listens";
  EXPECT_THAT(After(absl::Hours(1)), IsEmpty());
}

TEST_F(AnsweringMachineTest, WhoHangsUpIsForgotten) {
  Is(CallState::kRinging);
  Is(CallState::kEnded);
  EXPECT_THAT(After(absl::Seconds(20)), IsEmpty());
  EXPECT_EQ(machine_.PollTimeout(), std::nullopt);
}

TEST_F(AnsweringMachineTest, CallsOfOursAndThoseWithoutRoomAreNotTaken) {
  view_.info.outgoing = true;
  Is(CallState::kRinging);
  EXPECT_EQ(machine_.PollTimeout(), std::nullopt);
  view_.info.outgoing = false;
  Is(CallState::kRinging, false, false);
  EXPECT_EQ(machine_.PollTimeout(), std::nullopt) << "no room for a message";
  AnsweringMachine off({});
  view_.quiet = true;
  off.OnCall(now_, view_, true);
  EXPECT_EQ(off.PollTimeout(), std::nullopt);
}

TEST_F(AnsweringMachineTest, OnlySoManyAtATime) {
  for (size_t i = 0; i <= AnsweringMachine::kMost; ++i) {
    view_.info.id.mutable_view()[0] = static_cast<uint8_t>(i);
    Is(CallState::kRinging);
  }
  EXPECT_EQ(After(absl::Seconds(20)).size(), AnsweringMachine::kMost);
}

}  // namespace
}  // namespace p2pd::node
