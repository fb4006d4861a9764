#include "clients/cli/ca/authority_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "clients/common/files.h"
#include "libcore/base/file.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"
#include "libcore/pki/authority.h"
#include "libcore/pki/chain.h"

namespace p2pd::cli {
namespace {

constexpr size_t kMaxSmallFile = 256 * 1024;
constexpr size_t kMaxRecordFile = 32 << 20;
// How far before now a certificate begins, so that a machine whose clock is behind accepts it.
constexpr absl::Duration kBackdate = absl::Hours(1);
constexpr char kRecordHeader[] = "p2pd-ca-1";
constexpr char kNeedsPassphrase[] = "p2pd/needs-passphrase";  // a status' payload
constexpr char kTimeFormat[] = "%Y-%m-%dT%H:%M:%SZ";

// The lock of a folder, held for the length of a call.
class FolderLock {
 public:
  static absl::StatusOr<FolderLock> Take(const std::string& dir) {
    const std::string path = dir + "/lock";
    FolderLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock.fd_ < 0) return FileError(errno, "open", path);
    while (flock(lock.fd_, LOCK_EX) != 0) {
      if (errno != EINTR) return FileError(errno, "lock", path);
    }
    return lock;
  }
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FolderLock() {
    if (fd_ >= 0) close(fd_);
  }

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

// What issued.tsv holds: a header line with the last number of a revocation list, then a line per
// certificate: serial, address, fingerprint, issued, end, revoked or '-', name.
struct Record {
  uint64_t crl_number = 0;
  std::vector<IssuedCertificate> issued;
};

std::string TimeText(absl::Time time) {
  return absl::FormatTime(kTimeFormat, time, absl::UTCTimeZone());
}

std::string Encode(const Record& record) {
  std::string text = absl::StrCat(kRecordHeader, "\t", record.crl_number, "\n");
  for (const IssuedCertificate& one : record.issued) {
    absl::StrAppend(
        &text,
        absl::StrJoin(
            {one.serial, one.email, one.fingerprint, TimeText(one.issued), TimeText(one.not_after),
             one.revoked.has_value() ? TimeText(*one.revoked) : "-", one.name},
            "\t"),
        "\n");
  }
  return text;
}

std::optional<IssuedCertificate> DecodeLine(absl::string_view line) {
  const std::vector<std::string> fields = absl::StrSplit(line, '\t');
  if (fields.size() != 7) return std::nullopt;
  IssuedCertificate one{fields[0], fields[1], fields[6], fields[2], {}, {}, {}};
  absl::Time revoked;
  std::string error;
  const auto read = [&error](const std::string& text, absl::Time* time) {
    return absl::ParseTime(kTimeFormat, text, absl::UTCTimeZone(), time, &error);
  };
  if (!FromHex(one.serial).has_value() || one.serial.empty() || !read(fields[3], &one.issued) ||
      !read(fields[4], &one.not_after)) {
    return std::nullopt;
  }
  if (fields[5] != "-") {
    if (!read(fields[5], &revoked)) return std::nullopt;
    one.revoked = revoked;
  }
  return one;
}

std::optional<Record> Decode(absl::string_view text) {
  Record record;
  if (text.empty() || text.back() != '\n') return std::nullopt;
  text.remove_suffix(1);
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  const std::vector<absl::string_view> header = absl::StrSplit(lines.front(), '\t');
  if (header.size() != 2 || header[0] != kRecordHeader ||
      !absl::SimpleAtoi(header[1], &record.crl_number)) {
    return std::nullopt;
  }
  for (size_t i = 1; i < lines.size(); ++i) {
    auto one = DecodeLine(lines[i]);
    if (!one.has_value()) return std::nullopt;
    record.issued.push_back(*std::move(one));
  }
  return record;
}

absl::Status Damaged(const std::string& path, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat(path, " is damaged (", why, "): restore it from a backup"));
}

// The files of one folder, whose lock the caller holds.
class Folder {
 public:
  explicit Folder(std::string dir) : dir_(std::move(dir)) {}

  std::string certificate_path() const { return dir_ + "/ca.pem"; }
  std::string key_path() const { return dir_ + "/ca.key"; }
  std::string crl_path() const { return dir_ + "/crl.pem"; }
  std::string record_path() const { return dir_ + "/issued.tsv"; }

  // The CA's certificate and those above it.
  absl::StatusOr<std::vector<pki::Certificate>> ReadCertificates() const {
    P2PD_ASSIGN_OR_RETURN(const Bytes pem, ReadFile(certificate_path(), kMaxSmallFile));
    auto all = pki::Certificate::AllFromPem(pem);
    if (!all.ok()) return Damaged(certificate_path(), all.status().message());
    return all;
  }

  absl::StatusOr<pki::UserKey> ReadKey(pki::Crypto& crypto, const pki::Certificate& ca,
                                       absl::string_view passphrase) const {
    P2PD_ASSIGN_OR_RETURN(Bytes content, ReadFile(key_path(), kMaxSmallFile, FileMode::kSecret));
    const SecretBytes pem(std::move(content));
    auto key = pki::UserKey::FromPem(crypto, pem.view(), SecretBytes(AsBytes(passphrase)));
    if (!key.ok()) {
      if (absl::IsInvalidArgument(key.status())) return Damaged(key_path(), key.status().message());
      absl::Status failed(key.status().code(),
                          absl::StrCat(key_path(), ": ", key.status().message()));
      if (absl::IsFailedPrecondition(failed)) failed.SetPayload(kNeedsPassphrase, absl::Cord());
      return failed;
    }
    if (!(key->public_key().hash() == ca.public_key().hash())) {
      return Damaged(key_path(), absl::StrCat("it does not belong to ", certificate_path()));
    }
    return key;
  }

  absl::StatusOr<Record> ReadRecord() const {
    P2PD_ASSIGN_OR_RETURN(const Bytes content, ReadFile(record_path(), kMaxRecordFile));
    auto record = Decode(AsText(content));
    if (!record.has_value()) return Damaged(record_path(), "a line of it cannot be read");
    return *std::move(record);
  }
  absl::Status WriteRecord(const Record& record) const {
    return WriteFileAtomically(record_path(), AsBytes(Encode(record)), FileMode::kPublic);
  }

  // nullopt when there is none, as after a crash in front of it.
  absl::StatusOr<std::optional<pki::Crl>> ReadCrl() const {
    const auto pem = ReadFile(crl_path(), kMaxSmallFile);
    if (absl::IsNotFound(pem.status())) return std::optional<pki::Crl>();
    if (!pem.ok()) return pem.status();
    auto crl = pki::Crl::FromPem(*pem);
    if (!crl.ok()) return Damaged(crl_path(), crl.status().message());
    return std::optional<pki::Crl>(*std::move(crl));
  }

 private:
  std::string dir_;
};

bool Exists(const std::string& path) {
  struct stat info{};
  return lstat(path.c_str(), &info) == 0;
}

// A folder that somebody else is to have made, and its lock.
absl::StatusOr<FolderLock> Enter(const std::string& dir) {
  if (!Exists(Folder(dir).certificate_path())) {
    return absl::InvalidArgumentError(absl::StrCat("there is no certificate authority in ", dir,
                                                   ": make one with p2pctl ca init"));
  }
  return FolderLock::Take(dir);
}

// Signs the next list of all that is revoked and not expired. The number is on record before the
// list is written.
absl::StatusOr<pki::Crl> WriteNextCrl(const Folder& folder, const pki::UserKey& key,
                                      const pki::Certificate& ca, Record& record, absl::Time now) {
  P2PD_ASSIGN_OR_RETURN(const std::optional<pki::Crl> last, folder.ReadCrl());
  pki::CrlOptions options;
  options.number = std::max(record.crl_number, last.has_value() ? last->number() : 0) + 1;
  options.this_update = now;
  options.next_update = std::min(now + kCrlLife, ca.not_after());
  for (const IssuedCertificate& one : record.issued) {
    if (one.revoked.has_value() && one.not_after >= now) {
      options.revoked.push_back({one.serial, *one.revoked});
    }
  }
  P2PD_ASSIGN_OR_RETURN(pki::Crl crl, pki::MakeCrl(key, ca, options));
  record.crl_number = options.number;
  P2PD_RETURN_IF_ERROR(folder.WriteRecord(record));
  P2PD_RETURN_IF_ERROR(
      WriteFileAtomically(folder.crl_path(), AsBytes(crl.ToPem()), FileMode::kPublic));
  return crl;
}

// True when the list was written after the record last changed: both carry the same number.
bool TellsAll(const Record& record, const std::optional<pki::Crl>& crl) {
  return crl.has_value() && crl->number() == record.crl_number;
}

absl::Status CheckInit(const Folder& folder, const InitOptions& options) {
  for (const std::string& path :
       {folder.certificate_path(), folder.key_path(), folder.crl_path(), folder.record_path()}) {
    if (Exists(path)) {
      return absl::AlreadyExistsError(absl::StrCat(
          path, " is there already: name another folder, or remove what an interrupted run left"));
    }
  }
  if (options.validity < absl::Hours(24)) {
    return absl::InvalidArgumentError("a certificate authority lasts at least a day");
  }
  return absl::OkStatus();
}

// A path that the caller named and that cannot be right, as against a disk that fails.
absl::Status BadPath(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsFailedPrecondition(status)
             ? absl::InvalidArgumentError(status.message())
             : status;
}

// The folders on the way to `dir` that are not there, from the innermost.
std::vector<std::string> MissingFolders(const std::string& dir) {
  std::vector<std::string> missing;
  for (std::filesystem::path path = dir; !path.empty() && !Exists(path.string());
       path = path.parent_path()) {
    missing.push_back(path.string());
  }
  return missing;
}

struct NewAuthority {
  const pki::UserKey& key;
  const pki::Certificate& certificate;
  const SecretBytes& pem;  // the key
  absl::Time now;
};

absl::Status WriteAuthority(const Folder& folder, const NewAuthority& made) {
  P2PD_RETURN_IF_ERROR(WriteFileAtomically(folder.key_path(), made.pem.view(), FileMode::kSecret));
  Record record;
  P2PD_RETURN_IF_ERROR(WriteNextCrl(folder, made.key, made.certificate, record, made.now).status());
  // Last: with it the folder is a certificate authority.
  return WriteFileAtomically(folder.certificate_path(), AsBytes(made.certificate.ToPem()),
                             FileMode::kPublic);
}

// What could not be finished leaves no file.
absl::Status LockAndWrite(const std::string& dir, const InitOptions& options,
                          const NewAuthority& made) {
  const Folder folder(dir);
  P2PD_ASSIGN_OR_RETURN(const FolderLock lock, FolderLock::Take(dir));
  P2PD_RETURN_IF_ERROR(CheckInit(folder, options));  // somebody may have been faster
  const absl::Status written = WriteAuthority(folder, made);
  if (!written.ok()) {
    for (const std::string& path : {folder.certificate_path(), folder.crl_path(),
                                    folder.record_path(), folder.key_path(), dir + "/lock"}) {
      unlink(path.c_str());
    }
  }
  return written;
}

}  // namespace

bool NeedsPassphrase(const absl::Status& status) {
  return status.GetPayload(kNeedsPassphrase).has_value();
}

absl::StatusOr<AuthorityInfo> InitAuthority(const std::string& dir, const InitOptions& options,
                                            const AuthorityAccess& access) {
  const Folder folder(dir);
  P2PD_RETURN_IF_ERROR(CheckInit(folder, options));
  const auto crypto = pki::Crypto::Create(*access.rng);
  P2PD_ASSIGN_OR_RETURN(const pki::UserKey key, options.key == AuthorityKeyKind::kP256
                                                    ? pki::UserKey::GenerateP256(*crypto)
                                                    : pki::UserKey::GenerateEd25519(*crypto));
  pki::RootOptions root;
  root.name = options.name;
  root.not_before = access.now - kBackdate;
  root.not_after = access.now + options.validity;
  root.path_length = options.path_length;
  root.permitted_domains = options.permitted_domains;
  P2PD_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::MakeRoot(key, root));
  P2PD_ASSIGN_OR_RETURN(const SecretBytes pem, key.ToPem(SecretBytes(AsBytes(access.passphrase))));

  const std::vector<std::string> missing = MissingFolders(dir);
  absl::Status made = BadPath(MakeFolder(dir));
  if (made.ok()) made = LockAndWrite(dir, options, {key, certificate, pem, access.now});
  if (!made.ok()) {
    for (const std::string& one : missing) rmdir(one.c_str());
    return made;
  }
  return AuthorityInfo{certificate.name(), Hex(certificate.fingerprint().view()),
                       folder.certificate_path(), certificate.not_after()};
}

absl::StatusOr<IssuedCertificate> IssueFromCsr(const std::string& dir, const std::string& csr_file,
                                               const std::string& out_file, int days,
                                               const AuthorityAccess& access) {
  if (days < 1 || days > kMaxDays) {
    return absl::InvalidArgumentError(
        absl::StrCat("a certificate lasts 1 to ", kMaxDays, " days, not ", days));
  }
  P2PD_RETURN_IF_ERROR(clients::CheckOutput(out_file));
  std::string problem;
  const auto request = clients::ReadInput(csr_file, kMaxSmallFile, &problem);
  if (!request) return absl::InvalidArgumentError(problem);
  const auto csr = pki::ParseCsr(AsBytes(*request));
  if (!csr.ok()) {
    return absl::Status(csr.status().code(), absl::StrCat(csr_file, ": ", csr.status().message()));
  }
  P2PD_ASSIGN_OR_RETURN(const FolderLock lock, Enter(dir));
  const Folder folder(dir);
  P2PD_ASSIGN_OR_RETURN(std::vector<pki::Certificate> chain, folder.ReadCertificates());
  P2PD_ASSIGN_OR_RETURN(Record record, folder.ReadRecord());
  if (record.issued.size() >= kMaxIssued) {
    return absl::ResourceExhaustedError(
        absl::StrCat(folder.record_path(), " holds ", kMaxIssued, " certificates, its maximum"));
  }
  const auto crypto = pki::Crypto::Create(*access.rng);
  const pki::Certificate ca = chain.front();
  P2PD_ASSIGN_OR_RETURN(const pki::UserKey key, folder.ReadKey(*crypto, ca, access.passphrase));
  pki::IssueOptions validity;
  validity.not_before = std::max(access.now - kBackdate, ca.not_before());
  validity.not_after = std::min(access.now + absl::Hours(24) * days, ca.not_after());
  P2PD_ASSIGN_OR_RETURN(const pki::Certificate leaf,
                        pki::IssueCertificate(key, ca, *csr, validity));
  chain.insert(chain.begin(), leaf);
  // As everybody will judge it: a CA that has expired, or may not certify that domain, says so
  // here.
  const auto whole = pki::CertificateChain::Make(chain);
  if (!whole.ok()) return Damaged(folder.certificate_path(), whole.status().message());
  const pki::ChainVerdict verdict = pki::VerifySelfContained(*whole, access.now, csr->email);
  if (!verdict.ok()) return absl::PermissionDeniedError(verdict.explanation);

  IssuedCertificate issued{
      leaf.serial_hex(), csr->email,       leaf.name(), Hex(leaf.fingerprint().view()),
      access.now,        leaf.not_after(), {}};
  record.issued.push_back(issued);
  P2PD_RETURN_IF_ERROR(folder.WriteRecord(record));
  std::string pem;
  for (const pki::Certificate& certificate : chain) pem += certificate.ToPem();
  const absl::Status written = clients::WriteOutput(out_file, pem, /*secret=*/false);
  if (!written.ok()) {
    // Nobody has it: take it off the record, or leave it there if even that fails.
    record.issued.pop_back();
    folder.WriteRecord(record).IgnoreError();
    return written;
  }
  return issued;
}

absl::StatusOr<std::vector<IssuedCertificate>> RevokeByEmail(const std::string& dir,
                                                             absl::string_view email,
                                                             const AuthorityAccess& access) {
  P2PD_ASSIGN_OR_RETURN(const std::string normal, pki::NormaliseEmail(email));
  P2PD_ASSIGN_OR_RETURN(const FolderLock lock, Enter(dir));
  const Folder folder(dir);
  P2PD_ASSIGN_OR_RETURN(const std::vector<pki::Certificate> chain, folder.ReadCertificates());
  P2PD_ASSIGN_OR_RETURN(Record record, folder.ReadRecord());
  P2PD_ASSIGN_OR_RETURN(const std::optional<pki::Crl> crl, folder.ReadCrl());
  std::vector<IssuedCertificate> revoked;
  bool known = false;
  for (IssuedCertificate& one : record.issued) {
    if (one.email != normal) continue;
    known = true;
    if (one.revoked.has_value() || one.not_after < access.now) continue;
    one.revoked = access.now;
    revoked.push_back(one);
  }
  if (!known) {
    return absl::NotFoundError(absl::StrCat("no certificate for ", normal, " was issued here"));
  }
  if (revoked.empty() && TellsAll(record, crl)) {
    return absl::AlreadyExistsError(
        absl::StrCat("all certificates for ", normal, " are revoked or expired already"));
  }
  const auto crypto = pki::Crypto::Create(*access.rng);
  P2PD_ASSIGN_OR_RETURN(const pki::UserKey key,
                        folder.ReadKey(*crypto, chain.front(), access.passphrase));
  P2PD_RETURN_IF_ERROR(WriteNextCrl(folder, key, chain.front(), record, access.now).status());
  return revoked;
}

absl::StatusOr<SignedCrl> CurrentCrl(const std::string& dir, const AuthorityAccess& access) {
  P2PD_ASSIGN_OR_RETURN(const FolderLock lock, Enter(dir));
  const Folder folder(dir);
  P2PD_ASSIGN_OR_RETURN(const std::vector<pki::Certificate> chain, folder.ReadCertificates());
  P2PD_ASSIGN_OR_RETURN(Record record, folder.ReadRecord());
  P2PD_ASSIGN_OR_RETURN(std::optional<pki::Crl> crl, folder.ReadCrl());
  const pki::Certificate& ca = chain.front();
  if (!TellsAll(record, crl) || access.now > crl->this_update() + kCrlLife / 2) {
    const auto crypto = pki::Crypto::Create(*access.rng);
    P2PD_ASSIGN_OR_RETURN(const pki::UserKey key, folder.ReadKey(*crypto, ca, access.passphrase));
    P2PD_ASSIGN_OR_RETURN(crl, WriteNextCrl(folder, key, ca, record, access.now));
  }
  return SignedCrl{ToText(ca.der()), ToText(crl->der()), crl->number(), crl->next_update()};
}

absl::StatusOr<std::vector<IssuedCertificate>> ListIssued(const std::string& dir) {
  P2PD_ASSIGN_OR_RETURN(const FolderLock lock, Enter(dir));
  P2PD_ASSIGN_OR_RETURN(Record record, Folder(dir).ReadRecord());
  return record.issued;
}

}  // namespace p2pd::cli
