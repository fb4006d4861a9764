#include "libcore/overlay/gossip.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <utility>

#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

constexpr absl::Duration kRateSpan = absl::Minutes(2);
// Stamps of one life of a node: from its epoch in seconds on, with room for 256 corrections.
constexpr int kStampsPerSecond = 8;  // bits

// What is left of a running mean after `passed`.
double Decay(absl::Duration passed, absl::Duration span) {
  return std::exp(-absl::FDivDuration(std::max(passed, absl::ZeroDuration()), span));
}

uint32_t StampOfLife(const NodeRecord& record) {
  return static_cast<uint32_t>((record.epoch() / 1000) << kStampsPerSecond);
}

HintEvent GoneEvent(uint64_t head, uint32_t stamp) {
  HintEvent out;
  out.there = false;
  out.hint.head = head;
  out.hint.stamp = stamp;
  return out;
}

}  // namespace

Gossip::Gossip(double bytes_per_second, LinkTable& links, Ring& ring, Liveness& liveness,
               Neighbours& neighbours, WideTable& table, Vivaldi& vivaldi, Rng& rng,
               Counters& counters)
    : links_(links),
      ring_(ring),
      liveness_(liveness),
      neighbours_(neighbours),
      table_(table),
      vivaldi_(vivaldi),
      rng_(rng),
      counters_(counters),
      share_(kShare * std::clamp(bytes_per_second, 100.0, 4000.0)),
      outlet_(4 * share_, 4 * share_ * kBurstSeconds) {}

void Gossip::Start(Instant now) {
  if (started_) return;
  started_ = now;
  next_audit_ = now + rng_.Jitter(kYoungAudit);
  next_narrow_ = now + kNarrow;
  uint64_t radius = 0;
  for (const auto& [leaf, told] : told_) radius = std::max(radius, told);
  if (told_.size() >= kEnoughTold) table_.SetRadius(radius);
  told_.clear();
  for (const auto& [id, record] : ring_.leaves().members()) {
    leaves_.try_emplace(id, Leaf{now, std::nullopt, false});
  }
}

void Gossip::Stop() {
  started_.reset();
  next_audit_.reset();
  outboxes_.clear();
  next_flush_ = Instant::Max();
  pending_ = 0;
  sent_.clear();
}

// How it spreads.

const std::vector<Gossip::Delegate>& Gossip::Eligible() {
  const Basis basis{neighbours_.version(), complete_ ? 0 : ring_.version(), ring_.suspicions(),
                    table_.watched(), complete_};
  if (basis == eligible_by_) return eligible_;
  eligible_by_ = basis;
  eligible_.clear();
  std::vector<uint64_t> heads;
  for (const NodeId& id : neighbours_.All()) {
    const uint64_t head = Head(id);
    heads.push_back(head);
    // Who is not announced does not pay for it; as long as we cannot tell, all members do.
    if (ring_.IsSuspect(id) || (!Announced(head) && (complete_ || !ring_.Contains(id)))) continue;
    eligible_.push_back(Delegate{id, ClockwiseHeads(self_head(), head), 0});
  }
  table_.Watch(std::move(heads));
  std::sort(eligible_.begin(), eligible_.end(),
            [](const Delegate& a, const Delegate& b) { return a.distance < b.distance; });
  return eligible_;
}

Gossip::Delegate Gossip::WithLevel(size_t index, const std::vector<uint64_t>& ranks) {
  Delegate out = eligible_[index];
  const auto by_rank = std::upper_bound(ranks.begin(), ranks.end(), out.distance) - ranks.begin();
  const int by_place = static_cast<int>(std::bit_width(index + 1));
  out.level = std::max(by_place, static_cast<int>(by_rank)) - 1;
  return out;
}

std::vector<Gossip::Delegate> Gossip::Select() {
  const std::vector<Delegate>& eligible = Eligible();
  const std::vector<uint64_t> ranks = table_.DistancesOfRanks();
  std::vector<Delegate> out;
  for (size_t i = 0; i < eligible.size();) {
    out.push_back(WithLevel(i, ranks));
    // The first of a higher level, by its place or by its rank.
    const auto level = static_cast<size_t>(out.back().level) + 1;
    i = (size_t{1} << level) - 1;
    if (level >= ranks.size()) continue;
    const auto by_rank = std::lower_bound(
        eligible.begin(), eligible.end(), ranks[level],
        [](const Delegate& delegate, uint64_t distance) { return delegate.distance < distance; });
    i = std::min(i, static_cast<size_t>(by_rank - eligible.begin()));
  }
  return out;
}

double Gossip::EventRate(Instant now) const {
  return event_rate_ * Decay(now - event_rate_at_, kRateSpan);
}

absl::Duration Gossip::MeanLife(double rate) const {
  if (rate <= 0) return absl::InfiniteDuration();
  return absl::Seconds(2 * static_cast<double>(table_.size()) / rate);
}

void Gossip::NoteEvent(Instant now, const HintEvent& event) {
  event_rate_ = EventRate(now) + 1 / absl::ToDoubleSeconds(kRateSpan);
  event_rate_at_ = now;
  if (!event.there) ++deaths_;
}

// Half of all events go to the first level, a quarter to the second. Waiting pays where at least
// one more is to be expected meanwhile.
absl::Duration Gossip::Hold(Instant now, int level) const {
  const double rate = EventRate(now);
  if (rate <= 0) return kMinHold;
  const absl::Duration hold =
      std::min({absl::Seconds(kHoldPerRate * rate), kHoldOfLife * MeanLife(rate), kMaxHold});
  const double expected = std::ldexp(rate, -level - 1) * absl::ToDoubleSeconds(hold);
  return expected < 1 ? kMinHold : std::max(hold, kMinHold);
}

void Gossip::Forward(Instant now, const HintEvent& event, uint64_t limit) {
  const std::vector<Delegate> delegates = Select();
  const uint64_t end = ClockwiseHeads(self_head(), limit);
  for (size_t i = 0; i < delegates.size() && delegates[i].distance < end; ++i) {
    const bool last = i + 1 == delegates.size() || delegates[i + 1].distance >= end;
    const uint64_t until = last ? end : delegates[i + 1].distance;
    Enqueue(now, delegates[i], Pending{event, self_head() + until, 0});
  }
}

void Gossip::GiveToNext(Instant now, const NodeId& after, Pending pending) {
  const uint64_t begin = ClockwiseHeads(self_head(), Head(after));
  const uint64_t end = ClockwiseHeads(self_head(), pending.limit);
  if (++pending.tries > kMaxTries) {
    counters_.Add("overlay.events_lost");
    return;
  }
  const std::vector<Delegate>& eligible = Eligible();
  for (size_t i = 0; i < eligible.size(); ++i) {
    if (eligible[i].distance <= begin || eligible[i].distance >= end) continue;
    // Who stands between the two hears of it when tables are compared.
    return Enqueue(now, WithLevel(i, table_.DistancesOfRanks()), std::move(pending));
  }
}

void Gossip::Enqueue(Instant now, const Delegate& to, Pending pending) {
  if (pending_ >= kMaxPending) {
    counters_.Add("overlay.refused_events_full");
    return;
  }
  Outbox& box = outboxes_[to.id];
  box.due = std::min(box.due, now + Hold(now, to.level));
  // With the limit, which most events share.
  box.bytes += HintEventSize(pending.event);
  if (box.bytes >= kBatchBytes) box.due = now;
  next_flush_ = std::min(next_flush_, box.due);
  box.events.push_back(std::move(pending));
  ++pending_;
}

void Gossip::Flush(Instant now, const NodeId& to) {
  const auto found = outboxes_.find(to);
  const bool usable = links_.Linked(to) && !ring_.IsSuspect(to);
  const double cost = static_cast<double>(found->second.bytes) + kMessageCost;
  if (usable && !outlet_.TryTake(now, cost)) {
    counters_.Add("overlay.events_postponed");
    // A full burst is there before it is taken for never.
    found->second.due = std::min(outlet_.WhenAvailable(now, cost), now + kMaxHold);
    return;
  }
  Outbox box = std::move(found->second);
  outboxes_.erase(found);
  pending_ -= box.events.size();
  if (usable) return SendBatch(now, to, std::move(box.events));
  for (Pending& pending : box.events) GiveToNext(now, to, std::move(pending));
}

void Gossip::SendBatch(Instant now, const NodeId& to, std::vector<Pending> events) {
  std::sort(events.begin(), events.end(), [](const Pending& a, const Pending& b) {
    if (a.limit != b.limit) return a.limit < b.limit;
    if (a.event.hint.head != b.event.hint.head) return a.event.hint.head < b.event.hint.head;
    return a.event.hint.stamp < b.event.hint.stamp;
  });
  wire::v1::EventBatch batch;
  std::vector<Pending> sent;
  ByteWriter group;
  size_t bytes = 0;
  const auto close_group = [&] {
    if (group.bytes().empty()) return;
    wire::v1::EventGroup* out = batch.add_groups();
    out->set_limit(sent.back().limit);
    out->set_events(ToText(group.bytes()));
    group = ByteWriter();
  };
  for (Pending& pending : events) {
    const size_t size = HintEventSize(pending.event);
    if (bytes + size > kBatchBytes || sent.size() == kMaxEventsPerBatch) {
      close_group();
      Send(now, to, std::exchange(batch, {}), std::exchange(sent, {}));
      bytes = 0;
    }
    if (!sent.empty() && sent.back().limit != pending.limit) close_group();
    if (group.bytes().empty()) bytes += 14;  // limit and lengths
    WriteHintEvent(now, pending.event, group);
    bytes += size;
    sent.push_back(std::move(pending));
  }
  close_group();
  Send(now, to, batch, std::move(sent));
}

bool Gossip::Send(Instant now, const NodeId& to, const wire::v1::EventBatch& batch,
                  std::vector<Pending> events) {
  wire::v1::OverlayMessage message;
  *message.mutable_event_batch() = batch;
  message.mutable_event_batch()->set_coordinate(vivaldi_.own().Pack());
  Bytes bytes = SerializeProto(message);
  Charge(static_cast<double>(bytes.size()) + kMessageCost);
  const std::optional<uint64_t> handle = links_.Send(now, to, Purpose::kEvents, std::move(bytes));
  if (!handle) return false;
  if (!events.empty() && sent_.size() < kMaxSent) sent_[*handle] = Sent{to, std::move(events)};
  return true;
}

void Gossip::OnLost(Instant now, uint64_t handle) {
  const auto found = sent_.find(handle);
  if (found == sent_.end()) return;
  Sent sent = std::move(found->second);
  sent_.erase(found);
  for (Pending& pending : sent.events) GiveToNext(now, sent.to, std::move(pending));
}

// What is heard.

void Gossip::OnEventBatch(Instant now, const NodeId& from, const wire::v1::EventBatch& batch) {
  if (batch.groups_size() > kMaxGroups) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  Charge(kAckCost);
  neighbours_.Learn(from, batch.coordinate());
  if (!started_) return;
  if (batch.announce_me()) OnAsked(now, from);
  TokenBucket& inlet =
      inlets_.try_emplace(from, TokenBucket(kNeighbourRate, kNeighbourBurst)).first->second;
  const uint64_t sender = ClockwiseHeads(self_head(), Head(from));
  for (const wire::v1::EventGroup& group : batch.groups()) {
    const auto events = ParseHintEvents(now, AsBytes(group.events()), kMaxEventsPerBatch);
    if (!events) {
      counters_.Add("overlay.dropped_malformed");
      return;
    }
    // Honest nodes give away what lies before them: never past themselves.
    if (ClockwiseHeads(self_head(), group.limit()) > sender) {
      counters_.Add("overlay.dropped_bad_range");
      continue;
    }
    for (const HintEvent& event : *events) {
      if (!inlet.TryTake(now, 1) || !inlet_.TryTake(now, 1)) {
        counters_.Add("overlay.refused_events");
        return;
      }
      if (TakeEvent(now, event)) Forward(now, event, group.limit());
    }
  }
}

bool Gossip::TakeEvent(Instant now, const HintEvent& event) {
  const uint64_t head = event.hint.head;
  if (!event.there && head != self_head()) {
    NoteReport(now, head);
    if (Disbelieves(head)) {
      counters_.Add("overlay.deaths_disbelieved");
      return false;
    }
  }
  const bool news = table_.Take(now, event);
  // Whoever speaks for us now may only repeat what was said before.
  if (head == self_head() && event.there && table_.StampOf(head) == event.hint.stamp) {
    announced_ = true;
  }
  if (!news) {
    counters_.Add("overlay.events_known");
    return false;
  }
  NoteEvent(now, event);
  if (event.there) return true;
  if (head != self_head()) {
    // News of a suspect hastens its end.
    OnReportedGone(now, head);
    return true;
  }
  // We are not. Our neighbour is asked to say so; nobody hears the rest from us.
  announced_ = false;
  next_ask_ = now + rng_.Jitter(kMinHold);
  next_audit_ = std::min(next_audit_.value_or(*next_ask_), *next_ask_);
  return false;
}

void Gossip::NoteReport(Instant now, uint64_t head) {
  const std::optional<NodeId> linked = neighbours_.Linked(head);
  if (!linked || ring_.IsSuspect(*linked) || reports_.size() >= kMaxReports) return;
  if (reports_.emplace(*linked, now).second) liveness_.OnReport(now, *linked);
}

bool Gossip::Disbelieves(uint64_t head) const {
  if (lies_ < kFewLies || lies_ <= truths_) return false;
  // What is said of our leaves is for us to contradict.
  const std::optional<NodeId> linked = neighbours_.Linked(head);
  return !linked || !ring_.leaves().Contains(*linked);
}

void Gossip::CheckReports(Instant now) {
  for (auto it = reports_.begin(); it != reports_.end();) {
    const auto& [id, since] = *it;
    if (now - since < kChecked) {
      ++it;
      continue;
    }
    const std::optional<Instant> heard = links_.LastHeard(id);
    const bool lives = links_.Linked(id) && heard && *heard + Liveness::kFresh >= since;
    (lives ? lies_ : truths_) += 1;
    if (lives) counters_.Add("overlay.deaths_contradicted");
    it = reports_.erase(it);
  }
}

void Gossip::OnReportedGone(Instant now, uint64_t head) {
  const std::optional<NodeId> linked = neighbours_.Linked(head);
  if (linked) liveness_.OnReport(now, *linked);
}

void Gossip::OnLinkDown(const NodeId& id) {
  neighbours_.OnLinkDown(id);
  inlets_.erase(id);
}

// Who speaks.

bool Gossip::InOurArc(uint64_t head) const {
  const uint64_t distance = ClockwiseHeads(self_head(), head);
  bool reached = false;
  for (const NodeId& leaf : ring_.leaves().Side(true)) {
    const uint64_t at = ClockwiseHeads(self_head(), Head(leaf));
    if (at >= distance) {
      reached = true;
      break;
    }
    if (Announced(Head(leaf)) && !ring_.IsSuspect(leaf)) return false;
  }
  // Beyond our last leaf others know more.
  return reached;
}

void Gossip::Announce(Instant now, const HintEvent& event) {
  table_.Witness(now, event);
  NoteEvent(now, event);
  const uint64_t head = event.hint.head;
  const uint64_t radius = table_.radius();
  if (radius == WideTable::kWhole) return Forward(now, event, self_head() - 1);
  Forward(now, event, head + radius);
  // Downwards: whoever stands first there gives it to the others, up to us.
  const uint64_t begin = ClockwiseHeads(self_head(), head - radius);
  const std::vector<Delegate>& eligible = Eligible();
  for (size_t i = 0; i < eligible.size(); ++i) {
    if (eligible[i].distance < begin) continue;
    return Enqueue(now, WithLevel(i, table_.DistancesOfRanks()), Pending{event, self_head(), 0});
  }
}

void Gossip::AnnounceThere(Instant now, const NodeId& id) {
  const NodeRecord* record = links_.RecordOf(id);
  const std::optional<net::Endpoint> endpoint = links_.EndpointOf(id);
  if (record == nullptr || !endpoint || !announcements_.TryTake(now, 1)) return;
  HintEvent event;
  event.hint.head = Head(id);
  event.hint.stamp = StampOfLife(*record);
  const std::optional<uint32_t> known = table_.StampOf(event.hint.head);
  if (known && !LaterStamp(event.hint.stamp, *known)) event.hint.stamp = *known + 1;
  event.hint.endpoint = *endpoint;
  event.hint.sealing_key = record->sealing_key();
  event.hint.place = neighbours_.PlaceOf(event.hint.head);
  event.hint.born = now - kQuarantine;
  event.hint.learnt = now;
  counters_.Add("overlay.announced_joins");
  Announce(now, event);
}

void Gossip::AnnounceGone(Instant now, uint64_t head, uint32_t stamp) {
  if (!announcements_.TryTake(now, 1)) return;
  counters_.Add("overlay.announced_deaths");
  Announce(now, GoneEvent(head, stamp));
}

void Gossip::OnAsked(Instant now, const NodeId& from) {
  const auto leaf = leaves_.find(from);
  if (leaf == leaves_.end()) return;
  leaf->second.asked = now;
  const Hint* hint = table_.Find(Head(from));
  if (hint == nullptr) return AuditLeaves(now);
  // It is announced and missed it: it is told, and nobody else.
  const Delegate to{from, ClockwiseHeads(self_head(), Head(from)), 0};
  Enqueue(now, to, Pending{HintEvent{true, *hint}, Head(from), kMaxTries});
}

void Gossip::AskToBeAnnounced(Instant now) {
  const std::vector<NodeId>& side = ring_.leaves().Side(false);
  if (side.empty()) return;
  if (speaker_ != side.front()) {
    // Somebody else speaks for us now, and perhaps never heard of us: a ring that was two.
    if (announced_) next_ask_ = now + rng_.Jitter(kAskAgain);
    announced_ = false;
    speaker_ = side.front();
    asked_times_ = 0;
  }
  if (announced_ || now - *started_ < kQuarantine || (next_ask_ && *next_ask_ > now)) return;
  const NodeId& to = side[asked_times_ % std::min(side.size(), kAskedNeighbours)];
  ++asked_times_;
  next_ask_ = now + rng_.Jitter(kAskAgain);
  wire::v1::EventBatch batch;
  batch.set_announce_me(true);
  Send(now, to, batch, {});
}

void Gossip::OnLeafSetChanged(Instant now, const LeafSetChanged& change) {
  for (const NodeId& id : change.left) leaves_.erase(id);
  for (const NodeId& id : change.joined) leaves_.try_emplace(id, Leaf{now, std::nullopt, false});
}

void Gossip::OnRadius(const NodeId& leaf, uint64_t radius) {
  if (!started_ && radius != 0 && told_.size() < kMaxTold) told_[leaf] = radius;
}

void Gossip::OnGone(Instant now, const NodeId& id) {
  const uint64_t head = Head(id);
  const Hint* hint = table_.Find(head);
  OnLinkDown(id);
  if (hint == nullptr) return;
  const uint32_t stamp = hint->stamp + 1;
  const auto leaf = leaves_.find(id);
  const bool vouched = leaf != leaves_.end() && leaf->second.vouched;
  const bool ours = running() && (vouched || InOurArc(head));
  // Kept among the failed, in case that it is for us to say later.
  table_.Fail(now, head);
  if (ours) AnnounceGone(now, head, stamp);
}

bool Gossip::Due(Instant now, const NodeId& id, bool ours) const {
  const auto found = leaves_.find(id);
  if (found == leaves_.end() || Announced(Head(id)) || ring_.IsSuspect(id)) return false;
  const Leaf& leaf = found->second;
  const std::optional<Instant> news = table_.LastNewsOf(Head(id));
  const std::optional<Instant> heard = links_.LastHeard(id);
  // Somebody says that it went: not while we hear it.
  if (!heard || (news && *heard <= *news)) return false;
  if (!ours && !leaf.vouched) {
    return leaf.since + kOutOfTurn <= now && leaf.asked && *leaf.asked + kAskAgain > now;
  }
  const bool known = leaf.asked || leaf.vouched || table_.StampOf(Head(id));
  return known && leaf.since + kQuarantine - kQuarantineSlack <= now;
}

// What is wrong in our arc is put right, whoever said it.
void Gossip::AuditLeaves(Instant now) {
  if (!running()) return;
  bool ours = true;
  for (const NodeId& id : ring_.leaves().Side(true)) {
    if (Due(now, id, ours)) {
      AnnounceThere(now, id);
      leaves_.at(id).vouched = !ours;
    }
    if (!ours || !Announced(Head(id)) || ring_.IsSuspect(id)) continue;
    AuditArc(now, Head(id));
    ours = false;
  }
}

void Gossip::Dispute(Instant now, uint64_t head, uint32_t stamp) {
  // Perhaps it is us who cannot reach it.
  if (ring_.FindHead(head) != nullptr || disputes_.count(head) != 0) return;
  if (disputes_.size() >= kMaxDisputes) disputes_.erase(disputes_.begin());
  disputes_[head] = now + kDispute;
  AnnounceGone(now, head, stamp + 1);
}

void Gossip::AuditArc(Instant now, uint64_t end) {
  std::erase_if(disputes_, [now](const auto& entry) { return entry.second <= now; });
  std::map<uint64_t, Instant> missing;
  for (const Hint& hint : table_.Range(self_head() + 1, end, WideTable::kMaxHints)) {
    const auto known = missing_.find(hint.head);
    const Instant since = known == missing_.end() ? now : known->second;
    missing[hint.head] = since;
    if (since + kMissing <= now) Dispute(now, hint.head, hint.stamp);
  }
  missing_ = std::move(missing);
  for (const HintEvent& failed : table_.FailedIn(self_head() + 1, end)) {
    Dispute(now, failed.hint.head, failed.hint.stamp);
  }
}

void Gossip::Audit(Instant now) {
  next_audit_ = now + rng_.Jitter(now - *started_ < kYoung ? kYoungAudit : kAudit);
  neighbours_.Relax();
  table_.Sweep(now);
  if (!running()) return;
  AskToBeAnnounced(now);
  AuditLeaves(now);
  Narrow(now);
}

uint64_t Gossip::WorthwhileRadius(double rate) const {
  const double worth = absl::FDivDuration(MeanLife(rate) - kShortLife, kLongLife - kShortLife);
  if (worth >= 1) return WideTable::kWhole;
  const double width = std::max(worth, kLeastWidth);
  return static_cast<uint64_t>(width * static_cast<double>(WideTable::kWhole));
}

double Gossip::LastingRate(absl::Duration span) {
  const double seconds = absl::ToDoubleSeconds(span);
  auto deaths = static_cast<double>(std::exchange(deaths_, 0));
  // Many who go at once, after a while in which hardly anybody did, do not say how long they live.
  if (seconds_lately_ > absl::ToDoubleSeconds(kLifeSpan) / 2) {
    const double usual = seconds * deaths_lately_ / seconds_lately_;
    deaths = std::min(deaths, kFewDeaths + kMostCounted * usual);
  }
  const double kept = Decay(span, kLifeSpan);
  deaths_lately_ = deaths_lately_ * kept + deaths;
  seconds_lately_ = seconds_lately_ * kept + seconds;
  // In the long run one comes for one who goes; those who come are not counted, since many at once
  // are a crowd of which nobody knows yet how long it stays.
  return 2 * deaths_lately_ / seconds_lately_;
}

void Gossip::Narrow(Instant now) {
  if (now < *next_narrow_) return;
  const absl::Duration span = now - *next_narrow_ + kNarrow;
  next_narrow_ = now + kNarrow;
  const double rate = LastingRate(span);
  truths_ *= Decay(span, kReputation);
  lies_ *= Decay(span, kReputation);
  // Nor does a burst say what a table costs.
  const double spent = std::exchange(spent_, 0) / absl::ToDoubleSeconds(span);
  cost_ += (std::min(spent, kMostCounted * share_) - cost_) * (1 - Decay(span, kCostSpan));
  // Somebody else narrowed it: for want of room, or since it was fetched from who knows less.
  if (table_.radius() < given_) afforded_ = table_.radius();
  if (now - *started_ >= kCostSpan) {
    if (cost_ > kPatience * share_) {
      counters_.Add("overlay.hints_narrowed");
      Afford(std::max(share_ / cost_, 0.75));
    } else if (table_.radius() >= afforded_ && cost_ < share_) {
      Afford(1.15);
    }
  }
  given_ = std::min(afforded_, complete_ ? WorthwhileRadius(rate) : WideTable::kWhole);
  table_.SetRadius(given_);
}

void Gossip::Afford(double factor) {
  constexpr auto kAll = static_cast<double>(WideTable::kWhole);
  const double radius = std::max(static_cast<double>(afforded_) * factor, kLeastWidth * kAll);
  afforded_ = radius >= kAll ? WideTable::kWhole : static_cast<uint64_t>(radius);
}

void Gossip::OnTimeout(Instant now) {
  if (!started_) return;
  if (next_audit_ && *next_audit_ <= now) Audit(now);
  if (!reports_.empty()) CheckReports(now);
  if (next_flush_ > now) return;
  std::vector<NodeId> due;
  for (const auto& [id, box] : outboxes_) {
    if (box.due <= now) due.push_back(id);
  }
  for (const NodeId& id : due) Flush(now, id);
  next_flush_ = Instant::Max();
  for (const auto& [id, box] : outboxes_) next_flush_ = std::min(next_flush_, box.due);
}

std::optional<Instant> Gossip::PollTimeout() const {
  return outboxes_.empty() ? next_audit_ : Earliest(next_audit_, next_flush_);
}

}  // namespace p2pd::overlay
