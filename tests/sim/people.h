// People for tests: a certificate authority of one seed that makes identities ready to dial and be
// dialled, without a store or an overlay. Header only, so that each test links what it needs
// (p2pd::session, p2pd::store).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/check.h"
#include "libcore/base/rng.h"
#include "libcore/pki/authority.h"
#include "libcore/pki/chain.h"
#include "libcore/pki/crypto.h"
#include "libcore/session/session.h"
#include "libcore/store/object.h"

namespace p2pd::sim {

// One user at one device.
struct Person {
  std::string email;
  std::string name;
  pki::UserKey key;
  pki::CertificateChain chain;
  pki::DeviceKeys device;
  wire::v1::DeviceCertificate device_certificate;
  pki::DeviceInfo device_info;

  const pki::KeyHash& user() const { return key.public_key().hash(); }
  session::LocalIdentity Identity() const {
    return {email, chain,
            pki::DeviceKeys{device.id, device.signing_key.Clone(), device.sealing_key.Clone()},
            device_certificate};
  }
  // As a verified user state would name this device.
  session::RemoteDevice At(std::vector<net::Endpoint> addresses) const {
    return {email, key.public_key(), device_info, std::move(addresses)};
  }
};

// A root and whoever it vouches for. `now` is the civil time that certificates are made at: they
// begin an hour before.
class Authority {
 public:
  explicit Authority(uint64_t seed, absl::Time now = absl::FromUnixSeconds(1767225600))
      : now_(now), rng_(seed), crypto_(pki::Crypto::Create(rng_)), key_(NewKey()) {
    pki::RootOptions options;
    options.name = "Test root";
    options.not_before = now_ - absl::Hours(24);
    options.not_after = now_ + absl::Hours(24 * 3650);
    root_ = *pki::MakeRoot(key_, options);
  }

  const pki::Certificate& root() const { return *root_; }
  const pki::UserKey& key() const { return key_; }
  pki::Crypto& crypto() { return *crypto_; }
  SeededRng& rng() { return rng_; }
  absl::Time now() const { return now_; }

  pki::UserKey NewKey() { return *pki::UserKey::GenerateP256(*crypto_); }

  // A new user with a new device.
  Person MakePerson(absl::string_view email, absl::Duration validity = absl::Hours(24 * 365)) {
    return MakePerson(email, NewKey(), validity);
  }
  // The same user at another device: pass the key of the first.
  Person MakePerson(absl::string_view email, const pki::UserKey& key,
                    absl::Duration validity = absl::Hours(24 * 365)) {
    return AtDevice(email, key, Certify(email, key, validity));
  }
  Person AtDevice(absl::string_view email, const pki::UserKey& key,
                  const pki::CertificateChain& chain) {
    pki::DeviceKeys device = pki::DeviceKeys::Generate(rng_);
    const absl::Time end = now_ + absl::Hours(24 * 365);
    auto certificate = store::MakeDeviceCertificate(key, device, "test device", end);
    P2PD_CHECK(certificate.ok());
    const auto info = store::VerifyDeviceCertificate(*certificate, key.public_key(), now_);
    P2PD_CHECK(info.has_value());
    return {std::string(email), chain.leaf().name(),     key,  chain,
            std::move(device),  *std::move(certificate), *info};
  }
  pki::CertificateChain Certify(absl::string_view email, const pki::UserKey& key,
                                absl::Duration validity = absl::Hours(24 * 365)) {
    const std::string name(email.substr(0, email.find('@')));
    const auto csr = pki::MakeCsr(key, name, email);
    P2PD_CHECK(csr.ok());
    const auto contents = pki::ParseCsr(*csr);
    P2PD_CHECK(contents.ok());
    const auto certificate =
        pki::IssueCertificate(key_, *root_, *contents, {now_ - absl::Hours(1), now_ + validity});
    P2PD_CHECK(certificate.ok());
    auto chain = pki::CertificateChain::Make({*certificate, *root_});
    P2PD_CHECK(chain.ok());
    return *std::move(chain);
  }
  // A list that revokes these.
  pki::Crl Revoke(const std::vector<pki::Certificate>& certificates, uint64_t number = 1) {
    pki::CrlOptions options;
    options.number = number;
    options.this_update = now_ - absl::Minutes(1);
    options.next_update = now_ + absl::Hours(24 * 7);
    for (const pki::Certificate& certificate : certificates) {
      options.revoked.push_back({certificate.serial_hex(), now_ - absl::Minutes(1)});
    }
    auto crl = pki::MakeCrl(key_, *root_, options);
    P2PD_CHECK(crl.ok());
    return *std::move(crl);
  }

 private:
  absl::Time now_;
  SeededRng rng_;
  std::unique_ptr<pki::Crypto> crypto_;
  pki::UserKey key_;
  std::optional<pki::Certificate> root_;
};

}  // namespace p2pd::sim
