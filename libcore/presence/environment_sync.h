// EnvironmentSync: keeps one identity's user environment and the stored object in step, also when
// several devices of the user write at the same time.
//
// Rules: read, merge, write. Before the first write the stored versions are read, under every key
// that our own states name; the smallest key wins, so that two devices that each began an
// environment of their own come together. After each write the object is read back some seconds
// later, since another device may have written in the same moment; what it wrote is merged and
// written again. A notification of another device's write is merged at once. An edit is on our disk
// before anything is sent. Threads: one owner. Limits: kMaxKeys candidates. Source: design §4, user
// environment.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/storage.h"
#include "libcore/base/time.h"
#include "libcore/presence/environment.h"
#include "libcore/presence/subscriptions.h"
#include "libcore/store/store.h"

namespace p2pd::presence {

class EnvironmentSync {
 public:
  // Each own device and the anchor may name one.
  static constexpr size_t kMaxKeys = kMaxDevices + 1;
  // How long the stored object may lie; renewed when less than kRenewEnvironment is left.
  static constexpr absl::Duration kStoredFor = absl::Hours(24 * 90);
  static constexpr absl::Duration kRenewEnvironment = absl::Hours(24 * 60);

  struct Parts {
    store::Store& store;
    Subscriptions& subscriptions;
    Storage& storage;
    const WallClock& wall;
    Rng& rng;
    Counters& counters;
  };
  // `environment` outlives the object; `interval` between checks of what is stored.
  EnvironmentSync(const Parts& parts, Environment& environment, absl::Duration interval);

  // Reads what is stored under our key and `keys`; kRead or kReadFailed follows.
  void Read(Instant now, std::vector<SecretBytes> keys);
  // From now on it is kept stored, as this device's work, until Stop. The place is subscribed to.
  void Keep(Instant now, const pki::DeviceId& device);
  // What was edited and is not stored yet is put once more; storing() until that has ended.
  void Stop(Instant now);
  bool storing() const { return put_.has_value(); }
  // The environment was changed by the user.
  void Edited(Instant now);

  enum class Report { kRead, kReadFailed, kMerged, kAdopted };
  bool OnStoreEvent(Instant now, const store::Event& event);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<Report> PollReport();

 private:
  using Found = std::map<Bytes, wire::v1::UserConfig>;  // by key
  void Ask(Instant now, ByteView key, bool first_read);
  void OnRead(Instant now, const store::GetDone& done, ByteView key);
  void ConcludeRead(Instant now);
  void ConcludeCheck(Instant now, const store::GetDone& done);
  void OnPut(Instant now, const store::PutDone& done);
  bool OnNotification(Instant now, const store::Notification& notification);
  // Merges what is stored under our key; says whether ours is more than that.
  bool TakeIn(Instant now, const store::Object& object);
  void Put(Instant now);
  void PutSoon(Instant now, absl::Duration mean);
  void Subscribe(Instant now);
  void Complain(const absl::Status& status);
  store::Key Place() const;

  Parts parts_;
  Environment& environment_;
  absl::Duration interval_;
  std::optional<pki::DeviceId> device_;  // set while kept
  std::optional<store::Key> subscribed_;
  struct Question {
    SecretBytes key;
    bool first_read;
  };
  std::map<store::OperationId, Question> questions_;
  Found found_;
  absl::Time found_expires_ = absl::InfinitePast();  // of the object under our own key
  bool read_failed_ = false;
  bool dirty_ = false;  // ours is more than what is stored
  std::optional<store::OperationId> put_;
  std::optional<store::Object> putting_;
  std::optional<Instant> put_at_;
  std::optional<Instant> check_at_;
  absl::Duration backoff_;
  std::deque<Report> reports_;
};

}  // namespace p2pd::presence
