#include "libcore/overlay/shortcut.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "libcore/overlay/letter_box.h"

namespace p2pd::overlay {

absl::Duration Shortcut::Patience(std::optional<absl::Duration> expected) const {
  if (!expected) return kUnknown;
  return std::clamp(*expected * (ratio_ + 4 * deviation_) + kSlack, LetterBox::kMinRepeat,
                    LetterBox::kMaxRepeat);
}

void Shortcut::OnAnswered(std::optional<absl::Duration> expected, absl::Duration took) {
  if (!expected || *expected <= absl::ZeroDuration()) return;
  const absl::Duration travelled = std::max(took - kSlack / 2, took / 2);
  const double sample = std::min(absl::FDivDuration(travelled, *expected), kMaxRatio);
  // RFC 6298 §2.3, with smaller gains: the samples are of different nodes.
  deviation_ += (std::abs(sample - ratio_) - deviation_) / 8;
  ratio_ += (sample - ratio_) / 16;
}

std::optional<Shortcut::Choice> Shortcut::For(const Key& key, bool any_replica) const {
  if (!complete_ || !ring_.active() || ring_.leaves().Covers(key)) return std::nullopt;
  Ring::HopQuery query;
  query.key = key;
  if (ring_.NextHop(query).kind == Ring::Hop::Kind::kDeliver) return std::nullopt;
  const uint64_t position = Head(key);
  // Half a table leads half the way, to somebody who is far from us.
  if (!table_.Covers(position)) return std::nullopt;
  const std::vector<Hint> root = table_.Nearest(position, 1);
  if (root.empty()) return std::nullopt;
  // Somebody with a link stands as near.
  const std::vector<NodeRecord> linked = ring_.Nearest(key, 1);
  if (!linked.empty() &&
      HeadDistance(position, Head(linked.front().id())) <= HeadDistance(position, root[0].head)) {
    return std::nullopt;
  }
  std::optional<Choice> best;
  for (const Hint& hint : any_replica ? table_.Around(position, per_side_) : root) {
    if (neighbours_.Linked(hint.head)) continue;
    const std::optional<absl::Duration> expected = neighbours_.RoundTripTo(hint);
    const bool nearer = best && expected && (!best->expected || *expected < *best->expected);
    if (best && !nearer) continue;
    best = Choice{{hint.head, hint.endpoint, hint.sealing_key}, expected, Patience(expected)};
  }
  return best;
}

std::optional<Shortcut::Choice> Shortcut::Beside(const Key& key, uint64_t root) const {
  std::optional<Choice> best;
  for (const Hint& hint : table_.Around(Head(key), per_side_)) {
    if (hint.head == root) continue;
    if (neighbours_.Linked(hint.head)) return std::nullopt;
    const std::optional<absl::Duration> expected = neighbours_.RoundTripTo(hint);
    const bool nearer = best && expected && (!best->expected || *expected < *best->expected);
    if (best && !nearer) continue;
    best = Choice{{hint.head, hint.endpoint, hint.sealing_key}, expected, Patience(expected)};
  }
  return best;
}

std::vector<NearNode> Shortcut::Replicas(const Key& key) const {
  return Replicas(key, table_.Around(Head(key), per_side_));
}

std::vector<NearNode> Shortcut::Replicas(const Key& key, std::vector<Hint> hints) const {
  hints = OnEitherSide(Head(key), std::move(hints), per_side_);
  struct Candidate {
    bool outermost;
    absl::Duration time;
    NearNode near;
  };
  std::vector<Candidate> order;
  for (size_t i = 0; i < hints.size(); ++i) {
    const Hint& hint = hints[i];
    const size_t rank = std::min(i, hints.size() - 1 - i);
    const std::optional<NodeId> linked = neighbours_.Linked(hint.head);
    if (linked && ring_.IsSuspect(*linked)) continue;
    const std::optional<absl::Duration> expected = neighbours_.RoundTripTo(hint);
    order.push_back({shifting_ && rank + 1 == per_side_,
                     expected.value_or(kUnknown),
                     {{hint.head, hint.endpoint, hint.sealing_key}, Patience(expected)}});
  }
  std::sort(order.begin(), order.end(), [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.outermost, a.time, a.near.target.head) <
           std::tuple(b.outermost, b.time, b.near.target.head);
  });
  std::vector<NearNode> out;
  for (Candidate& candidate : order) out.push_back(std::move(candidate.near));
  return out;
}

}  // namespace p2pd::overlay
