#include "libcore/store/local_store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "libcore/base/log.h"
#include "libcore/store/account_ledger.h"

namespace p2pd::store {
namespace {

size_t Charge(const Object& object) { return object.bytes().size() + kRowOverhead; }

bool SameSlot(const Object& a, const Object& b) {
  return a.kind() == b.kind() && a.slot() == b.slot();
}

bool RightPlace(const Object& object, const Key& place) {
  if (place == object.key()) return true;
  return HasSecondPlace(object.kind()) && place == SecondPlace(object.key());
}

// What competes for room at a place. Where only the owner of a place can write, no stranger takes
// room; nor does it cost anything to make certificates for somebody's address, or to put values at
// his key, so that each of these has a room of its own.
enum class Room { kOwners, kCertificates, kAnybodys };

Room RoomOf(ObjectKind kind) {
  switch (kind) {
    case wire::v1::OBJECT_KIND_USER_STATE:
    case wire::v1::OBJECT_KIND_USER_ENVIRONMENT:
    case wire::v1::OBJECT_KIND_REVOCATION:
    case wire::v1::OBJECT_KIND_DEVICE_LIST:
      return Room::kOwners;
    case wire::v1::OBJECT_KIND_AUTHENTICATION:
      return Room::kCertificates;
    case wire::v1::OBJECT_KIND_RAW:
    case wire::v1::OBJECT_KIND_REMOVAL:
    case wire::v1::OBJECT_KIND_SERVICE:
    case wire::v1::OBJECT_KIND_UNSPECIFIED:
    case wire::v1::ObjectKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::ObjectKind_INT_MAX_SENTINEL_DO_NOT_USE_:
      return Room::kAnybodys;
  }
  return Room::kAnybodys;
}

// Who competes does so by objects of about one size: a few bytes less are no claim to somebody
// else's room.
size_t Weight(const Object& object) { return (Charge(object) + kWeightUnit - 1) / kWeightUnit; }

const Object* DeviceListOf(const std::vector<StoredRow>& here) {
  for (const StoredRow& row : here) {
    if (row.object.kind() == wire::v1::OBJECT_KIND_DEVICE_LIST) return &row.object;
  }
  return nullptr;
}

bool Revokes(const Object* device_list, const Object& state) {
  if (device_list == nullptr) return false;
  const auto& revoked = device_list->device_list().revoked();
  return std::find(revoked.begin(), revoked.end(), ToText(state.slot())) != revoked.end();
}

const StoredRow* FindSlot(const std::vector<StoredRow>& here, ObjectKind kind, const Bytes& slot) {
  for (const StoredRow& row : here) {
    if (row.object.kind() == kind && row.object.slot() == slot) return &row;
  }
  return nullptr;
}

}  // namespace

absl::string_view KeepResultName(KeepResult result) {
  switch (result) {
    case KeepResult::kKept:
      return "store.kept";
    case KeepResult::kAlreadyHere:
      return "store.kept_already";
    case KeepResult::kStale:
      return "store.refused_stale";
    case KeepResult::kConflict:
      return "store.refused_conflict";
    case KeepResult::kRevoked:
      return "store.refused_revoked";
    case KeepResult::kRemoved:
      return "store.refused_removed";
    case KeepResult::kNothingToRemove:
      return "store.refused_nothing_to_remove";
    case KeepResult::kPlaceFull:
      return "store.refused_place_full";
    case KeepResult::kOverQuota:
      return "store.refused_over_quota";
    case KeepResult::kTableFull:
      return "store.refused_table_full";
    case KeepResult::kWrongPlace:
      return "store.refused_wrong_place";
    case KeepResult::kFailed:
      return "store.refused_disk_failed";
  }
  return "store.refused";
}

LocalStore::LocalStore(const LocalStoreOptions& options, ObjectTable& table, Counters& counters)
    : options_(options), table_(table), counters_(counters) {}

KeepResult LocalStore::Keep(const Object& object, const KeepOptions& options, absl::Time now) {
  const KeepResult result = Decide(object, options, now);
  counters_.Add(KeepResultName(result));
  return result;
}

KeepResult LocalStore::Decide(const Object& object, const KeepOptions& options, absl::Time now) {
  if (!RightPlace(object, options.place)) return KeepResult::kWrongPlace;
  const std::vector<StoredRow> here = ReadAll(options.place, now);
  const KeepResult slot = CheckSlot(object, here);
  if (slot != KeepResult::kKept) return slot;
  const KeepResult rules = CheckRules(object, options, here);
  if (rules != KeepResult::kKept) return rules;
  const KeepResult room = MakeRoomAtPlace(object, options, here);
  if (room != KeepResult::kKept) return room;
  const StoredRow* replaced = FindSlot(here, object.kind(), object.slot());
  const size_t replaced_bytes =
      replaced != nullptr && replaced->account == options.account ? Charge(replaced->object) : 0;
  const KeepResult table = MakeRoomInTable(object, options, replaced_bytes);
  if (table != KeepResult::kKept) return table;
  const absl::Status status = table_.Insert(StoredRow{object, options.account, now, options.place});
  // Once, not for each object that strangers bring while the disk is full.
  if (!status.ok() && write_error_.ok()) {
    P2PD_LOG(store, kWarn, "objects are not kept: ", status.message());
  }
  write_error_ = status;
  if (!status.ok()) return KeepResult::kFailed;
  ApplyConsequences(object, here);
  return KeepResult::kKept;
}

// Never rolls back.
KeepResult LocalStore::CheckSlot(const Object& object, const std::vector<StoredRow>& here) const {
  const StoredRow* row = FindSlot(here, object.kind(), object.slot());
  if (row == nullptr || row->object.sequence() < object.sequence()) return KeepResult::kKept;
  if (row->object.body_digest() == object.body_digest()) return KeepResult::kAlreadyHere;
  return row->object.sequence() > object.sequence() ? KeepResult::kStale : KeepResult::kConflict;
}

KeepResult LocalStore::CheckRules(const Object& object, const KeepOptions& options,
                                  const std::vector<StoredRow>& here) const {
  switch (object.kind()) {
    case wire::v1::OBJECT_KIND_USER_STATE: {
      if (Revokes(DeviceListOf(here), object)) return KeepResult::kRevoked;
      const auto others = std::count_if(here.begin(), here.end(), [&](const StoredRow& row) {
        return row.object.kind() == object.kind() && row.object.slot() != object.slot();
      });
      return static_cast<size_t>(others) >= kMaxDevicesPerUser ? KeepResult::kPlaceFull
                                                               : KeepResult::kKept;
    }
    case wire::v1::OBJECT_KIND_RAW:
      return FindSlot(here, wire::v1::OBJECT_KIND_REMOVAL, object.slot()) != nullptr
                 ? KeepResult::kRemoved
                 : KeepResult::kKept;
    case wire::v1::OBJECT_KIND_REMOVAL:
      return options.removal_needs_value &&
                     FindSlot(here, wire::v1::OBJECT_KIND_RAW, object.slot()) == nullptr
                 ? KeepResult::kNothingToRemove
                 : KeepResult::kKept;
    case wire::v1::OBJECT_KIND_AUTHENTICATION:
    case wire::v1::OBJECT_KIND_USER_ENVIRONMENT:
    case wire::v1::OBJECT_KIND_REVOCATION:
    case wire::v1::OBJECT_KIND_SERVICE:
    case wire::v1::OBJECT_KIND_DEVICE_LIST:
    case wire::v1::OBJECT_KIND_UNSPECIFIED:
    case wire::v1::ObjectKind_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::ObjectKind_INT_MAX_SENTINEL_DO_NOT_USE_:
      return KeepResult::kKept;
  }
  return KeepResult::kKept;
}

KeepResult LocalStore::MakeRoomAtPlace(const Object& object, const KeepOptions& options,
                                       const std::vector<StoredRow>& here) {
  std::vector<const StoredRow*> rows;
  AccountLedger ledger;
  size_t bytes = Charge(object);
  for (const StoredRow& row : here) {
    if (SameSlot(row.object, object) || RoomOf(row.object.kind()) != RoomOf(object.kind())) {
      continue;
    }
    rows.push_back(&row);
    ledger.Add(row.account, Weight(row.object));
    bytes += Charge(row.object);
  }
  while (rows.size() + 1 > kMaxObjectsPerPlace || bytes > kMaxBytesPerPlace) {
    const std::optional<std::string> largest = ledger.Largest();
    if (!largest || ledger.BytesOf(options.account) + Weight(object) >= ledger.BytesOf(*largest)) {
      return KeepResult::kPlaceFull;
    }
    auto newest = rows.end();
    for (auto it = rows.begin(); it != rows.end(); ++it) {
      if ((*it)->account != *largest) continue;
      if (newest == rows.end() || (*it)->stored_at >= (*newest)->stored_at) newest = it;
    }
    bytes -= Charge((*newest)->object);
    ledger.Take(*largest, Weight((*newest)->object));
    counters_.Add("store.evicted_place_full");
    Erase(**newest);
    rows.erase(newest);
  }
  return KeepResult::kKept;
}

KeepResult LocalStore::MakeRoomInTable(const Object& object, const KeepOptions& options,
                                       size_t replaced) {
  const size_t mine = table_.BytesOf(options.account) + Charge(object) - replaced;
  if (!IsExempt(options.account) && mine > options_.max_bytes_per_network) {
    return KeepResult::kOverQuota;
  }
  while (table_.total_bytes() + Charge(object) > options_.max_bytes + replaced) {
    const std::optional<StoredRow> victim = table_.NewestOfLargestAccount();
    if (!victim || mine >= table_.BytesOf(victim->account)) return KeepResult::kTableFull;
    counters_.Add("store.evicted_table_full");
    Erase(*victim);
  }
  return KeepResult::kKept;
}

// A removal takes its value along, a device list the states of the devices that it revokes.
void LocalStore::ApplyConsequences(const Object& object, const std::vector<StoredRow>& here) {
  for (const StoredRow& row : here) {
    const bool removed = object.kind() == wire::v1::OBJECT_KIND_REMOVAL &&
                         row.object.kind() == wire::v1::OBJECT_KIND_RAW &&
                         row.object.slot() == object.slot();
    const bool revoked = object.kind() == wire::v1::OBJECT_KIND_DEVICE_LIST &&
                         row.object.kind() == wire::v1::OBJECT_KIND_USER_STATE &&
                         Revokes(&object, row.object);
    if (removed || revoked) Erase(row);
  }
}

std::vector<StoredRow> LocalStore::ReadAll(const Key& place, absl::Time now) const {
  std::vector<StoredRow> rows = table_.Find(place, std::nullopt);
  rows.erase(std::remove_if(rows.begin(), rows.end(),
                            [&](const StoredRow& row) { return row.object.expires() <= now; }),
             rows.end());
  return rows;
}

std::vector<StoredRow> LocalStore::Read(const Key& place, const ReadOptions& options,
                                        absl::Time now) const {
  std::vector<StoredRow> all = ReadAll(place, now);
  const Object* device_list = DeviceListOf(all);
  const auto wanted = [&](const StoredRow& row) {
    const ObjectKind kind = row.object.kind();
    if (options.kinds.empty()) {
      if (kind == wire::v1::OBJECT_KIND_REMOVAL) return false;
    } else if (std::find(options.kinds.begin(), options.kinds.end(), kind) == options.kinds.end()) {
      return false;
    }
    if (kind == wire::v1::OBJECT_KIND_USER_STATE && Revokes(device_list, row.object)) return false;
    if (kind == wire::v1::OBJECT_KIND_AUTHENTICATION && !options.roots.empty()) {
      return std::find(options.roots.begin(), options.roots.end(),
                       row.object.chain().root().fingerprint()) != options.roots.end();
    }
    return true;
  };
  std::vector<StoredRow> rows;
  for (const StoredRow& row : all) {
    if (wanted(row)) rows.push_back(row);
  }
  return rows;
}

void LocalStore::Erase(const StoredRow& row) {
  const absl::Status status = table_.Erase(row.place, row.object.kind(), row.object.slot());
  if (!status.ok()) P2PD_LOG(store, kWarn, "object not erased: ", status.message());
}

size_t LocalStore::EraseExpired(absl::Time now) {
  const size_t erased = table_.EraseExpired(now);
  counters_.Add("store.expired", erased);
  return erased;
}

}  // namespace p2pd::store
