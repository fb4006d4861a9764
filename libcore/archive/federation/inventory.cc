#include "libcore/archive/federation/inventory.h"

#include <algorithm>
#include <utility>

#include "libcore/base/bits.h"
#include "libcore/base/codec.h"

namespace p2pd::archive::federation {
namespace {

using torrent::InfoHash;

enum Form : uint8_t { kNone = 0, kAll = 1, kBitmap = 2 };
constexpr uint8_t kFull = 1;
constexpr size_t kEntryHead = InfoHash::kSize + 4 + 1;

bool All(const Groups& groups) {
  return std::find(groups.begin(), groups.end(), false) == groups.end();
}
bool None(const Groups& groups) {
  return std::find(groups.begin(), groups.end(), true) == groups.end();
}

void WriteEntry(const InfoHash& hash, const Groups& groups, ByteWriter& out) {
  out.Put(hash.view()).U32(static_cast<uint32_t>(groups.size()));
  if (None(groups)) {
    out.U8(kNone);
  } else if (All(groups)) {
    out.U8(kAll);
  } else {
    out.U8(kBitmap).Put(PackBits(groups));
  }
}

size_t SizeOf(const Groups& groups) { return kEntryHead + BytesOfBits(groups.size()); }

// Each set of groups has one form and each bitmap one length, so that what is read is written as
// the same bytes.
std::optional<InventoryEntry> ReadEntry(ByteReader& in) {
  InventoryEntry out;
  out.hash = in.Fixed<InfoHash>();
  const uint32_t count = in.U32();
  const uint8_t form = in.U8();
  if (!in.ok() || count > kMaxGroups || form > kBitmap) return std::nullopt;
  if (form != kBitmap) {
    if (count == 0 && form != kNone) return std::nullopt;
    out.groups.assign(count, form == kAll);
    return out;
  }
  const ByteView bits = in.Take(BytesOfBits(count));
  if (!in.ok()) return std::nullopt;
  out.groups = UnpackBits(bits, count);
  if (None(out.groups) || All(out.groups) || PackBits(out.groups) != bits) return std::nullopt;
  return out;
}

uint64_t CountOf(const Groups& groups) {
  return static_cast<uint64_t>(std::count(groups.begin(), groups.end(), true));
}

void Xor(pki::Sha256Digest& into, const pki::Sha256Digest& with) {
  for (size_t i = 0; i < pki::Sha256Digest::kSize; ++i) into.mutable_view()[i] ^= with[i];
}

}  // namespace

pki::Sha256Digest DigestOf(const InfoHash& hash, const Groups& groups) {
  ByteWriter entry;
  WriteEntry(hash, groups, entry);
  return pki::Sha256(entry.bytes());
}

void WriteInventoryPage(const InventoryPage& page, Bytes& out) {
  ByteWriter writer;
  writer.U64(page.epoch).U64(page.reaches).U64(page.newest).U32(page.torrents);
  writer.Put(page.digest.view()).U8(page.full ? kFull : uint8_t{0}).U64(page.used);
  for (const InventoryEntry& entry : page.entries) WriteEntry(entry.hash, entry.groups, writer);
  Append(out, writer.bytes());
}

std::optional<InventoryPage> ParseInventoryPage(ByteView bytes) {
  ByteReader in(bytes);
  InventoryPage out;
  out.epoch = in.U64();
  out.reaches = in.U64();
  out.newest = in.U64();
  out.torrents = in.U32();
  out.digest = in.Fixed<pki::Sha256Digest>();
  const uint8_t flags = in.U8();
  out.full = flags == kFull;
  out.used = in.U64();
  if (!in.ok() || flags > kFull || out.epoch == 0 || out.reaches > out.newest) return std::nullopt;
  // An entry of a few bytes may stand for 2^18 bits: as many as a page of bitmaps has.
  size_t bits = 0;
  while (!in.AtEnd()) {
    std::optional<InventoryEntry> entry = ReadEntry(in);
    if (!entry) return std::nullopt;
    bits += entry->groups.size();
    if (bits > kMaxPage * 8 * 4) return std::nullopt;
    out.entries.push_back(*std::move(entry));
  }
  return out;
}

// Ours.

void Inventory::Toggle(const InfoHash& hash, const Groups& groups) {
  if (!groups.empty()) Xor(digest_, DigestOf(hash, groups));
}

bool Inventory::Set(const InfoHash& hash, Groups groups) {
  if (groups.size() > kMaxGroups) return false;
  const auto found = entries_.find(hash);
  if (found == entries_.end() ? groups.empty() : found->second.groups == groups) return false;
  Entry& entry = entries_[hash];
  if (entry.revision != 0) {
    Toggle(hash, entry.groups);
    held_ -= CountOf(entry.groups);
    order_.erase(entry.revision);
    if (entry.groups.empty()) --gone_;
  }
  entry.groups = std::move(groups);
  entry.revision = ++revision_;
  order_[entry.revision] = hash;
  held_ += CountOf(entry.groups);
  Toggle(hash, entry.groups);
  if (entry.groups.empty() && ++gone_ > kMaxGone) BeginEpoch();
  return true;
}

void Inventory::BeginEpoch() {
  ++epoch_;
  gone_ = 0;
  revision_ = 0;
  order_.clear();
  std::erase_if(entries_, [](const auto& entry) { return entry.second.groups.empty(); });
  for (auto& [hash, entry] : entries_) {
    entry.revision = ++revision_;
    order_[entry.revision] = hash;
  }
}

InventoryPage Inventory::PageAfter(uint64_t epoch, uint64_t revision, size_t max_bytes) const {
  InventoryPage out;
  out.epoch = epoch_;
  out.newest = revision_;
  out.torrents = static_cast<uint32_t>(torrents());
  out.digest = digest_;
  if (epoch != epoch_ || revision > revision_) revision = 0;
  out.reaches = revision;
  size_t bytes = 0;
  size_t bits = 0;
  for (auto at = order_.upper_bound(revision); at != order_.end(); ++at) {
    const Groups& groups = entries_.at(at->second).groups;
    bytes += SizeOf(groups);
    bits += groups.size();
    if (!out.entries.empty() && (bytes > max_bytes || bits > max_bytes * 8)) return out;
    out.entries.push_back({at->second, groups});
    out.reaches = at->first;
  }
  out.reaches = revision_;
  return out;
}

// Others'.

const Groups* HeardInventory::Find(const InfoHash& hash) const {
  const auto found = heard_.torrents.find(hash);
  return found == heard_.torrents.end() ? nullptr : &found->second;
}

bool HeardInventory::Apply(const InventoryEntry& entry, State& state) {
  if (const auto found = state.torrents.find(entry.hash); found != state.torrents.end()) {
    Xor(state.digest, DigestOf(entry.hash, found->second));
    state.held -= CountOf(found->second);
    state.bits -= found->second.size();
    state.torrents.erase(found);
  }
  if (entry.groups.empty()) return true;
  state.bits += entry.groups.size();
  if (state.torrents.size() >= kMaxTorrents || state.bits > kMaxGroupsInAll) return false;
  Xor(state.digest, DigestOf(entry.hash, entry.groups));
  state.held += CountOf(entry.groups);
  state.torrents[entry.hash] = entry.groups;
  return true;
}

HeardInventory::Taken HeardInventory::Refuse() {
  // Once may be a restart in between; who is wrong twice is not believed.
  if (std::exchange(refused_, true)) heard_ = State{};
  heard_.revision = 0;
  reading_ = State{};
  return Taken::kRefused;
}

HeardInventory::Taken HeardInventory::Take(const InventoryPage& page,
                                           std::vector<InfoHash>& changed) {
  if (page.epoch != epoch()) {
    reading_ = State{};
    reading_->epoch = page.epoch;
  }
  State& state = reading_ ? *reading_ : heard_;
  // Each page but the last gets on, so that nobody makes us ask for ever.
  const bool stuck = !page.last() && page.reaches <= state.revision;
  if (stuck || page.reaches < state.revision) return Refuse();
  for (const InventoryEntry& entry : page.entries) {
    if (!Apply(entry, state)) return Refuse();
    if (!reading_) changed.push_back(entry.hash);
  }
  state.revision = page.reaches;
  if (!page.last()) return Taken::kMore;
  if (state.torrents.size() != page.torrents || state.digest != page.digest) return Refuse();
  refused_ = false;
  if (!reading_) return Taken::kComplete;
  for (const auto& [hash, groups] : heard_.torrents) {
    if (!reading_->torrents.contains(hash)) changed.push_back(hash);
  }
  for (const auto& [hash, groups] : reading_->torrents) {
    const Groups* const before = Find(hash);
    if (before == nullptr || *before != groups) changed.push_back(hash);
  }
  heard_ = *std::exchange(reading_, std::nullopt);
  return Taken::kComplete;
}

}  // namespace p2pd::archive::federation
