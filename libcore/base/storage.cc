#include "libcore/base/storage.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libcore/base/status.h"

namespace p2pd {
namespace {

// What WriteFileAtomically appends to a name until the content is whole.
constexpr absl::string_view kHalfWritten = ".new";

bool ValidCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '@';
}

absl::Status NoSuchBlob(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("no blob ", name));
}

absl::Status CheckName(absl::string_view name) {
  if (Storage::ValidName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError("not a name for a blob");
}

absl::Status CheckSize(ByteView content) {
  if (content.size() <= Storage::kMaxBlob) return absl::OkStatus();
  return absl::ResourceExhaustedError("blob is larger than 16 MiB");
}

}  // namespace

bool Storage::ValidName(absl::string_view name) {
  if (name.empty() || name.size() > 255) return false;
  for (const absl::string_view word : absl::StrSplit(name, '/')) {
    if (word.empty() || word.front() == '.' || word.size() > 200) return false;
    if (absl::EndsWith(word, kHalfWritten)) return false;
    if (!std::all_of(word.begin(), word.end(), ValidCharacter)) return false;
  }
  return true;
}

std::string FolderStorage::PathOf(absl::string_view name) const {
  return absl::StrCat(folder_, "/", name);
}

absl::StatusOr<Bytes> FolderStorage::Read(absl::string_view name) const {
  P2PD_RETURN_IF_ERROR(CheckName(name));
  return ReadFile(PathOf(name), kMaxBlob);
}

absl::StatusOr<Bytes> FolderStorage::ReadSecret(absl::string_view name) const {
  P2PD_RETURN_IF_ERROR(CheckName(name));
  return ReadFile(PathOf(name), kMaxBlob, FileMode::kSecret);
}

absl::Status FolderStorage::Write(absl::string_view name, ByteView content, FileMode mode) {
  P2PD_RETURN_IF_ERROR(CheckName(name));
  P2PD_RETURN_IF_ERROR(CheckSize(content));
  const std::string path = PathOf(name);
  P2PD_RETURN_IF_ERROR(MakeFolder(std::filesystem::path(path).parent_path().string()));
  return WriteFileAtomically(path, content, mode);
}

absl::Status FolderStorage::Remove(absl::string_view name) {
  P2PD_RETURN_IF_ERROR(CheckName(name));
  const std::string path = PathOf(name);
  for (const std::string& file : {path, absl::StrCat(path, kHalfWritten)}) {
    if (unlink(file.c_str()) != 0 && errno != ENOENT) {
      return FileError(errno, "remove", file);
    }
  }
  // The names above it, from the innermost; the first that is not empty stays, with those above.
  absl::string_view above = name;
  for (size_t slash = above.rfind('/'); slash != above.npos; slash = above.rfind('/')) {
    above = above.substr(0, slash);
    if (rmdir(PathOf(above).c_str()) != 0 && errno != ENOENT) break;
  }
  return absl::OkStatus();
}

std::vector<std::string> FolderStorage::List(absl::string_view prefix) const {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder_, error), end; it != end;
       it.increment(error)) {
    if (error || !it->is_regular_file(error)) continue;
    std::string name = std::filesystem::relative(it->path(), folder_, error).string();
    if (absl::StartsWith(name, prefix) && ValidName(name)) {
      names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<Bytes> MemoryStorage::Read(absl::string_view name) const {
  P2PD_RETURN_IF_ERROR(CheckName(name));
  const auto found = blobs_.find(name);
  if (found == blobs_.end()) return NoSuchBlob(name);
  return found->second;
}

absl::Status MemoryStorage::Write(absl::string_view name, ByteView content, FileMode) {
  P2PD_RETURN_IF_ERROR(CheckName(name));
  P2PD_RETURN_IF_ERROR(CheckSize(content));
  P2PD_RETURN_IF_ERROR(failure_);
  blobs_.insert_or_assign(std::string(name), ToBytes(content));
  return absl::OkStatus();
}

absl::Status MemoryStorage::Remove(absl::string_view name) {
  P2PD_RETURN_IF_ERROR(CheckName(name));
  P2PD_RETURN_IF_ERROR(failure_);
  const auto found = blobs_.find(name);
  if (found != blobs_.end()) blobs_.erase(found);
  return absl::OkStatus();
}

std::vector<std::string> MemoryStorage::List(absl::string_view prefix) const {
  std::vector<std::string> names;
  for (auto it = blobs_.lower_bound(prefix);
       it != blobs_.end() && it->first.substr(0, prefix.size()) == prefix; ++it) {
    names.push_back(it->first);
  }
  return names;
}

}  // namespace p2pd
