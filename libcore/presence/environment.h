// The user environment: contacts and settings of one identity, the same on all its devices, kept in
// the clear on this machine's disk only and encrypted everywhere else.
//
// Rules: user_config_key is the SHA-256 of the first UserConfig, which held only a salt, and never
// changes, so that the place of the environment stays the same. Two versions are merged entry by
// entry: the later change wins, a removal is remembered for longer than any stored version lives,
// and a tie is decided by the bytes, so that all devices come to the same result in whatever order
// they meet. A change that returned OK is on disk; one that did not changed nothing. Threads: one
// owner. Limits: kMaxContacts entries with the removed ones, 64 settings, 60 KiB encoded. Sources:
// design §4; Lee and Jeong §3.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/storage.h"
#include "libcore/pki/certificate.h"
#include "libcore/pki/device.h"
#include "libcore/pki/ed25519.h"
#include "libcore/pki/user_key.h"
#include "libcore/presence/limits.h"
#include "libcore/store/object.h"
#include "p2pd/wire/v1/objects.pb.h"
#include "p2pd/wire/v1/presence_files.pb.h"

namespace p2pd::presence {

// Of the encoded UserConfig: with nonce, tag and signature it stays under store::kMaxObject.
inline constexpr size_t kMaxConfigBytes = 60 * 1024;
inline constexpr size_t kMaxSettings = 64;
inline constexpr size_t kMaxSettingName = 64;     // bytes
inline constexpr size_t kMaxSettingValue = 1024;  // bytes
inline constexpr size_t kMaxContactName = 64;     // bytes of UTF-8, as the control API says
// How long a removal is remembered: longer than the 90 days that an old version may come back from.
inline constexpr absl::Duration kRemovalMemory = absl::Hours(24 * 120);

// A config that holds only a random salt.
wire::v1::UserConfig FreshConfig(Rng& rng);
// SHA-256 of the encoded UserConfig that holds only this salt.
SecretBytes ConfigKeyOf(absl::string_view salt);
// The Ed25519 key whose public half p gives the place.
pki::Ed25519Key EnvironmentSigningKey(ByteView config_key);
// One encoding for one content: map entries in order.
Bytes EncodeConfig(const wire::v1::UserConfig& config);
// nullopt unless it parses, the salt has 32 bytes and no limit is broken. Single entries that make
// no sense (an address that is not normalised, a time in the far future) are left out.
std::optional<wire::v1::UserConfig> DecodeConfig(ByteView bytes);
// `mine` and `theirs` in one, with the salt of `mine`; the order of the two does not matter but for
// that. Removals from before `forget_before` are left out.
wire::v1::UserConfig MergeConfigs(const wire::v1::UserConfig& mine,
                                  const wire::v1::UserConfig& theirs, absl::Time forget_before);

// What a stored environment object holds for who has the key; nullopt (and a counter) when it does
// not open, does not decode, or does not belong to this key.
std::optional<wire::v1::UserConfig> OpenEnvironment(ByteView config_key,
                                                    const store::Object& object,
                                                    Counters& counters);

class Environment {
 public:
  // `blob` is where it is kept; nothing is written yet.
  static Environment Fresh(std::string blob, Rng& rng);
  // NotFound; DataLoss names the blob.
  static absl::StatusOr<Environment> Load(const Storage& storage, std::string blob);

  ByteView config_key() const { return config_key_.view(); }
  const wire::v1::UserConfig& config() const { return config_; }
  store::Sequence sequence() const { return sequence_; }
  bool published() const { return published_; }

  // --- changes; each writes the blob first. Times are wall time. ---
  // AlreadyExists; ResourceExhausted; InvalidArgument (name).
  absl::Status AddContact(Storage& storage, absl::Time now, absl::string_view email,
                          absl::string_view name);
  absl::Status RemoveContact(Storage& storage, absl::Time now,
                             absl::string_view email);  // NotFound
  // Remembers the key seen first. NotFound.
  absl::Status Pin(Storage& storage, absl::Time now, absl::string_view email,
                   const pki::KeyHash& key);
  absl::Status Set(Storage& storage, absl::Time now, absl::string_view name,
                   absl::string_view value);
  // Takes in what another device wrote. True when our config changed by it.
  absl::StatusOr<bool> Merge(Storage& storage, absl::Time now, const wire::v1::UserConfig& theirs);
  // Moves to another key, which a device of ours published before: the contents are merged.
  absl::Status Adopt(Storage& storage, absl::Time now, ByteView config_key,
                     const wire::v1::UserConfig& theirs);
  absl::Status SetPublished(Storage& storage);
  // Remembers the largest sequence seen; never goes down.
  absl::Status RaiseSequence(Storage& storage, store::Sequence seen);

  // nullptr unless it is there and not removed.
  const wire::v1::ContactEntry* Contact(absl::string_view email) const;
  std::vector<const wire::v1::ContactEntry*> Contacts() const;  // by address, without removed ones
  std::string Setting(absl::string_view name) const;

  // The object to be stored, one sequence higher than any seen. The lower 16 bits come from the
  // device id: two devices that write at the same moment never use the same sequence, so that all
  // replicas keep the same one of the two.
  absl::StatusOr<store::Object> MakeObject(Storage& storage, absl::Time now, absl::Time expires,
                                           const pki::DeviceId& device, Rng& rng);

  // E_pk(user_config_key) for this certificate, made once.
  absl::StatusOr<Bytes> SealedKeyFor(Storage& storage, pki::Crypto& crypto,
                                     const pki::Certificate& certificate);
  const std::optional<wire::v1::DeviceCertificate>& anchor_certificate() const { return anchor_; }
  absl::Status SetAnchorCertificate(Storage& storage,
                                    const wire::v1::DeviceCertificate& certificate);

 private:
  Environment() = default;
  absl::Status Save(Storage& storage) const;
  // Runs `change` on a copy and keeps the copy if it could be saved.
  template <class ChangeT>
  absl::Status Commit(Storage& storage, ChangeT change);
  Environment Clone() const;

  std::string blob_;
  SecretBytes config_key_;
  wire::v1::UserConfig config_;
  store::Sequence sequence_;
  bool published_ = false;
  Bytes sealed_;
  Bytes sealed_to_;
  std::optional<wire::v1::DeviceCertificate> anchor_;
};

}  // namespace p2pd::presence
