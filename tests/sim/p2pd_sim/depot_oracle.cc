// What must hold at a Depot: who keeps what, what is lost, and the checks at rest.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "libcore/store/carrier.h"
#include "tests/sim/p2pd_sim/depot.h"

namespace p2pd::sim {
namespace {

constexpr size_t kMostViolations = 20;
// An object of which a copy lives and that nobody could read for so long, by so many tries, is as
// good as lost.
constexpr absl::Duration kUnreadFor = absl::Minutes(2);
constexpr int kUnreadTries = 3;
// Gets of a check at rest, apart; and how long the last of them may take.
constexpr absl::Duration kRestGap = absl::Milliseconds(50);
constexpr absl::Duration kRestWait = absl::Seconds(10);
// Keys of which exactly one node may think that it is the root.
constexpr int kRootKeys = 30;

}  // namespace

void Depot::Violate(std::string what) {
  const absl::Duration at = world().now() - Instant();
  if (violations_.size() >= kMostViolations) {
    ++violations_more_;
    return;
  }
  violations_.push_back(absl::StrCat("at ", absl::FormatDuration(absl::Trunc(at, absl::Seconds(1))),
                                     ": ", std::move(what)));
}

std::vector<std::string> Depot::Violations() const {
  std::vector<std::string> all = violations_;
  if (violations_more_ != 0) all.push_back(absl::StrCat("and ", violations_more_, " more"));
  return all;
}

void Depot::Census() {
  ledger_.Expire(world().wall_now());
  CountLost(TakeCensus());
  if (up() == 0) return;
  results().neighbours.total += up();
  results().neighbours.good += up() - WrongNeighbours(4);
}

std::vector<Depot::Copies> Depot::TakeCensus() {
  std::vector<Copies> census(ledger_.size());
  const absl::Time wall = world().wall_now();
  for (const Node& node : nodes_) {
    if (!node.host->up() || node.attacker) continue;
    for (const store::RowSummary& row :
         node.host->table().SummariesBetween(store::Key(), LastKey(), SIZE_MAX)) {
      const bool removal = row.kind == wire::v1::OBJECT_KIND_REMOVAL;
      const store::ObjectKind kind = removal ? wire::v1::OBJECT_KIND_RAW : row.kind;
      const auto found = ledger_.Find(row.place, kind, row.slot);
      if (!found || row.expires <= wall) continue;
      Copies& copies = census[found->first];
      if (removal) {
        copies.removal = true;
        continue;
      }
      const Ledger::Entry& e = ledger_.at(found->first);
      if (e.issued.count(row.sequence) == 0) {
        if (!node.liar) Violate(absl::StrCat("a node keeps a forgery of ", e.Name()));
        continue;
      }
      std::optional<store::Sequence>& newest = found->second ? copies.second : copies.first;
      if (!newest || *newest < row.sequence) newest = row.sequence;
      if (e.acknowledged && row.sequence >= *e.acknowledged) ++copies.holders;
    }
  }
  return census;
}

void Depot::CountLost(const std::vector<Copies>& census) {
  for (size_t i = 0; i < census.size(); ++i) {
    Ledger::Entry& e = ledger_.at(i);
    if (!ledger_.Due(i, world().wall_now()) || census[i].holders != 0) {
      e.missing_since.reset();
    } else if (!e.missing_since) {
      e.missing_since = world().now();
    }
  }
}

size_t Depot::Lost() const {
  size_t lost = 0;
  for (size_t i = 0; i < ledger_.size(); ++i) lost += ledger_.at(i).missing_since ? 1u : 0u;
  return lost;
}

size_t Depot::Due() const {
  size_t due = 0;
  for (size_t i = 0; i < ledger_.size(); ++i) due += ledger_.Due(i, world().wall_now()) ? 1u : 0u;
  return due;
}

void Depot::NoteUnread(size_t entry, const absl::Status& status) {
  Ledger::Entry& e = ledger_.at(entry);
  const bool lives = TakeCensus()[entry].holders != 0;
  if (!lives || split_ || conspiracy_->awake()) {
    e.unread_since.reset();
    e.unread = 0;
    return;
  }
  if (!e.unread_since) e.unread_since = world().now();
  ++e.unread;
  if (e.unread < kUnreadTries || world().now() - *e.unread_since < kUnreadFor) return;
  Violate(absl::StrCat("a copy of ", e.Name(), " lives, and nobody could read it for ",
                       absl::FormatDuration(world().now() - *e.unread_since), ": ",
                       std::string(status.message())));
  e.unread_since.reset();
  e.unread = 0;
}

// ---- At rest -----------------------------------------------------------------------------------

void Depot::CheckAtRest(int readers) {
  CheckRing();
  for (size_t i = 0; i < ledger_.size(); ++i) {
    std::set<size_t> asked;
    for (int reader = 0; reader < readers; ++reader) {
      RunFor(kRestGap);
      const Ledger::Entry& e = ledger_.at(i);
      const bool removed = e.removal == Ledger::Removal::kDone;
      if (!removed && !ledger_.Due(i, world().wall_now())) break;
      const Copies copies = TakeCensus()[i];
      const std::optional<store::Sequence> lives = copies.first ? copies.first : copies.second;
      const std::optional<size_t> place = RandomActive();
      if (!place || !asked.insert(*place).second || (removed ? !copies.removal : !lives)) continue;
      PendingGet pending;
      pending.at_rest = true;
      if (!removed) pending.wanted = std::min(*lives, *e.acknowledged);
      StartGet(*place, i, pending);
    }
  }
  RunFor(kRestWait);
  CountLost(TakeCensus());
}

void Depot::EndRestGet(const PendingGet& pending, const store::GetDone& done) {
  const Ledger::Entry& e = ledger_.at(pending.entry);
  const std::optional<store::Sequence> got = ledger_.Judge(pending.entry, {}, done).sequence;
  if (!pending.wanted) {
    if (got) Violate(absl::StrCat(e.Name(), " was removed and came back"));
    return;
  }
  if (!got) {
    Violate(absl::StrCat("at rest a copy of ", e.Name(),
                         " lives and is not found: ", std::string(done.status.message())));
  } else if (*got < *pending.wanted) {
    Violate(absl::StrCat("at rest a get of ", e.Name(), " brought version ", got->value(),
                         " where ", pending.wanted->value(), " is kept"));
  }
}

void Depot::CheckRing() {
  if (active() != up()) Violate(absl::StrCat(up() - active(), " nodes have not joined"));
  const size_t wrong = WrongNeighbours(8);
  if (wrong != 0) Violate(absl::StrCat(wrong, " leaf sets are not the true ones"));
  for (int i = 0; i < kRootKeys; ++i) {
    const auto key = rng().Make<store::Key>();
    const auto roots = std::count_if(nodes_.begin(), nodes_.end(), [&](const Node& node) {
      return node.host->up() && node.host->node().IsRoot(key);
    });
    if (roots != 1) Violate(absl::StrCat(roots, " nodes are the root of one key"));
  }
}

size_t Depot::active() const {
  return static_cast<size_t>(std::count_if(nodes_.begin(), nodes_.end(), [](const Node& node) {
    return node.host && node.host->active();
  }));
}

size_t Depot::WrongNeighbours(size_t per_side) const {
  std::set<overlay::NodeId> ids;
  for (const Node& node : nodes_) {
    if (node.host->active()) ids.insert(node.host->id());
  }
  size_t wrong = 0;
  for (const Node& node : nodes_) {
    if (!node.host->active()) continue;
    std::set<overlay::NodeId> leaves;
    for (const overlay::NodeRecord& record : node.host->node().LeafSet()) {
      leaves.insert(record.id());
    }
    auto above = ids.find(node.host->id());
    auto below = above;
    bool right = true;
    for (size_t i = 0; i < std::min(per_side, (ids.size() - 1) / 2); ++i) {
      above = std::next(above) == ids.end() ? ids.begin() : std::next(above);
      below = below == ids.begin() ? std::prev(ids.end()) : std::prev(below);
      right = right && leaves.count(*above) != 0 && leaves.count(*below) != 0;
    }
    if (!right) ++wrong;
  }
  return wrong;
}

double Depot::ReplicasHeld() const {
  Proportion held;
  for (size_t i = 0; i < ledger_.size(); ++i) {
    const Ledger::Entry& e = ledger_.at(i);
    if (!ledger_.Due(i, world().wall_now())) continue;
    for (const Node& root : nodes_) {
      if (!root.host->active() || !root.host->node().IsRoot(e.key)) continue;
      const auto set = root.host->node().ReplicaSet(e.key);
      for (const Node& node : nodes_) {
        if (!set || !node.host->up() || !store::Contains(*set, node.host->id())) continue;
        const auto rows = node.host->table().Find(e.key, e.kind);
        held.Add(std::any_of(rows.begin(), rows.end(), [&](const store::StoredRow& row) {
          return row.object.slot() == e.slot && row.object.sequence() >= *e.acknowledged;
        }));
      }
    }
  }
  return held.Rate();
}

double Depot::StoredBytes() const {
  double bytes = 0;
  for (const Node& node : nodes_) {
    if (node.host->up()) bytes += static_cast<double>(node.host->table().total_bytes());
  }
  return bytes / static_cast<double>(std::max<size_t>(1, up()));
}

uint64_t Depot::Count(absl::string_view counter) const {
  uint64_t sum = 0;
  for (const Node& node : nodes_) {
    if (node.host->up()) sum += node.host->counters().Get(counter);
  }
  return sum;
}

}  // namespace p2pd::sim
