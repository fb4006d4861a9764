#include "libcore/pki/user_key.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/status.h"
#include "libcore/pki/ed25519.h"
#include "libcore/pki/ossl.h"
#include "libcore/pki/user_key_maker.h"

namespace p2pd::pki {
namespace {

// Bytes; a PEM file with an RSA-8192 key and its chain is a third of it.
constexpr size_t kMaxPem = 64 * 1024;
// Bits of RSA: below is weak today, above makes verification a way to keep us busy.
constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;
// Bits of the RSA exponent: F4 has 17; a long one makes verification slow.
constexpr int kMaxRsaExponentBits = 33;
// Bytes of SPKI: RSA-8192 needs 1,062.
constexpr size_t kMaxSpki = 2048;
constexpr size_t kSaltSize = 16;
// Bytes: a P-256 signature is r‖s, each as long as the group's order.
constexpr size_t kScalarSize = 32;
constexpr size_t kP256SignatureSize = 2 * kScalarSize;
constexpr size_t kEd25519SignatureSize = 64;
constexpr int kPssSaltSize = 32;

// A P-256 SPKI with named curve and uncompressed point is this and 64 bytes (RFC 5480): the one
// encoding that we accept of a key.
constexpr std::array<uint8_t, 27> kP256Prefix = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
    0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

// Half of the order n of P-256, rounded down. (r, s) and (r, n − s) both verify; only the lower is
// a signature here, so that nobody can make a second one of ours.
constexpr std::array<uint8_t, kScalarSize> kHalfOrder = {
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8};

using EcdsaSig = ossl::Owned<ECDSA_SIG, ECDSA_SIG_free>;
using Pkcs8 = ossl::Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using EncryptedPkcs8 = ossl::Owned<X509_SIG, X509_SIG_free>;

// The same of an Ed25519 SPKI and its 32 bytes (RFC 8410 §4).
constexpr std::array<uint8_t, 12> kEd25519Prefix = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

template <size_t N>
bool HasPrefix(ByteView spki, const std::array<uint8_t, N>& prefix, size_t rest) {
  return spki.size() == N + rest && spki.first(N) == ByteView(prefix);
}

// The key of an SPKI with the prefix of P-256, by its point; nullptr when that is not on the curve.
ossl::Pkey P256FromPoint(ByteView spki) {
  // OpenSSL's interface wants them writable; it does not write.
  char group[] = "P-256";
  ByteView point = spki.subspan(kP256Prefix.size() - 1);  // with the 0x04 of 'uncompressed'
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<uint8_t*>(point.data()),
                                        point.size()),
      OSSL_PARAM_construct_end()};
  const ossl::PkeyCtx context(EVP_PKEY_CTX_new_from_name(ossl::Plain(), "EC", nullptr));
  EVP_PKEY* pkey = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return nullptr;
  }
  return ossl::Pkey(pkey);
}

// nullptr when it is not the one encoding of a key. Storing nodes and hellos parse keys of
// strangers, and OpenSSL's decoder, which tries all that it knows, takes a third of a millisecond:
// so the two kinds of one fixed form are taken apart here.
ossl::Pkey ParseSpki(ByteView spki) {
  if (HasPrefix(spki, kP256Prefix, kP256SignatureSize)) return P256FromPoint(spki);
  if (HasPrefix(spki, kEd25519Prefix, Ed25519Public::kSize)) {
    const ByteView raw = spki.subspan(kEd25519Prefix.size());
    return ossl::Pkey(
        EVP_PKEY_new_raw_public_key_ex(ossl::Plain(), "ED25519", nullptr, raw.data(), raw.size()));
  }
  const unsigned char* at = spki.data();
  ossl::Pkey pkey(
      d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(spki.size()), ossl::Plain(), nullptr));
  if (pkey == nullptr || at != spki.data() + spki.size() ||
      ByteView(ossl::ToDer(pkey.get(), i2d_PUBKEY)) != spki) {
    return nullptr;
  }
  return pkey;
}

absl::StatusOr<KeyKind> KindOf(EVP_PKEY* pkey, ByteView spki) {
  if (EVP_PKEY_is_a(pkey, "ED25519") == 1) return KeyKind::kEd25519;
  if (EVP_PKEY_is_a(pkey, "EC") == 1) {
    if (HasPrefix(spki, kP256Prefix, kP256SignatureSize)) return KeyKind::kP256;
    return absl::InvalidArgumentError("the key is on another curve than P-256");
  }
  if (EVP_PKEY_is_a(pkey, "RSA") == 1) {
    const int bits = EVP_PKEY_get_bits(pkey);
    if (bits < kMinRsaBits || bits > kMaxRsaBits) {
      return absl::InvalidArgumentError(
          absl::StrCat("the RSA key has ", bits, " bits, not ", kMinRsaBits, " to ", kMaxRsaBits));
    }
    BIGNUM* exponent = nullptr;
    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent);
    const ossl::Number e(exponent);
    if (e == nullptr || BN_num_bits(e.get()) > kMaxRsaExponentBits || !BN_is_odd(e.get()) ||
        BN_is_one(e.get())) {
      return absl::InvalidArgumentError("the RSA key's exponent is not acceptable");
    }
    return KeyKind::kRsa;
  }
  return absl::InvalidArgumentError("the key is neither P-256 nor RSA nor Ed25519");
}

bool IsHighS(ByteView s) {
  return std::lexicographical_compare(kHalfOrder.begin(), kHalfOrder.end(), s.begin(), s.end());
}

// DER ECDSA-Sig-Value to r‖s with the lower s.
absl::StatusOr<Bytes> FixedFromDer(ByteView der, EVP_PKEY* pkey) {
  const unsigned char* at = der.data();
  const EcdsaSig sig(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  Bytes out(kP256SignatureSize);
  if (sig == nullptr ||
      BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), out.data(), kScalarSize) != kScalarSize ||
      BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), out.data() + kScalarSize, kScalarSize) !=
          kScalarSize) {
    return absl::InternalError("OpenSSL made a signature that is none");
  }
  if (!IsHighS(ByteView(out).subspan(kScalarSize))) return out;
  BIGNUM* order = nullptr;
  EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_EC_ORDER, &order);
  const ossl::Number n(order);
  const ossl::Number low(BN_new());
  if (n == nullptr || BN_sub(low.get(), n.get(), ECDSA_SIG_get0_s(sig.get())) != 1 ||
      BN_bn2binpad(low.get(), out.data() + kScalarSize, kScalarSize) != kScalarSize) {
    return absl::InternalError("OpenSSL cannot subtract");
  }
  return out;
}

// r‖s to DER; empty when it is no signature of ours.
Bytes DerFromFixed(ByteView fixed) {
  if (fixed.size() != kP256SignatureSize || IsHighS(fixed.subspan(kScalarSize))) return {};
  const EcdsaSig sig(ECDSA_SIG_new());
  ossl::Number r(BN_bin2bn(fixed.data(), kScalarSize, nullptr));
  ossl::Number s(BN_bin2bn(fixed.data() + kScalarSize, kScalarSize, nullptr));
  if (sig == nullptr || r == nullptr || s == nullptr) return {};
  ECDSA_SIG_set0(sig.get(), r.release(), s.release());
  return ossl::ToDer(sig.get(), i2d_ECDSA_SIG);
}

bool SetPss(EVP_PKEY_CTX* context) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, kPssSaltSize) == 1;
}

const char* DigestOf(KeyKind kind) { return kind == KeyKind::kEd25519 ? nullptr : "SHA256"; }

// What the passphrase callback of OpenSSL is given, and whether it was called.
struct Passphrase {
  ByteView bytes;
  bool asked = false;
};

int GivePassphrase(char* buffer, int size, int, void* data) {
  auto* const passphrase = static_cast<Passphrase*>(data);
  passphrase->asked = true;
  if (passphrase->bytes.empty() || passphrase->bytes.size() > static_cast<size_t>(size)) return -1;
  std::copy(passphrase->bytes.begin(), passphrase->bytes.end(), buffer);
  return static_cast<int>(passphrase->bytes.size());
}

// True when the file's first encrypted PKCS#8 block asks for more work than we do.
bool HoldsTooCostlyKey(ByteView pem) {
  const auto blocks = ossl::FromPem(PEM_STRING_PKCS8, pem, 16);
  if (!blocks.has_value()) return false;  // not well-formed: the reader will say so
  for (const Bytes& block : *blocks) {
    const unsigned char* at = block.data();
    const EncryptedPkcs8 sealed(d2i_X509_SIG(nullptr, &at, static_cast<long>(block.size())));
    if (sealed == nullptr) continue;
    const X509_ALGOR* algorithm = nullptr;
    X509_SIG_get0(sealed.get(), &algorithm, nullptr);
    if (RoundsOf(algorithm) > kMaxRounds) return true;
  }
  return false;
}

}  // namespace

KeyHash HashOfSpki(ByteView spki) { return *KeyHash::FromView(Sha256(spki).view()); }

class UserPublicKey::Impl {
 public:
  ossl::Pkey pkey;
  Bytes spki;
  KeyHash hash;
  KeyKind kind;
};

absl::StatusOr<UserPublicKey> UserPublicKey::FromSpki(ByteView spki) {
  if (spki.size() > kMaxSpki) return absl::InvalidArgumentError("the public key is too long");
  const ossl::ErrorScope errors;
  ossl::Pkey pkey = ParseSpki(spki);
  if (pkey == nullptr) {
    return absl::InvalidArgumentError("not a public key in DER");
  }
  P2PD_ASSIGN_OR_RETURN(const KeyKind kind, KindOf(pkey.get(), spki));
  auto impl = std::make_shared<Impl>();
  impl->pkey = std::move(pkey);
  impl->spki = ToBytes(spki);
  impl->hash = HashOfSpki(spki);
  impl->kind = kind;
  UserPublicKey key;
  key.impl_ = std::move(impl);
  return key;
}

const Bytes& UserPublicKey::spki() const { return impl_->spki; }
const KeyHash& UserPublicKey::hash() const { return impl_->hash; }
KeyKind UserPublicKey::kind() const { return impl_->kind; }
EVP_PKEY* UserPublicKey::evp() const { return impl_->pkey.get(); }

bool UserPublicKey::Verify(ByteView message, ByteView signature) const {
  const ossl::ErrorScope errors;
  Bytes der;
  switch (impl_->kind) {
    case KeyKind::kP256:
      der = DerFromFixed(signature);
      if (der.empty()) return false;
      signature = der;
      break;
    case KeyKind::kRsa:
      if (signature.size() != static_cast<size_t>(EVP_PKEY_get_size(evp()))) return false;
      break;
    case KeyKind::kEd25519:
      if (signature.size() != kEd25519SignatureSize) return false;
      break;
  }
  const ossl::MdCtx context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* pctx = nullptr;  // owned by context
  return EVP_DigestVerifyInit_ex(context.get(), &pctx, DigestOf(impl_->kind), ossl::Plain(),
                                 nullptr, evp(), nullptr) == 1 &&
         (impl_->kind != KeyKind::kRsa || SetPss(pctx)) &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

class UserKey::Impl {
 public:
  ossl::Pkey pkey;
};

EVP_PKEY* UserKey::evp() const { return impl_->pkey.get(); }

absl::StatusOr<UserKey> UserKeyMaker::Make(Crypto& crypto, ossl::Pkey pkey) {
  const ossl::ErrorScope errors;
  if (pkey == nullptr) return absl::InternalError("OpenSSL made no key");
  P2PD_ASSIGN_OR_RETURN(UserPublicKey public_key,
                        UserPublicKey::FromSpki(ossl::ToDer(pkey.get(), i2d_PUBKEY)));
  auto impl = std::make_shared<UserKey::Impl>();
  impl->pkey = std::move(pkey);
  UserKey key;
  key.impl_ = std::move(impl);
  key.public_ = std::move(public_key);
  key.crypto_ = &crypto;
  return key;
}

absl::StatusOr<UserKey> UserKeyMaker::FromPkcs8(Crypto& crypto, const PKCS8_PRIV_KEY_INFO* info) {
  const ossl::ErrorScope errors;
  ossl::Pkey pkey(EVP_PKCS82PKEY_ex(info, crypto.context(), nullptr));
  if (pkey == nullptr) return absl::InvalidArgumentError("not a private key that we know");
  P2PD_ASSIGN_OR_RETURN(UserKey key, Make(crypto, std::move(pkey)));
  // A file may hold a public half that is not the private half's; a signature shows it.
  const auto signature = key.Sign(AsBytes("p2pd key check"));
  if (!signature.ok() || !key.public_key().Verify(AsBytes("p2pd key check"), *signature)) {
    return absl::InvalidArgumentError("the private key does not fit its public key");
  }
  return key;
}

absl::StatusOr<UserKey> UserKey::GenerateP256(Crypto& crypto) {
  return UserKeyMaker::Make(
      crypto, ossl::Pkey(EVP_PKEY_Q_keygen(crypto.context(), nullptr, "EC", "P-256")));
}

absl::StatusOr<UserKey> UserKey::GenerateEd25519(Crypto& crypto) {
  return UserKeyMaker::Make(crypto,
                            ossl::Pkey(EVP_PKEY_Q_keygen(crypto.context(), nullptr, "ED25519")));
}

absl::StatusOr<UserKey> UserKey::GenerateRsa(Crypto& crypto, int bits) {
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return absl::InvalidArgumentError(
        absl::StrCat("RSA keys have ", kMinRsaBits, " to ", kMaxRsaBits, " bits, not ", bits));
  }
  return UserKeyMaker::Make(crypto, ossl::Pkey(EVP_PKEY_Q_keygen(crypto.context(), nullptr, "RSA",
                                                                 static_cast<size_t>(bits))));
}

absl::StatusOr<UserKey> UserKey::FromPem(Crypto& crypto, ByteView pem,
                                         const SecretBytes& passphrase) {
  if (pem.size() > kMaxPem) return absl::InvalidArgumentError("the key file is too long");
  if (HoldsTooCostlyKey(pem)) {
    return absl::InvalidArgumentError("the key file asks for an absurd number of PBKDF2 rounds");
  }
  const ossl::ErrorScope errors;
  const ossl::Bio bio = ossl::ReadBio(pem);
  Passphrase given{passphrase.view()};
  const ossl::Pkey pkey(PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, GivePassphrase, &given,
                                                   crypto.context(), nullptr));
  if (pkey == nullptr) {
    if (!given.asked) return absl::InvalidArgumentError("no private key in PEM form");
    if (passphrase.empty()) {
      return absl::FailedPreconditionError("the private key is encrypted: give its passphrase");
    }
    return absl::PermissionDeniedError("the passphrase does not open the private key");
  }
  const Pkcs8 info(EVP_PKEY2PKCS8(pkey.get()));
  if (info == nullptr) return absl::InvalidArgumentError("not a private key that we know");
  return UserKeyMaker::FromPkcs8(crypto, info.get());
}

absl::StatusOr<SecretBytes> UserKey::ToPem(const SecretBytes& passphrase) const {
  const ossl::ErrorScope errors;
  const ossl::Bio bio = ossl::SecretBio();
  const Pkcs8 info(EVP_PKEY2PKCS8(evp()));
  if (bio == nullptr || info == nullptr) return absl::InternalError("OpenSSL cannot write the key");
  if (passphrase.empty()) {
    if (PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio.get(), info.get()) != 1) {
      return absl::InternalError("OpenSSL cannot write the key");
    }
    return SecretBytes(ossl::Contents(bio.get()));
  }
  // PBES2 (RFC 8018): PBKDF2 with HMAC-SHA256, then AES-256-CBC, as every other program reads it.
  std::array<uint8_t, kSaltSize> salt;
  std::array<uint8_t, kSaltSize> iv;
  crypto_->rng().Fill(absl::MakeSpan(salt));
  crypto_->rng().Fill(absl::MakeSpan(iv));
  X509_ALGOR* const pbe =
      PKCS5_pbe2_set_iv_ex(EVP_aes_256_cbc(), kPbkdf2Rounds, salt.data(), kSaltSize, iv.data(),
                           NID_hmacWithSHA256, crypto_->context());
  // On success the sealed key owns pbe.
  const EncryptedPkcs8 sealed(
      pbe == nullptr ? nullptr
                     : PKCS8_set0_pbe_ex(reinterpret_cast<const char*>(passphrase.view().data()),
                                         static_cast<int>(passphrase.size()), info.get(), pbe,
                                         crypto_->context(), nullptr));
  if (sealed == nullptr) X509_ALGOR_free(pbe);
  if (sealed == nullptr || PEM_write_bio_PKCS8(bio.get(), sealed.get()) != 1) {
    return absl::InternalError("OpenSSL cannot encrypt the key");
  }
  return SecretBytes(ossl::Contents(bio.get()));
}

absl::StatusOr<Bytes> UserKey::Sign(ByteView message) const {
  const ossl::ErrorScope errors;
  const ossl::MdCtx context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* pctx = nullptr;  // owned by context
  const KeyKind kind = public_.kind();
  size_t size = static_cast<size_t>(EVP_PKEY_get_size(evp()));
  Bytes signature(size);
  if (EVP_DigestSignInit_ex(context.get(), &pctx, DigestOf(kind), crypto_->context(), nullptr,
                            evp(), nullptr) != 1 ||
      (kind == KeyKind::kRsa && !SetPss(pctx)) ||
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return absl::InternalError("OpenSSL cannot sign");
  }
  signature.resize(size);
  if (kind == KeyKind::kP256) return FixedFromDer(signature, evp());
  return signature;
}

int64_t RoundsOf(const X509_ALGOR* algorithm) {
  constexpr int64_t kUnreadable = kMaxRounds + 1;
  const auto rounds = [](const ASN1_INTEGER* count) {
    int64_t value = 0;
    return ASN1_INTEGER_get_int64(&value, count) == 1 && value > 0 ? value : kUnreadable;
  };
  const ASN1_OBJECT* oid = nullptr;
  int type = V_ASN1_UNDEF;
  const void* value = nullptr;
  X509_ALGOR_get0(&oid, &type, &value, algorithm);
  if (type != V_ASN1_SEQUENCE) return kUnreadable;
  const auto* const sequence = static_cast<const ASN1_STRING*>(value);
  if (OBJ_obj2nid(oid) != NID_pbes2) {
    // PBEParameter of PKCS#5 v1.5 and of PKCS#12: salt and iterations.
    const ossl::Owned<PBEPARAM, PBEPARAM_free> pbe(
        static_cast<PBEPARAM*>(ASN1_item_unpack(sequence, ASN1_ITEM_rptr(PBEPARAM))));
    return pbe == nullptr ? kUnreadable : rounds(pbe->iter);
  }
  const ossl::Owned<PBE2PARAM, PBE2PARAM_free> pbes2(
      static_cast<PBE2PARAM*>(ASN1_item_unpack(sequence, ASN1_ITEM_rptr(PBE2PARAM))));
  if (pbes2 == nullptr) return kUnreadable;
  X509_ALGOR_get0(&oid, &type, &value, pbes2->keyfunc);
  // scrypt has a bound of its own in OpenSSL: 32 MiB, which also bounds its time.
  if (OBJ_obj2nid(oid) == NID_id_scrypt) return 0;
  if (type != V_ASN1_SEQUENCE) return kUnreadable;
  const ossl::Owned<PBKDF2PARAM, PBKDF2PARAM_free> pbkdf2(static_cast<PBKDF2PARAM*>(
      ASN1_item_unpack(static_cast<const ASN1_STRING*>(value), ASN1_ITEM_rptr(PBKDF2PARAM))));
  return pbkdf2 == nullptr ? kUnreadable : rounds(pbkdf2->iter);
}

}  // namespace p2pd::pki
