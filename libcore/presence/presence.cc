#include "libcore/presence/presence.h"

#include <utility>

#include "libcore/base/status.h"
#include "libcore/presence/presence_impl.h"

namespace p2pd::presence {

Presence::Presence(const PresenceOptions& options, const Parts& parts)
    : impl_(std::make_unique<Impl>(options, parts)) {}
Presence::~Presence() = default;

absl::Status Presence::Load(Instant now) {
  impl_->Load(now);
  impl_->Settle(now);
  return absl::OkStatus();
}
const std::vector<std::string>& Presence::Problems() const { return impl_->problems(); }

absl::StatusOr<std::string> Presence::CreateIdentity(Instant, absl::string_view email,
                                                     absl::string_view name,
                                                     const SecretBytes& passphrase) {
  return impl_->Create(email, name, passphrase);
}

absl::StatusOr<IdentityInfo> Presence::InstallCertificate(Instant now, ByteView file,
                                                          const SecretBytes& passphrase,
                                                          const SecretBytes& storage_passphrase,
                                                          absl::string_view email) {
  absl::StatusOr<IdentityInfo> info =
      impl_->Install(now, file, passphrase, storage_passphrase, email);
  impl_->Settle(now);
  return info;
}

absl::StatusOr<OperationId> Presence::ImportKey(Instant now, absl::string_view email, ByteView pem,
                                                const SecretBytes& passphrase,
                                                const SecretBytes& storage_passphrase) {
  absl::StatusOr<OperationId> id =
      impl_->ImportKey(now, email, pem, passphrase, storage_passphrase);
  impl_->Settle(now);
  return id;
}

absl::StatusOr<SecretBytes> Presence::Export(absl::string_view email,
                                             const SecretBytes& passphrase) const {
  if (passphrase.empty()) {
    return absl::InvalidArgumentError("a key leaves this machine under a passphrase only");
  }
  P2PD_ASSIGN_OR_RETURN(const Impl::Account* account, std::as_const(*impl_).Find(email));
  return account->identity->Export(passphrase);
}

absl::Status Presence::Unlock(Instant now, absl::string_view email, const SecretBytes& passphrase) {
  const absl::Status status = impl_->Unlock(now, email, passphrase);
  impl_->Settle(now);
  return status;
}

absl::Status Presence::DeleteIdentity(Instant now, absl::string_view email) {
  const absl::Status status = impl_->Delete(now, email);
  impl_->Settle(now);
  return status;
}

std::vector<IdentityInfo> Presence::Identities() const { return impl_->Infos(); }

absl::StatusOr<IdentityInfo> Presence::Identity(absl::string_view email) const {
  P2PD_ASSIGN_OR_RETURN(const Impl::Account* account, std::as_const(*impl_).Find(email));
  return impl_->InfoOf(*account);
}

absl::StatusOr<Presence::Signed> Presence::Sign(absl::string_view as, ByteView message) const {
  P2PD_ASSIGN_OR_RETURN(const Impl::Account* account, std::as_const(*impl_).Find(as));
  const OwnIdentity& identity = *account->identity;
  if (!identity.chain()) return absl::FailedPreconditionError("the identity has no certificate");
  if (!identity.key()) return absl::FailedPreconditionError("the identity is locked: unlock it");
  P2PD_ASSIGN_OR_RETURN(Bytes signature, identity.key()->Sign(message));
  return Signed{*identity.chain(), std::move(signature)};
}

OperationId Presence::Login(Instant now, absl::string_view email) {
  const OperationId id = impl_->Login(now, email);
  impl_->Settle(now);
  return id;
}

OperationId Presence::Logout(Instant now, absl::string_view email) {
  const OperationId id = impl_->Logout(now, email);
  impl_->Settle(now);
  return id;
}

void Presence::Farewell(Instant now) {
  impl_->Farewell(now);
  impl_->Settle(now);
}
size_t Presence::PendingFarewells() const { return impl_->PendingFarewells(); }

absl::Status Presence::SetAvailability(Instant now, absl::string_view email, Availability shown) {
  const absl::Status status = impl_->SetAvailability(now, email, shown);
  impl_->Settle(now);
  return status;
}

void Presence::SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses) {
  impl_->SetAddresses(now, addresses);
  impl_->Settle(now);
}

OperationId Presence::ListDevices(Instant now, absl::string_view email) {
  const absl::StatusOr<const Impl::Account*> account = std::as_const(*impl_).Find(email);
  if (!account.ok()) return impl_->operations().Fail(account.status(), "IDENTITY_UNKNOWN");
  if (!(*account)->identity->chain()) {
    return impl_->operations().Fail(absl::FailedPreconditionError("no certificate is installed"),
                                    "IDENTITY_WITHOUT_CERTIFICATE");
  }
  return impl_->operations().ListDevices(now, *(*account)->identity);
}

OperationId Presence::RevokeDevice(Instant now, absl::string_view email,
                                   const pki::DeviceId& device) {
  const absl::StatusOr<const Impl::Account*> account = std::as_const(*impl_).Find(email);
  if (!account.ok()) return impl_->operations().Fail(account.status(), "IDENTITY_UNKNOWN");
  if (!(*account)->identity->key()) {
    return impl_->operations().Fail(absl::FailedPreconditionError("the key is locked"),
                                    "IDENTITY_LOCKED");
  }
  return impl_->operations().RevokeDevice(now, *(*account)->identity, device);
}

absl::Status Presence::AddRoot(Instant now, ByteView pem) {
  const absl::Status status = impl_->AddRoot(now, pem);
  impl_->Settle(now);
  return status;
}
absl::Status Presence::RemoveRoot(const pki::CertificateHash& fingerprint) {
  return impl_->RemoveRoot(fingerprint);
}

OperationId Presence::PublishCrl(Instant now, ByteView crl_pem, ByteView ca_pem) {
  const OperationId id = impl_->operations().PublishCrl(now, crl_pem, ca_pem);
  impl_->Settle(now);
  return id;
}

absl::Status Presence::AddContact(Instant now, absl::string_view as, absl::string_view email,
                                  absl::string_view name) {
  const absl::Status status = impl_->AddContact(now, as, email, name);
  impl_->Settle(now);
  return status;
}

absl::Status Presence::RemoveContact(Instant now, absl::string_view as, absl::string_view email) {
  const absl::Status status = impl_->RemoveContact(now, as, email);
  impl_->Settle(now);
  return status;
}

std::vector<ContactInfo> Presence::Contacts(absl::string_view as) const {
  const absl::StatusOr<const Impl::Account*> account = std::as_const(*impl_).Find(as);
  return account.ok() ? impl_->Contacts(**account) : std::vector<ContactInfo>();
}

bool Presence::IsContact(absl::string_view as, absl::string_view email) const {
  const absl::StatusOr<const Impl::Account*> account = std::as_const(*impl_).Find(as);
  const absl::StatusOr<std::string> normalised = pki::NormaliseEmail(email);
  return account.ok() && normalised.ok() &&
         (*account)->publisher->environment().Contact(*normalised) != nullptr;
}

bool Presence::IsPinned(absl::string_view as, absl::string_view email,
                        const pki::KeyHash& key) const {
  const absl::StatusOr<const Impl::Account*> account = std::as_const(*impl_).Find(as);
  const absl::StatusOr<std::string> normalised = pki::NormaliseEmail(email);
  if (!account.ok() || !normalised.ok()) return false;
  const wire::v1::ContactEntry* entry = (*account)->publisher->environment().Contact(*normalised);
  return entry != nullptr && entry->pinned_key() == key.text();
}

Caller Presence::JudgeCaller(Instant now, absl::string_view as, absl::string_view email,
                             const pki::KeyHash& key) {
  const Caller caller = impl_->JudgeCaller(now, as, email, key);
  impl_->Settle(now);
  return caller;
}

std::string Presence::Setting(absl::string_view as, absl::string_view name) const {
  const absl::StatusOr<const Impl::Account*> account = std::as_const(*impl_).Find(as);
  return account.ok() ? (*account)->publisher->environment().Setting(name) : std::string();
}

absl::Status Presence::SetSetting(Instant now, absl::string_view as, absl::string_view name,
                                  absl::string_view value) {
  const absl::Status status = impl_->SetSetting(now, as, name, value);
  impl_->Settle(now);
  return status;
}

namespace {

// Whose key this identity knows for the address.
std::optional<pki::KeyHash> PinOf(const Environment& environment, const std::string& email) {
  const wire::v1::ContactEntry* contact = environment.Contact(email);
  if (contact == nullptr) return std::nullopt;
  return pki::KeyHash::FromView(AsBytes(contact->pinned_key()));
}

}  // namespace

OperationId Presence::Resolve(Instant now, absl::string_view as, absl::string_view email) {
  const absl::StatusOr<const Impl::Account*> account = std::as_const(*impl_).Find(as);
  if (!account.ok()) return impl_->operations().Fail(account.status(), "IDENTITY_UNKNOWN");
  const absl::StatusOr<std::string> normalised = pki::NormaliseEmail(email);
  if (!normalised.ok()) return impl_->operations().Fail(normalised.status(), "EMAIL_INVALID");
  return impl_->operations().Resolve(now, *normalised,
                                     PinOf((*account)->publisher->environment(), *normalised));
}

OperationId Presence::GetPresence(Instant now, absl::string_view as, absl::string_view email) {
  const absl::StatusOr<const Impl::Account*> account = std::as_const(*impl_).Find(as);
  if (!account.ok()) return impl_->operations().Fail(account.status(), "IDENTITY_UNKNOWN");
  const absl::StatusOr<std::string> normalised = pki::NormaliseEmail(email);
  if (!normalised.ok()) return impl_->operations().Fail(normalised.status(), "EMAIL_INVALID");
  if (!(*account)->publisher->reachable()) {
    return impl_->operations().Fail(absl::FailedPreconditionError("this identity is logged out"),
                                    "NOT_LOGGED_IN");
  }
  return impl_->operations().GetPresence(now, (*account)->user(), *normalised,
                                         PinOf((*account)->publisher->environment(), *normalised));
}

bool Presence::OnStoreEvent(Instant now, const store::Event& event) {
  return impl_->OnStoreEvent(now, event);
}
bool Presence::OnSessionEvent(Instant now, const session::Event& event) {
  return impl_->OnSessionEvent(now, event);
}
void Presence::OnJoinStateChanged(Instant now, overlay::JoinState state) {
  impl_->OnJoinStateChanged(now, state);
}
void Presence::OnTimeout(Instant now) { impl_->OnTimeout(now); }
std::optional<Instant> Presence::PollTimeout() const { return impl_->PollTimeout(); }
std::optional<Event> Presence::PollEvent() { return impl_->PollEvent(); }

}  // namespace p2pd::presence
