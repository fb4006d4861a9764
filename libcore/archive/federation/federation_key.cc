#include "libcore/archive/federation/federation_key.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/codec.h"
#include "libcore/base/hex.h"
#include "libcore/pki/aead.h"

namespace p2pd::archive::federation {
namespace {

constexpr size_t kPlace = 20;
constexpr size_t kKey = 32;
constexpr size_t kTag = pki::Sha256Digest::kSize;

// Bound to one node and one version of its record, so that nobody can put it into a record of his
// own.
Bytes BoundTo(const MemberId& of, uint64_t sequence, ByteView plain) {
  ByteWriter out;
  out.Put(of.view()).U64(sequence).Put(plain);
  return std::move(out).Take();
}

}  // namespace

absl::StatusOr<FederationKey> FederationKey::Make(absl::string_view name, ByteView secret) {
  if (name.empty() || name.size() > kMaxName) {
    return absl::InvalidArgumentError(
        absl::StrCat("a federation's name has 1 to ", kMaxName, " bytes"));
  }
  const ByteView plain = AsBytes(absl::StripAsciiWhitespace(AsText(secret)));
  if (plain.size() < kMinSecret || plain.size() > kMaxSecret) {
    return absl::InvalidArgumentError(absl::StrCat("a federation's secret has ", kMinSecret, " to ",
                                                   kMaxSecret, " bytes, this has ", plain.size(),
                                                   "; `openssl rand -hex 32` makes one"));
  }
  const SecretBytes keys =
      pki::HkdfSha256(plain, AsBytes(name), AsBytes("p2pd federation 1"), kPlace + 2 * kKey);
  FederationKey out;
  out.service_ = absl::StrCat("s-tracker/", Hex(keys.view().subspan(0, kPlace)));
  out.seal_key_ = SecretBytes(keys.view().subspan(kPlace, kKey));
  out.tag_key_ = SecretBytes(keys.view().subspan(kPlace + kKey, kKey));
  return out;
}

Bytes FederationKey::SealRecord(const MemberId& of, uint64_t sequence, ByteView plain,
                                Rng& rng) const {
  return pki::SealWithKey(seal_key_.view(), BoundTo(of, sequence, plain), rng);
}

std::optional<SecretBytes> FederationKey::OpenRecord(const MemberId& of, uint64_t sequence,
                                                     ByteView sealed) const {
  const auto opened = pki::OpenWithKey(seal_key_.view(), sealed);
  if (!opened) return std::nullopt;
  const Bytes bound = BoundTo(of, sequence, {});
  if (opened->size() < bound.size() || opened->view().subspan(0, bound.size()) != bound) {
    return std::nullopt;
  }
  return SecretBytes(opened->view().subspan(bound.size()));
}

pki::Sha256Digest FederationKey::TagFor(const MemberId& from, const MemberId& to, ByteView about,
                                        ByteView message) const {
  ByteWriter out(2 * MemberId::kSize + 2 + about.size() + message.size());
  out.Put(from.view()).Put(to.view()).Put16(about).Put(message);
  return pki::HmacSha256(tag_key_.view(), out.bytes());
}

Bytes FederationKey::Tagged(const MemberId& from, const MemberId& to, ByteView about,
                            ByteView message) const {
  Bytes out = ToBytes(message);
  Append(out, TagFor(from, to, about, message).view());
  return out;
}

std::optional<ByteView> FederationKey::Untagged(const MemberId& from, const MemberId& to,
                                                ByteView about, ByteView tagged) const {
  if (tagged.size() < kTag) return std::nullopt;
  const ByteView message = tagged.subspan(0, tagged.size() - kTag);
  if (!ConstantTimeEqual(TagFor(from, to, about, message).view(), TagOf(tagged))) {
    return std::nullopt;
  }
  return message;
}

ByteView FederationKey::TagOf(ByteView tagged) {
  return tagged.size() < kTag ? ByteView() : tagged.subspan(tagged.size() - kTag);
}

}  // namespace p2pd::archive::federation
