// A day of a keeper with half the room that everything takes, while holders come and go: what its
// test and its benchmark look at.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libcore/archive/keeper.h"
#include "libcore/archive/lifetimes.h"
#include "libcore/base/rng.h"

namespace p2pd::archive {
inline constexpr uint64_t kGroup = 16 << 20;
inline constexpr uint32_t kGroups = 200;
inline constexpr uint32_t kAskedFor = 110;
inline constexpr absl::Duration kDay = absl::Hours(24);
inline constexpr absl::Duration kStep = absl::Seconds(10);
// What our line brings in a step: 100 Mbit/s.
inline constexpr uint64_t kLine = 125'000'000;
// A dropped piece is out of sight for so long before its bytes go.
inline constexpr absl::Duration kGrace = absl::Seconds(30);

// More than half of the groups are asked for, some more than others, so that who leaves is followed
// by others; the holders of the rest leave one by one until nobody is left. Nobody stays for the
// day.
class Day {
 public:
  explicit Day(uint64_t seed) : rng_(seed), lifetimes_(Instant{}) {
    for (uint32_t i = 0; i < kGroups; ++i) {
      GroupState group;
      group.id.index = i;
      group.bytes = kGroup;
      groups_.push_back(group);
      holders_.emplace_back();
      // 8 to 60 in the mean.
      popularity_.push_back(8 * std::pow(7.5, rng_.Unit()));
      for (int k = 0; k < static_cast<int>(popularity_.back()); ++k) Arrive(i);
    }
    KeeperOptions options;
    options.quota = kGroup * kGroups / 2 * 10 / 9;
    keeper_ = std::make_unique<Keeper>(options);
  }

  void Run() {
    for (; now_ < Instant{} + kDay; now_ = now_ + kStep) {
      ComeAndGo();
      Observe();
      if (now_ >= next_) Decide();
      Punch();
      Receive();
      if (!leaving_) Check();
    }
  }
  // Everybody goes at this moment.
  void AllLeave() {
    for (auto& there : holders_) there.clear();
    leaving_ = true;
    Observe();
    Decide();
  }

  uint64_t Used() const {
    uint64_t used = 0;
    for (const GroupState& group : groups_) used += group.held;
    return used + punches_.size() * kGroup;
  }
  int Lost() const {
    return static_cast<int>(std::count_if(groups_.begin(), groups_.end(), [](const auto& group) {
      return group.organic == 0 && !group.complete();
    }));
  }

  int below_one = 0;            // group-steps
  int last_copies_dropped = 0;  // must stay 0
  uint64_t refetched = 0;
  uint64_t dropped = 0;
  uint64_t most_used = 0;
  uint64_t quota() const { return keeper_->options().quota; }
  int held() const {
    return static_cast<int>(std::count_if(groups_.begin(), groups_.end(),
                                          [](const auto& group) { return group.complete(); }));
  }

 private:
  void Arrive(uint32_t index) {
    // Sessions of 2 h in the mean; the others leave over the day.
    const absl::Duration stays = index < kAskedFor ? absl::Hours(-2 * std::log(1 - rng_.Unit()))
                                                   : absl::Hours(23) * rng_.Unit();
    holders_[index].push_back(now_ + stays);
  }
  void ComeAndGo() {
    for (uint32_t i = 0; i < kGroups; ++i) {
      std::vector<Instant>& there = holders_[i];
      const auto before = there.size();
      std::erase_if(there, [this](Instant until) { return until <= now_; });
      gone_ += before - there.size();
      const double comes = popularity_[i] * absl::FDivDuration(kStep, absl::Hours(2));
      if (i < kAskedFor && !leaving_ && rng_.Unit() < comes) Arrive(i);
    }
  }
  void Observe() {
    size_t present = 0;
    for (const auto& there : holders_) present += there.size();
    lifetimes_.Observe(now_, present, std::exchange(gone_, 0));
    const double leaves = lifetimes_.ChanceToLeave(keeper_->options().reaction);
    for (uint32_t i = 0; i < kGroups; ++i) {
      GroupState& group = groups_[i];
      const int organic = static_cast<int>(holders_[i].size());
      // The keeper is called at each departure that leaves few.
      if (organic < group.organic && organic <= keeper_->options().fetch_at) next_ = now_;
      group.organic = organic;
      group.verified = organic;
      group.obtainable = organic > 0;
      group.chance_to_leave = leaves;
    }
  }
  void Decide() {
    next_ = now_ + Keeper::kPeriod;
    keeper_->Note(now_, groups_);
    const Plan plan = keeper_->Decide(now_, groups_, Used());
    fetching_.clear();
    for (size_t i = 0; i < plan.verdicts.size(); ++i) {
      if (plan.verdicts[i].decision == Decision::kFetch) fetching_.push_back(i);
      if (plan.verdicts[i].decision != Decision::kDrop) continue;
      if (groups_[i].organic == 0) ++last_copies_dropped;
      dropped += groups_[i].held;
      groups_[i].held = 0;
      ever_dropped_.insert(i);
      keeper_->NoteDropped(groups_[i].id);
      punches_.emplace_back(now_ + kGrace, i);
    }
    std::sort(fetching_.begin(), fetching_.end(), [&plan](size_t a, size_t b) {
      return plan.verdicts[a].value > plan.verdicts[b].value;
    });
  }
  void Punch() {
    std::erase_if(punches_, [this](const auto& punch) { return punch.first <= now_; });
  }
  void Receive() {
    uint64_t line = kLine;
    for (const size_t i : fetching_) {
      GroupState& group = groups_[i];
      if (group.organic == 0) continue;
      const uint64_t room = quota() - std::min(quota(), Used());
      const uint64_t part = std::min({group.bytes - group.held, line, room});
      group.held += part;
      line -= part;
      if (ever_dropped_.count(i) != 0) refetched += part;
    }
    most_used = std::max(most_used, Used());
  }
  void Check() {
    // What came in the first hour is archived by then.
    if (now_ < Instant{} + absl::Hours(1)) return;
    below_one += Lost();
  }

  SeededRng rng_;
  Lifetimes lifetimes_;
  std::unique_ptr<Keeper> keeper_;
  Instant now_;
  Instant next_;
  std::vector<GroupState> groups_;
  std::vector<double> popularity_;             // of those asked for
  std::vector<std::vector<Instant>> holders_;  // until when each stays
  std::vector<std::pair<Instant, size_t>> punches_;
  std::vector<size_t> fetching_;
  std::set<size_t> ever_dropped_;
  size_t gone_ = 0;
  bool leaving_ = false;
};

}  // namespace p2pd::archive
