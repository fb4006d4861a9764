// PieceStore: where the pieces of torrents are kept. The local disk is one (disk_piece_store.h); a
// shared object store would be another, which is why this is an interface.
//
// A piece is absent, arriving, kept, hidden or doubtful:
//
//   absent --Write--> arriving --Keep--> kept --Hide--> hidden --Punch--> absent
//   doubtful --Scrub--> kept or absent
//
// Rules, each so that a process that dies between any two steps leaves no bit without its data:
//   - Arriving: Keep makes the bytes durable before the bit is. Bytes without a bit are rubbish
//     that the next Write goes over.
//   - Dropping: Hide makes the missing bit durable; only then Punch gives the bytes back. A hidden
//     piece is still read, so that a peer who was told of it before gets it; nobody is told of it
//     again.
//   - What the disk lost or somebody edited is never called kept: Open compares, Scrub hashes, and
//   a
//     Read that comes up short clears the bit.
//
// Threads: everything may be called from any thread; all but have() and StateOf may wait for the
// disk. Limits: those of Layout. Sources: issue's 'Keeper'; BEP 3, 52.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "libcore/archive/pieces/layout.h"
#include "libcore/archive/pieces/piece_proof.h"
#include "libcore/archive/pieces/piece_set.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::pieces {

enum class PieceState : uint8_t { kAbsent, kArriving, kKept, kHidden, kDoubtful };

// Whether a read may wait for the disk.
enum class Wait : uint8_t { kMay, kMustNot };

// Which torrent, and where a person finds it.
struct HoldingName {
  // Unique in the store: the info-hash in hexadecimal. Letters, digits and dashes.
  std::string key;
  // The folder of its files below the store's own, one part; a torrent's name. Chosen by the caller
  // so that no two torrents share one.
  std::string folder;
};

// What the store has of one torrent. There is one Holding a torrent at a time.
class Holding {
 public:
  virtual ~Holding() = default;

  virtual const Layout& layout() const = 0;
  // The kept pieces.
  virtual PieceSet have() const = 0;
  virtual PieceState StateOf(Piece piece) const = 0;
  // To be scrubbed; they may well be whole. Doubt outlives a crash.
  virtual std::vector<Piece> Doubtful() const = 0;

  // `to` has the length of the range. InvalidArgument for a range that is not ours; NotFound for an
  // absent or doubtful piece; DataLoss when bytes are gone or cannot be read, and the piece's bit
  // with them; Unavailable with kMustNot when the bytes are not in memory.
  virtual absl::Status Read(const Range& range, MutableByteView to, Wait wait = Wait::kMay) = 0;
  // Into an absent or arriving piece; FailedPrecondition else. ResourceExhausted when the disk is
  // full; Internal when it fails. The piece stays arriving, and may be written again.
  virtual absl::Status Write(const Range& range, ByteView bytes) = 0;
  // Arriving pieces, whole and proved, become kept. Batched by the caller: one call waits for the
  // disk a few times whatever the number of pieces. Those that are not arriving are passed by. On
  // an error none of them is kept.
  virtual absl::Status Keep(absl::Span<const Piece> pieces) = 0;
  // An arriving piece that failed its hash, or is not wanted any more, becomes absent.
  virtual absl::Status Forget(Piece piece) = 0;
  // Kept pieces become hidden; others are passed by. On an error all stay kept.
  virtual absl::Status Hide(absl::Span<const Piece> pieces) = 0;
  // Hidden pieces become absent and their whole blocks holes, once nobody reads them; others are
  // passed by. An error means that space was not given back, not that a bit is wrong.
  virtual absl::Status Punch(absl::Span<const Piece> pieces) = 0;
  // Reads the piece and compares. True when it is as it should be, and kept; false when it was not,
  // and is absent now. NotFound unless it is kept or doubtful.
  virtual absl::StatusOr<bool> Scrub(Piece piece, const PieceProof& proof) = 0;
  // Whether somebody else removed or changed a file with kept pieces since they were kept: Close,
  // and Open anew, tell which pieces to doubt. Of files that were written since the last Close
  // it sees only that they are gone. Looks at each file.
  virtual bool Touched() = 0;
  // What the files occupy, in bytes, holes not counted.
  virtual absl::StatusOr<uint64_t> BytesOnDisk() const = 0;
  // Writes down that all is in order, so that the next Open need not doubt. The destructor does
  // too; this one says when it failed.
  virtual absl::Status Close() = 0;
};

class PieceStore {
 public:
  virtual ~PieceStore() = default;
  // What is there, or nothing yet; makes no file before the first Write. InvalidArgument for a name
  // or path that could leave the store; FailedPrecondition when a link or something else stands
  // where a folder or file should; AlreadyExists when the holding is open. Another layout than the
  // one that was kept under this key makes everything doubtful.
  virtual absl::StatusOr<std::unique_ptr<Holding>> Open(const HoldingName& name,
                                                        const Layout& layout) = 0;
  // All files of a torrent that is not open, and all knowledge of it. The bits go first. Files in
  // its folder that are not the layout's stay.
  virtual absl::Status Erase(const HoldingName& name, const Layout& layout) = 0;
  // The bits of a torrent that is not open, its files not looked at: for a catalogue of sleeping
  // ones. NotFound when nothing is known.
  virtual absl::StatusOr<PieceSet> Peek(const HoldingName& name) const = 0;
};

}  // namespace p2pd::archive::pieces
