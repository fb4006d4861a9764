// A root, an intermediate CA and people for tests, all of one seed and one point of time.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "libcore/base/rng.h"
#include "libcore/pki/authority.h"
#include "libcore/pki/chain.h"
#include "libcore/pki/crypto.h"

namespace p2pd::pki {

struct Person {
  UserKey key;
  Certificate certificate;
};

class TestCa {
 public:
  explicit TestCa(KeyKind kind = KeyKind::kP256, uint64_t seed = 1)
      : rng(seed), crypto(Crypto::Create(rng)), root_key(MakeKey(kind)), root(Root("Test root")) {}

  UserKey MakeKey(KeyKind kind) {
    switch (kind) {
      case KeyKind::kP256:
        return *UserKey::GenerateP256(*crypto);
      case KeyKind::kRsa:
        return *UserKey::GenerateRsa(*crypto, 2048);
      case KeyKind::kEd25519:
        return *UserKey::GenerateEd25519(*crypto);
    }
    std::abort();
  }
  RootOptions Options(absl::string_view name, int path_length = 1) const {
    RootOptions options;
    options.name = std::string(name);
    // So wide that a certificate which the openssl tool made today lies within, whatever day it is.
    options.not_before = absl::FromCivil(absl::CivilYear(2000), absl::UTCTimeZone());
    options.not_after = absl::FromCivil(absl::CivilYear(2100), absl::UTCTimeZone());
    options.path_length = path_length;
    return options;
  }
  Certificate Root(absl::string_view name) { return *MakeRoot(root_key, Options(name)); }
  IssueOptions Year() const { return {now - absl::Hours(1), now + absl::Hours(24 * 365)}; }
  Certificate Issue(const UserKey& key, absl::string_view email) {
    return IssueBy(root_key, root, key, email);
  }
  Certificate IssueBy(const UserKey& ca_key, const Certificate& ca, const UserKey& key,
                      absl::string_view email) {
    const auto csr = ParseCsr(*MakeCsr(key, "A person", email));
    return *IssueCertificate(ca_key, ca, *csr, Year());
  }
  Person MakePerson(absl::string_view email, KeyKind kind = KeyKind::kP256) {
    UserKey key = MakeKey(kind);
    Certificate certificate = Issue(key, email);
    return {std::move(key), std::move(certificate)};
  }
  Crl MakeList(uint64_t number, const std::vector<Certificate>& revoked) {
    return MakeListBy(root_key, root, number, revoked);
  }
  Crl MakeListBy(const UserKey& ca_key, const Certificate& ca, uint64_t number,
                 const std::vector<Certificate>& revoked) {
    CrlOptions options;
    options.number = number;
    options.this_update = now - absl::Hours(1);
    options.next_update = now + absl::Hours(24);
    for (const Certificate& certificate : revoked) {
      options.revoked.push_back({certificate.serial_hex(), now - absl::Hours(2)});
    }
    return *MakeCrl(ca_key, ca, options);
  }

  const absl::Time now = absl::FromCivil(absl::CivilDay(2026, 11, 21), absl::UTCTimeZone());
  SeededRng rng;
  std::unique_ptr<Crypto> crypto;
  UserKey root_key;
  Certificate root;
};

}  // namespace p2pd::pki
