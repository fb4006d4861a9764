#include "libcore/overlay/shortcut.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

class ShortcutTest : public testing::Test {
 protected:
  ShortcutTest() { ring_.SetSelf(a_.record); }
  void Say(const Party& party, double x) {
    HintEvent event;
    event.hint.head = Head(party.record.id());
    event.hint.stamp = 1;
    event.hint.endpoint = party.at;
    event.hint.sealing_key = party.record.sealing_key();
    Coordinate place;
    place.x = x;
    event.hint.place = place.Pack();
    table_.Take(now_, event);
  }
  Instant now_ = At(absl::Seconds(1));
  Party a_{1};
  Party b_{2};
  Party c_{3};
  Vivaldi vivaldi_{a_.rng};
  Neighbours neighbours_{a_.links, vivaldi_};
  WideTable table_{Head(a_.record.id()), a_.counters};
  Ring ring_{a_.record.id(), RingOptions{Role::kPeer, 8, 4}, a_.links};
  Shortcut shortcut_{ring_, neighbours_, table_, 4};
};

TEST_F(ShortcutTest, ARingThatIsKnownAsAWholeNeedsNone) {
  ring_.SetActive(true);
  Say(b_, 10);
  EXPECT_FALSE(shortcut_.For(b_.record.id(), false));
}

TEST_F(ShortcutTest, PatienceFollowsHowFarPredictionsAreOff) {
  const absl::Duration first = shortcut_.Patience(absl::Milliseconds(100));
  EXPECT_EQ(shortcut_.Patience(std::nullopt), Shortcut::kUnknown);
  for (int i = 0; i < 100; ++i) {
    shortcut_.OnAnswered(absl::Milliseconds(100), absl::Milliseconds(110));
  }
  const absl::Duration exact = shortcut_.Patience(absl::Milliseconds(100));
  EXPECT_LT(exact, first);
  EXPECT_GT(exact, absl::Milliseconds(110));
  for (int i = 0; i < 100; ++i) {
    shortcut_.OnAnswered(absl::Milliseconds(100), absl::Milliseconds(i % 2 == 0 ? 100 : 300));
  }
  EXPECT_GT(shortcut_.Patience(absl::Milliseconds(100)), absl::Milliseconds(400));
}

TEST_F(ShortcutTest, PatienceHasBounds) {
  EXPECT_EQ(shortcut_.Patience(absl::Seconds(9)), absl::Seconds(1));
  EXPECT_GE(shortcut_.Patience(absl::ZeroDuration()), Shortcut::kSlack);
  shortcut_.OnAnswered(absl::ZeroDuration(), absl::Seconds(1));
  shortcut_.OnAnswered(std::nullopt, absl::Seconds(1));
  for (int i = 0; i < 100; ++i) {
    shortcut_.OnAnswered(absl::Milliseconds(1), absl::Seconds(4));
  }
  EXPECT_LE(shortcut_.Patience(absl::Milliseconds(1)), absl::Milliseconds(60));
}

}  // namespace
}  // namespace p2pd::overlay
