// Seen: the newest sequence that was seen of each device of each person, so that an old state, put
// again by whoever kept it, is never believed; and when a person was last there.
//
// Rules: numbers only grow. Written to disk some seconds after a change, since losing the last few
// only makes us as wise as a daemon that slept. Threads: one owner. Limits: kMaxSeenPersons, the
// least recently used goes; kMaxSeenDevices of each. Source: design §4 ("never older than what the
// reader has seen").
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libcore/base/counters.h"
#include "libcore/base/storage.h"
#include "libcore/pki/device.h"
#include "libcore/pki/user_key.h"
#include "libcore/store/object.h"

namespace p2pd::presence {

inline constexpr size_t kMaxSeenPersons = 8192;
// Twice the devices that a person may have: revoked ones are remembered too.
inline constexpr size_t kMaxSeenDevices = 16;

class Seen {
 public:
  static constexpr absl::string_view kBlob = "presence/seen";

  // DataLoss names the blob; nothing is known then. NotFound is OK.
  absl::Status Load(const Storage& storage);
  absl::Status Save(Storage& storage);
  bool dirty() const { return dirty_; }

  store::Sequence OfDevice(const pki::KeyHash& user, const pki::DeviceId& device) const;
  store::Sequence OfDeviceList(const pki::KeyHash& user) const;
  absl::Time LastSeen(const pki::KeyHash& user) const;  // the infinite past if never

  // Smaller numbers and earlier times change nothing. `now` is wall time.
  void NoteDevice(absl::Time now, const pki::KeyHash& user, const pki::DeviceId& device,
                  store::Sequence sequence);
  void NoteDeviceList(absl::Time now, const pki::KeyHash& user, store::Sequence number);
  void NoteThere(absl::Time now, const pki::KeyHash& user);
  size_t persons() const { return persons_.size(); }

 private:
  struct Person {
    std::map<pki::DeviceId, store::Sequence> devices;
    store::Sequence device_list;
    absl::Time last_seen = absl::InfinitePast();
    int64_t used = 0;
  };
  Person& Touch(absl::Time now, const pki::KeyHash& user);

  std::map<pki::KeyHash, Person> persons_;
  std::set<std::pair<int64_t, pki::KeyHash>> by_use_;
  bool dirty_ = false;
};

}  // namespace p2pd::presence
