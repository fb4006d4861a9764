#include "clients/common/interrupt.h"

#include <signal.h>

#include <future>

#include "gtest/gtest.h"

namespace p2pd::clients {
namespace {

TEST(InterruptTest, ASignalRunsTheActionOnAnotherThread) {
  std::promise<std::thread::id> ran;
  std::future<std::thread::id> when = ran.get_future();
  {
    const Interrupt interrupt([&] { ran.set_value(std::this_thread::get_id()); });
    raise(SIGINT);
    EXPECT_NE(when.get(), std::this_thread::get_id());
  }
}

TEST(InterruptTest, WithoutASignalNothingHappens) {
  bool ran = false;
  {
    const Interrupt interrupt([&] { ran = true; });
  }
  EXPECT_FALSE(ran);
}

TEST(InterruptTest, AClosingTerminalSendsSeveralSignalsAndTheActionRunsOnce) {
  std::promise<void> ran;
  std::future<void> when = ran.get_future();
  int times = 0;
  {
    const Interrupt interrupt([&] {
      ++times;
      ran.set_value();
    });
    raise(SIGHUP);
    when.get();
    raise(SIGHUP);
  }
  EXPECT_EQ(times, 1);
}

TEST(InterruptTest, WhatNohupIgnoresStaysIgnored) {
  signal(SIGHUP, SIG_IGN);
  bool ran = false;
  {
    const Interrupt interrupt([&] { ran = true; });
    raise(SIGHUP);
  }
  EXPECT_FALSE(ran);
  EXPECT_EQ(signal(SIGHUP, SIG_DFL), SIG_IGN);
}

TEST(InterruptTest, ABrokenPipeCountsWhereItIsAskedFor) {
  std::promise<void> ran;
  std::future<void> when = ran.get_future();
  {
    const Interrupt interrupt([&] { ran.set_value(); }, Interrupt::BrokenPipe::kRunsTheAction);
    raise(SIGPIPE);
    when.get();
    raise(SIGPIPE);
  }
  EXPECT_EQ(signal(SIGPIPE, SIG_DFL), SIG_DFL);
}

TEST(InterruptTest, OneAfterTheOther) {
  for (int i = 0; i < 3; ++i) {
    std::promise<void> ran;
    std::future<void> when = ran.get_future();
    const Interrupt interrupt([&] { ran.set_value(); });
    raise(SIGTERM);
    when.get();
  }
}

}  // namespace
}  // namespace p2pd::clients
