#include "libcore/presence/identity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libcore/base/check.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"
#include "libcore/pki/authority.h"
#include "libcore/pki/hash.h"
#include "libcore/pki/pkcs12.h"

namespace p2pd::presence {
namespace {

using wire::v1::UserStateBody;

constexpr absl::string_view kFolder = "identities/";
constexpr absl::string_view kIdentityBlob = "identity";
constexpr absl::string_view kKeyBlob = "key.pem";
constexpr absl::string_view kDeviceBlob = "device";
constexpr absl::string_view kLoginBlob = "state";
// Everything that may lie in an identity's folder, the one that makes it exist first.
constexpr absl::string_view kAllBlobs[] = {kIdentityBlob, kKeyBlob,      kDeviceBlob,
                                           kLoginBlob,    "environment", "environment.damaged"};
constexpr absl::string_view kHashedPrefix = "x-";
constexpr absl::string_view kRemedy =
    "; restore the identity's folder from a backup, or move it away to begin anew";
constexpr uint32_t kVersion = 1;
// An address that is its own folder's name is at most so long.
constexpr size_t kMaxPlainName = 150;

template <class MessageT>
absl::Status WriteMessage(Storage& storage, const std::string& name, const MessageT& message) {
  const SecretBytes bytes{ToBytes(message.SerializeAsString())};
  return storage.Write(name, bytes.view(), FileMode::kSecret);
}

absl::Status Damaged(const Storage& storage, absl::string_view blob, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(storage.TitleOf(blob), " ", what, kRemedy));
}

template <class MessageT>
absl::StatusOr<MessageT> ReadMessage(const Storage& storage, const std::string& name) {
  P2PD_ASSIGN_OR_RETURN(const Bytes bytes, storage.ReadSecret(name));
  MessageT message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Damaged(storage, name, "is damaged");
  }
  return message;
}

std::string PemOfCsr(ByteView der) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string base64;
  for (size_t i = 0; i < der.size(); i += 3) {
    const size_t have = std::min<size_t>(3, der.size() - i);
    const uint32_t group = static_cast<uint32_t>(der[i]) << 16 |
                           (have > 1 ? static_cast<uint32_t>(der[i + 1]) << 8 : 0) |
                           (have > 2 ? static_cast<uint32_t>(der[i + 2]) : 0);
    for (size_t digit = 0; digit < 4; ++digit) {
      base64.push_back(digit <= have ? kDigits[group >> (18 - 6 * digit) & 63] : '=');
    }
  }
  // RFC 7468 §2: lines of 64 characters.
  std::string pem = "-----BEGIN CERTIFICATE REQUEST-----\n";
  for (size_t i = 0; i < base64.size(); i += 64) {
    absl::StrAppend(&pem, base64.substr(i, 64), "\n");
  }
  absl::StrAppend(&pem, "-----END CERTIFICATE REQUEST-----\n");
  return pem;
}

// These are nobody's to throw away: without them there is no getting back to the person.
constexpr absl::string_view kIrreplaceable[] = {kIdentityBlob, kKeyBlob, kDeviceBlob};

// What Make wrote goes again when it could not finish.
void RemoveQuietly(Storage& storage, const std::string& name) {
  storage.Remove(name).IgnoreError();
}

}  // namespace

std::string BlobNameOf(absl::string_view email) {
  const bool plain = email.size() <= kMaxPlainName && Storage::ValidName(email) &&
                     !absl::StrContains(email, "/") && !absl::StartsWith(email, kHashedPrefix);
  if (plain) return std::string(email);
  return absl::StrCat(kHashedPrefix, Hex(pki::Sha256(AsBytes(email)).view()));
}

std::string OwnIdentity::BlobName(absl::string_view leaf) const {
  return absl::StrCat(kFolder, BlobNameOf(email_), "/", leaf);
}

std::vector<std::string> OwnIdentity::ListFolders(const Storage& storage) {
  std::vector<std::string> out;
  for (const std::string& name : storage.List(kFolder)) {
    absl::string_view rest = name;
    if (!absl::ConsumePrefix(&rest, kFolder)) continue;
    if (!absl::ConsumeSuffix(&rest, absl::StrCat("/", kIdentityBlob))) continue;
    if (!absl::StrContains(rest, "/")) out.emplace_back(rest);
  }
  return out;
}

absl::Status OwnIdentity::CheckFree(const Storage& storage, absl::string_view email) {
  const std::string folder = absl::StrCat(kFolder, BlobNameOf(email));
  for (const absl::string_view blob : kIrreplaceable) {
    const std::string name = absl::StrCat(folder, "/", blob);
    if (absl::IsNotFound(storage.Read(name).status())) continue;
    return absl::AlreadyExistsError(absl::StrCat(
        "the folder ", storage.TitleOf(folder), " holds ", blob, " of an identity ", email,
        " that could not be read: restore the folder from a backup and start p2pd again, or move "
        "it away to begin anew"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<OwnIdentity>> OwnIdentity::Make(Storage& storage, Making making,
                                                               const SecretBytes& passphrase) {
  if (making.name.size() > kMaxPersonName) {
    return absl::InvalidArgumentError(
        absl::StrCat("a person's name has at most ", kMaxPersonName, " bytes"));
  }
  std::unique_ptr<OwnIdentity> out(new OwnIdentity());
  out->email_ = std::move(making.email);
  out->name_ = making.name.empty() ? out->email_ : std::move(making.name);
  out->order_ = making.order;
  out->has_passphrase_ = !passphrase.empty();
  out->public_key_ = making.key.public_key();
  out->chain_ = std::move(making.chain);
  if (!out->chain_) {
    P2PD_ASSIGN_OR_RETURN(const Bytes csr, pki::MakeCsr(making.key, out->name_, out->email_));
    out->csr_pem_ = PemOfCsr(csr);
  }
  P2PD_ASSIGN_OR_RETURN(const SecretBytes pem, making.key.ToPem(passphrase));
  out->key_ = std::move(making.key);
  P2PD_RETURN_IF_ERROR(CheckFree(storage, out->email_));
  // Other leftovers of one that was removed must not come back with it.
  for (const absl::string_view blob : kAllBlobs) {
    P2PD_RETURN_IF_ERROR(storage.Remove(out->BlobName(blob)));
  }
  P2PD_RETURN_IF_ERROR(storage.Write(out->BlobName(kKeyBlob), pem.view(), FileMode::kSecret));
  if (absl::Status saved = out->SaveIdentity(storage, out->chain_); !saved.ok()) {
    RemoveQuietly(storage, out->BlobName(kKeyBlob));
    return saved;
  }
  return out;
}

absl::Status OwnIdentity::SaveIdentity(Storage& storage,
                                       const std::optional<pki::CertificateChain>& chain) const {
  wire::v1::IdentityFile file;
  file.set_version(kVersion);
  file.set_email(email_);
  file.set_name(name_);
  file.set_order(order_);
  file.set_has_passphrase(has_passphrase_);
  file.set_user_key(ToText(public_key_.spki()));
  if (chain) {
    for (const Bytes& der : chain->ToDer()) file.add_chain(ToText(der));
  } else {
    file.set_csr_pem(csr_pem_);
  }
  return WriteMessage(storage, BlobName(kIdentityBlob), file);
}

absl::StatusOr<std::unique_ptr<OwnIdentity>> OwnIdentity::Load(const Storage& storage,
                                                               pki::Crypto& crypto,
                                                               absl::string_view name) {
  const std::string blob = absl::StrCat(kFolder, name, "/", kIdentityBlob);
  P2PD_ASSIGN_OR_RETURN(const wire::v1::IdentityFile file,
                        ReadMessage<wire::v1::IdentityFile>(storage, blob));
  if (file.version() != kVersion) return Damaged(storage, blob, "is of an unknown version");
  const absl::StatusOr<std::string> email = pki::NormaliseEmail(file.email());
  if (!email.ok() || *email != file.email() || BlobNameOf(*email) != name) {
    return Damaged(storage, blob, "names no e-mail address, or another one than its folder");
  }
  absl::StatusOr<pki::UserPublicKey> key = pki::UserPublicKey::FromSpki(AsBytes(file.user_key()));
  if (!key.ok())
    return Damaged(storage, blob, absl::StrCat("is damaged: ", key.status().message()));
  std::unique_ptr<OwnIdentity> out(new OwnIdentity());
  out->email_ = *email;
  out->name_ = file.name();
  out->order_ = file.order();
  out->has_passphrase_ = file.has_passphrase();
  out->public_key_ = *std::move(key);
  out->csr_pem_ = file.csr_pem();
  if (file.chain_size() > 0) {
    std::vector<Bytes> ders;
    for (const std::string& der : file.chain()) ders.push_back(ToBytes(der));
    absl::StatusOr<pki::CertificateChain> chain = pki::CertificateChain::FromDer(ders);
    if (!chain.ok())
      return Damaged(storage, blob, absl::StrCat("is damaged: ", chain.status().message()));
    if (chain->leaf().public_key().hash() != out->public_key_.hash()) {
      return Damaged(storage, blob, "holds a certificate of another key");
    }
    out->chain_ = *std::move(chain);
  }
  if (!out->has_passphrase_) {
    P2PD_RETURN_IF_ERROR(out->Unlock(storage, crypto, SecretBytes()));
  }
  P2PD_RETURN_IF_ERROR(out->LoadDevice(storage));
  P2PD_RETURN_IF_ERROR(out->LoadLogin(storage));
  return out;
}

absl::Status OwnIdentity::LoadDevice(const Storage& storage) {
  const std::string blob = BlobName(kDeviceBlob);
  absl::StatusOr<wire::v1::DeviceFile> file = ReadMessage<wire::v1::DeviceFile>(storage, blob);
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  P2PD_RETURN_IF_ERROR(file.status());
  const std::optional<pki::DeviceId> id = pki::DeviceId::FromView(AsBytes(file->device_id()));
  if (!id || file->signing_seed().size() != 32 || file->sealing_secret().size() != 32) {
    return Damaged(storage, blob, "holds no device keys");
  }
  device_keys_.emplace(
      pki::DeviceKeys{*id, pki::Ed25519Key::FromSeed(AsBytes(file->signing_seed())),
                      pki::X25519Key::FromSecret(AsBytes(file->sealing_secret()))});
  device_certificate_ = file->certificate();
  authentication_bytes_ = ToBytes(file->authentication());
  return absl::OkStatus();
}

absl::Status OwnIdentity::LoadLogin(const Storage& storage) {
  absl::StatusOr<wire::v1::LoginFile> file =
      ReadMessage<wire::v1::LoginFile>(storage, BlobName(kLoginBlob));
  if (absl::IsNotFound(file.status())) return absl::OkStatus();
  P2PD_RETURN_IF_ERROR(file.status());
  reserved_sequence_ = file->reserved_sequence();
  last_sequence_ = reserved_sequence_;
  logged_in_ = file->logged_in();
  switch (file->shown()) {
    case UserStateBody::FLAG_AWAY:
    case UserStateBody::FLAG_BUSY:
      shown_ = file->shown();
      break;
    case UserStateBody::FLAG_ONLINE:
    case UserStateBody::FLAG_OFFLINE:
    case UserStateBody::FLAG_UNSPECIFIED:
    case wire::v1::UserStateBody_Flag_UserStateBody_Flag_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::UserStateBody_Flag_UserStateBody_Flag_INT_MAX_SENTINEL_DO_NOT_USE_:
      shown_ = UserStateBody::FLAG_ONLINE;
      break;
  }
  return absl::OkStatus();
}

absl::Status OwnIdentity::Unlock(const Storage& storage, pki::Crypto& crypto,
                                 const SecretBytes& passphrase) {
  const std::string blob = BlobName(kKeyBlob);
  absl::StatusOr<Bytes> read = storage.ReadSecret(blob);
  if (absl::IsNotFound(read.status())) return Damaged(storage, blob, "is missing, the private key");
  P2PD_RETURN_IF_ERROR(read.status());
  const SecretBytes pem(*std::move(read));
  absl::StatusOr<pki::UserKey> key = pki::UserKey::FromPem(crypto, pem.view(), passphrase);
  if (key.status().code() == absl::StatusCode::kFailedPrecondition) {
    return absl::PermissionDeniedError(absl::StrCat("the key of ", email_, " needs a passphrase"));
  }
  if (absl::IsInvalidArgument(key.status()))
    return Damaged(storage, blob, absl::StrCat("is damaged: ", key.status().message()));
  P2PD_RETURN_IF_ERROR(key.status());
  if (key->public_key().hash() != public_key_.hash()) {
    return Damaged(storage, blob, "is not the key of this identity");
  }
  key_ = *std::move(key);
  return absl::OkStatus();
}

absl::Status OwnIdentity::Install(Storage& storage, const pki::CertificateChain& chain,
                                  absl::Time now) {
  if (chain.leaf().public_key().hash() != public_key_.hash()) {
    return absl::FailedPreconditionError(
        absl::StrCat("WRONG_KEY: the certificate does not hold the key of ", email_));
  }
  const pki::ChainVerdict verdict = pki::VerifySelfContained(chain, now, email_);
  if (!verdict.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(pki::ChainFaultName(verdict.fault), ": ", verdict.explanation));
  }
  P2PD_RETURN_IF_ERROR(SaveIdentity(storage, chain));
  chain_ = chain;
  csr_pem_.clear();
  return absl::OkStatus();
}

absl::Status OwnIdentity::Remove(Storage& storage) {
  for (const absl::string_view blob : kAllBlobs) {
    P2PD_RETURN_IF_ERROR(storage.Remove(BlobName(blob)));
  }
  return absl::OkStatus();
}

absl::StatusOr<SecretBytes> OwnIdentity::Export(const SecretBytes& passphrase) const {
  if (!key_) {
    return absl::FailedPreconditionError(absl::StrCat("the key of ", email_, " is locked"));
  }
  if (!chain_) {
    return absl::FailedPreconditionError(absl::StrCat(email_, " has no certificate yet"));
  }
  return pki::MakePkcs12(*key_, chain_->certificates(), email_, passphrase);
}

bool OwnIdentity::DeviceIsGood(absl::Time now) const {
  if (!device_keys_) return false;
  const std::optional<pki::DeviceInfo> info =
      store::VerifyDeviceCertificate(device_certificate_, public_key_, now);
  return info && info->id == device_keys_->id &&
         info->signing_key == device_keys_->signing_key.public_key() &&
         info->sealing_key == device_keys_->sealing_key.public_key() &&
         (!key_ || info->not_after - now > kRenewBefore ||
          chain_->leaf().not_after() - now <= kRenewBefore);
}

bool OwnIdentity::AuthenticationIsGood(absl::Time now) const {
  if (!authentication_ || authentication_->expires() <= now) return false;
  if (authentication_->chain().leaf().fingerprint() != chain_->leaf().fingerprint()) return false;
  return !key_ || authentication_->expires() - now > kRenewBefore ||
         chain_->leaf().not_after() - now <= kRenewBefore;
}

absl::Status OwnIdentity::PrepareDevice(Storage& storage, Rng& rng, absl::string_view label,
                                        absl::Time now) {
  if (!chain_) {
    return absl::FailedPreconditionError(absl::StrCat(email_, " has no certificate yet"));
  }
  if (!authentication_ && !authentication_bytes_.empty()) {
    authentication_ = store::Validate(authentication_bytes_, now).object;
  }
  const bool device_good = DeviceIsGood(now);
  if (device_good && AuthenticationIsGood(now)) return absl::OkStatus();
  if (!key_) {
    return absl::FailedPreconditionError(absl::StrCat("the key of ", email_, " is locked"));
  }
  const absl::Time until = std::min(chain_->leaf().not_after(), now + kCertifiedFor);
  pki::DeviceKeys keys = device_keys_
                             ? pki::DeviceKeys{device_keys_->id, device_keys_->signing_key.Clone(),
                                               device_keys_->sealing_key.Clone()}
                             : pki::DeviceKeys::Generate(rng);
  wire::v1::DeviceCertificate certificate = device_certificate_;
  if (!device_good) {
    P2PD_ASSIGN_OR_RETURN(certificate, store::MakeDeviceCertificate(*key_, keys, label, until));
  }
  P2PD_ASSIGN_OR_RETURN(store::Object authentication,
                        store::MakeAuthentication(*key_, *chain_, email_, until, now));
  wire::v1::DeviceFile file;
  file.set_device_id(keys.id.ToString());
  file.set_signing_seed(ToText(keys.signing_key.seed()));
  file.set_sealing_secret(ToText(keys.sealing_key.secret()));
  *file.mutable_certificate() = certificate;
  file.set_authentication(ToText(authentication.bytes()));
  P2PD_RETURN_IF_ERROR(WriteMessage(storage, BlobName(kDeviceBlob), file));
  device_keys_.emplace(std::move(keys));
  device_certificate_ = std::move(certificate);
  authentication_bytes_ = authentication.bytes();
  authentication_ = std::move(authentication);
  return absl::OkStatus();
}

session::LocalIdentity OwnIdentity::ForSessions() const {
  P2PD_CHECK(device_keys_ && chain_);
  return session::LocalIdentity{email_, *chain_,
                                pki::DeviceKeys{device_keys_->id, device_keys_->signing_key.Clone(),
                                                device_keys_->sealing_key.Clone()},
                                device_certificate_};
}

absl::Status OwnIdentity::SaveLogin(Storage& storage, bool logged_in, UserStateBody::Flag shown,
                                    uint64_t reserved) const {
  wire::v1::LoginFile file;
  file.set_reserved_sequence(reserved);
  file.set_logged_in(logged_in);
  file.set_shown(shown);
  return WriteMessage(storage, BlobName(kLoginBlob), file);
}

absl::Status OwnIdentity::SetLogin(Storage& storage, bool logged_in, UserStateBody::Flag shown) {
  if (logged_in == logged_in_ && shown == shown_) return absl::OkStatus();
  P2PD_RETURN_IF_ERROR(SaveLogin(storage, logged_in, shown, reserved_sequence_));
  logged_in_ = logged_in;
  shown_ = shown;
  return absl::OkStatus();
}

absl::StatusOr<store::Sequence> OwnIdentity::NextSequence(Storage& storage, store::Sequence above) {
  const uint64_t next = std::max(last_sequence_, above.value()) + 1;
  if (next > reserved_sequence_) {
    const uint64_t reserve = next + kSequenceBlock;
    P2PD_RETURN_IF_ERROR(SaveLogin(storage, logged_in_, shown_, reserve));
    reserved_sequence_ = reserve;
  }
  last_sequence_ = next;
  return store::Sequence(next);
}

}  // namespace p2pd::presence
