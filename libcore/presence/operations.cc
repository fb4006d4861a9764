#include "libcore/presence/operations.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/hex.h"
#include "libcore/presence/trust_files.h"

namespace p2pd::presence {
namespace {

// How long a device list lies in the store; renewed at each log-in when two thirds are over.
constexpr absl::Duration kDeviceListFor = absl::Hours(24 * 90);

DeviceEntry OwnEntry(const OwnIdentity& identity) {
  DeviceEntry entry;
  entry.id = identity.device_keys().id;
  entry.this_device = true;
  entry.availability = Availability::kOffline;
  entry.expires = absl::InfinitePast();
  return entry;
}

}  // namespace

OperationId Operations::Fail(absl::Status status, absl::string_view problem) {
  OperationDone done;
  done.id = Next();
  done.status = std::move(status);
  done.problem = std::string(problem);
  const OperationId id = done.id;
  done_.push_back(std::move(done));
  return id;
}

Operations::Operation* Operations::Begin(Instant now, Operation::Kind kind, OperationId& id) {
  if (operations_.size() >= kMaxOperations) {
    parts_.counters.Add("presence.operation_refused_full");
    id = Fail(absl::ResourceExhaustedError("too many operations at a time"), "TOO_MANY");
    return nullptr;
  }
  id = Next();
  Operation& operation = operations_[id];
  operation.kind = kind;
  operation.start = now;
  operation.done.id = id;
  return &operation;
}

void Operations::End(OperationId id, absl::Status status, absl::string_view problem) {
  auto found = operations_.extract(id);
  OperationDone done = std::move(found.mapped().done);
  done.status = std::move(status);
  done.problem = std::string(problem);
  done_.push_back(std::move(done));
}

OperationId Operations::Resolve(Instant now, const std::string& email,
                                const std::optional<pki::KeyHash>& pinned) {
  OperationId id;
  Operation* operation = Begin(now, Operation::Kind::kResolve, id);
  if (operation == nullptr) return id;
  operation->email = email;
  by_lookup_[parts_.resolver.Start(now,
                                   LookupRequest{email, pinned, false, absl::ZeroDuration()})] = id;
  return id;
}

OperationId Operations::GetPresence(Instant now, const pki::KeyHash& as, const std::string& email,
                                    const std::optional<pki::KeyHash>& pinned) {
  OperationId id;
  Operation* operation = Begin(now, Operation::Kind::kPresence, id);
  if (operation == nullptr) return id;
  operation->as = as;
  operation->email = email;
  by_lookup_[parts_.resolver.Start(now,
                                   LookupRequest{email, pinned, false, absl::ZeroDuration()})] = id;
  return id;
}

OperationId Operations::ListDevices(Instant now, const OwnIdentity& identity) {
  OperationId id;
  Operation* operation = Begin(now, Operation::Kind::kListDevices, id);
  if (operation == nullptr) return id;
  operation->user = identity.public_key();
  if (identity.has_device()) operation->own = OwnEntry(identity);
  const store::Key place = store::UserKeyPlace(identity.public_key().spki());
  by_store_[parts_.store.Get(now, place, {})] = id;
  return id;
}

OperationId Operations::RevokeDevice(Instant now, const OwnIdentity& identity,
                                     const pki::DeviceId& device) {
  OperationId id;
  Operation* operation = Begin(now, Operation::Kind::kRevokeRead, id);
  if (operation == nullptr) return id;
  operation->user = identity.public_key();
  operation->key = identity.key();
  operation->device = device;
  if (identity.has_device()) operation->own = OwnEntry(identity);
  const store::Key place = store::UserKeyPlace(identity.public_key().spki());
  by_store_[parts_.store.Get(now, place, {})] = id;
  return id;
}

OperationId Operations::PublishCrl(Instant now, ByteView crl_file, ByteView ca_file) {
  const absl::StatusOr<pki::Crl> crl = ReadCrl(crl_file);
  if (!crl.ok()) return Fail(crl.status(), "CRL_MALFORMED");
  std::optional<pki::Certificate> ca;
  if (ca_file.empty()) {
    for (const auto& [fingerprint, root] : parts_.trust.roots()) {
      if (crl->SignedBy(root)) ca = root;
    }
  } else {
    absl::StatusOr<pki::Certificate> read = ReadCertificate(ca_file);
    if (!read.ok()) return Fail(read.status(), "CRL_MALFORMED");
    ca = *std::move(read);
  }
  if (!ca || !crl->SignedBy(*ca)) {
    return Fail(absl::InvalidArgumentError("the list is not signed by that authority"),
                "CRL_WRONG_SIGNATURE");
  }
  const absl::Time wall = parts_.wall.At(now);
  if (crl->next_update() <= wall) {
    return Fail(absl::FailedPreconditionError("the list's next update is over"), "CRL_EXPIRED");
  }
  const absl::StatusOr<store::Object> object = store::MakeRevocation(*ca, *crl, wall);
  if (!object.ok()) return Fail(object.status(), "CRL_MALFORMED");
  if (parts_.trust.Trusts(ca->fingerprint()) && !parts_.revocations.Add(*ca, *crl).ok()) {
    parts_.counters.Add("presence.crl_not_newer");
  }
  OperationId id;
  Operation* operation = Begin(now, Operation::Kind::kCrl, id);
  if (operation != nullptr) Put(now, id, *operation, *object);
  return id;
}

OperationId Operations::FetchCertificate(Instant now, const std::string& email, pki::UserKey key,
                                         SecretBytes storage_passphrase) {
  OperationId id;
  Operation* operation = Begin(now, Operation::Kind::kFetch, id);
  if (operation == nullptr) return id;
  operation->email = email;
  operation->storage_passphrase = std::move(storage_passphrase);
  const pki::KeyHash hash = key.public_key().hash();
  operation->key = std::move(key);
  by_lookup_[parts_.resolver.Start(now, LookupRequest{email, hash, true, absl::ZeroDuration()})] =
      id;
  return id;
}

void Operations::Put(Instant now, OperationId id, Operation& operation,
                     const store::Object& object) {
  operation.object = object;
  by_store_[parts_.store.Put(now, object)] = id;
}

bool Operations::OnLookupDone(Instant now, const LookupDone& lookup) {
  auto found = by_lookup_.extract(lookup.id);
  if (found.empty()) return false;
  const OperationId id = found.mapped();
  Operation& operation = operations_.at(id);
  operation.done.fault = lookup.fault;
  operation.done.resolved = lookup.resolved;
  if (lookup.resolved) operation.done.availability = lookup.resolved->availability;
  for (const DeviceState& state : lookup.view.devices) {
    operation.done.devices.push_back(ToEntry(state));
  }
  if (operation.kind == Operation::Kind::kFetch) {
    EndFetch(id, operation, lookup);
  } else if (operation.kind == Operation::Kind::kPresence) {
    CheckDevices(now, id, operation, lookup);
  } else {
    End(id, lookup.status, lookup.problem);
  }
  return true;
}

void Operations::EndFetch(OperationId id, Operation& operation, const LookupDone& lookup) {
  if (!lookup.resolved) return End(id, lookup.status, lookup.problem);
  if (lookup.resolved->chain.leaf().public_key().hash() != operation.key->public_key().hash()) {
    return End(id,
               absl::FailedPreconditionError(
                   absl::StrCat("the certificate of ", operation.email, " holds another key")),
               "CERTIFICATE_WRONG_KEY");
  }
  fetched_.push_back(Fetched{id, operation.email, *std::move(operation.key), lookup.resolved->chain,
                             std::move(operation.storage_passphrase)});
  operations_.erase(id);
}

void Operations::CheckDevices(Instant now, OperationId id, Operation& operation,
                              const LookupDone& lookup) {
  // Whoever is known to be offline is an answer, not a failure.
  const bool offline =
      absl::IsUnavailable(lookup.status) && lookup.resolved && lookup.problem != "LOOKUP_FAILED";
  if (offline) {
    operation.done.availability = Availability::kOffline;
    return End(id, absl::OkStatus(), lookup.problem);
  }
  if (!lookup.status.ok()) return End(id, lookup.status, lookup.problem);
  operation.done.availability = Availability::kOffline;
  for (DeviceEntry& entry : operation.done.devices) entry.availability = Availability::kOffline;
  const std::vector<session::RemoteDevice> devices = lookup.resolved->devices;
  const absl::Duration since = now - operation.start;
  for (const session::RemoteDevice& device : devices) {
    operation.done.resolved->steps.push_back(JourneyStep{
        JourneyStep::Kind::kHelloSent, since,
        absl::StrCat("hello sent to device ", Hex(device.device.id.view().subspan(0, 4)), " at ",
                     device.addresses.front().ToString()),
        0, device.addresses.front().ToString()});
    const LinkKey key{operation.as, device.user_key.hash(), device.device.id};
    ++operation.waiting;
    by_check_[parts_.links.Check(now, key, device)] = id;
  }
}

bool Operations::OnChecked(Instant now, const LinkReport& report) {
  auto found = by_check_.extract(report.check);
  if (found.empty()) return false;
  const OperationId id = found.mapped();
  Operation& operation = operations_.at(id);
  if (report.lease) {
    OperationDone& done = operation.done;
    done.availability = MoreReachable(report.lease->availability, done.availability);
    for (DeviceEntry& entry : done.devices) {
      if (entry.id == report.key.device) entry.availability = report.lease->availability;
    }
    const absl::Duration since = now - operation.start;
    done.resolved->steps.push_back(
        JourneyStep{JourneyStep::Kind::kAckVerified, since,
                    absl::StrCat("ack verified: ", report.email, " is logged in at device ",
                                 Hex(report.key.device.view().subspan(0, 4)), ", round trip ",
                                 absl::FormatDuration(report.round_trip)),
                    0, ""});
    done.resolved->steps.push_back(
        JourneyStep{JourneyStep::Kind::kKeysReady, since, "keys agreed", 0, ""});
  }
  if (--operation.waiting > 0) return true;
  if (operation.done.resolved) operation.done.resolved->availability = operation.done.availability;
  End(id, absl::OkStatus(), "");
  return true;
}

bool Operations::OnStoreEvent(Instant now, const store::Event& event) {
  if (const auto* get = std::get_if<store::GetDone>(&event)) {
    auto found = by_store_.extract(get->id);
    if (found.empty()) return false;
    OnOwnPlace(now, found.mapped(), operations_.at(found.mapped()), *get);
    return true;
  }
  const auto* put = std::get_if<store::PutDone>(&event);
  if (put == nullptr) return false;
  auto found = by_store_.extract(put->id);
  if (found.empty()) return false;
  const OperationId id = found.mapped();
  if (put->status.ok()) {
    parts_.store.KeepAlive(now, *operations_.at(id).object);
    End(id, absl::OkStatus(), "");
  } else {
    End(id, absl::UnavailableError(put->status.message()), "NOT_ACKNOWLEDGED");
  }
  return true;
}

void Operations::OnOwnPlace(Instant now, OperationId id, Operation& operation,
                            const store::GetDone& get) {
  if (!get.status.ok() && !absl::IsNotFound(get.status)) {
    return End(id, absl::UnavailableError(get.status.message()), "LOOKUP_FAILED");
  }
  const StateView view =
      JudgeStates(get.objects, *operation.user, parts_.seen, parts_.wall.At(now));
  if (operation.kind == Operation::Kind::kRevokeRead) {
    return WriteDeviceList(now, id, operation, view);
  }
  std::vector<DeviceEntry>& devices = operation.done.devices;
  for (const DeviceState& state : view.devices) {
    DeviceEntry entry = ToEntry(state);
    entry.this_device = operation.own && operation.own->id == entry.id;
    if (entry.this_device) {
      operation.own.reset();
      devices.insert(devices.begin(), std::move(entry));
    } else {
      devices.push_back(std::move(entry));
    }
  }
  if (operation.own) devices.insert(devices.begin(), *operation.own);
  // The store gives no states of revoked devices: of them only the ids are known.
  for (const pki::DeviceId& revoked : view.revoked) {
    const bool listed = std::any_of(devices.begin(), devices.end(),
                                    [&](const DeviceEntry& entry) { return entry.id == revoked; });
    if (listed) continue;
    DeviceEntry entry;
    entry.id = revoked;
    entry.revoked = true;
    entry.availability = Availability::kOffline;
    entry.expires = absl::InfinitePast();
    devices.push_back(std::move(entry));
  }
  End(id, absl::OkStatus(), "");
}

void Operations::WriteDeviceList(Instant now, OperationId id, Operation& operation,
                                 const StateView& view) {
  const bool known =
      (operation.own && operation.own->id == operation.device) ||
      std::any_of(view.devices.begin(), view.devices.end(), [&operation](const DeviceState& state) {
        return state.device.id == operation.device;
      });
  if (!known) {
    return End(id, absl::NotFoundError("no device of this identity has this id"), "DEVICE_UNKNOWN");
  }
  std::set<pki::DeviceId> revoked = view.revoked;
  revoked.insert(operation.device);
  if (revoked.size() > kMaxRevoked) {
    return End(id, absl::ResourceExhaustedError("at most 64 devices can be revoked"), "TOO_MANY");
  }
  const absl::Time wall = parts_.wall.At(now);
  wire::v1::DeviceListBody body;
  body.set_user_key(ToText(operation.user->spki()));
  body.set_number(
      std::max(view.device_list, parts_.seen.OfDeviceList(operation.user->hash())).value() + 1);
  for (const pki::DeviceId& device : revoked) body.add_revoked(device.ToString());
  body.set_expires(absl::ToUnixSeconds(wall + kDeviceListFor));
  const absl::StatusOr<store::Object> object = store::MakeDeviceList(*operation.key, body, wall);
  if (!object.ok()) return End(id, object.status(), "");
  operation.kind = Operation::Kind::kRevokeWrite;
  Put(now, id, operation, *object);
}

std::optional<OperationDone> Operations::PollDone() {
  if (done_.empty()) return std::nullopt;
  OperationDone done = std::move(done_.front());
  done_.pop_front();
  return done;
}

std::optional<Operations::Fetched> Operations::PollFetched() {
  if (fetched_.empty()) return std::nullopt;
  Fetched fetched = std::move(fetched_.front());
  fetched_.pop_front();
  return fetched;
}

}  // namespace p2pd::presence
