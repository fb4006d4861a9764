#include "daemon/control_keys.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/file.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"
#include "libcore/net/endpoint.h"
#include "libcore/pki/crypto.h"
#include "libcore/pki/server_certificate.h"
#include "libcore/pki/user_key.h"

namespace p2pd::daemon {
namespace {

constexpr size_t kMaxFile = 64 * 1024;
// 128 bits of hex at least: not to be guessed over any network.
constexpr size_t kMinToken = 32;
constexpr size_t kTokenBytes = 32;
constexpr absl::Duration kValidity = absl::Hours(24 * 3650);
constexpr absl::Duration kRenewBefore = absl::Hours(24 * 30);
// A clock that is a little late must not find the certificate not yet valid.
constexpr absl::Duration kBackdate = absl::Hours(1);

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(
      path, ": ", what, "; remove tls.pem and tls.key beside it and new ones are made"));
}

// Of the pair on disk: false when the certificate ends soon. DataLoss: it is none, or no pair.
absl::StatusOr<bool> StillGood(const std::string& folder, ByteView pem, ByteView key_pem, Rng& rng,
                               absl::Time now) {
  const auto certificate = pki::Certificate::FromPem(pem);
  if (!certificate.ok()) return Damaged(folder + "/tls.pem", "is no certificate in PEM");
  const std::unique_ptr<pki::Crypto> crypto = pki::Crypto::Create(rng);
  const auto key = pki::UserKey::FromPem(*crypto, key_pem, SecretBytes());
  if (!key.ok()) return Damaged(folder + "/tls.key", "is no private key in PEM without passphrase");
  if (certificate->not_after() - now <= kRenewBefore) return false;
  if (certificate->public_key().hash() != key->public_key().hash()) {
    return Damaged(folder + "/tls.key", "is not the key of the certificate in tls.pem");
  }
  return true;
}

absl::Status MakeCertificate(const std::string& folder, Rng& rng, absl::Time now,
                             ControlKeys& keys) {
  const std::unique_ptr<pki::Crypto> crypto = pki::Crypto::Create(rng);
  P2PD_ASSIGN_OR_RETURN(const pki::UserKey key, pki::UserKey::GenerateP256(*crypto));
  pki::ServerCertificateOptions options;
  options.name = "p2pd control";
  options.dns_names = {"localhost", "p2pd"};
  for (const absl::string_view loopback : {"127.0.0.1", "::1"}) {
    options.addresses.push_back(ToBytes(net::IpAddress::Parse(loopback)->bytes()));
  }
  options.not_before = now - kBackdate;
  options.not_after = now + kValidity;
  P2PD_ASSIGN_OR_RETURN(const pki::Certificate certificate,
                        pki::MakeServerCertificate(key, options));
  P2PD_ASSIGN_OR_RETURN(const SecretBytes pem, key.ToPem(SecretBytes()));
  keys.certificate_pem = certificate.ToPem();
  keys.key_pem = ToText(pem.view());
  // The key first: a crash between the two leaves a pair that does not fit, and tls.pem missing or
  // near its end, which is looked at first; both are made anew together.
  P2PD_RETURN_IF_ERROR(WriteFileAtomically(folder + "/tls.key", pem.view(), FileMode::kSecret));
  return WriteFileAtomically(folder + "/tls.pem", AsBytes(keys.certificate_pem), FileMode::kPublic);
}

absl::StatusOr<std::string> LoadToken(const std::string& path, Rng& rng) {
  const auto content = ReadFile(path, kMaxFile, FileMode::kSecret);
  if (content.ok()) {
    const std::string token(absl::StripAsciiWhitespace(AsText(*content)));
    const bool visible = std::all_of(token.begin(), token.end(), [](char c) {
      return absl::ascii_isgraph(static_cast<unsigned char>(c));
    });
    if (token.size() < kMinToken || !visible) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": a token has at least ", kMinToken,
                       " visible ASCII characters; remove the file and a new one is made"));
    }
    return token;
  }
  if (!absl::IsNotFound(content.status())) return content.status();
  Bytes random(kTokenBytes);
  rng.Fill(MutableByteView(random.data(), random.size()));
  const std::string token = Hex(random);
  P2PD_RETURN_IF_ERROR(WriteFileAtomically(path, AsBytes(token + "\n"), FileMode::kSecret));
  return token;
}

}  // namespace

absl::StatusOr<ControlKeys> LoadControlKeys(const std::string& data_dir, Rng& rng, absl::Time now) {
  const std::string folder = data_dir + "/control";
  P2PD_RETURN_IF_ERROR(MakeFolder(folder));
  ControlKeys keys;
  P2PD_ASSIGN_OR_RETURN(keys.token, LoadToken(folder + "/token", rng));
  const auto certificate = ReadFile(folder + "/tls.pem", kMaxFile);
  const auto key = ReadFile(folder + "/tls.key", kMaxFile, FileMode::kSecret);
  for (const absl::Status& status : {certificate.status(), key.status()}) {
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  if (certificate.ok() && key.ok()) {
    P2PD_ASSIGN_OR_RETURN(const bool good, StillGood(folder, *certificate, *key, rng, now));
    if (good) {
      keys.certificate_pem = ToText(*certificate);
      keys.key_pem = ToText(*key);
      return keys;
    }
  }
  P2PD_RETURN_IF_ERROR(MakeCertificate(folder, rng, now, keys));
  return keys;
}

}  // namespace p2pd::daemon
