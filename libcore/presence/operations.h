// Operations: what the API asked for and is not done yet: resolving, asking who is there, listing
// and revoking devices, publishing a revocation list, fetching the certificate of an imported key.
//
// Rules: each ends with exactly one OperationDone, whose problem is a stable name; the store's and
// the sessions' own timeouts bound how long it takes. Threads: one owner. Limits: kMaxOperations.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "libcore/presence/identity.h"
#include "libcore/presence/links.h"
#include "libcore/presence/presence.h"
#include "libcore/presence/resolver.h"

namespace p2pd::presence {

class Operations {
 public:
  static constexpr size_t kMaxOperations = 1024;
  // Ids in a device list (objects.proto).
  static constexpr int kMaxRevoked = 64;

  struct Parts {
    store::Store& store;
    Revocations& revocations;
    const pki::TrustStore& trust;
    Resolver& resolver;
    Links& links;
    Seen& seen;
    const WallClock& wall;
    Counters& counters;
  };
  explicit Operations(const Parts& parts) : parts_(parts) {}

  // A fresh id, for operations that somebody else ends by Finish.
  OperationId Next() { return OperationId(next_id_++); }
  void Finish(OperationDone done) { done_.push_back(std::move(done)); }
  // Fails at once.
  OperationId Fail(absl::Status status, absl::string_view problem);

  OperationId Resolve(Instant now, const std::string& email,
                      const std::optional<pki::KeyHash>& pinned);
  // `as` is logged in.
  OperationId GetPresence(Instant now, const pki::KeyHash& as, const std::string& email,
                          const std::optional<pki::KeyHash>& pinned);
  OperationId ListDevices(Instant now, const OwnIdentity& identity);
  OperationId RevokeDevice(Instant now, const OwnIdentity& identity, const pki::DeviceId& device);
  OperationId PublishCrl(Instant now, ByteView crl_file, ByteView ca_file);
  OperationId FetchCertificate(Instant now, const std::string& email, pki::UserKey key,
                               SecretBytes storage_passphrase);

  bool OnLookupDone(Instant now, const LookupDone& done);
  bool OnStoreEvent(Instant now, const store::Event& event);
  bool OnChecked(Instant now, const LinkReport& report);
  std::optional<OperationDone> PollDone();

  // A certificate was fetched for a key: the owner makes the identity and calls Finish.
  struct Fetched {
    OperationId id;
    std::string email;
    pki::UserKey key;
    pki::CertificateChain chain;
    SecretBytes storage_passphrase;
  };
  std::optional<Fetched> PollFetched();

 private:
  struct Operation {
    enum class Kind { kResolve, kPresence, kListDevices, kRevokeRead, kRevokeWrite, kCrl, kFetch };
    Kind kind;
    Instant start;
    pki::KeyHash as;
    std::string email;
    // Of device operations: whose, and which.
    std::optional<pki::UserPublicKey> user;
    std::optional<pki::UserKey> key;
    std::optional<DeviceEntry> own;  // this device
    pki::DeviceId device;
    SecretBytes storage_passphrase;
    std::optional<store::Object> object;  // what is being put
    OperationDone done;
    int waiting = 0;  // checks outstanding
  };
  // nullptr, and a failed end, when there are too many.
  Operation* Begin(Instant now, Operation::Kind kind, OperationId& id);
  void End(OperationId id, absl::Status status, absl::string_view problem);
  void Put(Instant now, OperationId id, Operation& operation, const store::Object& object);
  void CheckDevices(Instant now, OperationId id, Operation& operation, const LookupDone& lookup);
  void EndFetch(OperationId id, Operation& operation, const LookupDone& lookup);
  void OnOwnPlace(Instant now, OperationId id, Operation& operation, const store::GetDone& get);
  void WriteDeviceList(Instant now, OperationId id, Operation& operation, const StateView& view);

  Parts parts_;
  uint64_t next_id_ = 1;
  std::map<OperationId, Operation> operations_;
  std::map<LookupId, OperationId> by_lookup_;
  std::map<store::OperationId, OperationId> by_store_;
  std::map<CheckId, OperationId> by_check_;
  std::deque<OperationDone> done_;
  std::deque<Fetched> fetched_;
};

}  // namespace p2pd::presence
