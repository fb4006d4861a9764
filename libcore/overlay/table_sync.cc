#include "libcore/overlay/table_sync.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

constexpr size_t kFingerprintBytes = 2;

}  // namespace

void TableSync::Start(Instant now) {
  if (started_) return;
  started_ = true;
  next_ = now + kFetchAfter + rng_.Jitter(kFetchPace);
}

std::optional<NodeId> TableSync::Partner() {
  std::vector<NodeId> from;
  for (const NodeId& id : neighbours_.All()) {
    // Of a newcomer's neighbours only other newcomers are among its hints, and they know nothing.
    const bool knows = !complete_ || table_.Find(Head(id)) != nullptr;
    if (knows && ring_.Contains(id) && !ring_.IsSuspect(id)) from.push_back(id);
  }
  if (from.empty()) return std::nullopt;
  return from[rng_.Below(from.size())];
}

void TableSync::Step(Instant now) {
  next_ = now + (complete_ ? rng_.Jitter(pace_) : kAnswerTimeout);
  question_.reset();
  const std::optional<NodeId> to = gossip_.running() ? Partner() : std::nullopt;
  if (!to) return;
  if (!cursor_) {
    cursor_ = self_head_ - table_.radius() + 1;
    end_ = self_head_ + table_.radius() + 1;  // the same where the radius is half the ring
  }
  const uint64_t from = *cursor_;
  uint64_t until = end_;
  const std::vector<Hint> have = table_.Range(from, until, kMaxFingerprints + 1);
  if (have.size() > kMaxFingerprints) until = have.back().head;
  wire::v1::OverlayMessage message;
  wire::v1::TableQuery* query = message.mutable_table_query();
  ByteWriter fingerprints;
  for (size_t i = 0; i < std::min(have.size(), kMaxFingerprints); ++i) {
    fingerprints.U16(Fingerprint(have[i].head, from));
  }
  query->set_from(from);
  query->set_until(until);
  query->set_have(ToText(fingerprints.bytes()));
  query->set_fetch(!complete_);
  query->set_coordinate(vivaldi_.own().Pack());
  question_ = Question{*to, from, until};
  // A comparison goes on elsewhere, whether an answer comes or not: none comes when all agrees.
  if (complete_) Advance(until);
  Bytes bytes = SerializeProto(message);
  gossip_.Charge(static_cast<double>(bytes.size()) + Gossip::kMessageCost);
  links_.Send(now, *to, Purpose::kEvents, std::move(bytes));
}

bool TableSync::Advance(uint64_t until) {
  cursor_ = until;
  if (until != end_) return false;
  cursor_.reset();
  return true;
}

void TableSync::OnTableQuery(Instant now, const NodeId& from, const wire::v1::TableQuery& query) {
  const std::string& have = query.have();
  if (have.size() > kMaxFingerprints * kFingerprintBytes || have.size() % kFingerprintBytes != 0) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  neighbours_.Learn(from, query.coordinate());
  TokenBucket& inlet =
      inlets_.try_emplace(from, TokenBucket(kNeighbourRate, kNeighbourBurst)).first->second;
  if (!inlet.TryTake(now, 1) || !inlet_.TryTake(now, 1)) {
    counters_.Add("overlay.refused_table_queries");
    return;
  }
  gossip_.Charge(Gossip::kAckCost);
  std::vector<uint16_t> theirs;
  for (ByteReader reader{AsBytes(have)}; reader.remaining() > 0;) theirs.push_back(reader.U16());
  std::sort(theirs.begin(), theirs.end());
  const auto has = [&](uint64_t head) {
    return std::binary_search(theirs.begin(), theirs.end(), Fingerprint(head, query.from()));
  };
  ByteWriter events;
  size_t count = 0;
  uint64_t until = query.until();
  const auto add = [&](const HintEvent& event) {
    if (count == kMaxAnswerEvents || events.bytes().size() + HintEventSize(event) > kMaxAnswerBytes)
      return false;
    WriteHintEvent(now, event, events);
    ++count;
    return true;
  };
  for (const HintEvent& gone : table_.GoneIn(query.from(), query.until())) {
    if (has(gone.hint.head) && !add(gone)) break;
  }
  table_.Walk(query.from(), query.until(), [&](const Hint& hint) {
    // Hearsay of long ago is not passed on; and everybody knows himself.
    if (!table_.Covers(hint.head) || hint.head == Head(from) || has(hint.head)) return true;
    const bool room = add(HintEvent{true, hint});
    if (!room) until = hint.head;
    return room;
  });
  if (count == 0 && !query.fetch()) return;
  wire::v1::OverlayMessage message;
  wire::v1::TableAnswer* answer = message.mutable_table_answer();
  answer->set_from(query.from());
  answer->set_until(until);
  answer->set_events(ToText(events.bytes()));
  answer->set_complete(complete_);
  answer->set_radius(table_.radius());
  answer->set_coordinate(vivaldi_.own().Pack());
  Bytes bytes = SerializeProto(message);
  gossip_.Charge(static_cast<double>(bytes.size()) + Gossip::kMessageCost);
  links_.Send(now, from, Purpose::kEvents, std::move(bytes));
}

size_t TableSync::TakeEvents(Instant now, const std::vector<HintEvent>& events) {
  size_t news = 0;
  for (const HintEvent& event : events) {
    const uint64_t head = event.hint.head;
    if (head == self_head_) continue;
    if (event.there) {
      if (table_.Fetch(now, event.hint)) ++news;
    } else if (table_.Find(head) != nullptr && !gossip_.Disbelieves(head) &&
               table_.Take(now, event)) {
      ++news;
      gossip_.OnReportedGone(now, head);
    }
  }
  return news;
}

void TableSync::OnTableAnswer(Instant now, const NodeId& from,
                              const wire::v1::TableAnswer& answer) {
  const auto events = ParseHintEvents(now, AsBytes(answer.events()), kMaxAnswerEvents);
  const bool asked = question_ && question_->to == from && question_->from == answer.from() &&
                     ClockwiseHeads(answer.from(), answer.until() - 1) <=
                         ClockwiseHeads(question_->from, question_->until - 1);
  if (!events || !asked) {
    counters_.Add("overlay.dropped_unasked_table");
    return;
  }
  const uint64_t until = std::exchange(question_, std::nullopt)->until;
  gossip_.Charge(Gossip::kAckCost);
  neighbours_.Learn(from, answer.coordinate());
  const size_t news = TakeEvents(now, *events);
  counters_.Add("overlay.hints_fetched", news);
  if (complete_) {
    found_ = news != 0;
    if (found_) next_ = std::min(*next_, now + rng_.Jitter(kCompare));
    // There was more than fits: this table has become wider, or was deaf for a while.
    if (found_ && answer.until() != until) {
      cursor_ = answer.until();
      next_ = std::min(*next_, now + rng_.Jitter(kFetchPace));
    }
    return;
  }
  next_ = now + rng_.Jitter(kFetchPace);
  if (!answer.complete() && ++unready_ <= kMaxUnready) return;
  if (answer.complete() && radii_.size() < kMaxRadii) radii_.push_back(answer.radius());
  if (!Advance(answer.until())) return;
  complete_ = true;
  Settle();
  gossip_.SetComplete();
}

// What hardly anybody keeps cannot be kept by us alone. The narrowest of those who were asked would
// not do: each generation of nodes would know less than the one before.
void TableSync::Settle() {
  const auto middle = radii_.begin() + static_cast<ptrdiff_t>(radii_.size() / 2);
  std::nth_element(radii_.begin(), middle, radii_.end());
  if (middle != radii_.end() && *middle < table_.radius()) table_.SetRadius(*middle);
  radii_.clear();
}

void TableSync::OnTimeout(Instant now) {
  if (!next_ || *next_ > now) return;
  // Silence to a comparison: all was the same, or the question was lost.
  pace_ = std::exchange(found_, false) ? kCompare : std::min(pace_ * 1.5, kMaxCompare);
  Step(now);
}

}  // namespace p2pd::overlay
