#include "libcore/archive/shares.h"

#include <algorithm>
#include <utility>

namespace p2pd::archive {
namespace {

// Members beyond the copies that may be full before nobody is left to take a group.
constexpr size_t kSpare = 2;

}  // namespace

const Shares::Order& Shares::OrderOf(const torrent::InfoHash& torrent, size_t groups) const {
  Order& order = orders_[torrent];
  const std::vector<Member>& present = fellows_->Present();
  if (order.generation == fellows_->generation()) return order;
  order.generation = fellows_->generation();
  order.depth = std::min(present.size(), static_cast<size_t>(copies_) + kSpare);
  order.members.clear();
  for (uint32_t i = 0; i < groups; ++i) {
    std::vector<MemberId> placed = Place(GroupId{torrent, i}, present, order.depth);
    for (size_t k = 0; k < order.depth; ++k) {
      // One without weight is in no placement: its index is nobody's.
      const auto at = k < placed.size() ? std::find_if(
                                              present.begin(), present.end(),
                                              [&](const Member& m) { return m.id == placed[k]; })
                                        : present.end();
      order.members.push_back(static_cast<uint8_t>(at - present.begin()));
    }
  }
  return order;
}

std::vector<int> Shares::Held(const torrent::InfoHash& torrent, size_t groups) const {
  std::vector<int> out(groups, 0);
  if (!together()) return out;
  for (const Fellows::Holding& holding : fellows_->HeldOf(torrent)) {
    // Of another length it is about another torrent.
    if (holding.groups->size() != groups) continue;
    for (size_t i = 0; i < groups; ++i) out[i] += (*holding.groups)[i] ? 1 : 0;
  }
  return out;
}

void Shares::Fill(const torrent::InfoHash& torrent, std::vector<GroupState>& groups) const {
  if (!together()) return;
  const std::vector<Member>& present = fellows_->Present();
  const std::vector<Fellows::Holding> holdings = fellows_->HeldOf(torrent);
  const Order& order = OrderOf(torrent, groups.size());
  const auto holds = [&](const MemberId& member, size_t group) {
    // What was begun here is ended here.
    if (member == fellows_->self()) return groups[group].held > 0;
    return std::any_of(holdings.begin(), holdings.end(), [&](const Fellows::Holding& holding) {
      return holding.member == member && holding.groups->size() == groups.size() &&
             (*holding.groups)[group];
    });
  };
  const std::vector<int> held = Held(torrent, groups.size());
  for (size_t i = 0; i < groups.size(); ++i) {
    groups[i].members = held[i];
    groups[i].assigned = false;
    int wanted = copies_;
    for (size_t k = 0; k < order.depth && wanted > 0; ++k) {
      const size_t index = order.members[i * order.depth + k];
      if (index >= present.size()) break;
      const MemberId& member = present[index].id;
      if (fellows_->IsFull(member) && !holds(member, i)) continue;
      --wanted;
      if (member == fellows_->self()) groups[i].assigned = true;
    }
  }
}

std::vector<MemberId> Shares::HoldersOf(const GroupId& group) const {
  std::vector<MemberId> out;
  if (!together()) return out;
  for (const Fellows::Holding& holding : fellows_->HeldOf(group.torrent)) {
    const bool has = group.index < holding.groups->size() && (*holding.groups)[group.index];
    if (has) out.push_back(holding.member);
  }
  return out;
}

void Shares::Leave(Instant now, const GroupId& group) { leaving_[group] = {now, 0}; }

bool Shares::Asked(Instant now, const GroupId& group) const {
  const auto found = leaving_.find(group);
  return found != leaving_.end() && now - found->second.at < kLeaving;
}

void Shares::NotePromises(Instant now, const GroupId& group, int promises) {
  const auto found = leaving_.find(group);
  if (found == leaving_.end() || now - found->second.at >= kFresh) return;
  found->second.promises = promises;
}

bool Shares::Relied(Instant now, const GroupId& group) const {
  const auto found = leaving_.find(group);
  return found != leaving_.end() && now - found->second.at < kFresh &&
         found->second.promises >= copies_;
}

bool Shares::Promise(Instant now, const GroupId& group) {
  if (Asked(now, group) || promised_.size() >= kMaxPromises) return false;
  promised_[group] = now + kPromise;
  return true;
}

bool Shares::Promised(Instant now, const GroupId& group) const {
  const auto found = promised_.find(group);
  return found != promised_.end() && found->second > now;
}

void Shares::OnTimeout(Instant now) {
  std::erase_if(leaving_, [now](const auto& entry) { return now - entry.second.at >= kLeaving; });
  std::erase_if(promised_, [now](const auto& entry) { return entry.second <= now; });
}

}  // namespace p2pd::archive
