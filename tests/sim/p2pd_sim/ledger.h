// Ledger: what was put into a simulated store, in which versions, and which of them were
// acknowledged: the oracle that says whether what a reader got is true, new enough, or lost.
//
// Rules: each object is named by its kind, key and slot. Only versions that were issued are true;
// anything else is a forgery. A version counts until it expires. Of a raw value that was removed no
// copy may be read once the removal was acknowledged; while that is open, nothing is expected.
// Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "libcore/store/store.h"

namespace p2pd::sim {

class Ledger {
 public:
  enum class Removal { kNone, kOpen, kDone };
  struct Entry {
    store::ObjectKind kind{};
    store::Key key;
    Bytes slot;
    struct Version {
      pki::Sha256Digest digest;
      absl::Time expires;
    };
    std::map<store::Sequence, Version> issued;  // those that have not expired
    std::optional<store::Sequence> acknowledged;
    absl::Time expires;  // of the acknowledged version
    Bytes secret;        // of a raw value
    Removal removal = Removal::kNone;
    // Since when no living node has had a copy that is new enough.
    std::optional<Instant> missing_since;
    // Reads that failed one after the other although a copy lived.
    std::optional<Instant> unread_since;
    int unread = 0;

    bool immutable() const { return store::IsImmutable(kind); }
    std::string Name() const;
  };

  // A version that is about to be put.
  size_t Issue(const store::Object& object);
  void Acknowledge(size_t entry, store::Sequence sequence);
  // Forgets versions that nobody keeps any longer.
  void Expire(absl::Time wall);

  Entry& at(size_t entry) { return entries_[entry]; }
  const Entry& at(size_t entry) const { return entries_[entry]; }
  size_t size() const { return entries_.size(); }
  // True when a read now should give something: acknowledged, not removed, and good for a while.
  bool Due(size_t entry, absl::Time wall) const;

  // Whose row this is; true when it stands at the second place. nullopt: nobody's.
  std::optional<std::pair<size_t, bool>> Find(const store::Key& place, store::ObjectKind kind,
                                              const Bytes& slot) const;

  struct Verdict {
    std::optional<store::Sequence> sequence;  // of the object that was wanted, if it came
    std::string wrong;                        // forged, or older than `floor`; empty when neither
  };
  // Judges what a get brought whose reader had seen `floor` already.
  Verdict Judge(size_t entry, std::optional<store::Sequence> floor,
                const store::GetDone& done) const;

 private:
  using RowName = std::tuple<store::Key, store::ObjectKind, Bytes>;
  std::vector<Entry> entries_;
  std::map<RowName, std::pair<size_t, bool>> rows_;
};

}  // namespace p2pd::sim
