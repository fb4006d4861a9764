// Presence::Impl: the parts of presence put together. It owns the identities, and hands each event
// to whose it is; the parts' own headers say what they do.
//
//   identity, environment ─ Publisher (one an identity) ─ EnvironmentSync
//   Revocations ─ Resolver ─ Watch ─ Links          Operations (what the API asked for, until it is
//   done)
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "libcore/presence/identity.h"
#include "libcore/presence/links.h"
#include "libcore/presence/operations.h"
#include "libcore/presence/presence.h"
#include "libcore/presence/publisher.h"
#include "libcore/presence/resolver.h"
#include "libcore/presence/revocations.h"
#include "libcore/presence/seen.h"
#include "libcore/presence/subscriptions.h"
#include "libcore/presence/watch.h"

namespace p2pd::presence {

class Presence::Impl {
 public:
  // What is seen of others reaches the disk so long after it changed.
  static constexpr absl::Duration kSaveSeenAfter = absl::Seconds(15);

  Impl(const PresenceOptions& options, const Parts& parts);

  void Load(Instant now);
  absl::StatusOr<std::string> Create(absl::string_view email, absl::string_view name,
                                     const SecretBytes& passphrase);
  absl::StatusOr<IdentityInfo> Install(Instant now, ByteView file, const SecretBytes& passphrase,
                                       const SecretBytes& storage_passphrase,
                                       absl::string_view email);
  absl::StatusOr<OperationId> ImportKey(Instant now, absl::string_view email, ByteView pem,
                                        const SecretBytes& passphrase,
                                        const SecretBytes& storage_passphrase);
  absl::Status Unlock(Instant now, absl::string_view email, const SecretBytes& passphrase);
  absl::Status Delete(Instant now, absl::string_view email);

  OperationId Login(Instant now, absl::string_view email);
  OperationId Logout(Instant now, absl::string_view email);
  void Farewell(Instant now);
  size_t PendingFarewells() const;
  absl::Status SetAvailability(Instant now, absl::string_view email, Availability shown);
  void SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses);

  absl::Status AddRoot(Instant now, ByteView pem);
  absl::Status RemoveRoot(const pki::CertificateHash& fingerprint);

  absl::Status AddContact(Instant now, absl::string_view as, absl::string_view email,
                          absl::string_view name);
  absl::Status RemoveContact(Instant now, absl::string_view as, absl::string_view email);
  absl::Status SetSetting(Instant now, absl::string_view as, absl::string_view name,
                          absl::string_view value);

  Caller JudgeCaller(Instant now, absl::string_view as, absl::string_view email,
                     const pki::KeyHash& key);

  bool OnStoreEvent(Instant now, const store::Event& event);
  bool OnSessionEvent(Instant now, const session::Event& event);
  void OnJoinStateChanged(Instant now, overlay::JoinState state);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;

  // One identity with all that belongs to it.
  struct Account {
    std::unique_ptr<OwnIdentity> identity;
    std::unique_ptr<Publisher> publisher;
    bool arrived = false;  // watch and links know that it is logged in
    std::vector<OperationId> logins;
    std::vector<OperationId> logouts;
    std::map<std::string, std::string> contacts;  // encoded, as last told upwards
    const pki::KeyHash& user() const { return identity->public_key().hash(); }
  };
  // The default identity for an empty address. NotFound.
  absl::StatusOr<Account*> Find(absl::string_view email);
  absl::StatusOr<const Account*> Find(absl::string_view email) const;
  IdentityInfo InfoOf(const Account& account) const;
  std::vector<IdentityInfo> Infos() const;
  std::vector<ContactInfo> Contacts(const Account& account) const;
  // From an OperationDone of a lookup with a key: the identity is made.
  absl::Status Adopt(Instant now, const std::string& email, pki::UserKey key,
                     const pki::CertificateChain& chain, const SecretBytes& storage_passphrase);
  // Hands round what the parts have to say until none has anything.
  void Settle(Instant now);

  Operations& operations() { return operations_; }
  const std::vector<std::string>& problems() const { return problems_; }
  std::optional<Event> PollEvent();

 private:
  const Account* Default() const;
  Account* ByUser(const pki::KeyHash& user);
  absl::Status LoadIdentity(const std::string& folder);
  Environment LoadEnvironment(const OwnIdentity& identity);
  Account& Add(std::unique_ptr<OwnIdentity> identity, Environment environment);
  absl::StatusOr<std::string> CheckNew(absl::string_view email) const;
  uint64_t NextOrder() const;
  void TrustChanged(Instant now);
  void JudgeAgain(Instant now);
  // Whose lists decide about anybody here: of ourselves, of contacts, and the trusted roots.
  std::vector<pki::Certificate> Issuers() const;
  void ContactsChanged(Instant now, Account& account);
  void Align(Instant now, Account& account);
  void Depart(Instant now, Account& account);
  void OnReport(Instant now, Account& account, const PublisherReport& report);
  void OnReport(Instant now, const WatchReport& report);
  bool SettleOnce(Instant now);
  void FinishAll(std::vector<OperationId>& ids, const absl::Status& status,
                 const std::string& problem);
  void SaveSeen(Instant now);

  PresenceOptions options_;
  Parts parts_;
  Seen seen_;
  Subscriptions subscriptions_;
  Revocations revocations_;
  Resolver resolver_;
  Links links_;
  Watch watch_;
  Operations operations_;
  std::map<std::string, Account> accounts_;  // by address; at most kMaxIdentities
  std::vector<net::Endpoint> addresses_;
  std::vector<std::string> problems_;
  std::optional<Instant> login_at_;
  std::optional<Instant> save_seen_at_;
  bool farewell_ = false;
  bool judge_again_ = false;  // roots changed
  std::deque<Event> events_;
};

}  // namespace p2pd::presence
