#include "libcore/overlay/letter_quota.h"

namespace p2pd::overlay {
namespace {

// What one machine has.
net::IpAddress PlaceOf(const net::IpAddress& at) { return at.is_v4() ? at : at.Prefix(64); }

}  // namespace

LetterQuota::Address& LetterQuota::Use(const net::IpAddress& at) {
  const net::IpAddress place = PlaceOf(at);
  if (addresses_.size() >= kMaxAddresses && addresses_.count(place) == 0) {
    addresses_.erase(by_use_.begin()->second);
    by_use_.erase(by_use_.begin());
  }
  Address& address = addresses_[place];
  by_use_.erase(address.used);
  address.used = next_use_++;
  by_use_.emplace(address.used, place);
  return address;
}

bool LetterQuota::Take(Instant now, const net::IpAddress& to) {
  if (to.IsPrivate()) return true;
  Address& address = Use(to);
  return now < address.proved_until || address.bucket.TryTake(now, 1);
}

void LetterQuota::OnProved(Instant now, const net::IpAddress& at) {
  if (!at.IsPrivate()) Use(at).proved_until = now + kProvedFor;
}

}  // namespace p2pd::overlay
