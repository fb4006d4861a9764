#include "libcore/archive/pieces/disk_piece_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libcore/archive/pieces/disk_holding.h"
#include "libcore/archive/pieces/have_file.h"
#include "libcore/archive/pieces/open_files.h"
#include "libcore/base/mutex.h"
#include "libcore/base/status.h"

namespace p2pd::archive::pieces {
namespace {

// Longer than any info-hash in hexadecimal.
constexpr size_t kMaxKey = 80;

class DiskPieceStore final : public PieceStore {
 public:
  DiskPieceStore(const DiskPieceStoreOptions& options, FileLayer& layer)
      : options_(options), layer_(layer), files_(layer, options.max_open_files) {}

  absl::StatusOr<std::unique_ptr<Holding>> Open(const HoldingName& name,
                                                const Layout& layout) override {
    P2PD_RETURN_IF_ERROR(Judge(name));
    uint64_t number = 0;
    {
      const MutexLock lock(&mutex_);
      if (!open_.insert(name.key).second) {
        return absl::AlreadyExistsError(absl::StrCat(name.key, " is open already"));
      }
      number = ++last_;
    }
    auto holding = std::make_unique<DiskHolding>(
        DiskHolding::Setting{.layer = &layer_,
                             .files = &files_,
                             .number = number,
                             .places = PlacesOf(name),
                             .closed = [this, key = name.key] { Forget(key); }},
        layout);
    P2PD_RETURN_IF_ERROR(holding->Load());
    return holding;
  }

  absl::Status Erase(const HoldingName& name, const Layout& layout) override {
    P2PD_RETURN_IF_ERROR(Judge(name));
    {
      const MutexLock lock(&mutex_);
      if (open_.contains(name.key)) {
        return absl::FailedPreconditionError(absl::StrCat(name.key, " is open"));
      }
    }
    const DiskPlaces places = PlacesOf(name);
    P2PD_RETURN_IF_ERROR(layer_.RemoveWhole(places.have_path));
    absl::Status worst;
    for (const FileEntry& file : layout.files()) {
      if (!file.padding) worst.Update(layer_.Remove(places.PlaceOf(file)));
    }
    return worst;
  }

  absl::StatusOr<PieceSet> Peek(const HoldingName& name) const override {
    P2PD_RETURN_IF_ERROR(Judge(name));
    P2PD_ASSIGN_OR_RETURN(const Bytes bytes,
                          layer_.ReadWhole(PlacesOf(name).have_path, HaveFile::kMaxSize));
    std::optional<HaveFile> known = HaveFile::Read(bytes);
    if (!known) return absl::NotFoundError(absl::StrCat(name.key, ": the have file is broken"));
    return std::move(known->have);
  }

 private:
  static absl::Status Judge(const HoldingName& name) {
    const bool key = !name.key.empty() && name.key.size() <= kMaxKey &&
                     std::all_of(name.key.begin(), name.key.end(), [](char c) {
                       return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-';
                     });
    if (!key) return absl::InvalidArgumentError("a key is made of letters, digits and dashes");
    if (!Layout::ValidPath(name.folder) || name.folder.find('/') != std::string::npos) {
      return absl::InvalidArgumentError("a torrent's folder is one part of a path");
    }
    return absl::OkStatus();
  }

  DiskPlaces PlacesOf(const HoldingName& name) const {
    return {options_.files_folder, name.folder,
            absl::StrCat(options_.have_folder, "/", name.key, ".have")};
  }

  void Forget(const std::string& key) {
    const MutexLock lock(&mutex_);
    open_.erase(key);
  }

  const DiskPieceStoreOptions options_;
  FileLayer& layer_;
  OpenFiles files_;
  mutable Mutex mutex_;
  std::set<std::string> open_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PieceStore>> OpenDiskPieceStore(const DiskPieceStoreOptions& options,
                                                               FileLayer& layer) {
  P2PD_RETURN_IF_ERROR(layer.MakeRoot(options.files_folder));
  P2PD_RETURN_IF_ERROR(layer.MakeRoot(options.have_folder));
  return std::make_unique<DiskPieceStore>(options, layer);
}

}  // namespace p2pd::archive::pieces
