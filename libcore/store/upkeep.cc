#include "libcore/store/upkeep.h"

#include <algorithm>
#include <vector>

namespace p2pd::store {
namespace {

// `key` and everything clockwise of it up to here is once round the ring.
Key OneBefore(Key key) {
  const MutableByteView bytes = key.mutable_view();
  for (size_t i = bytes.size(); i-- > 0;) {
    if (bytes[i]-- != 0) break;
  }
  return key;
}

}  // namespace

void Upkeep::KeepAlive(Instant now, const Object& object) {
  const Name name = NameOf(object);
  const auto found = kept_.find(name);
  if (found == kept_.end() && kept_.size() >= kMaxKept) {
    counters_.Add("store.refused_keep_alive_full");
    return;
  }
  const Instant next = now + rng_.Jitter(kRefresh);
  kept_.insert_or_assign(name, Kept{object, next, false});
}

void Upkeep::StopKeepingAlive(const Key& key, ObjectKind kind, ByteView slot) {
  kept_.erase(Name(key, kind, ToBytes(slot)));
}

void Upkeep::OnTimeout(Instant now, absl::Time wall, const Carrier& carrier) {
  for (auto it = kept_.begin(); it != kept_.end();) {
    Kept& kept = it->second;
    if (kept.object.expires() <= wall) {
      it = kept_.erase(it);
      continue;
    }
    if (!kept.under_way && kept.next <= now) {
      kept.under_way = true;
      jobs_.push_back(Job{kept.object, kept.object.key(), std::nullopt});
    }
    ++it;
  }
  if (!next_scan_) next_scan_ = now + rng_.Jitter(kScan);
  if (now < *next_scan_) return;
  next_scan_ = now + rng_.Jitter(kScan);
  if (now - quiet_since_ >= kQuiet) Scan(now, wall, carrier);
}

void Upkeep::Scan(Instant now, absl::Time wall, const Carrier& carrier) {
  (void)now;
  if (!ours_by_ || ours_by_->bytes() != carrier.self().bytes() || ours_.size() >= kMaxOurs) {
    ours_.clear();
    ours_by_ = carrier.self();
  }
  const std::vector<Key> places =
      local_.table().KeysBetween(cursor_, OneBefore(cursor_), kPlacesPerScan);
  for (const Key& place : places) {
    if (ours_.contains(place)) continue;
    const auto set = carrier.ReplicaSet(place);
    if (set && Contains(*set, carrier.self().id())) {
      ours_.insert(place);
      continue;
    }
    for (const StoredRow& row : local_.ReadAll(place, wall)) {
      // The rest of this place is for the next scan.
      if (hand_offs_ >= kMaxHandOffs) {
        cursor_ = place;
        return;
      }
      ++hand_offs_;
      jobs_.push_back(Job{row.object, place, row});
    }
  }
  if (!places.empty()) {
    // The place behind the last one.
    cursor_ = places.back();
    const MutableByteView bytes = cursor_.mutable_view();
    for (size_t i = bytes.size(); i-- > 0;) {
      if (++bytes[i] != 0) break;
    }
  }
}

std::optional<Upkeep::Job> Upkeep::PollJob() {
  if (jobs_.empty()) return std::nullopt;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

void Upkeep::OnDone(Instant now, const Job& job, const PutResult& result) {
  // Refused for good: something newer stands there, or it was revoked or removed.
  const bool settled = result.refusal == wire::v1::STORE_STATUS_STALE ||
                       result.refusal == wire::v1::STORE_STATUS_CONFLICT ||
                       result.refusal == wire::v1::STORE_STATUS_REVOKED ||
                       result.refusal == wire::v1::STORE_STATUS_REMOVED ||
                       result.refusal == wire::v1::STORE_STATUS_NOT_FOUND;
  if (job.hand_off) {
    --hand_offs_;
    if (result.status.ok() || settled) {
      counters_.Add("store.handed_off");
      local_.Erase(*job.hand_off);
    }
    return;
  }
  const auto found = kept_.find(NameOf(job.object));
  // A newer one may have taken its place meanwhile.
  if (found == kept_.end() || found->second.object.digest() != job.object.digest()) return;
  if (settled) {
    kept_.erase(found);
    return;
  }
  found->second.under_way = false;
  found->second.next = now + rng_.Jitter(result.status.ok() ? kRefresh : kRetry);
}

std::optional<Instant> Upkeep::PollTimeout() const {
  std::optional<Instant> next = next_scan_;
  for (const auto& [name, kept] : kept_) {
    if (!kept.under_way) next = Earliest(next, kept.next);
  }
  return next;
}

}  // namespace p2pd::store
