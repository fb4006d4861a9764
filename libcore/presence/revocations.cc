#include "libcore/presence/revocations.h"

#include <algorithm>
#include <utility>

#include "libcore/presence/trust_files.h"

namespace p2pd::presence {

std::optional<store::OperationId> Revocations::Ask(Instant now, const pki::Certificate& issuer,
                                                   absl::Duration fresh) {
  const pki::KeyHash& key = issuer.public_key().hash();
  const auto asking = asking_.find(key);
  if (asking != asking_.end()) return asking->second;
  const auto answered = answered_.find(key);
  if (answered != answered_.end() && now - answered->second < fresh) return std::nullopt;
  store::GetOptions options;
  options.kind = wire::v1::OBJECT_KIND_REVOCATION;
  const store::OperationId id =
      parts_.store.Get(now, store::RevocationKey(issuer.public_key().spki()), options);
  asking_[key] = id;
  asked_[id] = key;
  return id;
}

void Revocations::Refresh(Instant now, const std::vector<pki::Certificate>& issuers) {
  tick_at_ = now + parts_.rng.Jitter(kTick);
  std::vector<std::pair<Instant, const pki::Certificate*>> due;
  for (const pki::Certificate& issuer : issuers) {
    const auto answered = answered_.find(issuer.public_key().hash());
    const Instant since = answered == answered_.end() ? Instant() : answered->second;
    if (answered == answered_.end() || now - since >= kFresh - 2 * kTick) {
      due.emplace_back(since, &issuer);
    }
  }
  std::stable_sort(due.begin(), due.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  if (due.size() > kMaxPerTick) {
    parts_.counters.Add("presence.crl_put_off", due.size() - kMaxPerTick);
    due.resize(kMaxPerTick);
  }
  for (const auto& [since, issuer] : due) Ask(now, *issuer, absl::ZeroDuration());
}

absl::Status Revocations::Add(const pki::Certificate& ca, const pki::Crl& crl) {
  const absl::Status added = AddTrustedCrl(parts_.storage, parts_.trust, ca, crl);
  // What is known counts, also when the disk did not take it.
  if (!absl::IsAlreadyExists(added) && !absl::IsInvalidArgument(added)) news_ = true;
  if (added.ok()) parts_.counters.Add("presence.crl_updated");
  return added;
}

void Revocations::Remember(Instant now, const pki::KeyHash& issuer) {
  if (answered_.size() >= kMaxCrls && answered_.count(issuer) == 0) {
    answered_.erase(
        std::min_element(answered_.begin(), answered_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  answered_[issuer] = now;
}

bool Revocations::OnStoreEvent(Instant now, const store::Event& event) {
  const auto* done = std::get_if<store::GetDone>(&event);
  if (done == nullptr) return false;
  const auto found = asked_.extract(done->id);
  if (found.empty()) return false;
  const pki::KeyHash issuer = found.mapped();
  asking_.erase(issuer);
  // Nobody answered: the next who asks tries again.
  if (!done->status.ok() && !absl::IsNotFound(done->status)) return true;
  Remember(now, issuer);
  for (const store::Object& object : done->objects) {
    if (object.kind() != wire::v1::OBJECT_KIND_REVOCATION) continue;
    const wire::v1::RevocationBody& body = object.revocation();
    const auto ca = pki::Certificate::FromDer(AsBytes(body.ca_certificate()));
    const auto crl = pki::Crl::FromDer(AsBytes(body.crl()));
    if (!ca.ok() || !crl.ok()) continue;
    if (const absl::Status added = Add(*ca, *crl); !added.ok() && !absl::IsAlreadyExists(added)) {
      parts_.counters.Add("presence.crl_not_kept");
    }
  }
  return true;
}

}  // namespace p2pd::presence
