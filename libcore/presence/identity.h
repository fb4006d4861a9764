// OwnIdentity: one identity of this daemon, on disk and in memory: the user's key, its certificate,
// this machine's device keys, and the sequence numbers of its states.
//
// Rules: an identity exists from the moment its blob "identity" is written, which happens last; it
// is gone when that blob is, which happens first; whatever else lies in its folder is then a
// leftover. The user's key may be under a passphrase; the device's keys are not (mode 0600), so
// that the daemon logs in again after a restart with nobody at the keyboard, and what it needs of
// the user's key for that (device certificate, authentication object) was signed before. A sequence
// number is reserved on disk before it is used, so none is used twice. Threads: one owner. Limits:
// kMaxIdentities, by the owner. Sources: design §4; RFC 7292, RFC 5208.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/rng.h"
#include "libcore/base/storage.h"
#include "libcore/pki/chain.h"
#include "libcore/pki/crypto.h"
#include "libcore/pki/device.h"
#include "libcore/pki/user_key.h"
#include "libcore/session/session.h"
#include "libcore/store/object.h"
#include "p2pd/wire/v1/objects.pb.h"
#include "p2pd/wire/v1/presence_files.pb.h"

namespace p2pd::presence {

// Longest name of a person, bytes of UTF-8, as the control API says.
inline constexpr size_t kMaxPersonName = 64;
// Sequence numbers reserved at a time: one write for so many states.
inline constexpr uint64_t kSequenceBlock = 256;
// A device certificate and an authentication object last at most so long (design §4) …
inline constexpr absl::Duration kCertifiedFor = absl::Hours(24 * 400);
// … and are made anew when less than this is left, if the key is at hand.
inline constexpr absl::Duration kRenewBefore = absl::Hours(24 * 30);

// What stands for an e-mail address in a blob's name: the address itself where that is safe, else
// "x-" and 64 hex digits of its SHA-256. Different addresses have different names.
std::string BlobNameOf(absl::string_view email);

class OwnIdentity {
 public:
  struct Making {
    std::string email;  // normalised
    std::string name;
    uint64_t order = 0;
    pki::UserKey key;
    std::optional<pki::CertificateChain> chain;  // none: a CSR is made
  };
  // AlreadyExists, with what to do, when keys or an identity lie in the folder of this address: an
  // identity that could not be loaded is not to be written over.
  static absl::Status CheckFree(const Storage& storage, absl::string_view email);
  // Writes key and identity where CheckFree. Nothing of it is left when that fails.
  static absl::StatusOr<std::unique_ptr<OwnIdentity>> Make(Storage& storage, Making making,
                                                           const SecretBytes& passphrase);
  // `name` is the folder below identities/. DataLoss names the blob.
  static absl::StatusOr<std::unique_ptr<OwnIdentity>> Load(const Storage& storage,
                                                           pki::Crypto& crypto,
                                                           absl::string_view name);
  // Folders below identities/ that hold an identity.
  static std::vector<std::string> ListFolders(const Storage& storage);

  const std::string& email() const { return email_; }
  const std::string& name() const { return name_; }
  const std::string& csr_pem() const { return csr_pem_; }
  uint64_t order() const { return order_; }
  bool has_passphrase() const { return has_passphrase_; }
  const pki::UserPublicKey& public_key() const { return public_key_; }
  const std::optional<pki::UserKey>& key() const { return key_; }  // none while locked
  const std::optional<pki::CertificateChain>& chain() const { return chain_; }
  std::string BlobName(absl::string_view leaf) const;

  // PermissionDenied when the passphrase is wrong.
  absl::Status Unlock(const Storage& storage, pki::Crypto& crypto, const SecretBytes& passphrase);
  // The leaf must hold our key and our address, and be valid at `now`. FailedPrecondition.
  absl::Status Install(Storage& storage, const pki::CertificateChain& chain, absl::Time now);
  absl::Status Remove(Storage& storage);
  // PKCS#12. FailedPrecondition while locked or without a certificate.
  absl::StatusOr<SecretBytes> Export(const SecretBytes& passphrase) const;

  // --- the device. ---
  // Makes keys, certificate and authentication object where they are missing or end soon.
  // FailedPrecondition when that needs the key and it is locked, or there is no certificate.
  absl::Status PrepareDevice(Storage& storage, Rng& rng, absl::string_view label, absl::Time now);
  // Keys exist; certificate and authentication object are there only after PrepareDevice.
  bool has_device() const { return device_keys_.has_value(); }
  const pki::DeviceKeys& device_keys() const { return *device_keys_; }
  const wire::v1::DeviceCertificate& device_certificate() const { return device_certificate_; }
  const store::Object& authentication() const { return *authentication_; }
  session::LocalIdentity ForSessions() const;

  // --- log-in. ---
  bool logged_in() const { return logged_in_; }  // as remembered over a restart
  wire::v1::UserStateBody::Flag shown() const { return shown_; }
  absl::Status SetLogin(Storage& storage, bool logged_in, wire::v1::UserStateBody::Flag shown);
  // Larger than any before and than `above`.
  absl::StatusOr<store::Sequence> NextSequence(Storage& storage, store::Sequence above);

 private:
  OwnIdentity() = default;
  absl::Status LoadDevice(const Storage& storage);
  absl::Status LoadLogin(const Storage& storage);
  bool DeviceIsGood(absl::Time now) const;
  bool AuthenticationIsGood(absl::Time now) const;
  absl::Status SaveIdentity(Storage& storage,
                            const std::optional<pki::CertificateChain>& chain) const;
  absl::Status SaveLogin(Storage& storage, bool logged_in, wire::v1::UserStateBody::Flag shown,
                         uint64_t reserved) const;

  std::string email_;
  std::string name_;
  std::string csr_pem_;
  uint64_t order_ = 0;
  bool has_passphrase_ = false;
  pki::UserPublicKey public_key_;
  std::optional<pki::UserKey> key_;
  std::optional<pki::CertificateChain> chain_;
  std::optional<pki::DeviceKeys> device_keys_;
  wire::v1::DeviceCertificate device_certificate_;
  Bytes authentication_bytes_;  // as on disk; judged by PrepareDevice
  std::optional<store::Object> authentication_;
  bool logged_in_ = false;
  wire::v1::UserStateBody::Flag shown_ = wire::v1::UserStateBody::FLAG_ONLINE;
  uint64_t reserved_sequence_ = 0;
  uint64_t last_sequence_ = 0;
};

}  // namespace p2pd::presence
