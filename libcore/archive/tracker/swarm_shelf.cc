#include "libcore/archive/tracker/swarm_shelf.h"

#include <algorithm>
#include <utility>

namespace p2pd::archive::tracker {
namespace {

constexpr size_t kFirstSlots = 16;
// Full to 3/4 at most, and to 3/32 at least.
constexpr bool IsTooFull(size_t swarms, size_t slots) { return 4 * swarms > 3 * slots; }
constexpr bool IsTooEmpty(size_t swarms, size_t slots) {
  return slots > kFirstSlots && 32 * swarms < 3 * slots;
}

}  // namespace

uint32_t SwarmShelf::Find(const torrent::InfoHash& hash, uint64_t hashed) const {
  if (slots_.empty()) return kNone;
  const size_t mask = slots_.size() - 1;
  for (size_t slot = hashed & mask; slots_[slot] != kNone; slot = (slot + 1) & mask) {
    if ((*this)[slots_[slot]].hash == hash) return slots_[slot];
  }
  return kNone;
}

uint32_t SwarmShelf::Insert(const torrent::InfoHash& hash, uint64_t hashed) {
  if (IsTooFull(size_ + size_t{1}, slots_.size()))
    Reindex(std::max(kFirstSlots, 2 * slots_.size()));
  const uint32_t place = size_++;
  if (place / kSwarmsPerChunk == chunks_.size()) {
    chunks_.push_back(std::make_unique<Chunk>());
  }
  (*this)[place].hash = hash;
  const size_t mask = slots_.size() - 1;
  size_t slot = hashed & mask;
  while (slots_[slot] != kNone) slot = (slot + 1) & mask;
  slots_[slot] = place;
  LinkNewest(place);
  return place;
}

void SwarmShelf::Remove(uint32_t place) {
  Unlink(place);
  FreeSlot(SlotOf(place));
  const uint32_t last = --size_;
  if (place != last) {
    slots_[SlotOf(last)] = place;
    const uint32_t newer = (*this)[last].newer;
    const uint32_t older = (*this)[last].older;
    (newer == kNone ? newest_ : (*this)[newer].older) = place;
    (older == kNone ? oldest_ : (*this)[older].newer) = place;
    (*this)[place] = std::move((*this)[last]);
  }
  (*this)[last] = Swarm();
  // One empty chunk is kept: a swarm that comes and goes at the border costs no allocation.
  if (size_ + 2 * kSwarmsPerChunk <= chunks_.size() * kSwarmsPerChunk) chunks_.pop_back();
  if (IsTooEmpty(size_, slots_.size())) Reindex(slots_.size() / 4);
}

void SwarmShelf::Touch(uint32_t place) {
  if (newest_ == place) return;
  Unlink(place);
  LinkNewest(place);
}

void SwarmShelf::Unlink(uint32_t place) {
  const Swarm& swarm = (*this)[place];
  (swarm.newer == kNone ? newest_ : (*this)[swarm.newer].older) = swarm.older;
  (swarm.older == kNone ? oldest_ : (*this)[swarm.older].newer) = swarm.newer;
}

void SwarmShelf::LinkNewest(uint32_t place) {
  (*this)[place].newer = kNone;
  (*this)[place].older = newest_;
  (newest_ == kNone ? oldest_ : (*this)[newest_].newer) = place;
  newest_ = place;
}

uint32_t SwarmShelf::SlotOf(uint32_t place) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = HashOf(key_, (*this)[place].hash) & mask;
  while (slots_[slot] != place) slot = (slot + 1) & mask;
  return static_cast<uint32_t>(slot);
}

// Linear probing without tombstones: whoever stands behind the hole and is at home before it moves
// up.
void SwarmShelf::FreeSlot(uint32_t slot) {
  const size_t mask = slots_.size() - 1;
  size_t hole = slot;
  for (size_t at = (hole + 1) & mask; slots_[at] != kNone; at = (at + 1) & mask) {
    const size_t home = HashOf(key_, (*this)[slots_[at]].hash) & mask;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = kNone;
}

void SwarmShelf::Reindex(size_t slot_count) {
  slots_.assign(slot_count, kNone);
  slots_.shrink_to_fit();
  const size_t mask = slot_count - 1;
  for (uint32_t place = 0; place < size_; ++place) {
    size_t slot = HashOf(key_, (*this)[place].hash) & mask;
    while (slots_[slot] != kNone) slot = (slot + 1) & mask;
    slots_[slot] = place;
  }
}

size_t SwarmShelf::bytes() const {
  return chunks_.size() * AllocatedBytes(sizeof(Chunk) + alignof(Chunk)) +
         chunks_.capacity() * sizeof(chunks_[0]) + slots_.capacity() * sizeof(slots_[0]);
}

}  // namespace p2pd::archive::tracker
