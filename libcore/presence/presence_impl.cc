#include "libcore/presence/presence_impl.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"
#include "libcore/presence/key_file.h"
#include "libcore/presence/trust_files.h"

namespace p2pd::presence {
namespace {

constexpr absl::string_view kEnvironmentBlob = "environment";
// A damaged one is set aside under this name, for whoever wants to look at it.
constexpr absl::string_view kDamagedBlob = "environment.damaged";
constexpr absl::string_view kContactsOnly = "contacts";

}  // namespace

Presence::Impl::Impl(const PresenceOptions& options, const Parts& parts)
    : options_(options),
      parts_(parts),
      subscriptions_(parts.store, parts.counters),
      revocations_({parts.store, parts.storage, parts.trust, parts.rng, parts.counters}),
      resolver_({parts.store, revocations_, parts.trust, seen_, parts.wall, parts.counters},
                options.strict_revocation),
      links_(parts.sessions, parts.rng, parts.counters, options.lease),
      watch_({resolver_, links_, subscriptions_, seen_, parts.trust, parts.wall, parts.rng,
              parts.counters}),
      operations_({parts.store, revocations_, parts.trust, resolver_, links_, seen_, parts.wall,
                   parts.counters}) {}

// --- loading ---

void Presence::Impl::Load(Instant now) {
  problems_ = LoadTrust(parts_.storage, parts_.trust);
  if (const absl::Status status = seen_.Load(parts_.storage); !status.ok()) {
    problems_.emplace_back(status.message());
  }
  for (const std::string& folder : OwnIdentity::ListFolders(parts_.storage)) {
    if (accounts_.size() >= kMaxIdentities) {
      problems_.push_back(absl::StrCat(parts_.storage.TitleOf("identities"), "/", folder,
                                       " is left out: at most ", kMaxIdentities,
                                       " identities are loaded"));
      continue;
    }
    if (const absl::Status status = LoadIdentity(folder); !status.ok()) {
      problems_.emplace_back(status.message());
    }
  }
  for (const std::string& problem : problems_) P2PD_LOG(presence, kError, problem);
  TrustChanged(now);
  for (auto& [email, account] : accounts_) ContactsChanged(now, account);
  // The node starts after this: only then is it known whether there is a ring to join.
  login_at_ = now;
  // The log-ins and the lookups of contacts ask for what they need; this begins a tick later.
  revocations_.Refresh(now, {});
}

absl::Status Presence::Impl::LoadIdentity(const std::string& folder) {
  P2PD_ASSIGN_OR_RETURN(std::unique_ptr<OwnIdentity> identity,
                        OwnIdentity::Load(parts_.storage, parts_.crypto, folder));
  Environment environment = LoadEnvironment(*identity);
  Add(std::move(identity), std::move(environment));
  return absl::OkStatus();
}

Environment Presence::Impl::LoadEnvironment(const OwnIdentity& identity) {
  const std::string blob = identity.BlobName(kEnvironmentBlob);
  absl::StatusOr<Environment> environment = Environment::Load(parts_.storage, blob);
  if (environment.ok()) return *std::move(environment);
  if (!absl::IsNotFound(environment.status())) {
    // The stored object still has it: log-in finds it by the key in our own states.
    problems_.push_back(
        absl::StrCat(environment.status().message(), ": log-in fetches what the overlay has"));
    const absl::StatusOr<Bytes> bytes = parts_.storage.Read(blob);
    if (bytes.ok() &&
        !parts_.storage.Write(identity.BlobName(kDamagedBlob), *bytes, FileMode::kSecret).ok()) {
      problems_.push_back(absl::StrCat(parts_.storage.TitleOf(blob), " could not be set aside"));
    }
  }
  return Environment::Fresh(blob, parts_.rng);
}

Presence::Impl::Account& Presence::Impl::Add(std::unique_ptr<OwnIdentity> identity,
                                             Environment environment) {
  const std::string email = identity->email();
  Account& account = accounts_[email];
  account.identity = std::move(identity);
  account.publisher = std::make_unique<Publisher>(
      Publisher::Parts{parts_.overlay, parts_.store, parts_.sessions, parts_.storage, parts_.crypto,
                       parts_.trust, revocations_, subscriptions_, seen_, parts_.wall, parts_.rng,
                       parts_.counters},
      options_, *account.identity, std::move(environment));
  if (!addresses_.empty()) account.publisher->SetAddresses(Instant(), addresses_);
  return account;
}

// --- identities ---

const Presence::Impl::Account* Presence::Impl::Default() const {
  const Account* first = nullptr;
  for (const auto& [email, account] : accounts_) {
    if (first == nullptr || account.identity->order() < first->identity->order()) first = &account;
  }
  return first;
}

absl::StatusOr<const Presence::Impl::Account*> Presence::Impl::Find(absl::string_view email) const {
  if (email.empty()) {
    const Account* account = Default();
    if (account == nullptr) return absl::NotFoundError("there is no identity yet");
    return account;
  }
  P2PD_ASSIGN_OR_RETURN(const std::string normalised, pki::NormaliseEmail(email));
  const auto it = accounts_.find(normalised);
  if (it == accounts_.end()) return absl::NotFoundError(absl::StrCat("no identity ", normalised));
  return &it->second;
}

absl::StatusOr<Presence::Impl::Account*> Presence::Impl::Find(absl::string_view email) {
  P2PD_ASSIGN_OR_RETURN(const Account* account, std::as_const(*this).Find(email));
  return &accounts_.at(account->identity->email());
}

Presence::Impl::Account* Presence::Impl::ByUser(const pki::KeyHash& user) {
  for (auto& [email, account] : accounts_) {
    if (account.user() == user) return &account;
  }
  return nullptr;
}

uint64_t Presence::Impl::NextOrder() const {
  uint64_t largest = 0;
  for (const auto& [email, account] : accounts_) {
    largest = std::max(largest, account.identity->order());
  }
  return largest + 1;
}

absl::StatusOr<std::string> Presence::Impl::CheckNew(absl::string_view email) const {
  P2PD_ASSIGN_OR_RETURN(std::string normalised, pki::NormaliseEmail(email));
  if (accounts_.count(normalised) != 0) {
    return absl::AlreadyExistsError(absl::StrCat("there is an identity ", normalised, " already"));
  }
  P2PD_RETURN_IF_ERROR(OwnIdentity::CheckFree(parts_.storage, normalised));
  if (accounts_.size() >= kMaxIdentities) {
    return absl::ResourceExhaustedError(absl::StrCat("at most ", kMaxIdentities, " identities"));
  }
  return normalised;
}

absl::StatusOr<std::string> Presence::Impl::Create(absl::string_view email, absl::string_view name,
                                                   const SecretBytes& passphrase) {
  P2PD_ASSIGN_OR_RETURN(const std::string normalised, CheckNew(email));
  P2PD_ASSIGN_OR_RETURN(pki::UserKey key, pki::UserKey::GenerateP256(parts_.crypto));
  OwnIdentity::Making making{normalised, std::string(name), NextOrder(), std::move(key), {}};
  P2PD_ASSIGN_OR_RETURN(std::unique_ptr<OwnIdentity> identity,
                        OwnIdentity::Make(parts_.storage, std::move(making), passphrase));
  std::string csr = identity->csr_pem();
  Environment environment = Environment::Fresh(identity->BlobName(kEnvironmentBlob), parts_.rng);
  Add(std::move(identity), std::move(environment));
  events_.push_back(IdentityChanged{normalised});
  return csr;
}

absl::Status Presence::Impl::Adopt(Instant now, const std::string& email, pki::UserKey key,
                                   const pki::CertificateChain& chain,
                                   const SecretBytes& storage_passphrase) {
  P2PD_ASSIGN_OR_RETURN(const std::string normalised, CheckNew(email));
  const pki::ChainVerdict verdict =
      pki::VerifySelfContained(chain, parts_.wall.At(now), normalised);
  if (!verdict.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(pki::ChainFaultName(verdict.fault), ": ", verdict.explanation));
  }
  std::string name = chain.leaf().name();
  if (name.size() > kMaxPersonName) name = normalised.substr(0, kMaxPersonName);
  OwnIdentity::Making making{normalised, std::move(name), NextOrder(), std::move(key), chain};
  P2PD_ASSIGN_OR_RETURN(std::unique_ptr<OwnIdentity> identity,
                        OwnIdentity::Make(parts_.storage, std::move(making), storage_passphrase));
  Environment environment = Environment::Fresh(identity->BlobName(kEnvironmentBlob), parts_.rng);
  Add(std::move(identity), std::move(environment));
  events_.push_back(IdentityChanged{normalised});
  return absl::OkStatus();
}

absl::StatusOr<IdentityInfo> Presence::Impl::Install(Instant now, ByteView file,
                                                     const SecretBytes& passphrase,
                                                     const SecretBytes& storage_passphrase,
                                                     absl::string_view named) {
  P2PD_ASSIGN_OR_RETURN(KeyFile read, ReadKeyFile(parts_.crypto, file, passphrase));
  if (read.certificates.empty()) {
    return absl::InvalidArgumentError("the file holds a key and no certificate");
  }
  Account* account = nullptr;
  if (read.key) account = ByUser(read.key->public_key().hash());
  for (const pki::Certificate& certificate : read.certificates) {
    if (account == nullptr && !read.key) account = ByUser(certificate.public_key().hash());
  }
  if (account == nullptr && !read.key) {
    return absl::NotFoundError("no identity here has the key of this certificate");
  }
  const pki::KeyHash user = account != nullptr ? account->user() : read.key->public_key().hash();
  const absl::Time wall = parts_.wall.At(now);
  P2PD_ASSIGN_OR_RETURN(const pki::CertificateChain chain,
                        CompleteChain(user, read.certificates, parts_.trust.roots(), wall));
  const std::vector<std::string>& emails = chain.leaf().emails();
  std::string email = emails.empty() ? std::string() : emails.front();
  if (!named.empty()) {
    P2PD_ASSIGN_OR_RETURN(email, pki::NormaliseEmail(named));
    const bool fits = account != nullptr
                          ? account->identity->email() == email
                          : std::find(emails.begin(), emails.end(), email) != emails.end();
    if (!fits) {
      return absl::FailedPreconditionError(
          absl::StrCat("the certificate is for the e-mail address ",
                       emails.empty() ? "of nobody" : emails.front(), ", not for ", email));
    }
  }
  if (account != nullptr) {
    P2PD_RETURN_IF_ERROR(account->identity->Install(parts_.storage, chain, wall));
    account->publisher->OnIdentityChanged(now);
    return InfoOf(*account);
  }
  if (emails.empty()) {
    return absl::InvalidArgumentError("the certificate names no e-mail address");
  }
  P2PD_RETURN_IF_ERROR(Adopt(now, email, *std::move(read.key), chain, storage_passphrase));
  return InfoOf(accounts_.at(email));
}

absl::StatusOr<OperationId> Presence::Impl::ImportKey(Instant now, absl::string_view email,
                                                      ByteView pem, const SecretBytes& passphrase,
                                                      const SecretBytes& storage_passphrase) {
  P2PD_ASSIGN_OR_RETURN(const std::string normalised, CheckNew(email));
  P2PD_ASSIGN_OR_RETURN(KeyFile file, ReadKeyFile(parts_.crypto, pem, passphrase));
  if (!file.key) return absl::InvalidArgumentError("the file holds no private key");
  return operations_.FetchCertificate(now, normalised, *std::move(file.key),
                                      storage_passphrase.Clone());
}

absl::Status Presence::Impl::Unlock(Instant now, absl::string_view email,
                                    const SecretBytes& passphrase) {
  P2PD_ASSIGN_OR_RETURN(Account * account, Find(email));
  P2PD_RETURN_IF_ERROR(account->identity->Unlock(parts_.storage, parts_.crypto, passphrase));
  account->publisher->OnIdentityChanged(now);
  return absl::OkStatus();
}

absl::Status Presence::Impl::Delete(Instant now, absl::string_view email) {
  P2PD_ASSIGN_OR_RETURN(Account * account, Find(email));
  const std::string normalised = account->identity->email();
  Depart(now, *account);
  if (account->publisher->phase() != Publisher::Phase::kOut) {
    account->publisher->Logout(now);
  }
  P2PD_RETURN_IF_ERROR(account->identity->Remove(parts_.storage));
  watch_.Forget(account->user());
  FinishAll(account->logins, absl::CancelledError("the identity was deleted"), "IDENTITY_UNKNOWN");
  FinishAll(account->logouts, absl::OkStatus(), "");
  accounts_.erase(normalised);
  events_.push_back(IdentityChanged{normalised});
  return absl::OkStatus();
}

IdentityInfo Presence::Impl::InfoOf(const Account& account) const {
  const OwnIdentity& identity = *account.identity;
  const Publisher& publisher = *account.publisher;
  IdentityInfo info;
  info.email = identity.email();
  info.name = identity.name();
  info.user = account.user();
  info.chain = identity.chain();
  info.csr_pem = identity.csr_pem();
  if (identity.has_device()) info.device = identity.device_keys().id;
  info.shown = FromFlag(identity.shown());
  info.has_passphrase = identity.has_passphrase();
  info.is_default = &account == Default();
  info.state_sequence = publisher.sequence();
  info.state_expires = publisher.expires();
  info.state_replicas = publisher.replicas();
  info.problem = publisher.problem();
  if (info.chain) {
    const pki::ChainVerdict verdict = parts_.trust.JudgeRevocation(*info.chain);
    info.fault = verdict.fault;
    if (!verdict.ok()) {
      info.problem = absl::StrCat(verdict.explanation,
                                  ": ask its authority for a new one and install it with p2pctl "
                                  "identity install");
    }
  }
  switch (publisher.phase()) {
    case Publisher::Phase::kIn:
      info.state = IdentityState::kLoggedIn;
      break;
    case Publisher::Phase::kReading:
    case Publisher::Phase::kReadingEnvironment:
    case Publisher::Phase::kWriting:
      info.state = IdentityState::kLoggingIn;
      break;
    case Publisher::Phase::kOut:
    case Publisher::Phase::kLeaving:
      info.state = !identity.chain() ? IdentityState::kNoCertificate
                   : !identity.key() ? IdentityState::kLocked
                                     : IdentityState::kLoggedOut;
      break;
  }
  return info;
}

std::vector<IdentityInfo> Presence::Impl::Infos() const {
  std::vector<std::pair<uint64_t, const Account*>> sorted;
  for (const auto& [email, account] : accounts_) {
    sorted.emplace_back(account.identity->order(), &account);
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<IdentityInfo> out;
  for (const auto& [order, account] : sorted) out.push_back(InfoOf(*account));
  return out;
}

// --- log-in ---

OperationId Presence::Impl::Login(Instant now, absl::string_view email) {
  const absl::StatusOr<Account*> account = Find(email);
  if (!account.ok()) return operations_.Fail(account.status(), "IDENTITY_UNKNOWN");
  const OperationId id = operations_.Next();
  (*account)->logins.push_back(id);
  (*account)->publisher->Login(now, /*by_person=*/true);
  return id;
}

OperationId Presence::Impl::Logout(Instant now, absl::string_view email) {
  const absl::StatusOr<Account*> found = Find(email);
  if (!found.ok()) return operations_.Fail(found.status(), "IDENTITY_UNKNOWN");
  Account& account = **found;
  const OperationId id = operations_.Next();
  account.logouts.push_back(id);
  FinishAll(account.logins, absl::CancelledError("logged out meanwhile"), "NOT_LOGGED_IN");
  Depart(now, account);
  // What is not on disk is not acknowledged; nobody is logged in here any more all the same.
  const absl::Status kept = account.publisher->ForgetLogin();
  if (!kept.ok()) FinishAll(account.logouts, kept, "");
  account.publisher->Logout(now);
  return id;
}

void Presence::Impl::Farewell(Instant now) {
  farewell_ = true;
  login_at_.reset();
  for (auto& [email, account] : accounts_) {
    Depart(now, account);
    if (account.publisher->phase() != Publisher::Phase::kOut) {
      account.publisher->Logout(now);
    }
  }
  SaveSeen(now);
}

size_t Presence::Impl::PendingFarewells() const {
  return static_cast<size_t>(
      std::count_if(accounts_.begin(), accounts_.end(), [](const auto& item) {
        return item.second.publisher->phase() == Publisher::Phase::kLeaving;
      }));
}

absl::Status Presence::Impl::SetAvailability(Instant now, absl::string_view email,
                                             Availability shown) {
  P2PD_ASSIGN_OR_RETURN(Account * account, Find(email));
  if (shown == Availability::kUnknown || shown == Availability::kOffline) {
    return absl::InvalidArgumentError("one can show online, away or busy");
  }
  P2PD_RETURN_IF_ERROR(account->publisher->SetShown(now, ToFlag(shown)));
  return absl::OkStatus();
}

void Presence::Impl::SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses) {
  addresses_ = addresses;
  for (auto& [email, account] : accounts_) account.publisher->SetAddresses(now, addresses);
}

// --- trust and contacts ---

absl::Status Presence::Impl::AddRoot(Instant now, ByteView pem) {
  P2PD_RETURN_IF_ERROR(AddTrustRoot(parts_.storage, parts_.trust, pem));
  TrustChanged(now);
  return absl::OkStatus();
}

absl::Status Presence::Impl::RemoveRoot(const pki::CertificateHash& fingerprint) {
  P2PD_RETURN_IF_ERROR(RemoveTrustRoot(parts_.storage, parts_.trust, fingerprint));
  judge_again_ = true;
  std::vector<pki::CertificateHash> roots;
  for (const auto& [hash, root] : parts_.trust.roots()) roots.push_back(hash);
  parts_.store.SetTrustedRoots(std::move(roots));
  return absl::OkStatus();
}

void Presence::Impl::TrustChanged(Instant now) {
  std::vector<pki::CertificateHash> roots;
  for (const auto& [hash, root] : parts_.trust.roots()) roots.push_back(hash);
  parts_.store.SetTrustedRoots(std::move(roots));
  watch_.LookAgain(now);
}

std::vector<pki::Certificate> Presence::Impl::Issuers() const {
  std::map<pki::KeyHash, pki::Certificate> issuers;
  if (accounts_.empty()) return {};
  for (const auto& [email, account] : accounts_) {
    if (!account.identity->chain()) continue;
    const std::vector<pki::Certificate>& chain = account.identity->chain()->certificates();
    for (size_t i = 1; i < chain.size(); ++i) {
      issuers.try_emplace(chain[i].public_key().hash(), chain[i]);
    }
  }
  watch_.AddIssuers(issuers);
  for (const auto& [fingerprint, root] : parts_.trust.roots()) {
    issuers.try_emplace(root.public_key().hash(), root);
  }
  std::vector<pki::Certificate> out;
  for (auto& [key, issuer] : issuers) out.push_back(std::move(issuer));
  return out;
}

void Presence::Impl::JudgeAgain(Instant now) {
  judge_again_ = false;
  watch_.JudgeAgain(now);
  for (auto& [email, account] : accounts_) {
    account.publisher->OnListsChanged(now);
    events_.push_back(IdentityChanged{email});
  }
}

absl::Status Presence::Impl::AddContact(Instant now, absl::string_view as, absl::string_view email,
                                        absl::string_view name) {
  P2PD_ASSIGN_OR_RETURN(Account * account, Find(as));
  P2PD_ASSIGN_OR_RETURN(const std::string normalised, pki::NormaliseEmail(email));
  if (normalised == account->identity->email()) {
    return absl::InvalidArgumentError(
        absl::StrCat(normalised, " is you: nobody is a contact of their own"));
  }
  P2PD_RETURN_IF_ERROR(account->publisher->environment().AddContact(
      parts_.storage, parts_.wall.At(now), normalised, name));
  account->publisher->Edited(now);
  ContactsChanged(now, *account);
  return absl::OkStatus();
}

absl::Status Presence::Impl::RemoveContact(Instant now, absl::string_view as,
                                           absl::string_view email) {
  P2PD_ASSIGN_OR_RETURN(Account * account, Find(as));
  P2PD_ASSIGN_OR_RETURN(const std::string normalised, pki::NormaliseEmail(email));
  P2PD_RETURN_IF_ERROR(account->publisher->environment().RemoveContact(
      parts_.storage, parts_.wall.At(now), normalised));
  account->publisher->Edited(now);
  ContactsChanged(now, *account);
  return absl::OkStatus();
}

absl::Status Presence::Impl::SetSetting(Instant now, absl::string_view as, absl::string_view name,
                                        absl::string_view value) {
  P2PD_ASSIGN_OR_RETURN(Account * account, Find(as));
  P2PD_RETURN_IF_ERROR(
      account->publisher->environment().Set(parts_.storage, parts_.wall.At(now), name, value));
  account->publisher->Edited(now);
  ContactsChanged(now, *account);
  return absl::OkStatus();
}

void Presence::Impl::ContactsChanged(Instant now, Account& account) {
  const Environment& environment = account.publisher->environment();
  const std::vector<const wire::v1::ContactEntry*> contacts = environment.Contacts();
  watch_.SetPolicy(account.user(), environment.Setting(kPresencePolicySetting) != kContactsOnly);
  watch_.SetContacts(now, account.user(), contacts);
  std::map<std::string, std::string> told;
  const std::string& as = account.identity->email();
  for (const wire::v1::ContactEntry* entry : contacts) {
    std::string encoded = entry->SerializeAsString();
    const auto before = account.contacts.find(entry->email());
    if (before == account.contacts.end() || before->second != encoded) {
      events_.push_back(ContactChanged{as, entry->email(), false});
    }
    told[entry->email()] = std::move(encoded);
  }
  for (const auto& [email, encoded] : account.contacts) {
    if (told.count(email) == 0) events_.push_back(ContactChanged{as, email, true});
  }
  account.contacts = std::move(told);
}

std::vector<ContactInfo> Presence::Impl::Contacts(const Account& account) const {
  return watch_.Contacts(account.user());
}

Caller Presence::Impl::JudgeCaller(Instant now, absl::string_view as, absl::string_view email,
                                   const pki::KeyHash& key) {
  const absl::StatusOr<const Account*> account = std::as_const(*this).Find(as);
  const absl::StatusOr<std::string> normalised = pki::NormaliseEmail(email);
  if (!account.ok() || !normalised.ok()) return Caller::kStranger;
  return watch_.OnCaller(now, (*account)->user(), *normalised, key);
}

// --- inputs ---

bool Presence::Impl::OnStoreEvent(Instant now, const store::Event& event) {
  // First what changes the verdicts, then who waits for it.
  bool ours = revocations_.OnStoreEvent(now, event);
  if (revocations_.TakeNews()) JudgeAgain(now);
  ours = resolver_.OnStoreEvent(now, event) || operations_.OnStoreEvent(now, event) || ours;
  for (auto& [email, account] : accounts_) {
    ours = account.publisher->OnStoreEvent(now, event) || ours;
  }
  if (const auto* notification = std::get_if<store::Notification>(&event)) {
    watch_.OnNotification(now, *notification);
    ours = true;
  }
  Settle(now);
  return ours;
}

bool Presence::Impl::OnSessionEvent(Instant now, const session::Event& event) {
  bool ours = false;
  if (const auto* hello = std::get_if<session::IncomingHello>(&event)) {
    ours = hello->purpose == session::Purpose::kPresence;
    if (ours) watch_.OnIncomingHello(now, *hello);
  } else {
    ours = links_.OnSessionEvent(now, event);
  }
  Settle(now);
  return ours;
}

void Presence::Impl::OnJoinStateChanged(Instant now, overlay::JoinState state) {
  if (state != overlay::JoinState::kActive && state != overlay::JoinState::kAlone) return;
  for (auto& [email, account] : accounts_) account.publisher->OnJoined(now);
  watch_.LookAgain(now);
  Settle(now);
}

void Presence::Impl::OnTimeout(Instant now) {
  if (login_at_ && *login_at_ <= now) {
    login_at_.reset();
    for (auto& [email, account] : accounts_) {
      if (account.identity->logged_in()) account.publisher->Login(now, /*by_person=*/false);
    }
  }
  for (auto& [email, account] : accounts_) account.publisher->OnTimeout(now);
  links_.OnTimeout(now);
  watch_.OnTimeout(now);
  if (const auto tick = revocations_.PollTimeout(); tick && *tick <= now) {
    revocations_.Refresh(now, Issuers());
  }
  if (save_seen_at_ && *save_seen_at_ <= now) SaveSeen(now);
  Settle(now);
}

std::optional<Instant> Presence::Impl::PollTimeout() const {
  std::optional<Instant> at = Earliest(links_.PollTimeout(), watch_.PollTimeout());
  at = Earliest(at, Earliest(login_at_, save_seen_at_));
  at = Earliest(at, revocations_.PollTimeout());
  if (judge_again_) at = Instant();
  for (const auto& [email, account] : accounts_) {
    at = Earliest(at, account.publisher->PollTimeout());
  }
  return at;
}

void Presence::Impl::SaveSeen(Instant now) {
  save_seen_at_.reset();
  if (!seen_.dirty() || seen_.Save(parts_.storage).ok()) return;
  parts_.counters.Add("presence.seen_not_saved");
  save_seen_at_ = now + kSaveSeenAfter;
}

// --- handing round ---

void Presence::Impl::Depart(Instant now, Account& account) {
  if (!account.arrived) return;
  account.arrived = false;
  links_.Leave(now, account.user());
  watch_.Leave(account.user());
}

// What the publisher became, told to watch and links.
void Presence::Impl::Align(Instant now, Account& account) {
  const Publisher& publisher = *account.publisher;
  if (!publisher.reachable()) {
    Depart(now, account);
    return;
  }
  const pki::DeviceId& device = account.identity->device_keys().id;
  links_.Show(
      now, account.user(),
      Shown{FromFlag(account.identity->shown()), publisher.epoch(), publisher.sequence(), device});
  if (account.arrived) return;
  account.arrived = true;
  watch_.Arrive(now, account.user(), device);
}

void Presence::Impl::FinishAll(std::vector<OperationId>& ids, const absl::Status& status,
                               const std::string& problem) {
  for (const OperationId id : ids) {
    OperationDone done;
    done.id = id;
    done.status = status;
    done.problem = problem;
    operations_.Finish(std::move(done));
  }
  ids.clear();
}

void Presence::Impl::OnReport(Instant now, Account& account, const PublisherReport& report) {
  switch (report.kind) {
    case PublisherReport::Kind::kLoggedIn:
    case PublisherReport::Kind::kLoginDelayed:
    case PublisherReport::Kind::kLoginRefused:
      FinishAll(account.logins, report.status, report.problem);
      break;
    case PublisherReport::Kind::kRevoked:
      Depart(now, account);
      parts_.sessions.RemoveIdentity(account.user());
      FinishAll(account.logins, report.status, report.problem);
      break;
    case PublisherReport::Kind::kLoggedOut:
      FinishAll(account.logouts, report.status, report.problem);
      break;
    case PublisherReport::Kind::kContactsChanged:
      ContactsChanged(now, account);
      return;
    case PublisherReport::Kind::kChanged:
      break;
  }
  events_.push_back(IdentityChanged{account.identity->email()});
}

void Presence::Impl::OnReport(Instant now, const WatchReport& report) {
  Account* account = ByUser(report.own);
  if (account == nullptr) return;
  if (report.kind == WatchReport::Kind::kChanged) {
    events_.push_back(ContactChanged{account->identity->email(), report.email, false});
    return;
  }
  const absl::Status pinned = account->publisher->environment().Pin(
      parts_.storage, parts_.wall.At(now), report.email, report.key);
  if (!pinned.ok()) {
    parts_.counters.Add("presence.pin_not_saved");
    return;
  }
  account->publisher->Edited(now);
  ContactsChanged(now, *account);
}

bool Presence::Impl::SettleOnce(Instant now) {
  bool any = false;
  while (const std::optional<LookupDone> done = resolver_.PollDone()) {
    any = true;
    if (!watch_.OnLookupDone(now, *done)) operations_.OnLookupDone(now, *done);
  }
  while (const std::optional<LinkReport> report = links_.PollReport()) {
    any = true;
    if (report->kind == LinkReport::Kind::kChecked) {
      operations_.OnChecked(now, *report);
    } else {
      watch_.OnLinkReport(now, *report);
    }
  }
  for (auto& [email, account] : accounts_) {
    while (const std::optional<PublisherReport> report = account.publisher->PollReport()) {
      any = true;
      OnReport(now, account, *report);
    }
    Align(now, account);
  }
  while (const std::optional<WatchReport> report = watch_.PollReport()) {
    any = true;
    OnReport(now, *report);
  }
  while (std::optional<Operations::Fetched> fetched = operations_.PollFetched()) {
    any = true;
    OperationDone done;
    done.id = fetched->id;
    done.status = Adopt(now, fetched->email, std::move(fetched->key), fetched->chain,
                        fetched->storage_passphrase);
    operations_.Finish(std::move(done));
  }
  return any;
}

void Presence::Impl::Settle(Instant now) {
  if (revocations_.TakeNews() || judge_again_) JudgeAgain(now);
  while (SettleOnce(now)) {
  }
  if (seen_.dirty() && !save_seen_at_ && !farewell_) save_seen_at_ = now + kSaveSeenAfter;
}

std::optional<Event> Presence::Impl::PollEvent() {
  if (std::optional<OperationDone> done = operations_.PollDone()) return Event(*std::move(done));
  if (events_.empty()) return std::nullopt;
  Event event = std::move(events_.front());
  events_.pop_front();
  return event;
}

}  // namespace p2pd::presence
