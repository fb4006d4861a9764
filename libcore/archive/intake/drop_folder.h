// DropFolder: the archive's watch folder. Who drops a .torrent into it, or a .magnet with a link a
// line, finds it in `taken` once it was handed to the archive, or in `refused` with the reason in a
// text beside it.
//
// Rules:
//   - A file is read when it has not changed for kSettled, since nobody says when it is whole. One
//     that does not read as what its name says stays for kPatience more: its writer may be slow.
//   - Nothing is followed: a link is refused as one, and what is neither file nor link stays.
//   - Nothing is overwritten: a name that is taken in `taken` or `refused` gets a number.
//   - What cannot be moved away is not handed over again until it changes.
//   - Other names, hidden files, and folders are none of ours.
// Threads: one owner, which may wait for the disk here. Limits: below.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/bytes.h"
#include "libcore/base/descriptor.h"
#include "libcore/base/time.h"

namespace p2pd::archive::intake {

// What a file says.
struct Dropped {
  std::string name;  // within the folder
  Bytes metainfo;    // of a .torrent
  std::vector<torrent::Magnet> magnets;
};

class DropFolder {
 public:
  static constexpr absl::Duration kSettled = absl::Seconds(2);
  static constexpr absl::Duration kPatience = absl::Seconds(60);
  // As much as is read of one; the archive's own limit of metainfo is below it.
  static constexpr size_t kMaxTorrent = 12 << 20;
  static constexpr size_t kMaxMagnetFile = 64 << 10;
  static constexpr size_t kMaxMagnets = 100;
  // Files that are followed at a time; the others wait until these are gone.
  static constexpr size_t kMaxFollowed = 10'000;
  // Of one name within `taken` or `refused`.
  static constexpr int kMaxSame = 10'000;

  // Makes the folder, `taken` and `refused` where missing. FailedPrecondition when one of them is a
  // link or no folder.
  static absl::StatusOr<std::unique_ptr<DropFolder>> Open(const std::string& path);
  DropFolder(const DropFolder&) = delete;
  DropFolder& operator=(const DropFolder&) = delete;

  // Looks at what is there. Calls Finish itself for what need not be handed over.
  void Scan(Instant now);
  // The next that is to be handed over; nullopt: none now. Finish follows, or Postpone.
  std::optional<Dropped> Next(Instant now);
  // What became of it: OK moves it to `taken`, anything else to `refused`, but InvalidArgument of a
  // file that changed of late.
  void Finish(Instant now, const std::string& name, const absl::Status& status);
  // The archive had no time: it is tried again by the next scan.
  void Postpone(const std::string& name);
  // When the next file may be settled; nullopt: none that is known waits.
  std::optional<Instant> PollTimeout() const;
  // Whether `path` and the two in it are still the folders that were opened; else Open makes anew
  // what is missing.
  bool InPlace() const;

  uint64_t taken() const { return taken_count_; }
  uint64_t refused() const { return refused_count_; }
  // What could not be moved since the last call, a line each for the log.
  std::vector<std::string> TakeTroubles();

 private:
  // What tells a file from one that has its name later, or that grew.
  struct Look {
    uint64_t device = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    int64_t modified = 0;  // ns
    int64_t changed = 0;   // ns
    friend bool operator==(const Look&, const Look&) = default;
  };
  struct File {
    Look look;
    Instant since;      // unchanged
    Instant due;        // to be read
    bool left = false;  // handed over, or it could not be moved after that
    uint64_t seen = 0;  // in that scan
  };

  explicit DropFolder(std::string path) : path_(std::move(path)) {}
  absl::Status OpenAll();
  // nullopt: it is gone, or neither file nor link.
  std::optional<Look> LookOf(const std::string& name) const;
  void LookAt(Instant now, const std::string& name);
  void Settle(Instant now, const std::string& name, const absl::Status& status);
  absl::StatusOr<Dropped> Read(const std::string& name) const;
  // Into the folder `to`; the name that it has there.
  absl::StatusOr<std::string> Move(const std::string& name, int to) const;

  const std::string path_;
  Descriptor folder_;
  Descriptor taken_;
  Descriptor refused_;
  std::map<std::string, File> files_;
  uint64_t scan_ = 0;
  uint64_t taken_count_ = 0;
  uint64_t refused_count_ = 0;
  std::vector<std::string> troubles_;
};

}  // namespace p2pd::archive::intake
