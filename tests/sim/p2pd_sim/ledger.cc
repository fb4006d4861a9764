#include "tests/sim/p2pd_sim/ledger.h"

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"

namespace p2pd::sim {
namespace {

// What expires so soon may be gone before the answer is here, by a clock that differs.
constexpr absl::Duration kMargin = absl::Minutes(1);

}  // namespace

std::string Ledger::Entry::Name() const {
  return absl::StrCat(std::string(store::ObjectKindName(kind)), " ", overlay::Short(key));
}

size_t Ledger::Issue(const store::Object& object) {
  const auto [row, fresh] = rows_.try_emplace(RowName(object.key(), object.kind(), object.slot()),
                                              entries_.size(), false);
  if (fresh) {
    Entry entry;
    entry.kind = object.kind();
    entry.key = object.key();
    entry.slot = object.slot();
    entries_.push_back(std::move(entry));
    if (store::HasSecondPlace(object.kind())) {
      rows_.try_emplace(RowName(store::SecondPlace(object.key()), object.kind(), object.slot()),
                        row->second.first, true);
    }
  }
  const size_t number = row->second.first;
  entries_[number].issued.insert_or_assign(object.sequence(),
                                           Entry::Version{object.digest(), object.expires()});
  return number;
}

void Ledger::Acknowledge(size_t entry, store::Sequence sequence) {
  Entry& e = entries_[entry];
  if (e.acknowledged && sequence <= *e.acknowledged) return;
  const auto version = e.issued.find(sequence);
  if (version == e.issued.end()) return;  // expired meanwhile
  e.acknowledged = sequence;
  e.expires = version->second.expires;
}

void Ledger::Expire(absl::Time wall) {
  for (Entry& entry : entries_) {
    std::erase_if(entry.issued, [&](const auto& version) {
      return version.second.expires + store::kClockSlack < wall;
    });
  }
}

bool Ledger::Due(size_t entry, absl::Time wall) const {
  const Entry& e = entries_[entry];
  return e.acknowledged && e.removal == Removal::kNone && e.expires > wall + kMargin;
}

std::optional<std::pair<size_t, bool>> Ledger::Find(const store::Key& place, store::ObjectKind kind,
                                                    const Bytes& slot) const {
  const auto found = rows_.find(RowName(place, kind, slot));
  if (found == rows_.end()) return std::nullopt;
  return found->second;
}

Ledger::Verdict Ledger::Judge(size_t entry, std::optional<store::Sequence> floor,
                              const store::GetDone& done) const {
  const Entry& e = entries_[entry];
  Verdict verdict;
  for (const store::Object& object : done.objects) {
    const auto row = Find(object.key(), object.kind(), object.slot());
    const Entry* owner = row ? &entries_[row->first] : nullptr;
    const auto version = owner != nullptr ? owner->issued.find(object.sequence()) : e.issued.end();
    const bool true_one = owner != nullptr && version != owner->issued.end() &&
                          version->second.digest == object.digest();
    if (!true_one) {
      verdict.wrong = absl::StrCat("a get of ", e.Name(), " brought a forgery, sequence ",
                                   object.sequence().value());
      continue;
    }
    if (row->first != entry) continue;
    verdict.sequence = object.sequence();
    if (floor && object.sequence() < *floor) {
      verdict.wrong = absl::StrCat("a get of ", e.Name(), " brought version ",
                                   object.sequence().value(), " to who had seen ", floor->value());
    }
  }
  return verdict;
}

}  // namespace p2pd::sim
