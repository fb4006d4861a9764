#include "libcore/archive/tracker/peer_set.h"

#include <algorithm>

#include "libcore/base/check.h"

namespace p2pd::archive::tracker {
namespace {

// The first block: with its header 40 bytes, which glibc gives without a gap.
constexpr uint32_t kFirstCapacity = 2;
// An index is full to 4/5 at most: a probe then looks at some three slots.
constexpr uint32_t SlotsOfFull(uint32_t capacity) { return capacity + capacity / 4 + 1; }

uint64_t Mix(uint64_t value, uint64_t seed) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio
  value = (value ^ seed) * kOdd;
  return value ^ value >> 32;
}

// The 6 or 18 bytes under the table's secret.
template <size_t N>
uint64_t HashOf(const std::array<uint8_t, N>& wire, uint64_t seed) {
  uint64_t hash = seed;
  for (size_t at = 0; at < N; at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, wire.data() + at, std::min(N - at, sizeof word));
    hash = Mix(word ^ hash, seed);
  }
  return Mix(hash, seed);
}

// Where the record of `wire` is among `count`. Four at a time: one branch for them, and the
// processor compares them at once.
template <class Record>
std::optional<uint32_t> Scan(const Record* all, uint32_t count, const typename Record::Wire& wire) {
  uint32_t i = 0;
  for (; i + 4 <= count; i += 4) {
    uint32_t found = 0;
    for (uint32_t k = 0; k < 4; ++k) found |= all[i + k].Is(wire) ? uint32_t{1} : 0;
    if (found != 0) break;
  }
  for (; i < count; ++i) {
    if (all[i].Is(wire)) return i;
  }
  return std::nullopt;
}

}  // namespace

template <class Record>
uint64_t PeerSet<Record>::BlockBytes(uint64_t capacity, uint64_t slot_count) {
  return sizeof(Header) + capacity * sizeof(Record) + slot_count * sizeof(uint32_t);
}

template <class Record>
uint32_t PeerSet<Record>::SlotsFor(uint32_t capacity) {
  return capacity * sizeof(Record) <= kScanBytes ? 0 : SlotsOfFull(capacity);
}

template <class Record>
size_t PeerSet<Record>::bytes() const {
  if (block_ == nullptr) return 0;
  return AllocatedBytes(BlockBytes(header()->capacity, header()->slots));
}

template <class Record>
PeerClass PeerSet<Record>::ClassAt(uint32_t position) const {
  size_t c = 0;
  while (position >= End(c)) ++c;
  return static_cast<PeerClass>(c);
}

template <class Record>
std::optional<uint32_t> PeerSet<Record>::Find(const Wire& wire, uint64_t seed) const {
  if (block_ == nullptr) return std::nullopt;
  const Record* all = records();
  if (header()->slots == 0) {
    return Scan(all, size(), wire);
  }
  const uint32_t count = header()->slots;
  for (uint32_t slot = HomeSlot(wire, seed); slots()[slot] != 0;
       slot = slot + 1 == count ? 0 : slot + 1) {
    const uint32_t position = slots()[slot] - 1;
    if (all[position].Is(wire)) return position;
  }
  return std::nullopt;
}

template <class Record>
uint32_t PeerSet<Record>::HomeSlot(const Wire& wire, uint64_t seed) const {
  return static_cast<uint32_t>((HashOf(wire, seed) >> 32) * header()->slots >> 32);
}

// The slot that has `position`, which is in the index.
template <class Record>
uint32_t PeerSet<Record>::SlotOf(uint32_t position, uint64_t seed) const {
  uint32_t slot = HomeSlot(records()[position].wire, seed);
  while (slots()[slot] != position + 1) slot = slot + 1 == header()->slots ? 0 : slot + 1;
  return slot;
}

template <class Record>
void PeerSet<Record>::IndexInsert(uint32_t position, uint64_t seed) {
  if (header()->slots == 0) return;
  uint32_t slot = HomeSlot(records()[position].wire, seed);
  while (slots()[slot] != 0) slot = slot + 1 == header()->slots ? 0 : slot + 1;
  slots()[slot] = position + 1;
}

// Linear probing without tombstones: whoever stands behind the hole and is at home before it moves
// up.
template <class Record>
void PeerSet<Record>::IndexErase(uint32_t position, uint64_t seed) {
  const uint32_t count = header()->slots;
  if (count == 0) return;
  uint32_t hole = SlotOf(position, seed);
  uint32_t at = hole;
  while (true) {
    at = at + 1 == count ? 0 : at + 1;
    if (slots()[at] == 0) break;
    const uint32_t home = HomeSlot(records()[slots()[at] - 1].wire, seed);
    const uint32_t from_home = at >= home ? at - home : at + count - home;
    const uint32_t from_hole = at >= hole ? at - hole : at + count - hole;
    if (from_home < from_hole) continue;
    slots()[hole] = slots()[at];
    hole = at;
  }
  slots()[hole] = 0;
}

template <class Record>
void PeerSet<Record>::Relocate(uint32_t from, uint32_t to, uint64_t seed) {
  if (from == to) return;
  if (header()->slots != 0) slots()[SlotOf(from, seed)] = to + 1;
  records()[to] = records()[from];
}

// Each later class gives its first place and takes the one behind its last.
template <class Record>
uint32_t PeerSet<Record>::Place(const Record& record, PeerClass c, uint64_t seed) {
  std::array<uint32_t, kPeerClasses>& end = header()->end;
  const auto own = static_cast<size_t>(c);
  for (size_t other = kPeerClasses - 1; other > own; --other) {
    if (end[other] > end[other - 1]) Relocate(end[other - 1], end[other], seed);
    ++end[other];
  }
  const uint32_t position = end[own]++;
  records()[position] = record;
  IndexInsert(position, seed);
  return position;
}

// The same backwards: each class fills the hole before it with its last.
template <class Record>
void PeerSet<Record>::Take(uint32_t position, uint64_t seed) {
  IndexErase(position, seed);
  std::array<uint32_t, kPeerClasses>& end = header()->end;
  uint32_t hole = position;
  for (auto c = static_cast<size_t>(ClassAt(position)); c < kPeerClasses; ++c) {
    const uint32_t last = end[c] - 1;
    if (last != hole) Relocate(last, hole, seed);
    hole = last;
    --end[c];
  }
}

template <class Record>
uint32_t PeerSet<Record>::Insert(const Record& record, PeerClass c, uint64_t seed) {
  if (block_ == nullptr) {
    Resize(kFirstCapacity, seed);
  } else if (size() == header()->capacity) {
    const uint32_t capacity = header()->capacity;
    // An eighth more; a sixteenth where records are long and many: 28 bytes are all there are.
    const uint32_t more =
        SlotsFor(capacity + capacity / 8) != 0 && sizeof(Record) > 8 ? capacity / 16 : capacity / 8;
    Resize(capacity + std::max(more, kFirstCapacity), seed);
  }
  return Place(record, c, seed);
}

template <class Record>
void PeerSet<Record>::Erase(uint32_t position, uint64_t seed) {
  Take(position, seed);
  ShrinkIfSparse(seed);
}

template <class Record>
uint32_t PeerSet<Record>::Reclass(uint32_t position, PeerClass c, uint64_t seed) {
  if (ClassAt(position) == c) return position;
  const Record record = records()[position];
  Take(position, seed);
  return Place(record, c, seed);
}

// Downwards: what fills a hole comes from higher positions, which have been asked already.
template <class Record>
void PeerSet<Record>::EraseIf(absl::FunctionRef<bool(const Record&)> gone, uint64_t seed) {
  for (uint32_t position = size(); position-- > 0;) {
    if (gone(records()[position])) Take(position, seed);
  }
  ShrinkIfSparse(seed);
}

template <class Record>
void PeerSet<Record>::ShrinkIfSparse(uint64_t seed) {
  if (block_ == nullptr) return;
  const uint32_t count = size();
  if (count == 0) {
    block_.reset();
  } else if (header()->capacity > 4 * kFirstCapacity && count < header()->capacity / 2) {
    Resize(count + std::max(count / 8, kFirstCapacity), seed);
  }
}

template <class Record>
void PeerSet<Record>::Resize(uint32_t capacity, uint64_t seed) {
  const uint32_t slot_count = SlotsFor(capacity);
  // Capacities beyond this would not leave room for a position plus one.
  P2PD_CHECK(capacity < UINT32_MAX / 2);
  const std::unique_ptr<uint8_t[]> old = std::move(block_);
  block_ = std::make_unique_for_overwrite<uint8_t[]>(BlockBytes(capacity, slot_count));
  *header() = {.capacity = capacity, .slots = slot_count, .end = {}};
  if (old != nullptr) {
    header()->end = reinterpret_cast<const Header*>(old.get())->end;
    std::memcpy(records(), old.get() + sizeof(Header), size() * sizeof(Record));
  }
  if (slot_count == 0) return;
  std::memset(slots(), 0, slot_count * sizeof(uint32_t));
  for (uint32_t position = 0; position < size(); ++position) IndexInsert(position, seed);
}

template class PeerSet<PeerV4>;
template class PeerSet<PeerV6>;

}  // namespace p2pd::archive::tracker
