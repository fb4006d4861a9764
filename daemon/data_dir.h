// DataDir: the daemon's folder, held by one daemon at a time.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace p2pd::daemon {

class DataDir {
 public:
  // Makes the folder (0700) where missing, proves that it can be written, and locks it (flock on
  // DIR/lock, given back by the kernel however the process ends). FailedPrecondition when another
  // daemon has it, PermissionDenied and others when it cannot be written; one line for a person.
  static absl::StatusOr<std::unique_ptr<DataDir>> Open(const std::string& path);
  ~DataDir();
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  const std::string& path() const { return path_; }

 private:
  DataDir(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  std::string path_;
  int lock_fd_;
};

}  // namespace p2pd::daemon
