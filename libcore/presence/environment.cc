#include "libcore/presence/environment.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/status.h"
#include "libcore/pki/aead.h"
#include "libcore/pki/cms.h"
#include "libcore/pki/hash.h"

namespace p2pd::presence {
namespace {

using wire::v1::ContactEntry;
using wire::v1::SettingEntry;
using wire::v1::UserConfig;

constexpr size_t kSaltSize = 32;
constexpr size_t kKeySize = 32;
constexpr size_t kPinSize = 32;
constexpr absl::string_view kSigningLabel = "p2pd environment";
// Milliseconds since 1970 of the year 2200: a later change is no time at all. A device whose clock
// runs ahead cannot block the others, since each change is made later than the one it replaces.
constexpr int64_t kLatestChange = 7258118400000;
// The low bits of a sequence that come from the device id.
constexpr int kDeviceBits = 16;

Bytes Deterministic(const google::protobuf::MessageLite& message) {
  std::string out;
  {
    google::protobuf::io::StringOutputStream stream(&out);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    P2PD_CHECK(message.SerializeToCodedStream(&coded));
  }
  return ToBytes(out);
}

// Why these may be compared as strings of bytes: both are one encoding for one content.
template <class EntryT>
bool LaterByBytes(const EntryT& a, const EntryT& b) {
  return Deterministic(a) > Deterministic(b);
}

bool Wins(const ContactEntry& a, const ContactEntry& b) {
  if (a.changed() != b.changed()) return a.changed() > b.changed();
  if (a.removed() != b.removed()) return a.removed();
  return LaterByBytes(a, b);
}

bool Wins(const SettingEntry& a, const SettingEntry& b) {
  if (a.changed() != b.changed()) return a.changed() > b.changed();
  return LaterByBytes(a, b);
}

bool ValidChange(int64_t changed) { return changed >= 0 && changed <= kLatestChange; }

bool ValidContact(const ContactEntry& entry) {
  if (!ValidChange(entry.changed()) || entry.name().size() > kMaxContactName) return false;
  if (!entry.pinned_key().empty() && entry.pinned_key().size() != kPinSize) return false;
  const absl::StatusOr<std::string> email = pki::NormaliseEmail(entry.email());
  return email.ok() && *email == entry.email();
}

bool ValidSetting(const std::string& name, const SettingEntry& entry) {
  return !name.empty() && name.size() <= kMaxSettingName &&
         entry.value().size() <= kMaxSettingValue && ValidChange(entry.changed());
}

std::map<std::string, ContactEntry> ByAddress(const UserConfig& config) {
  std::map<std::string, ContactEntry> out;
  for (const ContactEntry& entry : config.contacts()) {
    const auto [it, fresh] = out.emplace(entry.email(), entry);
    if (!fresh && Wins(entry, it->second)) it->second = entry;
  }
  return out;
}

void SetContacts(UserConfig& config, const std::map<std::string, ContactEntry>& contacts) {
  config.clear_contacts();
  for (const auto& [email, entry] : contacts) *config.add_contacts() = entry;
}

// Later than what it replaces even when this device's clock runs behind.
int64_t ChangeTime(absl::Time now, int64_t before) {
  return std::min(std::max(absl::ToUnixMillis(now), before + 1), kLatestChange);
}

absl::Status CheckSize(const UserConfig& config) {
  if (static_cast<size_t>(config.contacts_size()) > kMaxContacts) {
    return absl::ResourceExhaustedError(
        absl::StrCat("an identity has at most ", kMaxContacts, " contacts"));
  }
  if (config.settings_size() > static_cast<int>(kMaxSettings)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("an identity has at most ", kMaxSettings, " settings"));
  }
  if (EncodeConfig(config).size() > kMaxConfigBytes) {
    return absl::ResourceExhaustedError(
        "contacts and settings do not fit into one stored object of 64 KiB");
  }
  return absl::OkStatus();
}

ContactEntry* FindContact(UserConfig& config, absl::string_view email) {
  for (ContactEntry& entry : *config.mutable_contacts()) {
    if (entry.email() == email) return &entry;
  }
  return nullptr;
}

}  // namespace

UserConfig FreshConfig(Rng& rng) {
  Bytes salt(kSaltSize);
  rng.Fill(MutableByteView(salt.data(), salt.size()));
  UserConfig config;
  config.set_salt(ToText(salt));
  return config;
}

SecretBytes ConfigKeyOf(absl::string_view salt) {
  UserConfig first;
  first.set_salt(std::string(salt));
  return SecretBytes(pki::Sha256(EncodeConfig(first)).view());
}

pki::Ed25519Key EnvironmentSigningKey(ByteView config_key) {
  return pki::Ed25519Key::FromSeed(
      pki::HkdfSha256(config_key, ByteView(), AsBytes(kSigningLabel), kKeySize).view());
}

Bytes EncodeConfig(const UserConfig& config) { return Deterministic(config); }

std::optional<UserConfig> DecodeConfig(ByteView bytes) {
  if (bytes.size() > kMaxConfigBytes) return std::nullopt;
  UserConfig config;
  if (!config.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  if (config.salt().size() != kSaltSize) return std::nullopt;
  if (static_cast<size_t>(config.contacts_size()) > kMaxContacts) return std::nullopt;
  if (config.settings_size() > static_cast<int>(kMaxSettings)) return std::nullopt;
  std::map<std::string, ContactEntry> contacts = ByAddress(config);
  std::erase_if(contacts, [](const auto& item) { return !ValidContact(item.second); });
  SetContacts(config, contacts);
  auto& settings = *config.mutable_settings();
  for (auto it = settings.begin(); it != settings.end();) {
    it = ValidSetting(it->first, it->second) ? std::next(it) : settings.erase(it);
  }
  return config;
}

UserConfig MergeConfigs(const UserConfig& mine, const UserConfig& theirs,
                        absl::Time forget_before) {
  UserConfig merged = mine;
  std::map<std::string, ContactEntry> contacts = ByAddress(mine);
  for (const auto& [email, entry] : ByAddress(theirs)) {
    const auto [it, fresh] = contacts.emplace(email, entry);
    if (!fresh && Wins(entry, it->second)) it->second = entry;
  }
  const int64_t forget = absl::ToUnixMillis(forget_before);
  std::erase_if(contacts, [forget](const auto& item) {
    return item.second.removed() && item.second.changed() < forget;
  });
  SetContacts(merged, contacts);
  for (const auto& [name, entry] : theirs.settings()) {
    const auto it = merged.mutable_settings()->find(name);
    if (it == merged.mutable_settings()->end()) {
      (*merged.mutable_settings())[name] = entry;
    } else if (Wins(entry, it->second)) {
      it->second = entry;
    }
  }
  return merged;
}

std::optional<UserConfig> OpenEnvironment(ByteView config_key, const store::Object& object,
                                          Counters& counters) {
  const std::string& ciphertext = object.user_environment().ciphertext();
  const std::optional<SecretBytes> plain = pki::OpenWithKey(config_key, AsBytes(ciphertext));
  if (!plain) {
    counters.Add("presence.environment_unreadable");
    return std::nullopt;
  }
  std::optional<UserConfig> config = DecodeConfig(plain->view());
  if (!config || ConfigKeyOf(config->salt()).view() != config_key) {
    counters.Add("presence.environment_malformed");
    return std::nullopt;
  }
  return config;
}

Environment Environment::Fresh(std::string blob, Rng& rng) {
  Environment out;
  out.blob_ = std::move(blob);
  out.config_ = FreshConfig(rng);
  out.config_key_ = ConfigKeyOf(out.config_.salt());
  return out;
}

absl::StatusOr<Environment> Environment::Load(const Storage& storage, std::string blob) {
  P2PD_ASSIGN_OR_RETURN(const Bytes bytes, storage.Read(blob));
  const absl::Status bad =
      absl::DataLossError(absl::StrCat(storage.TitleOf(blob), " holds no user environment"));
  wire::v1::EnvironmentFile file;
  if (!file.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return bad;
  std::optional<UserConfig> config = DecodeConfig(AsBytes(file.config()));
  if (!config || ConfigKeyOf(config->salt()).view() != AsBytes(file.config_key())) return bad;
  Environment out;
  out.blob_ = std::move(blob);
  out.config_key_ = SecretBytes(AsBytes(file.config_key()));
  out.config_ = *std::move(config);
  out.sequence_ = store::Sequence(file.sequence());
  out.published_ = file.published();
  out.sealed_ = ToBytes(file.sealed_config_key());
  out.sealed_to_ = ToBytes(file.sealed_to());
  if (file.has_anchor_certificate()) out.anchor_ = file.anchor_certificate();
  return out;
}

absl::Status Environment::Save(Storage& storage) const {
  wire::v1::EnvironmentFile file;
  file.set_config_key(ToText(config_key_.view()));
  file.set_config(ToText(EncodeConfig(config_)));
  file.set_sequence(sequence_.value());
  file.set_published(published_);
  file.set_sealed_config_key(ToText(sealed_));
  file.set_sealed_to(ToText(sealed_to_));
  if (anchor_) *file.mutable_anchor_certificate() = *anchor_;
  const SecretBytes bytes{Deterministic(file)};
  return storage.Write(blob_, bytes.view(), FileMode::kSecret);
}

Environment Environment::Clone() const {
  Environment out;
  out.blob_ = blob_;
  out.config_key_ = config_key_.Clone();
  out.config_ = config_;
  out.sequence_ = sequence_;
  out.published_ = published_;
  out.sealed_ = sealed_;
  out.sealed_to_ = sealed_to_;
  out.anchor_ = anchor_;
  return out;
}

template <class ChangeT>
absl::Status Environment::Commit(Storage& storage, ChangeT change) {
  Environment next = Clone();
  P2PD_RETURN_IF_ERROR(change(next));
  P2PD_RETURN_IF_ERROR(next.Save(storage));
  *this = std::move(next);
  return absl::OkStatus();
}

absl::Status Environment::AddContact(Storage& storage, absl::Time now, absl::string_view email,
                                     absl::string_view name) {
  if (name.size() > kMaxContactName) {
    return absl::InvalidArgumentError(
        absl::StrCat("a contact's name has at most ", kMaxContactName, " bytes"));
  }
  if (Contact(email) != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(email, " is a contact already"));
  }
  return Commit(storage, [&](Environment& next) {
    ContactEntry* entry = FindContact(next.config_, email);
    const int64_t before = entry == nullptr ? -1 : entry->changed();
    if (entry == nullptr) entry = next.config_.add_contacts();
    entry->Clear();
    entry->set_email(std::string(email));
    entry->set_name(std::string(name));
    entry->set_changed(ChangeTime(now, before));
    SetContacts(next.config_, ByAddress(next.config_));  // one order for one content
    return CheckSize(next.config_);
  });
}

absl::Status Environment::RemoveContact(Storage& storage, absl::Time now, absl::string_view email) {
  if (Contact(email) == nullptr) {
    return absl::NotFoundError(absl::StrCat(email, " is no contact"));
  }
  return Commit(storage, [&](Environment& next) {
    ContactEntry* entry = FindContact(next.config_, email);
    const int64_t before = entry->changed();
    entry->Clear();
    entry->set_email(std::string(email));
    entry->set_removed(true);
    entry->set_changed(ChangeTime(now, before));
    return absl::OkStatus();
  });
}

absl::Status Environment::Pin(Storage& storage, absl::Time now, absl::string_view email,
                              const pki::KeyHash& key) {
  if (Contact(email) == nullptr) {
    return absl::NotFoundError(absl::StrCat(email, " is no contact"));
  }
  return Commit(storage, [&](Environment& next) {
    ContactEntry* entry = FindContact(next.config_, email);
    entry->set_pinned_key(key.ToString());
    entry->set_changed(ChangeTime(now, entry->changed()));
    return CheckSize(next.config_);
  });
}

absl::Status Environment::Set(Storage& storage, absl::Time now, absl::string_view name,
                              absl::string_view value) {
  if (name.empty() || name.size() > kMaxSettingName || value.size() > kMaxSettingValue) {
    return absl::InvalidArgumentError(absl::StrCat("a setting has a name of 1 to ", kMaxSettingName,
                                                   " bytes and a value of at most ",
                                                   kMaxSettingValue));
  }
  return Commit(storage, [&](Environment& next) {
    SettingEntry& entry = (*next.config_.mutable_settings())[std::string(name)];
    const int64_t before = entry.changed();
    entry.set_value(std::string(value));
    entry.set_changed(ChangeTime(now, before));
    return CheckSize(next.config_);
  });
}

absl::StatusOr<bool> Environment::Merge(Storage& storage, absl::Time now,
                                        const UserConfig& theirs) {
  UserConfig merged = MergeConfigs(config_, theirs, now - kRemovalMemory);
  if (EncodeConfig(merged) == EncodeConfig(config_)) return false;
  P2PD_RETURN_IF_ERROR(CheckSize(merged));
  P2PD_RETURN_IF_ERROR(Commit(storage, [&](Environment& next) {
    next.config_ = std::move(merged);
    return absl::OkStatus();
  }));
  return true;
}

absl::Status Environment::Adopt(Storage& storage, absl::Time now, ByteView config_key,
                                const UserConfig& theirs) {
  UserConfig merged = MergeConfigs(theirs, config_, now - kRemovalMemory);
  P2PD_RETURN_IF_ERROR(CheckSize(merged));
  return Commit(storage, [&](Environment& next) {
    next.config_ = std::move(merged);
    next.config_key_ = SecretBytes(config_key);
    next.sequence_ = store::Sequence();
    next.published_ = true;
    next.sealed_.clear();
    next.sealed_to_.clear();
    next.anchor_.reset();
    return absl::OkStatus();
  });
}

absl::Status Environment::SetPublished(Storage& storage) {
  if (published_) return absl::OkStatus();
  return Commit(storage, [](Environment& next) {
    next.published_ = true;
    return absl::OkStatus();
  });
}

absl::Status Environment::RaiseSequence(Storage& storage, store::Sequence seen) {
  if (seen <= sequence_) return absl::OkStatus();
  return Commit(storage, [seen](Environment& next) {
    next.sequence_ = seen;
    return absl::OkStatus();
  });
}

const ContactEntry* Environment::Contact(absl::string_view email) const {
  for (const ContactEntry& entry : config_.contacts()) {
    if (entry.email() == email) return entry.removed() ? nullptr : &entry;
  }
  return nullptr;
}

std::vector<const ContactEntry*> Environment::Contacts() const {
  std::vector<const ContactEntry*> out;
  for (const ContactEntry& entry : config_.contacts()) {
    if (!entry.removed()) out.push_back(&entry);
  }
  std::sort(out.begin(), out.end(),
            [](const ContactEntry* a, const ContactEntry* b) { return a->email() < b->email(); });
  return out;
}

std::string Environment::Setting(absl::string_view name) const {
  const auto it = config_.settings().find(std::string(name));
  return it == config_.settings().end() ? std::string() : it->second.value();
}

absl::StatusOr<store::Object> Environment::MakeObject(Storage& storage, absl::Time now,
                                                      absl::Time expires,
                                                      const pki::DeviceId& device, Rng& rng) {
  const uint64_t count = (sequence_.value() >> kDeviceBits) + 1;
  const uint64_t own = static_cast<uint64_t>(device[0]) << 8 | device[1];
  const store::Sequence next(count << kDeviceBits | own);
  // Written ahead: after a crash the number is skipped, never used for another content.
  P2PD_RETURN_IF_ERROR(RaiseSequence(storage, next));
  const Bytes sealed = pki::SealWithKey(config_key(), EncodeConfig(config_), rng);
  return store::MakeUserEnvironment(EnvironmentSigningKey(config_key()), sealed, next, expires,
                                    now);
}

absl::StatusOr<Bytes> Environment::SealedKeyFor(Storage& storage, pki::Crypto& crypto,
                                                const pki::Certificate& certificate) {
  const Bytes to = ToBytes(certificate.fingerprint().view());
  if (!sealed_.empty() && sealed_to_ == to) return sealed_;
  P2PD_ASSIGN_OR_RETURN(Bytes sealed, pki::CmsEncrypt(crypto, certificate, config_key()));
  P2PD_RETURN_IF_ERROR(Commit(storage, [&](Environment& next) {
    next.sealed_ = std::move(sealed);
    next.sealed_to_ = to;
    return absl::OkStatus();
  }));
  return sealed_;
}

absl::Status Environment::SetAnchorCertificate(Storage& storage,
                                               const wire::v1::DeviceCertificate& certificate) {
  return Commit(storage, [&certificate](Environment& next) {
    next.anchor_ = certificate;
    return absl::OkStatus();
  });
}

}  // namespace p2pd::presence
