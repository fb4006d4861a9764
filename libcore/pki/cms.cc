#include "libcore/pki/cms.h"

#include <openssl/cms.h>
#include <openssl/rsa.h>

#include <array>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "libcore/pki/ossl.h"

namespace p2pd::pki {
namespace {

using Cms = ossl::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;

// Bytes of a message in either form: objects of the store have 64 KiB.
constexpr size_t kMaxCms = 64 * 1024;
constexpr size_t kNonceSize = 12;
constexpr size_t kTagSize = 16;

// DER of the object identifiers, without tag and length.
constexpr std::array<uint8_t, 11> kAuthEnvelopedData = {  // RFC 5083: 1.2.840.113549.1.9.16.1.23
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17};
constexpr std::array<uint8_t, 9> kAes256Gcm = {  // RFC 5084: 2.16.840.1.101.3.4.1.46
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2e};

constexpr uint8_t kInteger = 0x02, kOctetString = 0x04, kOid = 0x06, kSequence = 0x30, kSet = 0x31;
constexpr uint8_t Context(uint8_t n) { return static_cast<uint8_t>(0xa0 | n); }

// Takes one value of tag `tag` with a definite length off `rest`; nullopt, and nothing taken, when
// another stands there.
std::optional<ByteView> TakeValue(ByteView& rest, uint8_t tag) {
  if (rest.size() < 2 || rest[0] != tag) return std::nullopt;
  size_t size = rest[1];
  size_t head = 2;
  if (size >= 0x80) {
    const size_t count = size & 0x7f;
    if (count < 1 || count > 3 || rest.size() < 2 + count) return std::nullopt;
    size = 0;
    for (size_t i = 0; i < count; ++i) size = size << 8 | rest[2 + i];
    head += count;
  }
  if (rest.size() - head < size) return std::nullopt;
  const ByteView value = rest.subspan(head, size);
  rest.remove_prefix(head + size);
  return value;
}

// True when the message has the one shape that we make and take:
//
//   ContentInfo ::= SEQUENCE { OID authEnvelopedData, [0] SEQUENCE {
//     version INTEGER, [0] originatorInfo OPTIONAL, recipientInfos SET,
//     SEQUENCE { OID contentType, SEQUENCE { OID aes256-GCM, SEQUENCE { OCTET STRING nonce,
//       INTEGER icvLen } }, [0] content },
//     [1] authAttrs OPTIONAL, mac OCTET STRING, [2] unauthAttrs OPTIONAL } }
//
// Looked at before OpenSSL reads it: OpenSSL would take a tag of four bytes, which can be guessed,
// and other content types and ciphers.
bool HasOurShape(ByteView cms) {
  const auto info = TakeValue(cms, kSequence);
  if (!info.has_value() || !cms.empty()) return false;
  ByteView rest = *info;
  if (TakeValue(rest, kOid) != ByteView(kAuthEnvelopedData)) return false;
  const auto explicit_content = TakeValue(rest, Context(0));
  if (!explicit_content.has_value() || !rest.empty()) return false;
  rest = *explicit_content;
  const auto enveloped = TakeValue(rest, kSequence);
  if (!enveloped.has_value() || !rest.empty()) return false;
  rest = *enveloped;
  if (!TakeValue(rest, kInteger).has_value()) return false;
  TakeValue(rest, Context(0));
  if (!TakeValue(rest, kSet).has_value()) return false;
  const auto encrypted = TakeValue(rest, kSequence);
  TakeValue(rest, Context(1));
  const auto mac = TakeValue(rest, kOctetString);
  TakeValue(rest, Context(2));
  if (!encrypted.has_value() || !mac.has_value() || mac->size() != kTagSize || !rest.empty()) {
    return false;
  }
  rest = *encrypted;
  if (!TakeValue(rest, kOid).has_value()) return false;
  const auto algorithm = TakeValue(rest, kSequence);
  if (!algorithm.has_value()) return false;
  rest = *algorithm;
  if (TakeValue(rest, kOid) != ByteView(kAes256Gcm)) return false;
  const auto parameters = TakeValue(rest, kSequence);
  if (!parameters.has_value() || !rest.empty()) return false;
  rest = *parameters;
  const auto nonce = TakeValue(rest, kOctetString);
  return nonce.has_value() && nonce->size() == kNonceSize;
}

// Algorithms of the recipient: ECDH with the X9.63 KDF over SHA-256, or RSAES-OAEP with SHA-256.
bool SetRecipientAlgorithms(CMS_RecipientInfo* recipient) {
  EVP_PKEY_CTX* const context = CMS_RecipientInfo_get0_pkey_ctx(recipient);
  if (context == nullptr) return false;
  if (CMS_RecipientInfo_type(recipient) == CMS_RECIPINFO_AGREE) {
    return EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1;
  }
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) == 1;
}

}  // namespace

absl::StatusOr<Bytes> CmsEncrypt(Crypto& crypto, const Certificate& to, ByteView plaintext) {
  if (plaintext.size() > kMaxCms) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxCms, " bytes to encrypt"));
  }
  if (to.public_key().kind() == KeyKind::kEd25519) {
    return absl::InvalidArgumentError("nothing can be encrypted to an Ed25519 key");
  }
  const ossl::ErrorScope errors;
  // Parsed again in the context that may draw chance: the ephemeral key is made in the context of
  // the certificate's key.
  const ossl::Cert certificate = ossl::ParseDer(ossl::Cert(X509_new_ex(crypto.context(), nullptr)),
                                                to.der(), d2i_X509, i2d_X509);
  const ossl::Bio in = ossl::ReadBio(plaintext);
  constexpr unsigned kFlags = CMS_BINARY | CMS_PARTIAL;
  const Cms cms(
      CMS_encrypt_ex(nullptr, nullptr, EVP_aes_256_gcm(), kFlags, crypto.context(), nullptr));
  if (certificate == nullptr || in == nullptr || cms == nullptr) {
    return absl::InternalError("OpenSSL cannot begin a CMS message");
  }
  // By key id where there is one: shorter than the issuer's name.
  const bool has_id = X509_get0_subject_key_id(certificate.get()) != nullptr;
  CMS_RecipientInfo* const recipient = CMS_add1_recipient_cert(
      cms.get(), certificate.get(), kFlags | CMS_KEY_PARAM | (has_id ? CMS_USE_KEYID : 0u));
  if (recipient == nullptr || !SetRecipientAlgorithms(recipient) ||
      CMS_final(cms.get(), in.get(), nullptr, kFlags) != 1) {
    return absl::InternalError("OpenSSL cannot encrypt to this certificate");
  }
  return ossl::ToDer(cms.get(), i2d_CMS_ContentInfo);
}

absl::StatusOr<SecretBytes> CmsDecrypt(const UserKey& key, const Certificate& certificate,
                                       ByteView cms) {
  // Some room for the envelope around the largest content.
  if (cms.size() > kMaxCms + 4096 || !HasOurShape(cms)) {
    return absl::InvalidArgumentError("not a CMS message encrypted with AES-256-GCM");
  }
  const ossl::ErrorScope errors;
  const Cms parsed = ossl::ParseDer(Cms(CMS_ContentInfo_new_ex(key.crypto().context(), nullptr)),
                                    cms, d2i_CMS_ContentInfo, i2d_CMS_ContentInfo);
  if (parsed == nullptr) return absl::InvalidArgumentError("the CMS message is damaged");
  const ossl::Bio out = ossl::SecretBio();
  // The plaintext streams into `out` before the tag is checked; it leaves only after.
  if (out == nullptr || CMS_decrypt(parsed.get(), key.evp(), certificate.x509(), nullptr, out.get(),
                                    CMS_BINARY) != 1) {
    return absl::PermissionDeniedError("the message is not for this key, or it was changed");
  }
  return SecretBytes(ossl::Contents(out.get()));
}

}  // namespace p2pd::pki
