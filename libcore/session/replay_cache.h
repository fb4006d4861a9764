// Remembers which hellos were taken, so that none counts twice.
//
// Rules: only a hello that verified gets in, so strangers cannot fill it. An entry lives as long as
// its hello would be believed (kWindow on either side of its time). When it is full the oldest goes
// and the floor rises: a hello of that time or before then needs a cookie, which nobody can replay.
// After a restart the floor is the start itself. Threads: one owner. Sources: design §5 (120 s).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "absl/time/time.h"
#include "libcore/pki/device.h"
#include "libcore/pki/hash.h"
#include "libcore/session/envelope.h"
#include "libcore/session/session.h"

namespace p2pd::session {

class ReplayCache {
 public:
  // `start`: hellos of before are from a life that we do not remember.
  explicit ReplayCache(absl::Time start) : floor_(start) {}

  static constexpr absl::Duration kWindow = absl::Seconds(120);
  static constexpr size_t kMaxEntries = 16384;  // 3 MB at most

  struct Key {
    CallId call;
    HelloNonce nonce;
    pki::DeviceId device;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Entry {
    pki::Sha256Digest hello;  // of body and signature
    SessionId session;
    absl::Time time;
  };

  // True when the time alone shows that the hello is new enough to be judged by this cache.
  bool Fresh(absl::Time now, absl::Time hello_time) const;
  const Entry* Find(const Key& key) const;
  void Add(absl::Time now, const Key& key, const Entry& entry);
  size_t size() const { return entries_.size(); }

 private:
  void Drop(std::map<Key, Entry>::iterator it);

  absl::Time floor_;
  std::map<Key, Entry> entries_;
  std::set<std::pair<absl::Time, Key>> by_time_;
};

}  // namespace p2pd::session
