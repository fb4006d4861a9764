#include "libcore/presence/environment_sync.h"

#include <algorithm>
#include <utility>

namespace p2pd::presence {
namespace {

// Edits that follow each other go out together.
constexpr absl::Duration kGather = absl::Milliseconds(500);
// When a write is read back: later than the other device's write can have been under way.
constexpr absl::Duration kReadBack = absl::Seconds(6);
// Before a failed put or check is tried again, doubling.
constexpr absl::Duration kFirstBackoff = absl::Seconds(2);
constexpr absl::Duration kLongestBackoff = absl::Minutes(2);

bool Failed(const absl::Status& status) { return !status.ok() && !absl::IsNotFound(status); }

}  // namespace

EnvironmentSync::EnvironmentSync(const Parts& parts, Environment& environment,
                                 absl::Duration interval)
    : parts_(parts), environment_(environment), interval_(interval), backoff_(kFirstBackoff) {}

store::Key EnvironmentSync::Place() const {
  return store::EnvironmentKey(EnvironmentSigningKey(environment_.config_key()).public_key());
}

void EnvironmentSync::Ask(Instant now, ByteView key, bool first_read) {
  store::GetOptions options;
  options.kind = wire::v1::OBJECT_KIND_USER_ENVIRONMENT;
  // No lower bound: merging an old version changes nothing, and our own newest write may never have
  // arrived.
  const store::OperationId operation = parts_.store.Get(
      now, store::EnvironmentKey(EnvironmentSigningKey(key).public_key()), options);
  questions_[operation] = Question{SecretBytes(key), first_read};
}

void EnvironmentSync::Read(Instant now, std::vector<SecretBytes> keys) {
  std::erase_if(questions_, [](const auto& item) { return item.second.first_read; });
  found_.clear();
  found_expires_ = absl::InfinitePast();
  read_failed_ = false;
  std::set<Bytes> asked;
  if (environment_.published()) {
    asked.insert(ToBytes(environment_.config_key()));
    Ask(now, environment_.config_key(), /*first_read=*/true);
  }
  for (const SecretBytes& key : keys) {
    if (asked.size() >= kMaxKeys) {
      parts_.counters.Add("presence.environment_keys_refused_full");
      break;
    }
    if (asked.insert(ToBytes(key.view())).second) Ask(now, key.view(), /*first_read=*/true);
  }
  if (asked.empty()) ConcludeRead(now);
}

void EnvironmentSync::OnRead(Instant now, const store::GetDone& done, ByteView key) {
  if (Failed(done.status)) read_failed_ = true;
  for (const store::Object& object : done.objects) {
    if (object.kind() != wire::v1::OBJECT_KIND_USER_ENVIRONMENT) continue;
    std::optional<wire::v1::UserConfig> config = OpenEnvironment(key, object, parts_.counters);
    if (!config) continue;
    found_[ToBytes(key)] = *std::move(config);
    if (key != environment_.config_key()) continue;
    found_expires_ = object.expires();
    Complain(environment_.RaiseSequence(parts_.storage, object.sequence()));
  }
  const bool more = std::any_of(questions_.begin(), questions_.end(),
                                [](const auto& item) { return item.second.first_read; });
  if (!more) ConcludeRead(now);
}

void EnvironmentSync::ConcludeRead(Instant now) {
  if (read_failed_) {
    reports_.push_back(Report::kReadFailed);
    return;
  }
  const absl::Time wall = parts_.wall.At(now);
  const Bytes own = ToBytes(environment_.config_key());
  const Bytes before = EncodeConfig(environment_.config());
  std::optional<Bytes> winner;
  if (environment_.published()) winner = own;
  if (!found_.empty() && (!winner || found_.begin()->first < *winner)) {
    winner = found_.begin()->first;
  }
  if (winner && *winner != own) {
    const absl::Status adopted =
        environment_.Adopt(parts_.storage, wall, *winner, found_.at(*winner));
    Complain(adopted);
    if (!adopted.ok()) {
      reports_.push_back(Report::kReadFailed);
      return;
    }
    parts_.counters.Add("presence.environment_adopted");
    reports_.push_back(Report::kAdopted);
    if (device_) Subscribe(now);
  }
  bool merged = true;
  for (const auto& [key, config] : found_) {
    const absl::Status status = environment_.Merge(parts_.storage, wall, config).status();
    Complain(status);
    merged = merged && status.ok();
  }
  const Bytes after = EncodeConfig(environment_.config());
  const auto stored = found_.find(ToBytes(environment_.config_key()));
  // What could not be merged must not be written over.
  dirty_ = merged && (stored == found_.end() || EncodeConfig(stored->second) != after ||
                      (winner == own && found_expires_ - wall < kRenewEnvironment));
  found_.clear();
  if (after != before) reports_.push_back(Report::kMerged);
  reports_.push_back(Report::kRead);
  if (device_ && dirty_) PutSoon(now, kGather);
}

void EnvironmentSync::Keep(Instant now, const pki::DeviceId& device) {
  device_ = device;
  Subscribe(now);
  if (dirty_ && !put_) Put(now);
  if (!check_at_) check_at_ = now + parts_.rng.Jitter(interval_);
}

void EnvironmentSync::Subscribe(Instant now) {
  const store::Key place = Place();
  if (subscribed_ == place) return;
  if (subscribed_) {
    parts_.subscriptions.Remove(*subscribed_, wire::v1::OBJECT_KIND_USER_ENVIRONMENT);
  }
  parts_.subscriptions.Add(now, place, wire::v1::OBJECT_KIND_USER_ENVIRONMENT);
  subscribed_ = place;
}

void EnvironmentSync::Stop(Instant now) {
  // Whoever logs out right after an edit would find the older list on the next machine.
  if (device_ && dirty_ && !put_) Put(now);
  device_.reset();
  put_at_.reset();
  check_at_.reset();
  questions_.clear();
  if (subscribed_) {
    parts_.subscriptions.Remove(*subscribed_, wire::v1::OBJECT_KIND_USER_ENVIRONMENT);
    subscribed_.reset();
  }
}

void EnvironmentSync::Edited(Instant now) {
  dirty_ = true;
  if (device_) PutSoon(now, kGather);
}

void EnvironmentSync::PutSoon(Instant now, absl::Duration mean) {
  if (put_) return;  // what is under way is followed by another one, since dirty_ stays
  const Instant at = now + parts_.rng.Jitter(mean);
  if (!put_at_ || at < *put_at_) put_at_ = at;
}

void EnvironmentSync::Put(Instant now) {
  put_at_.reset();
  const absl::Time wall = parts_.wall.At(now);
  absl::StatusOr<store::Object> object =
      environment_.MakeObject(parts_.storage, wall, wall + kStoredFor, *device_, parts_.rng);
  if (!object.ok()) {
    Complain(object.status());
    put_at_ = now + backoff_;
    backoff_ = std::min(backoff_ * 2, kLongestBackoff);
    return;
  }
  dirty_ = false;
  putting_ = *object;
  put_ = parts_.store.Put(now, *object);
}

void EnvironmentSync::OnPut(Instant now, const store::PutDone& done) {
  put_.reset();
  const store::Object object = *std::move(putting_);
  putting_.reset();
  if (done.status.ok()) parts_.store.KeepAlive(now, object);  // also after Stop
  if (!device_) return;
  if (!done.status.ok()) {
    parts_.counters.Add("presence.environment_put_failed");
    dirty_ = true;
    put_at_ = now + backoff_;
    backoff_ = std::min(backoff_ * 2, kLongestBackoff);
    // Perhaps somebody wrote a newer one meanwhile.
    check_at_ = now + parts_.rng.Jitter(kFirstBackoff);
    return;
  }
  backoff_ = kFirstBackoff;
  Complain(environment_.SetPublished(parts_.storage));
  parts_.counters.Add("presence.environment_stored");
  check_at_ = now + parts_.rng.Jitter(kReadBack);
  if (dirty_) PutSoon(now, kGather);
}

bool EnvironmentSync::TakeIn(Instant now, const store::Object& object) {
  const std::optional<wire::v1::UserConfig> theirs =
      OpenEnvironment(environment_.config_key(), object, parts_.counters);
  if (!theirs) return false;
  Complain(environment_.RaiseSequence(parts_.storage, object.sequence()));
  const absl::StatusOr<bool> changed =
      environment_.Merge(parts_.storage, parts_.wall.At(now), *theirs);
  Complain(changed.status());
  if (!changed.ok()) return false;  // what could not be merged must not be written over
  if (*changed) reports_.push_back(Report::kMerged);
  return EncodeConfig(environment_.config()) != EncodeConfig(*theirs);
}

void EnvironmentSync::ConcludeCheck(Instant now, const store::GetDone& done) {
  check_at_ = now + parts_.rng.Jitter(interval_);
  if (Failed(done.status)) {
    check_at_ = now + parts_.rng.Jitter(backoff_);
    backoff_ = std::min(backoff_ * 2, kLongestBackoff);
    return;
  }
  bool ours_is_more = true;  // also when nothing is stored any more
  for (const store::Object& object : done.objects) {
    if (object.kind() != wire::v1::OBJECT_KIND_USER_ENVIRONMENT) continue;
    ours_is_more =
        TakeIn(now, object) || object.expires() - parts_.wall.At(now) < kRenewEnvironment;
  }
  if (!ours_is_more) return;
  dirty_ = true;
  PutSoon(now, kGather);
}

bool EnvironmentSync::OnNotification(Instant now, const store::Notification& notification) {
  if (notification.object.kind() != wire::v1::OBJECT_KIND_USER_ENVIRONMENT) return false;
  if (!device_ || !subscribed_ || notification.key != *subscribed_) return false;
  if (notification.object.sequence() <= environment_.sequence()) return true;  // our own, or old
  if (TakeIn(now, notification.object)) {
    dirty_ = true;
    PutSoon(now, kGather);
  }
  return true;
}

bool EnvironmentSync::OnStoreEvent(Instant now, const store::Event& event) {
  if (const auto* notification = std::get_if<store::Notification>(&event)) {
    return OnNotification(now, *notification);
  }
  if (const auto* put = std::get_if<store::PutDone>(&event)) {
    if (put_ != put->id) return false;
    OnPut(now, *put);
    return true;
  }
  const auto* get = std::get_if<store::GetDone>(&event);
  if (get == nullptr) return false;
  auto question = questions_.extract(get->id);
  if (question.empty()) return false;
  if (question.mapped().first_read) {
    OnRead(now, *get, question.mapped().key.view());
  } else if (device_) {
    ConcludeCheck(now, *get);
  }
  return true;
}

void EnvironmentSync::OnTimeout(Instant now) {
  if (put_at_ && *put_at_ <= now && !put_) Put(now);
  if (check_at_ && *check_at_ <= now) {
    check_at_.reset();
    Ask(now, environment_.config_key(), /*first_read=*/false);
  }
}

std::optional<Instant> EnvironmentSync::PollTimeout() const {
  return Earliest(put_ ? std::nullopt : put_at_, check_at_);
}

std::optional<EnvironmentSync::Report> EnvironmentSync::PollReport() {
  if (reports_.empty()) return std::nullopt;
  const Report report = reports_.front();
  reports_.pop_front();
  return report;
}

void EnvironmentSync::Complain(const absl::Status& status) {
  if (status.ok()) return;
  parts_.counters.Add(absl::IsResourceExhausted(status) ? "presence.environment_too_large"
                                                        : "presence.environment_not_saved");
}

}  // namespace p2pd::presence
