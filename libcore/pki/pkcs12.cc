#include "libcore/pki/pkcs12.h"

#include <openssl/pkcs12.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "libcore/pki/ossl.h"
#include "libcore/pki/user_key_maker.h"

namespace p2pd::pki {
namespace {

constexpr size_t kMaxPkcs12 = 64 * 1024;
// Parts, keys and certificates in one file; mail programs write two parts, one key and a chain.
constexpr int kMaxSafes = 8;
constexpr int kMaxBags = 64;
constexpr size_t kMaxKeys = 4;
constexpr size_t kMaxCertificates = 16;

using Pkcs12 = ossl::Owned<PKCS12, PKCS12_free>;
using Pkcs8 = ossl::Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;

void FreeSafes(STACK_OF(PKCS7) * safes) { sk_PKCS7_pop_free(safes, PKCS7_free); }
using Safes = ossl::Owned<STACK_OF(PKCS7), FreeSafes>;
void FreeBags(STACK_OF(PKCS12_SAFEBAG) * bags) {
  sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}
using Bags = ossl::Owned<STACK_OF(PKCS12_SAFEBAG), FreeBags>;
void FreeCerts(STACK_OF(X509) * certs) { sk_X509_pop_free(certs, X509_free); }
using Certs = ossl::Owned<STACK_OF(X509), FreeCerts>;

absl::Status NotPkcs12() { return absl::InvalidArgumentError("the file is not a PKCS#12 file"); }
absl::Status WrongPassphrase() {
  return absl::PermissionDeniedError("the passphrase does not open the PKCS#12 file");
}

// As OpenSSL's functions take it. PKCS#12 tells an absent passphrase from an empty one, and
// programs differ in which they mean by none.
struct Passphrase {
  const char* text;
  int size;
};

// One file being read: what it held so far and how much work it has asked for.
class Reader {
 public:
  Reader(OSSL_LIB_CTX* context, PKCS12* file, const SecretBytes& passphrase)
      : context_(context),
        file_(file),
        passphrase_{reinterpret_cast<const char*>(passphrase.view().data()),
                    static_cast<int>(passphrase.size())} {}

  absl::Status Read() {
    P2PD_RETURN_IF_ERROR(CheckMac());
    const Safes safes(PKCS12_unpack_authsafes(file_));
    if (safes == nullptr || sk_PKCS7_num(safes.get()) > kMaxSafes) return NotPkcs12();
    for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
      P2PD_RETURN_IF_ERROR(ReadSafe(sk_PKCS7_value(safes.get(), i)));
    }
    return absl::OkStatus();
  }

  const std::vector<Pkcs8>& keys() const { return keys_; }
  const std::vector<Bytes>& certificates() const { return certificates_; }

 private:
  absl::Status Spend(int64_t rounds) {
    rounds_ += std::min(rounds, kMaxRounds + 1);
    if (rounds_ <= kMaxRounds) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "the PKCS#12 file asks for an absurd number of rounds, or its parameters are damaged");
  }

  absl::Status CheckMac() {
    if (PKCS12_mac_present(file_) != 1) {
      if (passphrase_.size == 0) passphrase_.text = "";
      return absl::OkStatus();
    }
    const ASN1_INTEGER* count = nullptr;
    PKCS12_get0_mac(nullptr, nullptr, nullptr, &count, file_);
    int64_t rounds = 1;  // the default of RFC 7292 §4
    if (count != nullptr && (ASN1_INTEGER_get_int64(&rounds, count) != 1 || rounds < 1)) {
      return NotPkcs12();
    }
    P2PD_RETURN_IF_ERROR(Spend(rounds));
    if (passphrase_.size != 0) {
      if (PKCS12_verify_mac(file_, passphrase_.text, passphrase_.size) == 1) {
        return absl::OkStatus();
      }
      return WrongPassphrase();
    }
    for (const char* none : {static_cast<const char*>(nullptr), ""}) {
      passphrase_.text = none;
      if (PKCS12_verify_mac(file_, none, 0) == 1) return absl::OkStatus();
    }
    return WrongPassphrase();
  }

  absl::Status ReadSafe(PKCS7* safe) {
    Bags bags;
    if (PKCS7_type_is_data(safe)) {
      bags.reset(PKCS12_unpack_p7data(safe));
      if (bags == nullptr) return NotPkcs12();
    } else if (PKCS7_type_is_encrypted(safe)) {
      if (safe->d.encrypted == nullptr || safe->d.encrypted->enc_data == nullptr) {
        return NotPkcs12();
      }
      P2PD_RETURN_IF_ERROR(Spend(RoundsOf(safe->d.encrypted->enc_data->algorithm)));
      bags.reset(PKCS12_unpack_p7encdata(safe, passphrase_.text, passphrase_.size));
      if (bags == nullptr) return WrongPassphrase();
    } else {
      return absl::OkStatus();  // to a recipient's key; no mail program writes that
    }
    if (sk_PKCS12_SAFEBAG_num(bags.get()) > kMaxBags) return NotPkcs12();
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags.get()); ++i) {
      P2PD_RETURN_IF_ERROR(ReadBag(sk_PKCS12_SAFEBAG_value(bags.get(), i)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadBag(PKCS12_SAFEBAG* bag) {
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
      case NID_keyBag:
        return AddKey(Pkcs8(static_cast<PKCS8_PRIV_KEY_INFO*>(
            ASN1_item_dup(ASN1_ITEM_rptr(PKCS8_PRIV_KEY_INFO), PKCS12_SAFEBAG_get0_p8inf(bag)))));
      case NID_pkcs8ShroudedKeyBag: {
        const X509_ALGOR* algorithm = nullptr;
        X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, nullptr);
        P2PD_RETURN_IF_ERROR(Spend(RoundsOf(algorithm)));
        Pkcs8 key(
            PKCS12_decrypt_skey_ex(bag, passphrase_.text, passphrase_.size, context_, nullptr));
        if (key == nullptr) return WrongPassphrase();
        return AddKey(std::move(key));
      }
      case NID_certBag: {
        const ossl::Cert certificate(PKCS12_SAFEBAG_get1_cert(bag));
        if (certificate == nullptr) return absl::OkStatus();  // an SDSI certificate
        if (certificates_.size() >= kMaxCertificates) return NotPkcs12();
        certificates_.push_back(ossl::ToDer(certificate.get(), i2d_X509));
        return absl::OkStatus();
      }
      default:
        return absl::OkStatus();  // revocation lists, secrets of other programs
    }
  }

  absl::Status AddKey(Pkcs8 key) {
    if (key == nullptr || keys_.size() >= kMaxKeys) return NotPkcs12();
    keys_.push_back(std::move(key));
    return absl::OkStatus();
  }

  OSSL_LIB_CTX* context_;
  PKCS12* file_;
  Passphrase passphrase_;
  int64_t rounds_ = 0;
  std::vector<Pkcs8> keys_;
  std::vector<Bytes> certificates_;
};

// The certificate of `key` first. Certificates of CAs that we cannot read are left out.
absl::StatusOr<KeyWithChain> Match(UserKey key, const std::vector<Bytes>& ders) {
  std::vector<Certificate> certificates;
  absl::Status first_error = absl::InvalidArgumentError("the PKCS#12 file has no certificate");
  for (const Bytes& der : ders) {
    auto certificate = Certificate::FromDer(der);
    if (certificate.ok()) {
      certificates.push_back(*std::move(certificate));
    } else if (certificates.empty()) {
      first_error = certificate.status();
    }
  }
  const auto own = std::find_if(certificates.begin(), certificates.end(), [&](const auto& one) {
    return one.public_key().hash() == key.public_key().hash();
  });
  if (own == certificates.end()) {
    if (certificates.empty()) return first_error;
    return absl::InvalidArgumentError("no certificate in the PKCS#12 file belongs to its key");
  }
  std::rotate(certificates.begin(), own, own + 1);
  return KeyWithChain{std::move(key), std::move(certificates)};
}

}  // namespace

absl::StatusOr<KeyWithChain> ParsePkcs12(Crypto& crypto, ByteView der,
                                         const SecretBytes& passphrase) {
  if (der.size() > kMaxPkcs12) {
    return absl::InvalidArgumentError(
        absl::StrCat("the PKCS#12 file has more than ", kMaxPkcs12, " bytes"));
  }
  const ossl::ErrorScope errors;
  // Files of older programs are under RC2 and RC4, which OpenSSL 3 keeps in its legacy provider;
  // they are read in a context that goes with this call, so that nothing else can use them. A
  // machine without that provider still reads the other files.
  std::optional<ossl::Context> context = ossl::Context::Make(nullptr);
  if (!context.has_value()) return absl::InternalError("OpenSSL has no default provider");
  context->Load("legacy");
  PKCS12* fresh = PKCS12_init_ex(NID_pkcs7_data, context->get(), nullptr);
  const unsigned char* at = der.data();
  const Pkcs12 file(fresh == nullptr ? nullptr
                                     : d2i_PKCS12(&fresh, &at, static_cast<long>(der.size())));
  if (file == nullptr || at != der.data() + der.size()) return NotPkcs12();
  Reader reader(context->get(), file.get(), passphrase);
  P2PD_RETURN_IF_ERROR(reader.Read());
  if (reader.keys().empty()) return absl::InvalidArgumentError("the PKCS#12 file has no key");
  absl::Status first_error;
  for (const Pkcs8& info : reader.keys()) {
    absl::StatusOr<UserKey> key = UserKeyMaker::FromPkcs8(crypto, info.get());
    absl::StatusOr<KeyWithChain> matched =
        key.ok() ? Match(*std::move(key), reader.certificates()) : key.status();
    if (matched.ok()) return matched;
    first_error.Update(matched.status());
  }
  return first_error;
}

absl::StatusOr<SecretBytes> MakePkcs12(const UserKey& key, const std::vector<Certificate>& chain,
                                       absl::string_view friendly_name,
                                       const SecretBytes& passphrase) {
  if (chain.empty() || chain.size() > kMaxCertificates ||
      !(chain.front().public_key().hash() == key.public_key().hash())) {
    return absl::InvalidArgumentError("the first certificate does not belong to the key");
  }
  if (passphrase.empty()) {
    return absl::InvalidArgumentError("a PKCS#12 file needs a passphrase");
  }
  const ossl::ErrorScope errors;
  OSSL_LIB_CTX* const context = key.crypto().context();
  const Certs others(sk_X509_new_null());
  ossl::Cert own;
  for (size_t i = 0; i < chain.size(); ++i) {
    ossl::Cert parsed = ossl::ParseDer(ossl::Cert(X509_new_ex(context, nullptr)), chain[i].der(),
                                       d2i_X509, i2d_X509);
    if (i == 0) {
      own = std::move(parsed);
    } else if (parsed != nullptr && sk_X509_push(others.get(), parsed.get()) > 0) {
      parsed.release();  // the stack owns it
    }
  }
  // OpenSSL wants the passphrase to end with a zero.
  Bytes ended = ToBytes(passphrase.view());
  ended.push_back(0);
  const SecretBytes text(std::move(ended));
  const std::string name(friendly_name);
  // PBES2 with AES-256 and a MAC of SHA-256: OpenSSL 3 has them as default, and what mail programs
  // of the last ten years read.
  const Pkcs12 file(PKCS12_create_ex(reinterpret_cast<const char*>(text.view().data()),
                                     name.c_str(), key.evp(), own.get(), others.get(),
                                     NID_aes_256_cbc, NID_aes_256_cbc, kPbkdf2Rounds, kPbkdf2Rounds,
                                     0, context, nullptr));
  if (file == nullptr) return absl::InternalError("OpenSSL cannot write the PKCS#12 file");
  return SecretBytes(ossl::ToDer(file.get(), i2d_PKCS12));
}

}  // namespace p2pd::pki
