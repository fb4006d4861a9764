// A certificate authority kept in a folder: what `p2pctl ca` does. Nobody needs a daemon for it,
// and its key never leaves the folder.
//
// The folder: ca.pem, the CA's certificate and, for a CA below others, those up to the root;
// ca.key, its key (0600, PKCS#8, encrypted under the passphrase if there is one); crl.pem, the
// newest revocation list; issued.tsv, what was issued and revoked; lock, which one process holds at
// a time.
//
// Rules: each file is replaced atomically. A certificate is on record before it is handed out, and
// a revocation before the list that tells it is signed, so that after a crash at any point the next
// call finishes what was begun and no certificate is out that cannot be revoked. A number of a
// revocation list is never used twice. Dates come in, the clock is the caller's.
//
// Errors carry one sentence for a person: which file, what is wrong, what to do. Common to all:
// InvalidArgument, there is no CA in the folder; FailedPrecondition, the key is encrypted and no
// passphrase was given (NeedsPassphrase), or others may read it; PermissionDenied, the passphrase
// is wrong or the file system refuses; DataLoss, a file of the folder is damaged.
//
// Threads: any; processes: one at a time, the others wait.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/rng.h"

namespace p2pd::cli {

// What each call needs from outside.
struct AuthorityAccess {
  absl::Time now;
  Rng* rng = nullptr;            // must outlive the call
  absl::string_view passphrase;  // of ca.key; empty: none
};

enum class AuthorityKeyKind { kP256, kEd25519 };

struct InitOptions {
  std::string name;  // common name of the root, 1 to 64 characters
  absl::Duration validity = absl::Hours(24 * 3652);
  AuthorityKeyKind key = AuthorityKeyKind::kP256;
  int path_length = 0;                         // CAs allowed below this one
  std::vector<std::string> permitted_domains;  // e-mail domains it may certify; empty: all
};

struct AuthorityInfo {
  std::string name;
  std::string fingerprint;  // SHA-256 of the certificate, hexadecimal
  std::string certificate_file;
  absl::Time not_after;
};

// One certificate on record.
struct IssuedCertificate {
  std::string serial;  // hexadecimal
  std::string email;   // normalised
  std::string name;
  std::string fingerprint;  // SHA-256, hexadecimal
  absl::Time issued;
  absl::Time not_after;
  std::optional<absl::Time> revoked;
};

struct SignedCrl {
  std::string ca_der;  // the CA's certificate, as wire.v1.RevocationBody wants it
  std::string crl_der;
  uint64_t number = 0;
  absl::Time next_update;
};

// Certificates that one folder keeps on record; more are refused with ResourceExhausted.
inline constexpr size_t kMaxIssued = 50'000;
// Days of a certificate: 1 to this; cut to the CA's own end.
inline constexpr int kMaxDays = 3650;
// How long a revocation list holds; it is made anew when half of it has passed.
inline constexpr absl::Duration kCrlLife = absl::Hours(24 * 30);

// Whether the same call with the passphrase of the key may succeed.
bool NeedsPassphrase(const absl::Status& status);

// Makes the folder where missing, a key, a self-signed certificate and an empty revocation list.
// AlreadyExists when the folder holds any file of a CA; nothing is changed then. InvalidArgument
// when the folder cannot be one, or the name is none.
absl::StatusOr<AuthorityInfo> InitAuthority(const std::string& dir, const InitOptions& options,
                                            const AuthorityAccess& access);

// Issues a certificate for the PKCS#10 request in `csr_file` (PEM or DER) and writes it with the
// chain up to the root, PEM, to `out_file` (clients/common/files.h; "-": standard output).
// InvalidArgument when the request cannot be read, is damaged or names not exactly one address,
// when `out_file` is no place for a file, or the days are out of range; PermissionDenied when the
// CA may not certify that address.
absl::StatusOr<IssuedCertificate> IssueFromCsr(const std::string& dir, const std::string& csr_file,
                                               const std::string& out_file, int days,
                                               const AuthorityAccess& access);

// Revokes all certificates of that address that are neither revoked nor expired, and signs the next
// revocation list. Returns those revoked now. NotFound when there is none; AlreadyExists when all
// were revoked before (and the list tells it).
absl::StatusOr<std::vector<IssuedCertificate>> RevokeByEmail(const std::string& dir,
                                                             absl::string_view email,
                                                             const AuthorityAccess& access);

// The newest revocation list, signed anew (so that the key is needed) only when half of its life
// has passed or it does not tell all that is on record.
absl::StatusOr<SignedCrl> CurrentCrl(const std::string& dir, const AuthorityAccess& access);

// What is on record, oldest first. Needs no key.
absl::StatusOr<std::vector<IssuedCertificate>> ListIssued(const std::string& dir);

}  // namespace p2pd::cli
