#include "libcore/archive/keeper.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace p2pd::archive {
namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;
// Another member is watched as we are, and its disk is as good: a day in ten years.
constexpr double kMemberLost = 1.0 / 3650;

}  // namespace

std::string ToString(Decision decision) {
  switch (decision) {
    case Decision::kKeep:
      return "keep";
    case Decision::kFetch:
      return "fetch";
    case Decision::kDrop:
      return "drop";
    case Decision::kWait:
      return "wait";
  }
  return "";
}

std::string ToString(Why why) {
  switch (why) {
    case Why::kLastCopy:
      return "nobody else has it";
    case Why::kPinned:
      return "it is pinned";
    case Why::kAssigned:
      return "it is our share";
    case Why::kTooFewHolders:
      return "too few others are known to have it, or not for long enough";
    case Why::kRoomEnough:
      return "nothing has to go";
    case Why::kRare:
      return "few others are left who have it";
    case Why::kOthersKeepIt:
      return "enough others have it";
    case Why::kMembersKeepIt:
      return "other S-trackers keep it";
    case Why::kOthersShare:
      return "it is the share of other S-trackers";
    case Why::kNoRoom:
      return "the quota is full, and nothing that is worth less may go";
    case Why::kNobodyHasIt:
      return "nobody who is there has it";
    case Why::kMayBeLost:
      return "its policy says that it may be lost";
  }
  return "";
}

double Keeper::CountedOn(const GroupState& group) const {
  const auto usual = usual_.find(group.id);
  const auto now = static_cast<double>(group.organic);
  return usual == usual_.end() ? now : std::min(now, std::expm1(usual->second.log));
}

double Keeper::ValueOf(const GroupState& group, double organic) {
  const double gone =
      std::pow(group.chance_to_leave, organic) * std::pow(kMemberLost, group.members);
  return group.demand * gone * kGiB / static_cast<double>(std::max<uint64_t>(group.bytes, 1));
}

bool Keeper::SafeByHolders(const GroupState& group) const {
  return group.verified >= options_.verified && group.organic >= options_.drop_at;
}

bool Keeper::Safe(const GroupState& group) const {
  if (group.organic + group.members == 0) return group.may_lose;
  // Members are known by their signed inventories; before anything goes they promise to keep it.
  if (group.members >= options_.copies && !group.assigned) return true;
  return SafeByHolders(group);
}

void Keeper::Note(Instant now, const std::vector<GroupState>& groups) {
  for (const GroupState& group : groups) {
    const double log = std::log1p(group.organic);
    Usual& usual = usual_.try_emplace(group.id, Usual{log, log, now}).first->second;
    const double kept = std::exp(-absl::FDivDuration(now - usual.at, kUsually));
    usual.log = usual.last + (usual.log - usual.last) * kept;
    usual.last = log;
    usual.at = now;
    if (Safe(group)) {
      safe_since_.try_emplace(group.id, now);
    } else {
      safe_since_.erase(group.id);
    }
    if (group.complete()) dropped_.erase(group.id);
  }
}

void Keeper::Forget(const torrent::InfoHash& torrent) {
  const GroupId first{torrent, 0};
  const GroupId last{torrent, std::numeric_limits<uint32_t>::max()};
  safe_since_.erase(safe_since_.lower_bound(first), safe_since_.upper_bound(last));
  usual_.erase(usual_.lower_bound(first), usual_.upper_bound(last));
  dropped_.erase(dropped_.lower_bound(first), dropped_.upper_bound(last));
}

bool Keeper::MayGo(Instant now, const GroupState& group) const {
  if (group.held == 0 || group.pinned || group.stays) return false;
  const auto since = safe_since_.find(group.id);
  return since != safe_since_.end() && now - since->second >= options_.holding_time;
}

// One run of the keeper: who is wanted in the order of value, what goes in the reverse.
class Keeper::Planner {
 public:
  Planner(const Keeper& keeper, Instant now, const std::vector<GroupState>& groups, uint64_t used)
      : keeper_(keeper), now_(now), groups_(groups), used_(used) {
    plan_.verdicts.resize(groups.size());
    for (size_t i = 0; i < groups.size(); ++i) {
      const double value = ValueOf(groups[i], keeper.CountedOn(groups[i]));
      plan_.verdicts[i] =
          Verdict{groups[i].id, Decision::kKeep, Why::kAssigned, value, groups[i].verified};
      if (keeper.MayGo(now, groups[i])) may_go_.push_back(i);
    }
    const auto worth_less = [this](size_t a, size_t b) {
      return std::make_pair(Value(a), groups_[a].id) < std::make_pair(Value(b), groups_[b].id);
    };
    std::sort(may_go_.begin(), may_go_.end(), worth_less);
  }

  Plan Run() && {
    for (size_t i = 0; i < groups_.size(); ++i) Judge(i);
    std::sort(wanted_.begin(), wanted_.end(), [this](size_t a, size_t b) {
      // What the operator wants, then what is rarest; who has begun ends first.
      const auto order = [this](size_t i) {
        const GroupState& g = groups_[i];
        return std::make_tuple(!g.pinned, -Value(i), -static_cast<double>(g.held), g.id);
      };
      return order(a) < order(b);
    });
    for (const size_t i : wanted_) Fetch(i);
    MakeRoom();
    return std::move(plan_);
  }

 private:
  double Value(size_t i) const { return plan_.verdicts[i].value; }
  const KeeperOptions& options() const { return keeper_.options_; }
  uint64_t Below(double share) const {
    return static_cast<uint64_t>(static_cast<double>(options().quota) * share);
  }
  void Say(size_t i, Decision decision, Why why) {
    plan_.verdicts[i].decision = decision;
    plan_.verdicts[i].why = why;
  }

  void Judge(size_t i) {
    const GroupState& group = groups_[i];
    if (group.complete()) {
      if (group.pinned) return Say(i, Decision::kKeep, Why::kPinned);
      if (group.organic + group.members == 0) return Say(i, Decision::kKeep, Why::kLastCopy);
      const bool room = used_ <= Below(options().high_water);
      return Say(i, Decision::kKeep, room ? Why::kRoomEnough : Why::kTooFewHolders);
    }
    const bool rare = group.organic <= options().fetch_at;
    const bool ours = group.pinned || group.assigned;
    if (!ours) return Say(i, Decision::kWait, Why::kOthersShare);
    if (!group.pinned && !rare && keeper_.dropped_.count(group.id) != 0) {
      return Say(i, Decision::kWait, Why::kOthersKeepIt);
    }
    if (!group.obtainable) return Say(i, Decision::kWait, Why::kNobodyHasIt);
    Say(i, Decision::kFetch, group.pinned ? Why::kPinned : (rare ? Why::kRare : Why::kAssigned));
    wanted_.push_back(i);
  }

  // What is worth less and may go makes room; when that is not enough, nothing goes.
  void Fetch(size_t i) {
    const GroupState& group = groups_[i];
    const uint64_t missing = group.bytes - group.held;
    const bool rare = group.organic <= options().fetch_at;
    // What is in danger takes the reserve, too.
    const uint64_t most = Below(rare || group.pinned ? 1 : options().low_water);
    uint64_t after = used_ + missing;
    std::vector<size_t> go;
    for (const size_t victim : may_go_) {
      if (after <= most) break;
      if (gone_.count(victim) != 0 || victim == i) continue;
      if (!group.pinned && (!rare || Value(victim) * kBetter > Value(i))) break;
      after -= std::min(after, groups_[victim].held);
      go.push_back(victim);
    }
    if (after > most) return Say(i, Decision::kWait, Why::kNoRoom);
    for (const size_t victim : go) Drop(victim);
    used_ = after;
    plan_.fetch_bytes += missing;
  }

  void Drop(size_t i) {
    gone_.insert(i);
    plan_.drop_bytes += groups_[i].held;
    const GroupState& group = groups_[i];
    const bool last = group.organic + group.members == 0;
    const Why others = keeper_.SafeByHolders(group) ? Why::kOthersKeepIt : Why::kMembersKeepIt;
    Say(i, Decision::kDrop, last ? Why::kMayBeLost : others);
  }

  void MakeRoom() {
    if (used_ <= Below(options().high_water)) return;
    for (const size_t i : may_go_) {
      if (used_ <= Below(options().low_water)) return;
      if (gone_.count(i) != 0 || plan_.verdicts[i].decision == Decision::kFetch) continue;
      used_ -= std::min(used_, groups_[i].held);
      Drop(i);
    }
  }

  const Keeper& keeper_;
  const Instant now_;
  const std::vector<GroupState>& groups_;
  uint64_t used_;
  Plan plan_;
  std::vector<size_t> may_go_;  // of least value first
  std::vector<size_t> wanted_;
  std::set<size_t> gone_;
};

Plan Keeper::Decide(Instant now, const std::vector<GroupState>& groups, uint64_t used) const {
  return Planner(*this, now, groups, used).Run();
}

}  // namespace p2pd::archive
