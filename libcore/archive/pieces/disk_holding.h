// DiskHolding: one torrent's pieces on the local disk. See piece_store.h for what it promises and
// disk_piece_store.h for where things lie.
//
// Rules:
//   - `saving_` is held while the have file is replaced, and by Keep and Hide from the first look
//   at
//     the bits to the last, so that the bits on disk change in one order. `mutex_` is held for a
//     look only, never over a call to the disk.
//   - Who reads or writes a piece is counted; Punch waits for them after nobody new can come.
//   - A block that two pieces share is punched by whoever of them goes last, and meanwhile the
//   other
//     cannot begin to arrive.
//
// Threads: any.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "libcore/archive/pieces/have_file.h"
#include "libcore/archive/pieces/open_files.h"
#include "libcore/archive/pieces/piece_store.h"
#include "libcore/base/mutex.h"

namespace p2pd::archive::pieces {

struct DiskPlaces {
  std::string files_root;
  std::string folder;
  std::string have_path;

  FilePlace PlaceOf(const FileEntry& file) const { return {files_root, folder + '/' + file.path}; }
};

class DiskHolding final : public Holding {
 public:
  struct Setting {
    FileLayer* layer = nullptr;
    OpenFiles* files = nullptr;
    uint64_t number = 0;  // of this holding in `files`
    DiskPlaces places;
    absl::AnyInvocable<void()> closed;  // the store's
  };

  DiskHolding(Setting setting, Layout layout);
  ~DiskHolding() override;
  // Reads the have file and looks at each file; to be called once, first.
  absl::Status Load();

  const Layout& layout() const override { return layout_; }
  PieceSet have() const override;
  PieceState StateOf(Piece piece) const override;
  std::vector<Piece> Doubtful() const override;
  absl::Status Read(const Range& range, MutableByteView to, Wait wait) override;
  absl::Status Write(const Range& range, ByteView bytes) override;
  absl::Status Keep(absl::Span<const Piece> pieces) override;
  absl::Status Forget(Piece piece) override;
  absl::Status Hide(absl::Span<const Piece> pieces) override;
  absl::Status Punch(absl::Span<const Piece> pieces) override;
  absl::StatusOr<bool> Scrub(Piece piece, const PieceProof& proof) override;
  bool Touched() override;
  absl::StatusOr<uint64_t> BytesOnDisk() const override;
  absl::Status Close() override;

 private:
  using Pieces = std::vector<Piece>;

  absl::StatusOr<std::shared_ptr<File>> FileOf(size_t file, bool create) const;
  absl::StatusOr<std::optional<FileFacts>> Look(size_t file) const;
  absl::Status LookAtFiles(const std::optional<HaveFile>& known);
  void Reclaim();
  // What stands of a file in the have file against what is there.
  void JudgeFile(size_t file, const std::optional<FileFacts>& facts, const HaveFile* known);
  void Doubt(size_t file, uint64_t from, uint64_t to, PieceState state);
  bool HasKept(size_t file) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasDoubtful(size_t file) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Enters and leaves the use of a piece, which is not punched meanwhile; nullopt when it is in a
  // state that is not allowed.
  std::optional<PieceState> Enter(Piece piece, absl::FunctionRef<bool(PieceState)> allowed);
  void Leave(Piece piece);
  bool InUse(absl::Span<const Piece> pieces) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Status ReadExtents(const Range& range, MutableByteView to, bool now);
  absl::Status WriteExtents(const Range& range, ByteView bytes);
  // The first write after all was in order says so on disk.
  absl::Status BeginWriting();
  absl::StatusOr<std::shared_ptr<File>> CreateFile(size_t file);

  Pieces InState(absl::Span<const Piece> pieces, PieceState state) const;
  void SetStates(absl::Span<const Piece> pieces, PieceState state);
  absl::Status SyncFilesOf(absl::Span<const Piece> pieces) ABSL_EXCLUSIVE_LOCKS_REQUIRED(saving_);
  // Makes the bits durable: those that are on disk now, with `set` and without `clear`.
  absl::Status Save(absl::Span<const Piece> set, absl::Span<const Piece> clear, bool writing)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(saving_);
  // Of a piece that is not what it should be: the bit goes, here at once and on disk.
  void Lose(Piece piece);
  // Of a doubtful piece that turned out right.
  void LetGoOfRemoved(Piece piece);
  absl::Status BelieveAgain(Piece piece);
  // What the files of a piece are now is to be written down.
  void Refresh(Piece piece);

  // A hole in a file, and the pieces whose bytes are in it.
  struct Hole {
    size_t file = 0;
    uint64_t from = 0;
    uint64_t to = 0;
  };
  // Adds the neighbours whose blocks go along to `claimed`.
  std::vector<Hole> HolesOf(absl::Span<const Piece> pieces,
                            const std::map<size_t, uint32_t>& blocks, Pieces& claimed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether all pieces in [from, to) of the file are absent; those become closed to writers.
  bool ClaimAbsent(size_t file, uint64_t from, uint64_t to, Pieces& claimed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status BlocksOf(absl::Span<const Piece> pieces, std::map<size_t, uint32_t>& blocks) const;

  Setting setting_;
  const Layout layout_;
  const pki::Sha256Digest key_;

  Mutex saving_;
  HaveFile on_disk_ ABSL_GUARDED_BY(saving_);

  mutable Mutex mutex_;
  std::set<size_t> changed_ ABSL_GUARDED_BY(mutex_);  // files since the last look at their facts
  // Files that changed while nobody looked, until their last doubtful piece is scrubbed.
  std::set<size_t> doubted_ ABSL_GUARDED_BY(mutex_);
  std::vector<PieceState> states_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint32_t, uint32_t> users_ ABSL_GUARDED_BY(mutex_);
  std::multiset<Piece> punching_ ABSL_GUARDED_BY(mutex_);  // once for each Punch that runs
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace p2pd::archive::pieces
