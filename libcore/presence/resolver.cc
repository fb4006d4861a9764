#include "libcore/presence/resolver.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libcore/base/hex.h"

namespace p2pd::presence {
namespace {

constexpr absl::string_view kLookupFailed = "LOOKUP_FAILED";

JourneyStep FoundStep(absl::Duration after, const std::string& email, const store::GetDone& done) {
  JourneyStep step{JourneyStep::Kind::kCertificateFound, after, "", done.hops, ""};
  if (done.from) {
    step.detail = absl::StrCat("certificate of ", email, " found at node ",
                               overlay::Short(done.from->id()), " after ", done.hops, " hops");
    if (!done.from->addresses().empty()) step.address = done.from->addresses().front().ToString();
  } else {
    step.detail = absl::StrCat("certificate of ", email, " found here");
  }
  return step;
}

JourneyStep VerifiedStep(absl::Duration after, const CertificateChoice& choice) {
  const pki::CertificateChain& chain = choice.object->chain();
  const bool good = choice.verdict.revocation == pki::RevocationStatus::kGood;
  return JourneyStep{
      JourneyStep::Kind::kCertificateVerified, after,
      absl::StrCat("certified by ", chain.root().name(), ", valid until ",
                   absl::FormatTime("%Y-%m-%d", chain.leaf().not_after(), absl::UTCTimeZone()),
                   good ? ", not revoked" : ", revocation unknown"),
      0, ""};
}

absl::string_view NameOf(Availability availability) {
  switch (availability) {
    case Availability::kUnknown:
      return "unknown";
    case Availability::kOffline:
      return "offline";
    case Availability::kOnline:
      return "online";
    case Availability::kAway:
      return "away";
    case Availability::kBusy:
      return "busy";
  }
  return "unknown";
}

JourneyStep StateStep(absl::Duration after, const store::GetDone& done, const StateView& view) {
  JourneyStep step{JourneyStep::Kind::kStateFound, after, "", done.hops, ""};
  std::vector<std::string> devices;
  for (const DeviceState& state : view.devices) {
    if (state.revoked || state.availability == Availability::kOffline) continue;
    const std::string where =
        state.addresses.empty() ? "nowhere" : state.addresses.front().ToString();
    if (step.address.empty() && !state.addresses.empty()) step.address = where;
    devices.push_back(absl::StrCat(Hex(state.device.id.view().subspan(0, 4)), " ",
                                   NameOf(state.availability), " at ", where));
  }
  const std::string at =
      done.from ? absl::StrCat(" at node ", overlay::Short(done.from->id())) : std::string();
  step.detail = devices.empty() ? absl::StrCat("no device is there", at)
                                : absl::StrCat("state found", at, ": device ",
                                               absl::StrJoin(devices, ", device "));
  return step;
}

std::vector<session::RemoteDevice> Reachable(const std::string& email, const pki::Certificate& leaf,
                                             const StateView& view) {
  std::vector<session::RemoteDevice> out;
  for (const DeviceState& state : view.devices) {
    if (state.revoked || state.availability == Availability::kOffline ||
        state.availability == Availability::kUnknown || state.addresses.empty()) {
      continue;
    }
    if (out.size() >= kMaxDevices) break;
    out.push_back(session::RemoteDevice{email, leaf.public_key(), state.device, state.addresses});
  }
  return out;
}

bool NothingThere(const store::GetDone& done) {
  return absl::IsNotFound(done.status) || (done.status.ok() && done.objects.empty());
}

}  // namespace

LookupId Resolver::Start(Instant now, LookupRequest request) {
  const LookupId id(next_id_++);
  if (lookups_.size() >= kMaxLookups) {
    parts_.counters.Add("presence.lookup_refused_full");
    LookupDone done;
    done.id = id;
    done.email = std::move(request.email);
    done.status = absl::ResourceExhaustedError("too many lookups at a time");
    done.problem = "TOO_MANY";
    done_.push_back(std::move(done));
    return id;
  }
  Lookup& lookup = lookups_[id];
  lookup.request = std::move(request);
  lookup.start = now;
  AskCertificates(now, id, lookup);
  return id;
}

void Resolver::AskCertificates(Instant now, LookupId id, Lookup& lookup) {
  store::GetOptions options;
  options.kind = wire::v1::OBJECT_KIND_AUTHENTICATION;
  if (!lookup.any_root) {
    for (const auto& [fingerprint, root] : parts_.trust.roots()) {
      options.roots.push_back(fingerprint);
    }
    lookup.any_root = options.roots.empty();
  }
  const store::OperationId operation =
      parts_.store.Get(now, store::AuthenticationKey(lookup.request.email), options);
  questions_[operation] = Question{id, Asked::kCertificate};
}

bool Resolver::OnStoreEvent(Instant now, const store::Event& event) {
  const auto* done = std::get_if<store::GetDone>(&event);
  if (done == nullptr) return false;
  const auto it = questions_.find(done->id);
  if (it == questions_.end()) return OnCrl(now, *done);
  const Question question = it->second;
  questions_.erase(it);
  const auto found = lookups_.find(question.lookup);
  if (found == lookups_.end()) return true;
  Lookup& lookup = found->second;
  switch (question.asked) {
    case Asked::kCertificate:
      OnCertificates(now, question.lookup, lookup, *done);
      return true;
    case Asked::kStates:
      lookup.states = *done;
      lookup.states_after = now - lookup.start;
      break;
  }
  Answered(now, question.lookup);
  return true;
}

void Resolver::Answered(Instant now, LookupId id) {
  const auto found = lookups_.find(id);
  if (found == lookups_.end()) return;
  if (--found->second.waiting == 0) Conclude(now, id, found->second);
}

bool Resolver::OnCrl(Instant now, const store::GetDone& done) {
  const auto [begin, end] = crl_waits_.equal_range(done.id);
  std::vector<LookupId> waiting;
  for (auto it = begin; it != end; ++it) waiting.push_back(it->second);
  crl_waits_.erase(begin, end);
  for (const LookupId id : waiting) Answered(now, id);
  return !waiting.empty();
}

void Resolver::OnCertificates(Instant now, LookupId id, Lookup& lookup,
                              const store::GetDone& done) {
  if (NothingThere(done)) {
    if (!lookup.any_root) {
      lookup.any_root = true;
      AskCertificates(now, id, lookup);
      return;
    }
    Fail(id, absl::NotFoundError(absl::StrCat("no certificate for ", lookup.request.email)),
         pki::ChainFault::kNone, "CERTIFICATE_NOT_FOUND");
    return;
  }
  if (!done.status.ok()) {
    Fail(id, done.status, pki::ChainFault::kNone, kLookupFailed);
    return;
  }
  lookup.certificates = done.objects;
  lookup.found = FoundStep(now - lookup.start, lookup.request.email, done);
  const CertificateChoice choice = Choose(now, lookup, /*strict=*/false);
  if (!choice.object) {
    Conclude(now, id, lookup);
    return;
  }
  AskCrls(now, id, lookup);
  if (!lookup.request.certificate_only) AskStates(now, id, lookup, choice.object->chain().leaf());
  if (lookup.waiting == 0) Conclude(now, id, lookup);
}

void Resolver::AskCrls(Instant now, LookupId id, Lookup& lookup) {
  std::vector<pki::Certificate> issuers = IssuersOf(lookup.certificates, parts_.trust);
  if (issuers.size() > kMaxIssuers) {
    issuers.erase(issuers.begin() + kMaxIssuers, issuers.end());
    parts_.counters.Add("presence.issuers_refused_full");
  }
  for (const pki::Certificate& issuer : issuers) {
    const std::optional<store::OperationId> asked =
        parts_.revocations.Ask(now, issuer, lookup.request.lists_fresh);
    if (!asked) continue;
    crl_waits_.emplace(*asked, id);
    ++lookup.waiting;
  }
}

void Resolver::AskStates(Instant now, LookupId id, Lookup& lookup, const pki::Certificate& leaf,
                         const std::set<pki::DeviceId>& newer_of) {
  const pki::UserPublicKey& user = leaf.public_key();
  // No lower bound at first: a device whose last state ran out would never reach it. JudgeStates
  // drops what is older than something seen, and only then the store is told to look further.
  store::GetOptions options;
  for (const pki::DeviceId& device : newer_of) {
    options.at_least.emplace(ToBytes(device.view()), parts_.seen.OfDevice(user.hash(), device));
  }
  const store::OperationId operation =
      parts_.store.Get(now, store::UserKeyPlace(user.spki()), options);
  questions_[operation] = Question{id, Asked::kStates};
  lookup.chosen = user.hash();
  lookup.states.reset();
  ++lookup.waiting;
}

StateView Resolver::JudgeAnswer(Instant now, const Lookup& lookup,
                                const pki::UserPublicKey& user) const {
  return JudgeStates(lookup.states->objects, user, parts_.seen, parts_.wall.At(now));
}

CertificateChoice Resolver::Choose(Instant now, const Lookup& lookup, bool strict) const {
  pki::TrustStore::Options options;
  options.email = lookup.request.email;
  options.strict = strict;
  return ChooseCertificate(lookup.certificates, parts_.trust, parts_.wall.At(now),
                           lookup.request.pinned, options);
}

void Resolver::Conclude(Instant now, LookupId id, Lookup& lookup) {
  const CertificateChoice choice = Choose(now, lookup, strict_);
  if (!choice.object) {
    parts_.counters.Add("presence.certificate_refused");
    Fail(id,
         absl::PermissionDeniedError(absl::StrCat("the certificate of ", lookup.request.email,
                                                  " is refused: ", choice.verdict.explanation)),
         choice.verdict.fault, pki::ChainFaultName(choice.verdict.fault));
    return;
  }
  const pki::Certificate& leaf = choice.object->chain().leaf();
  if (!lookup.request.certificate_only && lookup.chosen != leaf.public_key().hash()) {
    AskStates(now, id, lookup, leaf);  // a CRL overturned the first choice
    return;
  }
  if (!lookup.request.certificate_only) {
    if (lookup.older && !lookup.states->status.ok()) {
      lookup.states = std::move(lookup.older);  // nothing newer is to be had
    } else if (!lookup.older) {
      const StateView view = JudgeAnswer(now, lookup, leaf.public_key());
      if (!view.outdated_devices.empty()) {
        lookup.older = std::move(lookup.states);
        AskStates(now, id, lookup, leaf, view.outdated_devices);
        return;
      }
    }
  }
  FinishResolved(now, id, lookup, choice);
}

void Resolver::FinishResolved(Instant now, LookupId id, Lookup& lookup,
                              const CertificateChoice& choice) {
  const pki::Certificate& leaf = choice.object->chain().leaf();
  const absl::Duration elapsed = now - lookup.start;
  LookupDone done;
  done.id = id;
  done.email = lookup.request.email;
  done.resolved.emplace();
  Resolved& resolved = *done.resolved;
  resolved.chain = choice.object->chain();
  resolved.verdict = choice.verdict;
  resolved.key_changed = choice.key_changed;
  resolved.steps = {lookup.found, VerifiedStep(elapsed, choice)};
  if (!lookup.request.certificate_only) {
    const store::GetDone& states = *lookup.states;
    const absl::Time wall = parts_.wall.At(now);
    done.view = JudgeAnswer(now, lookup, leaf.public_key());
    Remember(done.view, leaf.public_key().hash(), wall, parts_.seen);
    const int forged = states.invalid + done.view.foreign;
    const int old = states.outdated + done.view.outdated;
    if (forged > 0) parts_.counters.Add("presence.state_forged", static_cast<uint64_t>(forged));
    if (old > 0) parts_.counters.Add("presence.state_old", static_cast<uint64_t>(old));
    resolved.devices = Reachable(lookup.request.email, leaf, done.view);
    resolved.availability = done.view.availability();
    resolved.steps.push_back(StateStep(elapsed, states, done.view));
    if (!states.status.ok() && !absl::IsNotFound(states.status)) {
      done.status = states.status;
      // Too few honest answers are left where most bring forgeries: that is what to say then.
      const bool forgeries = forged > 0 && resolved.devices.empty();
      done.problem = forgeries ? "STATE_FORGED" : std::string(kLookupFailed);
      resolved.availability = Availability::kUnknown;
    } else if (resolved.devices.empty()) {
      done.status = absl::UnavailableError(absl::StrCat(lookup.request.email, " is offline"));
      // Whoever lost a key and began anew with another is never there under the old one.
      resolved.key_changed = resolved.key_changed || choice.newer_key;
      if (done.view.devices.empty()) {
        done.problem = forged > 0 ? "STATE_FORGED" : old > 0 ? "STATE_OLD" : "STATE_NOT_FOUND";
      }
    }
  }
  if (resolved.key_changed) {
    parts_.counters.Add("presence.key_changed");
    done.status = absl::PermissionDeniedError(
        absl::StrCat("the key of ", lookup.request.email, " is not the one known before"));
    done.problem = "KEY_CHANGED";
  }
  Finish(id, std::move(done));
}

void Resolver::Fail(LookupId id, absl::Status status, pki::ChainFault fault,
                    absl::string_view problem) {
  LookupDone done;
  done.id = id;
  done.email = lookups_.at(id).request.email;
  done.status = std::move(status);
  done.fault = fault;
  done.problem = std::string(problem);
  Finish(id, std::move(done));
}

void Resolver::Finish(LookupId id, LookupDone done) {
  lookups_.erase(id);
  done_.push_back(std::move(done));
}

std::optional<LookupDone> Resolver::PollDone() {
  if (done_.empty()) return std::nullopt;
  LookupDone done = std::move(done_.front());
  done_.pop_front();
  return done;
}

}  // namespace p2pd::presence
