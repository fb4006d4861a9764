#include "libcore/store/anti_entropy.h"

#include <algorithm>
#include <string>

namespace p2pd::store {
namespace {

constexpr absl::Duration kStepTimeout = absl::Seconds(3);
// Rows in one chunk at least: below it a digest would cost as much as the names of the rows.
constexpr size_t kRowsPerChunk = 32;
// How much slower after each round in which nothing moved.
constexpr double kBackOff = 1.3;
// Leaves on each side of a whole leaf set; fewer neighbours are the whole ring (design §3).
constexpr size_t kFullLeafSet = 16;

}  // namespace

AntiEntropy::AntiEntropy(LocalStore& local, ReplicaServer& server, Rng& rng, Counters& counters)
    : local_(local), server_(server), rng_(rng), counters_(counters) {}

RingView AntiEntropy::View(const Carrier& carrier) const {
  RingView view;
  view.self = carrier.self().id();
  for (const overlay::NodeRecord& record : carrier.LeafSet()) view.others.push_back(record.id());
  view.whole = view.others.size() < kFullLeafSet;
  return view;
}

void AntiEntropy::OnLeafSetChanged(Instant now, const Carrier& carrier) {
  const RingView view = View(carrier);
  std::map<overlay::NodeId, std::vector<Arc>> shared;
  for (const overlay::NodeId& id : view.others) {
    std::vector<Arc> arcs = SharedArcs(view, id);
    // In a small ring every change moves replicas between any two.
    const auto before = shared_.find(id);
    const bool same = !view.whole && before != shared_.end() && before->second == arcs;
    if (!arcs.empty() && !same && std::find(urgent_.begin(), urgent_.end(), id) == urgent_.end()) {
      urgent_.push_back(id);
    }
    shared.emplace(id, std::move(arcs));
  }
  shared_ = std::move(shared);
  interval_ = kFastest;
  if (!urgent_.empty()) {
    const Instant soon = now + rng_.Jitter(kUrgent);
    next_ = next_ ? std::min(*next_, soon) : soon;
  }
}

void AntiEntropy::OnChanged(Instant now) {
  interval_ = kFastest;
  const Instant soon = now + rng_.Jitter(kFastest);
  next_ = next_ ? std::min(*next_, soon) : soon;
}

std::optional<overlay::NodeRecord> AntiEntropy::NextPeer(const Carrier& carrier) {
  const std::vector<overlay::NodeRecord> leaves = carrier.LeafSet();
  const auto find = [&](const overlay::NodeId& id) -> std::optional<overlay::NodeRecord> {
    for (const overlay::NodeRecord& record : leaves) {
      if (record.id() == id) return record;
    }
    return std::nullopt;
  };
  while (!urgent_.empty()) {
    const auto record = find(urgent_.front());
    urgent_.pop_front();
    if (record) return record;
  }
  for (int pass = 0; pass < 2; ++pass) {
    while (!round_.empty()) {
      const auto record = find(round_.front());
      round_.pop_front();
      const auto arcs = shared_.find(record ? record->id() : overlay::NodeId());
      if (record && arcs != shared_.end() && !arcs->second.empty()) return record;
    }
    for (const overlay::NodeRecord& record : leaves) round_.push_back(record.id());
    // A new order each round, so that two neighbours do not always meet at the same time.
    for (size_t i = round_.size(); i > 1; --i) std::swap(round_[i - 1], round_[rng_.Below(i)]);
  }
  return std::nullopt;
}

void AntiEntropy::OnTimeout(Instant now, absl::Time wall, Carrier& carrier) {
  if (!next_) next_ = now + rng_.Jitter(interval_);
  if (session_ || now < *next_) return;
  next_ = now + rng_.Jitter(interval_);
  Begin(now, wall, carrier);
}

std::optional<Instant> AntiEntropy::PollTimeout() const {
  if (session_) return std::nullopt;  // each of its requests ends by itself
  return next_;
}

void AntiEntropy::Begin(Instant now, absl::Time wall, Carrier& carrier) {
  const auto peer = NextPeer(carrier);
  if (!peer) return;
  const RingView view = View(carrier);
  const std::vector<Arc> arcs = SharedArcs(view, peer->id());
  if (arcs.empty()) return;
  session_.emplace(
      Session{*peer, {arcs.begin(), arcs.end()}, view.whole, {}, {}, {}, {}, {}, {}, false});
  Compare(now, wall, carrier);
}

void AntiEntropy::Compare(Instant now, absl::Time wall, Carrier& carrier) {
  Session& s = *session_;
  if (s.arcs.empty()) return End(now, true);
  Arc arc = s.arcs.front();
  ComparedRows compared(local_, carrier, s.peer.id(), arc, s.whole_ring, wall);
  if (compared.cut) {
    // More than one comparison may read: the rest is an arc of its own.
    s.arcs.front().to = *compared.last;
    s.arcs.insert(s.arcs.begin() + 1, Arc{*compared.cut, arc.to});
    arc = s.arcs.front();
  }
  s.ours = std::move(compared.rows);
  s.chunks.clear();
  StoreRequest request;
  wire::v1::CompareRequest& compare = *request.mutable_compare();
  compare.set_from(arc.from.ToString());
  compare.set_whole_ring(s.whole_ring);
  const size_t per_chunk =
      std::max(kRowsPerChunk, (s.ours.size() + kMaxChunks - 2) / (kMaxChunks - 1));
  size_t begin = 0;
  while (begin < s.ours.size()) {
    size_t end = std::min(begin + per_chunk, s.ours.size());
    // All rows of one place are in one chunk.
    while (end < s.ours.size() && s.ours[end].place == s.ours[end - 1].place) ++end;
    const bool last = end == s.ours.size();
    wire::v1::Chunk& chunk = *compare.add_chunks();
    chunk.set_to((last ? arc.to : s.ours[end - 1].place).ToString());
    chunk.set_digest(DigestOf(s.ours, begin, end));
    s.chunks.emplace_back(begin, end);
    begin = end;
  }
  if (s.chunks.empty()) {
    wire::v1::Chunk& chunk = *compare.add_chunks();
    chunk.set_to(arc.to.ToString());
    chunk.set_digest(DigestOf(s.ours, 0, 0));
    s.chunks.emplace_back(0, 0);
  }
  s.pending = carrier.Ask(now, s.peer, request, kStepTimeout);
}

void AntiEntropy::OnReply(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply) {
  if (!session_ || session_->pending != reply.id) return;
  session_->pending.reset();
  switch (reply.reply.reply_case()) {
    case StoreReply::kCompare:
      return OnCompared(now, wall, carrier, reply.reply.compare());
    case StoreReply::kPull:
      return OnPulled(now, wall, carrier, reply.reply.pull());
    case StoreReply::kReplicate:
      return OnGiven(now, wall, carrier, reply.reply.replicate());
    case StoreReply::kPut:
    case StoreReply::kGet:
    case StoreReply::kLocate:
    case StoreReply::kSubscribe:
    case StoreReply::kWatcher:
    case StoreReply::kNotify:
    case StoreReply::REPLY_NOT_SET:
      return End(now, false);
  }
}

void AntiEntropy::OnFailed(Instant now, overlay::RequestId id) {
  if (session_ && session_->pending == id) End(now, false);
}

void AntiEntropy::OnCompared(Instant now, absl::Time wall, Carrier& carrier,
                             const wire::v1::CompareReply& reply) {
  Session& s = *session_;
  std::set<uint64_t> theirs;
  for (const wire::v1::RowTag& tag : reply.rows()) theirs.insert(tag.tag());
  std::set<uint64_t> ours;
  s.to_give.clear();
  const int covered = std::min(static_cast<int>(reply.covered()), reply.differing_size());
  for (int i = 0; i < covered; ++i) {
    const uint32_t index = reply.differing(i);
    if (index >= s.chunks.size()) continue;
    for (size_t row = s.chunks[index].first; row < s.chunks[index].second; ++row) {
      const uint64_t tag = TagOf(s.ours[row]);
      ours.insert(tag);
      if (theirs.count(tag) == 0 && !IsRefused(now, s.peer.id(), tag)) {
        s.to_give.push_back(s.ours[row]);
      }
    }
  }
  s.wanted.clear();
  for (const wire::v1::RowTag& tag : reply.rows()) {
    if (ours.count(tag.tag()) == 0 && !IsRefused(now, s.peer.id(), tag.tag())) {
      s.wanted.push_back(tag);
    }
  }
  Pull(now, wall, carrier);
}

// First what they have: it may be newer than what we would give.
void AntiEntropy::Pull(Instant now, absl::Time wall, Carrier& carrier) {
  Session& s = *session_;
  if (s.wanted.empty()) return Give(now, wall, carrier);
  StoreRequest request;
  for (const wire::v1::RowTag& tag : s.wanted) *request.mutable_pull()->add_rows() = tag;
  s.pending = carrier.Ask(now, s.peer, request, kStepTimeout);
}

void AntiEntropy::OnPulled(Instant now, absl::Time wall, Carrier& carrier,
                           const wire::v1::PullReply& reply) {
  Session& s = *session_;
  // Its own word, so that it is no way out of the share of a network that is not private.
  const net::IpAddress& theirs = s.peer.addresses().front().address;
  const net::IpAddress& ours = carrier.self().addresses().front().address;
  const std::string own = NetworkAccount(theirs.IsPrivate() ? ours : theirs);
  std::set<uint64_t> came;
  for (const wire::v1::Replica& replica : reply.replicas()) {
    const Key place = PlaceOf(replica.place());
    const bool exempt = IsExempt(replica.account()) && !IsExempt(own);
    const std::string account = replica.account().empty() || exempt ? own : replica.account();
    const auto kept =
        server_.Keep(now, wall, carrier, AsBytes(replica.object()), {place, account, false});
    if (kept.result == KeepResult::kKept) {
      s.moved = true;
      counters_.Add("store.repaired_here");
    }
    if (!kept.object) continue;
    const uint64_t tag = TagOf(SummaryOf(StoredRow{*kept.object, account, wall, place}));
    came.insert(tag);
    if (!Stands(kept.result)) RememberRefused(now, s.peer.id(), tag);
  }
  // What did not come at all is gone there, or not what its name said; asked again next time.
  const size_t before = s.wanted.size();
  s.wanted.erase(std::remove_if(s.wanted.begin(), s.wanted.end(),
                                [&](const auto& tag) { return came.count(tag.tag()) != 0; }),
                 s.wanted.end());
  if (s.wanted.size() == before) s.wanted.clear();
  Pull(now, wall, carrier);
}

void AntiEntropy::Give(Instant now, absl::Time wall, Carrier& carrier) {
  Session& s = *session_;
  StoreRequest request;
  s.given.clear();
  size_t bytes = 0;
  while (!s.to_give.empty() && request.replicate().replicas_size() < kMaxObjectsPerMessage) {
    const RowSummary row = s.to_give.back();
    if (bytes != 0 && bytes + row.size > kMaxObjectBytes) break;
    s.to_give.pop_back();
    const uint64_t tag = TagOf(row);
    for (const StoredRow& stored : local_.ReadAll(row.place, wall)) {
      // What we pulled may have replaced or removed it.
      if (TagOf(SummaryOf(stored)) != tag) continue;
      bytes += stored.object.bytes().size();
      wire::v1::Replica& replica = *request.mutable_replicate()->add_replicas();
      replica.set_place(row.place.ToString());
      replica.set_object(ToText(stored.object.bytes()));
      replica.set_account(stored.account);
      s.given.push_back(tag);
    }
  }
  if (s.given.empty()) {
    s.arcs.pop_front();
    return Compare(now, wall, carrier);
  }
  s.pending = carrier.Ask(now, s.peer, request, kStepTimeout);
}

void AntiEntropy::OnGiven(Instant now, absl::Time wall, Carrier& carrier,
                          const wire::v1::ReplicateReply& reply) {
  Session& s = *session_;
  for (size_t i = 0; i < s.given.size(); ++i) {
    const int index = static_cast<int>(i);
    if (index < reply.statuses_size() && reply.statuses(index) == wire::v1::STORE_STATUS_OK) {
      s.moved = true;
      counters_.Add("store.repaired_there");
    } else {
      RememberRefused(now, s.peer.id(), s.given[i]);
    }
  }
  Give(now, wall, carrier);
}

void AntiEntropy::End(Instant now, bool completed) {
  if (completed && !session_->moved) {
    interval_ = std::min(kSlowest, interval_ * kBackOff);
  } else if (completed) {
    interval_ = kFastest;
  }
  counters_.Add(completed ? "store.comparisons" : "store.comparisons_broken_off");
  session_.reset();
  next_ = now + rng_.Jitter(urgent_.empty() ? interval_ : kUrgent);
}

void AntiEntropy::RememberRefused(Instant now, const overlay::NodeId& peer, uint64_t tag) {
  if (refused_.size() >= kMaxRefused) {
    for (auto it = refused_.begin(); it != refused_.end();) {
      it = it->second <= now ? refused_.erase(it) : std::next(it);
    }
    if (refused_.size() >= kMaxRefused) refused_.erase(refused_.begin());
  }
  refused_[{peer, tag}] = now + kRefusedFor;
}

bool AntiEntropy::IsRefused(Instant now, const overlay::NodeId& peer, uint64_t tag) const {
  const auto found = refused_.find({peer, tag});
  return found != refused_.end() && found->second > now;
}

}  // namespace p2pd::store
