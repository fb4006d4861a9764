#include "libcore/presence/seen.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "p2pd/wire/v1/presence_files.pb.h"

namespace p2pd::presence {

absl::Status Seen::Load(const Storage& storage) {
  const absl::StatusOr<Bytes> bytes = storage.Read(kBlob);
  if (absl::IsNotFound(bytes.status())) return absl::OkStatus();
  if (!bytes.ok()) return bytes.status();
  wire::v1::SeenFile file;
  if (!file.ParseFromArray(bytes->data(), static_cast<int>(bytes->size()))) {
    return absl::DataLossError(absl::StrCat(
        storage.TitleOf(kBlob), " is damaged: what was seen of others is learned anew"));
  }
  for (const wire::v1::SeenFile::Person& entry : file.persons()) {
    const std::optional<pki::KeyHash> user = pki::KeyHash::FromView(AsBytes(entry.user()));
    if (!user) continue;
    const absl::Time used = absl::FromUnixMillis(entry.used());
    for (const wire::v1::SeenFile::Device& device : entry.devices()) {
      const std::optional<pki::DeviceId> id = pki::DeviceId::FromView(AsBytes(device.device_id()));
      if (id) NoteDevice(used, *user, *id, store::Sequence(device.sequence()));
    }
    NoteDeviceList(used, *user, store::Sequence(entry.device_list_number()));
    if (entry.last_seen() > 0) {
      Touch(used, *user).last_seen = absl::FromUnixMillis(entry.last_seen());
    }
  }
  dirty_ = false;
  return absl::OkStatus();
}

absl::Status Seen::Save(Storage& storage) {
  wire::v1::SeenFile file;
  for (const auto& [user, person] : persons_) {
    wire::v1::SeenFile::Person& entry = *file.add_persons();
    entry.set_user(user.ToString());
    for (const auto& [id, sequence] : person.devices) {
      wire::v1::SeenFile::Device& device = *entry.add_devices();
      device.set_device_id(id.ToString());
      device.set_sequence(sequence.value());
    }
    entry.set_device_list_number(person.device_list.value());
    if (person.last_seen != absl::InfinitePast()) {
      entry.set_last_seen(absl::ToUnixMillis(person.last_seen));
    }
    entry.set_used(person.used);
  }
  const absl::Status status =
      storage.Write(kBlob, AsBytes(file.SerializeAsString()), FileMode::kSecret);
  if (status.ok()) dirty_ = false;
  return status;
}

Seen::Person& Seen::Touch(absl::Time now, const pki::KeyHash& user) {
  const auto [it, fresh] = persons_.try_emplace(user);
  if (!fresh) by_use_.erase({it->second.used, user});
  it->second.used = std::max(it->second.used, absl::ToUnixMillis(now));
  by_use_.insert({it->second.used, user});
  if (persons_.size() > kMaxSeenPersons) {
    const auto oldest =
        by_use_.begin()->second == user ? std::next(by_use_.begin()) : by_use_.begin();
    persons_.erase(oldest->second);
    by_use_.erase(oldest);
  }
  dirty_ = true;
  return persons_.at(user);
}

store::Sequence Seen::OfDevice(const pki::KeyHash& user, const pki::DeviceId& device) const {
  const auto it = persons_.find(user);
  if (it == persons_.end()) return store::Sequence();
  const auto found = it->second.devices.find(device);
  return found == it->second.devices.end() ? store::Sequence() : found->second;
}

store::Sequence Seen::OfDeviceList(const pki::KeyHash& user) const {
  const auto it = persons_.find(user);
  return it == persons_.end() ? store::Sequence() : it->second.device_list;
}

absl::Time Seen::LastSeen(const pki::KeyHash& user) const {
  const auto it = persons_.find(user);
  return it == persons_.end() ? absl::InfinitePast() : it->second.last_seen;
}

void Seen::NoteDevice(absl::Time now, const pki::KeyHash& user, const pki::DeviceId& device,
                      store::Sequence sequence) {
  if (sequence <= OfDevice(user, device)) return;
  Person& person = Touch(now, user);
  if (person.devices.count(device) == 0 && person.devices.size() >= kMaxSeenDevices) {
    // The one with the smallest number was used least.
    person.devices.erase(
        std::min_element(person.devices.begin(), person.devices.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  person.devices[device] = sequence;
}

void Seen::NoteDeviceList(absl::Time now, const pki::KeyHash& user, store::Sequence number) {
  if (number <= OfDeviceList(user)) return;
  Touch(now, user).device_list = number;
}

void Seen::NoteThere(absl::Time now, const pki::KeyHash& user) {
  Person& person = Touch(now, user);
  person.last_seen = std::max(person.last_seen, now);
}

}  // namespace p2pd::presence
