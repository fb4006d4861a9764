// PeerSet: the peers of one swarm and one address family, in as few bytes as their addresses allow.
//
// Rules: records lie without gaps, ordered by class: connectable leechers, other leechers,
// connectable seeds, other seeds. So a record needs no flags, a class is a range, and a uniform
// choice among any classes is a uniform choice among positions. Up to kScanBytes a record is found
// by looking at all of them, which is faster than any index; beyond it by a hash index that lies in
// the same block. Positions are good until the next change. Threads: the owner's, under its lock.
// Limits: the owner's; 8 to 15 bytes for an IPv4 peer, 20 to 27 for an IPv6 peer.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/functional/function_ref.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::tracker {

enum class PeerClass : uint8_t { kConnectableLeecher, kLeecher, kConnectableSeed, kSeed };
inline constexpr size_t kPeerClasses = 4;

constexpr PeerClass ClassOf(bool seed, bool connectable) {
  if (seed) return connectable ? PeerClass::kConnectableSeed : PeerClass::kSeed;
  return connectable ? PeerClass::kConnectableLeecher : PeerClass::kLeecher;
}
constexpr bool IsSeed(PeerClass c) {
  return c == PeerClass::kConnectableSeed || c == PeerClass::kSeed;
}
constexpr bool IsConnectable(PeerClass c) {
  return c == PeerClass::kConnectableSeed || c == PeerClass::kConnectableLeecher;
}

// Seconds of a clock of 32 bits, of which a record keeps the lower 16: ages up to 18 h can be told.
using ShortTime = uint16_t;

// A peer as compact lists have it (BEP 23, BEP 7): address and port in network order; and when it
// announced last.
template <size_t kAddressBytes>
struct PeerRecord {
  static constexpr size_t kWireBytes = kAddressBytes + 2;
  using Wire = std::array<uint8_t, kWireBytes>;

  alignas(2) Wire wire;
  ShortTime seen;

  bool Is(const Wire& other) const {
    return std::memcmp(wire.data(), other.data(), kWireBytes) == 0;
  }
};
using PeerV4 = PeerRecord<4>;
using PeerV6 = PeerRecord<16>;
static_assert(sizeof(PeerV4) == 8 && sizeof(PeerV6) == 20);

template <class Record>
class PeerSet {
 public:
  using Wire = typename Record::Wire;
  // Two pages of records are looked through in the time of two or three cache misses.
  static constexpr size_t kScanBytes = 4096;

  uint32_t size() const { return End(kPeerClasses - 1); }
  bool empty() const { return block_ == nullptr; }
  // Positions [Begin(c), End(c)) are of class c.
  uint32_t Begin(PeerClass c) const {
    return c == PeerClass{} ? 0 : End(static_cast<size_t>(c) - 1);
  }
  uint32_t End(PeerClass c) const { return End(static_cast<size_t>(c)); }
  uint32_t Count(PeerClass c) const { return End(c) - Begin(c); }
  const Record& operator[](uint32_t position) const { return records()[position]; }
  PeerClass ClassAt(uint32_t position) const;

  // `seed` is the table's secret: nobody can choose addresses that collide in the index.
  std::optional<uint32_t> Find(const Wire& wire, uint64_t seed) const;
  // The record must not be there yet. Its position.
  uint32_t Insert(const Record& record, PeerClass c, uint64_t seed);
  void Erase(uint32_t position, uint64_t seed);
  // Moves the record to class c; its new position.
  uint32_t Reclass(uint32_t position, PeerClass c, uint64_t seed);
  void Touch(uint32_t position, ShortTime now) { records()[position].seen = now; }
  // Erases what `gone` says of; each record is asked once.
  void EraseIf(absl::FunctionRef<bool(const Record&)> gone, uint64_t seed);
  // What the block takes from the allocator.
  size_t bytes() const;

 private:
  struct Header {
    uint32_t capacity;  // records
    uint32_t slots;     // of the index; 0: none
    std::array<uint32_t, kPeerClasses> end;
  };

  Header* header() { return reinterpret_cast<Header*>(block_.get()); }
  const Header* header() const { return reinterpret_cast<const Header*>(block_.get()); }
  Record* records() { return reinterpret_cast<Record*>(block_.get() + sizeof(Header)); }
  const Record* records() const {
    return reinterpret_cast<const Record*>(block_.get() + sizeof(Header));
  }
  // A slot has a position plus one; 0 is free.
  uint32_t* slots() {
    return reinterpret_cast<uint32_t*>(block_.get() + sizeof(Header) +
                                       header()->capacity * sizeof(Record));
  }
  const uint32_t* slots() const { return const_cast<PeerSet*>(this)->slots(); }
  uint32_t End(size_t c) const { return block_ == nullptr ? 0 : header()->end[c]; }

  static uint64_t BlockBytes(uint64_t capacity, uint64_t slot_count);
  static uint32_t SlotsFor(uint32_t capacity);
  uint32_t HomeSlot(const Wire& wire, uint64_t seed) const;
  uint32_t SlotOf(uint32_t position, uint64_t seed) const;
  void IndexInsert(uint32_t position, uint64_t seed);
  void IndexErase(uint32_t position, uint64_t seed);
  void Relocate(uint32_t from, uint32_t to, uint64_t seed);
  uint32_t Place(const Record& record, PeerClass c, uint64_t seed);
  void Take(uint32_t position, uint64_t seed);
  void Resize(uint32_t capacity, uint64_t seed);
  void ShrinkIfSparse(uint64_t seed);

  std::unique_ptr<uint8_t[]> block_;  // Header, records, slots; none when empty
};

extern template class PeerSet<PeerV4>;
extern template class PeerSet<PeerV6>;

// What the allocator takes for `bytes`: a word before them, in steps of 16 (glibc).
constexpr size_t AllocatedBytes(size_t bytes) {
  constexpr size_t kStep = 16;
  const size_t whole = (bytes + sizeof(size_t) + kStep - 1) / kStep * kStep;
  return whole < 2 * kStep ? 2 * kStep : whole;
}

}  // namespace p2pd::archive::tracker
