#include "libcore/archive/intake/drop_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/base/file.h"
#include "libcore/base/status.h"

namespace p2pd::archive::intake {
namespace {

constexpr char kTaken[] = "taken";
constexpr char kRefused[] = "refused";
constexpr char kReason[] = ".reason.txt";
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

bool IsTorrent(absl::string_view name) { return absl::EndsWithIgnoreCase(name, ".torrent"); }
bool IsMagnet(absl::string_view name) { return absl::EndsWithIgnoreCase(name, ".magnet"); }
bool IsOurs(absl::string_view name) {
  return !absl::StartsWith(name, ".") && (IsTorrent(name) || IsMagnet(name));
}

int64_t Nanos(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

absl::StatusOr<Descriptor> OpenFolder(int at, const std::string& name, const std::string& shown) {
  if (mkdirat(at, name.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return FileError(errno, "make", shown);
  }
  Descriptor fd(openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd.get() >= 0) return fd;
  if (errno == ELOOP || errno == ENOTDIR) {
    return absl::FailedPreconditionError(absl::StrCat(shown, " is a link or no folder"));
  }
  return FileError(errno, "open", shown);
}

// Fails with EEXIST where the name is taken. Network file systems do not know how to do that in
// one.
int RenameNew(int from, const char* name, int to, const char* target) {
  if (renameat2(from, name, to, target, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL) return -1;
  struct stat info{};
  if (fstatat(to, target, &info, AT_SYMLINK_NOFOLLOW) == 0) {
    errno = EEXIST;
    return -1;
  }
  return renameat(from, name, to, target);
}

// At most one byte more than `most`, which tells that there is more.
absl::StatusOr<Bytes> ReadSome(int fd, size_t most, const std::string& name) {
  Bytes out;
  constexpr size_t kStep = 64 << 10;
  while (out.size() <= most) {
    const size_t before = out.size();
    out.resize(std::min(before + kStep, most + 1));
    const ssize_t got = read(fd, out.data() + before, out.size() - before);
    if (got < 0) return FileError(errno, "read", name);
    out.resize(before + static_cast<size_t>(got));
    if (got == 0) break;
  }
  return out;
}

absl::StatusOr<std::vector<torrent::Magnet>> ParseMagnets(absl::string_view text) {
  std::vector<torrent::Magnet> out;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    if (out.size() == DropFolder::kMaxMagnets) {
      return absl::ResourceExhaustedError(
          absl::StrCat("more than ", DropFolder::kMaxMagnets, " links in one file"));
    }
    auto magnet = torrent::ParseMagnet(line);
    if (!magnet.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", magnet.status().message()));
    }
    out.push_back(*std::move(magnet));
  }
  if (out.empty()) return absl::InvalidArgumentError("there is no magnet link in it");
  return out;
}

// "a.torrent", "a (2).torrent", "a (3).torrent".
std::string Numbered(const std::string& name, int number) {
  if (number == 1) return name;
  const size_t dot = name.rfind('.');
  return absl::StrCat(name.substr(0, dot), " (", number, ")", name.substr(dot));
}

// Replaces what an earlier file of that name left.
absl::Status WriteReason(int folder, const std::string& name, absl::string_view text) {
  const Descriptor fd(openat(folder, name.c_str(),
                             O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (fd.get() < 0) return FileError(errno, "make", name);
  if (write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return FileError(errno, "write", name);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DropFolder>> DropFolder::Open(const std::string& path) {
  std::unique_ptr<DropFolder> out(new DropFolder(path));
  P2PD_RETURN_IF_ERROR(out->OpenAll());
  return out;
}

absl::Status DropFolder::OpenAll() {
  P2PD_RETURN_IF_ERROR(MakeFolder(path_));
  // The folder itself may be a link: its owner named it.
  folder_ = Descriptor(open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_.get() < 0) return FileError(errno, "open", path_);
  P2PD_ASSIGN_OR_RETURN(taken_,
                        OpenFolder(folder_.get(), kTaken, absl::StrCat(path_, "/", kTaken)));
  P2PD_ASSIGN_OR_RETURN(refused_,
                        OpenFolder(folder_.get(), kRefused, absl::StrCat(path_, "/", kRefused)));
  return absl::OkStatus();
}

bool DropFolder::InPlace() const {
  const auto same = [](int at, const char* name, int flags, int open) {
    struct stat there{};
    struct stat opened{};
    return fstatat(at, name, &there, flags) == 0 && fstat(open, &opened) == 0 &&
           there.st_dev == opened.st_dev && there.st_ino == opened.st_ino;
  };
  return same(AT_FDCWD, path_.c_str(), 0, folder_.get()) &&
         same(folder_.get(), kTaken, AT_SYMLINK_NOFOLLOW, taken_.get()) &&
         same(folder_.get(), kRefused, AT_SYMLINK_NOFOLLOW, refused_.get());
}

void DropFolder::Scan(Instant now) {
  ++scan_;
  // A descriptor of its own: closedir closes it.
  const int fd = openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const folder = fd < 0 ? nullptr : fdopendir(fd);
  if (folder == nullptr) {
    troubles_.emplace_back(FileError(errno, "read", path_).message());
    if (fd >= 0) close(fd);
    return;
  }
  while (const dirent* entry = readdir(folder)) {
    if (IsOurs(entry->d_name)) LookAt(now, entry->d_name);
  }
  closedir(folder);
  std::erase_if(files_, [this](const auto& file) { return file.second.seen != scan_; });
}

std::optional<DropFolder::Look> DropFolder::LookOf(const std::string& name) const {
  struct stat info{};
  if (fstatat(folder_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  if (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode)) return std::nullopt;
  return Look{info.st_dev, info.st_ino, info.st_size, Nanos(info.st_mtim), Nanos(info.st_ctim)};
}

void DropFolder::LookAt(Instant now, const std::string& name) {
  const std::optional<Look> look = LookOf(name);
  if (!look) return;
  const auto known = files_.find(name);
  if (known == files_.end() && files_.size() >= kMaxFollowed) return;
  File& file = files_[name];
  file.seen = scan_;
  if (file.look == *look) return;
  file = {*look, now, now + kSettled, false, scan_};
}

std::optional<Dropped> DropFolder::Next(Instant now) {
  for (;;) {
    const auto due = std::find_if(files_.begin(), files_.end(), [now](const auto& file) {
      return !file.second.left && file.second.due <= now;
    });
    if (due == files_.end()) return std::nullopt;
    const std::string name = due->first;
    absl::StatusOr<Dropped> dropped = Read(name);
    if (dropped.ok()) {
      // Until Finish or Postpone.
      due->second.left = true;
      return *std::move(dropped);
    }
    Settle(now, name, dropped.status());
  }
}

absl::StatusOr<Dropped> DropFolder::Read(const std::string& name) const {
  const Descriptor fd(openat(folder_.get(), name.c_str(),
                             O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ELOOP) return absl::FailedPreconditionError("a link is not followed");
    return FileError(errno, "open", name);
  }
  struct stat info{};
  if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError("is no file");
  }
  const size_t most = IsTorrent(name) ? kMaxTorrent : kMaxMagnetFile;
  Dropped out;
  out.name = name;
  P2PD_ASSIGN_OR_RETURN(Bytes content, ReadSome(fd.get(), most, name));
  if (content.size() > most) {
    return absl::ResourceExhaustedError(absl::StrCat("has more than ", most, " bytes"));
  }
  if (IsTorrent(name)) {
    out.metainfo = std::move(content);
  } else {
    P2PD_ASSIGN_OR_RETURN(out.magnets, ParseMagnets(AsText(content)));
  }
  return out;
}

absl::StatusOr<std::string> DropFolder::Move(const std::string& name, int to) const {
  for (int number = 1; number <= kMaxSame; ++number) {
    std::string target = Numbered(name, number);
    if (RenameNew(folder_.get(), name.c_str(), to, target.c_str()) == 0) return target;
    if (errno != EEXIST) return FileError(errno, "move", absl::StrCat(path_, "/", name));
  }
  return absl::AlreadyExistsError(absl::StrCat("too many files of the name ", name));
}

void DropFolder::Finish(Instant now, const std::string& name, const absl::Status& status) {
  LookAt(now, name);
  const auto found = files_.find(name);
  // One that changed meanwhile is another one, which waits for its turn.
  if (found == files_.end() || !found->second.left) return;
  found->second.left = false;
  Settle(now, name, status);
}

void DropFolder::Settle(Instant now, const std::string& name, const absl::Status& status) {
  File& file = files_.at(name);
  if (absl::IsInvalidArgument(status) && now < file.since + kPatience) {
    file.due = file.since + kPatience;
    return;
  }
  const absl::StatusOr<std::string> moved =
      absl::IsNotFound(status) ? absl::StatusOr<std::string>(status)
                               : Move(name, (status.ok() ? taken_ : refused_).get());
  // It vanished; else `taken` did.
  if (absl::IsNotFound(moved.status()) && !LookOf(name)) {
    files_.erase(name);
    return;
  }
  ++(status.ok() ? taken_count_ : refused_count_);
  if (!moved.ok()) {
    file.left = true;
    troubles_.emplace_back(moved.status().message());
    return;
  }
  files_.erase(name);
  if (status.ok()) return;
  const absl::Status written = WriteReason(refused_.get(), absl::StrCat(*moved, kReason),
                                           absl::StrCat(status.message(), "\n"));
  if (!written.ok()) troubles_.emplace_back(written.message());
}

void DropFolder::Postpone(const std::string& name) {
  const auto found = files_.find(name);
  if (found != files_.end()) found->second.left = false;
}

std::optional<Instant> DropFolder::PollTimeout() const {
  std::optional<Instant> out;
  for (const auto& [name, file] : files_) {
    if (!file.left) out = Earliest(out, file.due);
  }
  return out;
}

std::vector<std::string> DropFolder::TakeTroubles() { return std::exchange(troubles_, {}); }

}  // namespace p2pd::archive::intake
