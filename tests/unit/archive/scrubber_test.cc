#include "libcore/archive/scrubber.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

namespace p2pd::archive {
namespace {

using torrent::InfoHash;

constexpr uint32_t kPiece = 1000;

InfoHash Hash(uint8_t number) {
  InfoHash out;
  out.mutable_view()[0] = number;
  return out;
}

class ScrubberTest : public testing::Test {
 protected:
  ScrubberTest() {
    options_.period = absl::Seconds(1000);
    options_.rate = 100'000;
    kept_[Hash(1)] = std::vector<bool>(50, true);
    kept_[Hash(2)] = std::vector<bool>(50, false);
    kept_[Hash(3)] = std::vector<bool>(100, true);
    kept_[Hash(3)][7] = false;
    Make();
  }
  void Make() { scrubber_ = std::make_unique<Scrubber>(options_, counters_, now_, Wall()); }
  absl::Time Wall() const { return absl::FromUnixSeconds(1'700'000'000) + (now_ - Instant{}); }
  uint64_t All() const {
    uint64_t out = 0;
    for (const auto& [hash, have] : kept_) {
      out += kPiece * static_cast<uint64_t>(std::count(have.begin(), have.end(), true));
    }
    return out;
  }
  std::optional<ScrubOrder> Poll() {
    return scrubber_->Poll(now_, Wall(), All(), [this](const std::optional<InfoHash>& after) {
      const auto at = after ? kept_.upper_bound(*after) : kept_.begin();
      return at == kept_.end() ? std::nullopt
                               : std::optional(ScrubTorrent{at->first, kPiece, at->second});
    });
  }
  // Each second, as the daemon does; pieces that were hashed, by torrent.
  void Run(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now_ = now_ + absl::Seconds(1);
      while (const auto order = Poll()) {
        EXPECT_TRUE(kept_[order->hash][order->piece]);
        ++seen_[{order->hash, order->piece}];
        scrubber_->OnScrubbed(*order, false);
      }
    }
  }

  ScrubOptions options_;
  Counters counters_;
  Instant now_;
  std::map<InfoHash, std::vector<bool>> kept_;
  std::map<std::pair<InfoHash, uint32_t>, int> seen_;
  std::unique_ptr<Scrubber> scrubber_;
};

TEST_F(ScrubberTest, EachPieceThatIsKeptIsHashedOnceInAPeriod) {
  Run(500);
  EXPECT_NEAR(static_cast<double>(seen_.size()), 149 / 2.0, 2);
  Run(500);
  EXPECT_EQ(seen_.size(), 149u);
  for (const auto& [piece, times] : seen_) EXPECT_EQ(times, 1);
  Run(2);
  EXPECT_TRUE(scrubber_->view().whole.has_value());
  Run(1000);
  for (const auto& [piece, times] : seen_) EXPECT_EQ(times, 2);
  EXPECT_EQ(counters_.Get("archive.scrub_rounds"), 2u);
}

TEST_F(ScrubberTest, ARestartGoesOnWhereItWas) {
  for (int i = 0; i < 10; ++i) {
    Run(100);
    const Bytes saved = scrubber_->Save();
    Make();
    ASSERT_TRUE(scrubber_->Restore(saved, Wall()).ok());
  }
  EXPECT_EQ(seen_.size(), 149u);
  for (const auto& [piece, times] : seen_) EXPECT_EQ(times, 1);
  EXPECT_TRUE(scrubber_->view().whole.has_value());
}

TEST_F(ScrubberTest, TheTorrentThatItWasInMayBeGone) {
  Run(600);
  const Bytes saved = scrubber_->Save();
  const auto later = scrubber_->view().pieces;
  EXPECT_GT(later, 60u);
  kept_.erase(Hash(3));
  kept_[Hash(4)] = std::vector<bool>(10, true);
  Make();
  ASSERT_TRUE(scrubber_->Restore(saved, Wall()).ok());
  Run(500);
  for (uint32_t i = 0; i < 10; ++i) EXPECT_EQ((seen_[{Hash(4), i}]), 1) << i;
}

TEST_F(ScrubberTest, AfterAPauseItCatchesUpAtItsRate) {
  options_.rate = 2 * kPiece;
  Make();
  now_ = now_ + absl::Seconds(900);
  Run(10);
  EXPECT_GE(seen_.size(), 19u);
  EXPECT_LE(seen_.size(), 23u);
  Run(90);
  EXPECT_EQ(seen_.size(), 149u);
}

TEST_F(ScrubberTest, WhatRottedIsCounted) {
  now_ = now_ + absl::Seconds(10);
  const auto order = Poll();
  ASSERT_TRUE(order.has_value());
  // Not before the answer.
  now_ = now_ + absl::Seconds(10);
  EXPECT_FALSE(Poll().has_value());
  scrubber_->OnScrubbed(*order, true);
  EXPECT_EQ(scrubber_->view().rotted, 1u);
  EXPECT_EQ(counters_.Get("archive.pieces_rotted"), 1u);
  // One whose answer does not come is not waited for forever.
  ASSERT_TRUE(Poll().has_value());
  EXPECT_FALSE(Poll().has_value());
  now_ = now_ + Scrubber::kPatience;
  EXPECT_TRUE(Poll().has_value());
}

TEST_F(ScrubberTest, AClockThatIsSetBackStopsNothing) {
  Run(500);
  const size_t half = seen_.size();
  const Bytes saved = scrubber_->Save();
  Make();
  ASSERT_TRUE(scrubber_->Restore(saved, Wall() - absl::Hours(10'000)).ok());
  Run(1001);
  EXPECT_GT(seen_.size(), half);
  EXPECT_EQ(seen_.size(), 149u);
}

TEST_F(ScrubberTest, NothingKeptOrNothingWantedIsNothingToDo) {
  kept_.clear();
  Run(3000);
  options_.period = absl::ZeroDuration();
  Make();
  kept_[Hash(1)] = std::vector<bool>(5, true);
  Run(3000);
  EXPECT_TRUE(seen_.empty());
}

TEST_F(ScrubberTest, WhatIsNoStateIsRefused) {
  const Bytes saved = scrubber_->Save();
  for (size_t size = 0; size < saved.size(); ++size) {
    EXPECT_FALSE(scrubber_->Restore(ByteView(saved).first(size), Wall()).ok());
  }
  Bytes longer = saved;
  longer.push_back(0);
  EXPECT_FALSE(scrubber_->Restore(longer, Wall()).ok());
  Bytes other = saved;
  other[0] ^= 1;
  EXPECT_FALSE(scrubber_->Restore(other, Wall()).ok());
  EXPECT_TRUE(scrubber_->Restore(saved, Wall()).ok());
}

}  // namespace
}  // namespace p2pd::archive
