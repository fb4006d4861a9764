#include "tests/sim/p2pd_sim/bamboo_store.h"

#include <algorithm>
#include <array>

namespace p2pd::sim::bamboo {
namespace {

constexpr size_t kBranches = size_t{1} << Store::kFanOutBits;

// Finaliser of splitmix64.
uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// Where a key stands in the tree: its path from the root, 5 bits a level, lowest first.
uint64_t PathOf(const overlay::Key& key) { return Mix(overlay::Head(key)); }

bool InBranch(const overlay::Key& key, const SyncRange& range) {
  const uint64_t mask = (uint64_t{1} << (Store::kFanOutBits * range.level)) - 1;
  return (PathOf(key) & mask) == range.prefix;
}

uint64_t DigestOf(const Tuple& tuple) {
  return Mix(PathOf(tuple.key) + 0x9e3779b97f4a7c15 * tuple.version);
}

absl::Duration Between(Rng& rng, absl::Duration least, absl::Duration most) {
  return least + (most - least) * rng.Unit();
}

}  // namespace

void Store::Start(Instant now) {
  next_sync_ = now + Between(carrier_.rng(), kSyncLeast, kSyncMost);
  next_recycle_ = now + Between(carrier_.rng(), kRecycleLeast, kRecycleMost);
}

void Store::OnTimeout(Instant now) {
  if (next_sync_ && *next_sync_ <= now) {
    next_sync_ = now + Between(carrier_.rng(), kSyncLeast, kSyncMost);
    Expire(now);
    Sync(now);
  }
  if (next_recycle_ && *next_recycle_ <= now) {
    next_recycle_ = now + Between(carrier_.rng(), kRecycleLeast, kRecycleMost);
    Recycle(now);
  }
}

// ---- Puts and gets -----------------------------------------------------------------------------

void Store::Keep(Instant now, const Tuple& tuple) {
  if (tuple.expires <= now) return;
  Tuple& kept = tuples_[tuple.key];
  if (tuple.version > kept.version) kept = tuple;
}

Tuple Store::Find(Instant now, const overlay::Key& key) const {
  const auto found = tuples_.find(key);
  if (found != tuples_.end() && found->second.expires > now) return found->second;
  Tuple none;
  none.key = key;
  return none;
}

void Store::Expire(Instant now) {
  std::erase_if(tuples_, [now](const auto& entry) { return entry.second.expires <= now; });
}

// All leaves but the farthest on the side that is farther from the key.
std::vector<Peer> Store::Replicas(const overlay::Key& key) const {
  const LeafSet::Window window = carrier_.neighbours().AsWindow();
  std::vector<Peer> out = carrier_.neighbours().Members();
  std::erase_if(out, [&](const Peer& peer) { return carrier_.PossiblyDown(peer.id); });
  if (!window.full) return out;
  const overlay::NodeId& self = carrier_.self().id;
  const bool after_us = overlay::Clockwise(self, key) < overlay::Clockwise(key, self);
  const overlay::NodeId& farthest = after_us ? window.ids.front() : window.ids.back();
  std::erase_if(out, [&](const Peer& peer) { return peer.id == farthest; });
  return out;
}

void Store::OnPut(Instant now, const PutReq& message) {
  if (message.recycled && message.origin.id == carrier_.self().id) {
    recycled_.reset();
    return;
  }
  Keep(now, message.tuple);
  const std::vector<Peer> replicas =
      message.recycled ? std::vector<Peer>() : Replicas(message.tuple.key);
  if (replicas.empty()) {
    carrier_.SendTo(now, message.origin, PutResp{message.operation});
    return;
  }
  const uint64_t number = carrier_.NextNumber();
  gathers_[number] = Gather{message.origin, message.operation,
                            std::min(kRequiredAcks, replicas.size()), replicas.size()};
  for (const Peer& peer : replicas) carrier_.SendTo(now, peer, StoreReq{message.tuple}, number);
}

void Store::OnOutcome(Instant now, uint64_t number, bool acked) {
  const auto found = gathers_.find(number);
  if (found == gathers_.end()) return;
  Gather& gather = found->second;
  --gather.open;
  if (acked && --gather.missing == 0) {
    const Gather done = gather;
    gathers_.erase(found);
    carrier_.SendTo(now, done.origin, PutResp{done.operation});
  } else if (gather.open == 0) {
    gathers_.erase(found);  // its putter asks again
  }
}

void Store::OnGet(Instant now, const GetReq& message) {
  carrier_.SendTo(
      now, message.origin,
      GetResp{carrier_.self(), message.operation, Find(now, message.key), Replicas(message.key)});
}

void Store::On(Instant now, const net::Endpoint& from, const ReadReq& message) {
  const Tuple tuple = Find(now, message.key);
  ReadResp answer{carrier_.self(), message.operation, tuple.version, {}};
  if (tuple.version > message.have) answer.tuple = tuple;
  carrier_.SendTo(now, Peer{{}, from}, answer);
}

// ---- Anti-entropy ------------------------------------------------------------------------------

std::vector<Tuple> Store::In(Instant now, const SyncRange& range) const {
  std::vector<Tuple> out;
  const auto take = [&](auto from, auto to) {
    for (auto it = from; it != to; ++it) {
      if (it->second.expires > now && InBranch(it->first, range)) out.push_back(it->second);
    }
  };
  const auto first = tuples_.lower_bound(range.first);
  const auto end = tuples_.lower_bound(range.end);
  if (range.first < range.end) {
    take(first, end);
  } else {
    take(first, tuples_.end());
    take(tuples_.begin(), end);
  }
  return out;
}

SyncReq Store::Question(Instant now, const SyncRange& range) const {
  SyncReq out{range, 0};
  for (const Tuple& tuple : In(now, range)) out.digest += DigestOf(tuple);
  return out;
}

// Both keep an arc when at most four nodes stand between its ends and each of them.
void Store::Sync(Instant now) {
  const std::optional<Peer> leaf = carrier_.DrawLeaf();
  if (!leaf) return;
  const LeafSet::Window window = carrier_.neighbours().AsWindow();
  const auto found = std::find(window.ids.begin(), window.ids.end(), leaf->id);
  if (found == window.ids.end()) return;
  const auto other = static_cast<size_t>(found - window.ids.begin());
  const size_t upper = std::max(other, window.self);
  const size_t first = upper - std::min(upper, kReach);
  const size_t end = std::min(std::min(other, window.self) + kReach, window.ids.size() - 1);
  if (first >= end) return;
  const size_t arc = first + carrier_.rng().Below(end - first);
  SyncRange range;
  range.first = window.ids[arc];
  range.end = window.ids[arc + 1];
  carrier_.SendTo(now, *leaf, Question(now, range));
}

void Store::On(Instant now, const net::Endpoint& from, const SyncReq& message) {
  SyncResp answer;
  answer.range = message.range;
  if (message.range.level > kLevelsMax) return;
  if (Question(now, message.range).digest != message.digest) {
    const std::vector<Tuple> tuples = In(now, message.range);
    if (tuples.size() <= kNamesMax || message.range.level == kLevelsMax) {
      answer.kind = SyncResp::Kind::kNames;
      for (const Tuple& tuple : tuples) answer.names.push_back({tuple.key, tuple.version});
    } else {
      answer.kind = SyncResp::Kind::kBranches;
      answer.branches.resize(kBranches);
      for (const Tuple& tuple : tuples) {
        const uint64_t path = PathOf(tuple.key) >> (kFanOutBits * message.range.level);
        answer.branches[path % kBranches] += DigestOf(tuple);
      }
    }
  }
  carrier_.SendTo(now, Peer{{}, from}, answer);
}

void Store::On(Instant now, const net::Endpoint& from, const SyncResp& message) {
  const Peer peer{{}, from};
  if (message.kind == SyncResp::Kind::kBranches) CompareBranches(now, peer, message);
  if (message.kind == SyncResp::Kind::kNames) CompareNames(now, peer, message);
}

void Store::CompareBranches(Instant now, const Peer& peer, const SyncResp& message) {
  if (message.branches.size() != kBranches || message.range.level >= kLevelsMax) return;
  for (size_t i = 0; i < kBranches; ++i) {
    SyncRange branch = message.range;
    branch.prefix |= uint64_t{i} << (kFanOutBits * branch.level);
    ++branch.level;
    const SyncReq question = Question(now, branch);
    if (question.digest != message.branches[i]) carrier_.SendTo(now, peer, question);
  }
}

void Store::CompareNames(Instant now, const Peer& peer, const SyncResp& message) {
  std::map<overlay::Key, uint64_t> theirs;
  FetchReq wanted;
  for (const TupleName& name : message.names) {
    theirs[name.key] = name.version;
    if (name.version > Find(now, name.key).version) wanted.names.push_back(name);
  }
  if (!wanted.names.empty()) carrier_.SendTo(now, peer, wanted);
  for (const Tuple& tuple : In(now, message.range)) {
    if (tuple.version > theirs[tuple.key]) carrier_.SendTo(now, peer, StoreReq{tuple});
  }
}

void Store::On(Instant now, const net::Endpoint& from, const FetchReq& message) {
  for (const TupleName& name : message.names) {
    const Tuple tuple = Find(now, name.key);
    if (tuple.version != 0) carrier_.SendTo(now, Peer{{}, from}, StoreReq{tuple});
  }
}

// ---- What has no business here -----------------------------------------------------------------

// One that was not acknowledged is given up at the next turn, and comes again.
void Store::Recycle(Instant now) {
  recycled_.reset();
  const LeafSet::Window window = carrier_.neighbours().AsWindow();
  if (!window.full) return;
  const overlay::NodeId& first = window.ids.front();
  const overlay::RingId reach = overlay::Clockwise(first, window.ids.back());
  for (const auto& [key, tuple] : tuples_) {
    if (overlay::Clockwise(first, key) < reach || tuple.expires <= now) continue;
    recycled_ = Recycled{carrier_.NextNumber(), key, tuple.version};
    carrier_.RouteOn(now, PutReq{tuple, carrier_.self(), recycled_->operation, 0, true});
    return;
  }
}

void Store::On(Instant now, const PutResp& message) {
  if (!recycled_ || recycled_->operation != message.operation) return;
  const auto found = tuples_.find(recycled_->key);
  if (found != tuples_.end() && found->second.version == recycled_->version) tuples_.erase(found);
  Recycle(now);
}

}  // namespace p2pd::sim::bamboo
