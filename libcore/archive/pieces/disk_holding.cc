#include "libcore/archive/pieces/disk_holding.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"

namespace p2pd::archive::pieces {
namespace {

// In place of a time: the file changed once, and its pieces stay doubtful until they are scrubbed,
// whatever else happens to it.
constexpr int64_t kDoubted = -1;

bool Present(PieceState state) {
  return state == PieceState::kKept || state == PieceState::kHidden ||
         state == PieceState::kArriving;
}

}  // namespace

DiskHolding::DiskHolding(Setting setting, Layout layout)
    : setting_(std::move(setting)), layout_(std::move(layout)), key_(KeyOf(layout_)) {
  states_.resize(layout_.pieces(), PieceState::kAbsent);
}

DiskHolding::~DiskHolding() {
  const absl::Status closed = Close();
  if (!closed.ok())
    P2PD_LOG(archive, kWarn, "cannot close ", setting_.places.folder, ": ", closed.message());
  setting_.files->Forget(setting_.number);
  setting_.closed();
}

// ---- what is there ----

absl::Status DiskHolding::Load() {
  const absl::StatusOr<Bytes> bytes =
      setting_.layer->ReadWhole(setting_.places.have_path, HaveFile::kMaxSize);
  if (!bytes.ok() && !absl::IsNotFound(bytes.status())) return bytes.status();
  std::optional<HaveFile> known;
  if (bytes.ok()) known = HaveFile::Read(*bytes);
  const bool ours = known && known->layout == key_ && known->have.pieces() == layout_.pieces() &&
                    known->files.size() == layout_.files().size();
  if (!ours) known.reset();
  if (known) {
    const MutexLock lock(&mutex_);
    for (const Piece piece : known->have.List()) states_[piece.value()] = PieceState::kKept;
  }
  P2PD_RETURN_IF_ERROR(LookAtFiles(known));
  if (known && known->writing) Reclaim();
  return absl::OkStatus();
}

// Bytes without a bit, of pieces that were arriving or going when the process was killed.
void DiskHolding::Reclaim() {
  Pieces absent;
  {
    const MutexLock lock(&mutex_);
    for (uint32_t i = 0; i < layout_.pieces(); ++i) {
      if (states_[i] != PieceState::kAbsent) continue;
      states_[i] = PieceState::kHidden;
      absent.push_back(Piece(i));
    }
  }
  const absl::Status punched = Punch(absent);
  if (!punched.ok()) P2PD_LOG(archive, kWarn, "cannot give space back: ", punched.message());
}

absl::Status DiskHolding::LookAtFiles(const std::optional<HaveFile>& known) {
  std::vector<HaveFile::Seen> seen(layout_.files().size());
  for (size_t i = 0; i < seen.size(); ++i) {
    if (layout_.files()[i].padding) continue;
    P2PD_ASSIGN_OR_RETURN(const std::optional<FileFacts> facts, Look(i));
    // With neither file nor knowledge there is nothing to judge; without knowledge a file of the
    // right size is worth a hash.
    if (facts || known) JudgeFile(i, facts, known ? &*known : nullptr);
    if (facts) seen[i] = {facts->size, facts->modified};
  }
  const MutexLock saving(&saving_);
  const MutexLock lock(&mutex_);
  // What was believed although its time moved on is written down anew by Close.
  on_disk_.writing = known && known->writing;
  for (size_t i = 0; on_disk_.writing && i < seen.size(); ++i) {
    if (!layout_.files()[i].padding) changed_.insert(i);
  }
  on_disk_.layout = key_;
  on_disk_.files = std::move(seen);
  on_disk_.have = PieceSet(layout_.pieces());
  for (uint32_t i = 0; i < layout_.pieces(); ++i) {
    if (states_[i] != PieceState::kAbsent) on_disk_.have.Set(Piece(i));
  }
  for (const size_t file : doubted_) on_disk_.files[file].modified = kDoubted;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<FileFacts>> DiskHolding::Look(size_t file) const {
  const auto opened = FileOf(file, false);
  if (absl::IsNotFound(opened.status())) return std::nullopt;
  P2PD_RETURN_IF_ERROR(opened.status());
  P2PD_ASSIGN_OR_RETURN(const FileFacts facts, (*opened)->Facts());
  return facts;
}

void DiskHolding::JudgeFile(size_t file, const std::optional<FileFacts>& facts,
                            const HaveFile* known) {
  const uint64_t size = layout_.files()[file].size;
  if (!facts) return Doubt(file, 0, size, PieceState::kAbsent);
  if (known == nullptr) {
    const MutexLock lock(&mutex_);
    const auto [first, end] = layout_.PiecesOf(file, 0, std::min(size, facts->size));
    for (uint32_t i = first; i < end; ++i) states_[i] = PieceState::kDoubtful;
    doubted_.insert(file);
    return;
  }
  const HaveFile::Seen& seen = known->files[file];
  // While we wrote, the time moved on by our own hand; the size never does.
  const bool same = facts->size == size && seen.modified != kDoubted &&
                    (seen.modified == facts->modified || known->writing);
  if (same) return;
  {
    const MutexLock lock(&mutex_);
    doubted_.insert(file);
  }
  Doubt(file, 0, size, PieceState::kDoubtful);
  if (facts->size < size) Doubt(file, facts->size, size, PieceState::kAbsent);
}

void DiskHolding::Doubt(size_t file, uint64_t from, uint64_t to, PieceState state) {
  const MutexLock lock(&mutex_);
  const auto [first, end] = layout_.PiecesOf(file, from, to);
  for (uint32_t i = first; i < end; ++i) {
    if (states_[i] != PieceState::kAbsent) states_[i] = state;
  }
}

bool DiskHolding::HasDoubtful(size_t file) const {
  const auto [first, end] = layout_.PiecesOf(file, 0, layout_.files()[file].size);
  const auto from = states_.begin() + first;
  const auto to = states_.begin() + end;
  return std::find(from, to, PieceState::kDoubtful) != to;
}

PieceSet DiskHolding::have() const {
  PieceSet out(layout_.pieces());
  const MutexLock lock(&mutex_);
  for (uint32_t i = 0; i < layout_.pieces(); ++i) {
    if (states_[i] == PieceState::kKept) out.Set(Piece(i));
  }
  return out;
}

PieceState DiskHolding::StateOf(Piece piece) const {
  if (piece.value() >= layout_.pieces()) return PieceState::kAbsent;
  const MutexLock lock(&mutex_);
  return states_[piece.value()];
}

std::vector<Piece> DiskHolding::Doubtful() const {
  Pieces out;
  const MutexLock lock(&mutex_);
  for (uint32_t i = 0; i < layout_.pieces(); ++i) {
    if (states_[i] == PieceState::kDoubtful) out.push_back(Piece(i));
  }
  return out;
}

bool DiskHolding::HasKept(size_t file) const {
  const auto [first, end] = layout_.PiecesOf(file, 0, layout_.files()[file].size);
  const auto to = states_.begin() + end;
  return std::find(states_.begin() + first, to, PieceState::kKept) != to;
}

bool DiskHolding::Touched() {
  const MutexLock saving(&saving_);
  for (size_t i = 0; i < layout_.files().size(); ++i) {
    if (layout_.files()[i].padding) continue;
    bool written = on_disk_.writing;
    {
      const MutexLock lock(&mutex_);
      if (!HasKept(i)) continue;
      written = written || changed_.contains(i) || doubted_.contains(i);
    }
    const absl::StatusOr<std::optional<FileFacts>> facts = Look(i);
    if (!facts.ok()) continue;
    if (!*facts || !(*facts)->linked) return true;
    const HaveFile::Seen& seen = on_disk_.files[i];
    if (!written && (seen.size != (*facts)->size || seen.modified != (*facts)->modified)) {
      return true;
    }
  }
  return false;
}

absl::StatusOr<uint64_t> DiskHolding::BytesOnDisk() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < layout_.files().size(); ++i) {
    if (layout_.files()[i].padding) continue;
    P2PD_ASSIGN_OR_RETURN(const std::optional<FileFacts> facts, Look(i));
    if (facts) sum += facts->bytes_on_disk;
  }
  return sum;
}

// ---- reading and writing ----

absl::StatusOr<std::shared_ptr<File>> DiskHolding::FileOf(size_t file, bool create) const {
  return setting_.files->Get({setting_.number, file},
                             setting_.places.PlaceOf(layout_.files()[file]), create);
}

std::optional<PieceState> DiskHolding::Enter(Piece piece,
                                             absl::FunctionRef<bool(PieceState)> allowed) {
  const MutexLock lock(&mutex_);
  const PieceState state = states_[piece.value()];
  if (!allowed(state)) return std::nullopt;
  ++users_[piece.value()];
  return state;
}

void DiskHolding::Leave(Piece piece) {
  const MutexLock lock(&mutex_);
  const auto at = users_.find(piece.value());
  if (--at->second == 0) users_.erase(at);
}

bool DiskHolding::InUse(absl::Span<const Piece> pieces) const {
  for (const Piece piece : pieces) {
    if (users_.contains(piece.value())) return true;
  }
  return false;
}

absl::Status DiskHolding::Read(const Range& range, MutableByteView to, Wait wait) {
  if (!layout_.Holds(range) || to.size() != range.length) {
    return absl::InvalidArgumentError("no such range");
  }
  const std::optional<PieceState> state = Enter(range.piece, Present);
  if (!state) return absl::NotFoundError("the piece is not here");
  absl::Status read = ReadExtents(range, to, wait == Wait::kMustNot);
  if (!read.ok() && !absl::IsUnavailable(read)) {
    // Of a piece that arrives, bytes may not be there yet; of others they should, and the disk does
    // not give them.
    if (*state != PieceState::kArriving) Lose(range.piece);
    read = *state == PieceState::kArriving ? absl::NotFoundError("the piece is not here yet")
                                           : absl::DataLossError(read.message());
  }
  Leave(range.piece);
  return read;
}

absl::Status DiskHolding::ReadExtents(const Range& range, MutableByteView to, bool now) {
  for (const Extent& extent : layout_.ExtentsOf(range)) {
    const MutableByteView part = to.subspan(0, extent.length);
    to.remove_prefix(extent.length);
    if (layout_.files()[extent.file].padding) {
      std::fill(part.begin(), part.end(), uint8_t{0});
      continue;
    }
    P2PD_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, FileOf(extent.file, false));
    P2PD_RETURN_IF_ERROR(file->ReadAt(extent.offset, part, now));
  }
  return absl::OkStatus();
}

absl::Status DiskHolding::Write(const Range& range, ByteView bytes) {
  if (!layout_.Holds(range) || bytes.size() != range.length) {
    return absl::InvalidArgumentError("no such range");
  }
  P2PD_RETURN_IF_ERROR(BeginWriting());
  {
    const MutexLock lock(&mutex_);
    auto free = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !punching_.contains(range.piece);
    };
    mutex_.Await(absl::Condition(&free));
    PieceState& state = states_[range.piece.value()];
    if (state != PieceState::kAbsent && state != PieceState::kArriving) {
      return absl::FailedPreconditionError("the piece is here already");
    }
    state = PieceState::kArriving;
    ++users_[range.piece.value()];
  }
  const absl::Status written = WriteExtents(range, bytes);
  Leave(range.piece);
  return written;
}

absl::Status DiskHolding::WriteExtents(const Range& range, ByteView bytes) {
  for (const Extent& extent : layout_.ExtentsOf(range)) {
    const ByteView part = bytes.subspan(0, extent.length);
    bytes.remove_prefix(extent.length);
    if (layout_.files()[extent.file].padding) continue;
    absl::StatusOr<std::shared_ptr<File>> file = FileOf(extent.file, false);
    if (absl::IsNotFound(file.status())) file = CreateFile(extent.file);
    P2PD_RETURN_IF_ERROR(file.status());
    {
      const MutexLock lock(&mutex_);
      changed_.insert(extent.file);
    }
    P2PD_RETURN_IF_ERROR((*file)->WriteAt(extent.offset, part));
  }
  return absl::OkStatus();
}

// At its full size at once, so that any other size means that somebody else was there.
absl::StatusOr<std::shared_ptr<File>> DiskHolding::CreateFile(size_t file) {
  P2PD_ASSIGN_OR_RETURN(const std::shared_ptr<File> out, FileOf(file, true));
  P2PD_ASSIGN_OR_RETURN(const FileFacts facts, out->Facts());
  const uint64_t size = layout_.files()[file].size;
  if (facts.size != size) P2PD_RETURN_IF_ERROR(out->Resize(size));
  return out;
}

absl::Status DiskHolding::BeginWriting() {
  {
    const MutexLock lock(&mutex_);
    if (writing_) return absl::OkStatus();
  }
  const MutexLock saving(&saving_);
  {
    const MutexLock lock(&mutex_);
    if (writing_) return absl::OkStatus();
  }
  P2PD_RETURN_IF_ERROR(Save({}, {}, true));
  // Files without a byte come with no piece.
  for (size_t i = 0; i < layout_.files().size(); ++i) {
    if (layout_.files()[i].size > 0 || layout_.files()[i].padding) continue;
    P2PD_RETURN_IF_ERROR(CreateFile(i).status());
  }
  const MutexLock lock(&mutex_);
  writing_ = true;
  return absl::OkStatus();
}

// ---- the bits ----

DiskHolding::Pieces DiskHolding::InState(absl::Span<const Piece> pieces, PieceState state) const {
  Pieces out;
  const MutexLock lock(&mutex_);
  for (const Piece piece : pieces) {
    if (piece.value() < layout_.pieces() && states_[piece.value()] == state) out.push_back(piece);
  }
  return out;
}

void DiskHolding::SetStates(absl::Span<const Piece> pieces, PieceState state) {
  const MutexLock lock(&mutex_);
  for (const Piece piece : pieces) states_[piece.value()] = state;
}

absl::Status DiskHolding::Save(absl::Span<const Piece> set, absl::Span<const Piece> clear,
                               bool writing) {
  HaveFile next = on_disk_;
  next.writing = writing;
  for (const Piece piece : set) next.have.Set(piece);
  for (const Piece piece : clear) next.have.Clear(piece);
  std::set<size_t> changed;
  std::set<size_t> doubted;
  {
    const MutexLock lock(&mutex_);
    std::swap(changed, changed_);
    std::erase_if(doubted_, [&](size_t file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      if (!HasDoubtful(file)) changed.insert(file);
      return !HasDoubtful(file);
    });
    doubted = doubted_;
  }
  absl::Status looked;
  for (const size_t file : changed) {
    const absl::StatusOr<std::optional<FileFacts>> facts = Look(file);
    if (!facts.ok()) looked = facts.status();
    if (facts.ok() && *facts) next.files[file] = {(*facts)->size, (*facts)->modified};
  }
  for (const size_t file : doubted) next.files[file].modified = kDoubted;
  if (looked.ok()) looked = setting_.layer->Replace(setting_.places.have_path, next.Write());
  if (!looked.ok()) {
    const MutexLock lock(&mutex_);
    changed_.insert(changed.begin(), changed.end());
    return looked;
  }
  on_disk_ = std::move(next);
  return absl::OkStatus();
}

absl::Status DiskHolding::SyncFilesOf(absl::Span<const Piece> pieces) {
  std::set<size_t> files;
  for (const Piece piece : pieces) {
    for (const Extent& extent : layout_.ExtentsOf(piece)) {
      if (!layout_.files()[extent.file].padding) files.insert(extent.file);
    }
  }
  for (const size_t i : files) {
    P2PD_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, FileOf(i, false));
    P2PD_RETURN_IF_ERROR(file->Sync());
    P2PD_ASSIGN_OR_RETURN(const FileFacts facts, file->Facts());
    if (facts.linked) continue;
    // The bytes are in a file without a name, which ends with its descriptor.
    setting_.files->Forget(setting_.number);
    Pieces lost;
    const auto [first, end] = layout_.PiecesOf(i, 0, layout_.files()[i].size);
    for (uint32_t piece = first; piece < end; ++piece) lost.push_back(Piece(piece));
    SetStates(lost, PieceState::kAbsent);
    P2PD_RETURN_IF_ERROR(Save({}, lost, true));
    return absl::DataLossError(
        absl::StrCat(layout_.files()[i].path, " was removed while it was written"));
  }
  return absl::OkStatus();
}

absl::Status DiskHolding::Keep(absl::Span<const Piece> pieces) {
  const MutexLock saving(&saving_);
  const Pieces arriving = InState(pieces, PieceState::kArriving);
  if (arriving.empty()) return absl::OkStatus();
  P2PD_RETURN_IF_ERROR(SyncFilesOf(arriving));
  P2PD_RETURN_IF_ERROR(Save(arriving, {}, true));
  SetStates(arriving, PieceState::kKept);
  return absl::OkStatus();
}

absl::Status DiskHolding::Forget(Piece piece) {
  const MutexLock saving(&saving_);
  SetStates(InState({&piece, 1}, PieceState::kArriving), PieceState::kAbsent);
  return absl::OkStatus();
}

absl::Status DiskHolding::Hide(absl::Span<const Piece> pieces) {
  const MutexLock saving(&saving_);
  const Pieces kept = InState(pieces, PieceState::kKept);
  if (kept.empty()) return absl::OkStatus();
  // Holes will change the files by our own hand.
  P2PD_RETURN_IF_ERROR(Save({}, kept, true));
  SetStates(kept, PieceState::kHidden);
  return absl::OkStatus();
}

void DiskHolding::Lose(Piece piece) {
  const MutexLock saving(&saving_);
  {
    const MutexLock lock(&mutex_);
    states_[piece.value()] = PieceState::kAbsent;
  }
  Refresh(piece);
  const absl::Status saved = Save({}, {&piece, 1}, on_disk_.writing);
  // The next Open finds the file as it is, or the next scrub does.
  if (!saved.ok()) P2PD_LOG(archive, kWarn, "cannot give up a lost piece: ", saved.message());
}

absl::Status DiskHolding::Close() {
  const MutexLock saving(&saving_);
  {
    const MutexLock lock(&mutex_);
    if (!on_disk_.writing && changed_.empty()) return absl::OkStatus();
  }
  P2PD_RETURN_IF_ERROR(Save({}, {}, false));
  const MutexLock lock(&mutex_);
  writing_ = false;
  return absl::OkStatus();
}

// ---- giving back, and looking after ----

bool DiskHolding::ClaimAbsent(size_t file, uint64_t from, uint64_t to, Pieces& claimed) {
  const auto [first, end] = layout_.PiecesOf(file, from, to);
  for (uint32_t i = first; i < end; ++i) {
    if (states_[i] != PieceState::kAbsent) return false;
  }
  for (uint32_t i = first; i < end; ++i) {
    punching_.insert(Piece(i));
    claimed.push_back(Piece(i));
  }
  return true;
}

std::vector<DiskHolding::Hole> DiskHolding::HolesOf(absl::Span<const Piece> pieces,
                                                    const std::map<size_t, uint32_t>& blocks,
                                                    Pieces& claimed) {
  std::vector<Hole> out;
  for (const Piece piece : pieces) {
    for (const Extent& extent : layout_.ExtentsOf(piece)) {
      const auto found = blocks.find(extent.file);
      if (found == blocks.end()) continue;
      const uint64_t block = found->second;
      uint64_t from = extent.offset / block * block;
      if (from < extent.offset && !ClaimAbsent(extent.file, from, extent.offset, claimed)) {
        from += block;
      }
      const uint64_t end = extent.offset + extent.length;
      uint64_t to = (end + block - 1) / block * block;
      if (to > end && !ClaimAbsent(extent.file, end, to, claimed)) to -= block;
      if (to <= from) continue;
      // One call for neighbours.
      if (!out.empty() && out.back().file == extent.file && out.back().to >= from) {
        out.back().to = std::max(out.back().to, to);
      } else {
        out.push_back({extent.file, from, to});
      }
    }
  }
  return out;
}

absl::Status DiskHolding::BlocksOf(absl::Span<const Piece> pieces,
                                   std::map<size_t, uint32_t>& blocks) const {
  absl::Status worst;
  for (const Piece piece : pieces) {
    for (const Extent& extent : layout_.ExtentsOf(piece)) {
      if (layout_.files()[extent.file].padding || blocks.contains(extent.file)) continue;
      const absl::StatusOr<std::optional<FileFacts>> facts = Look(extent.file);
      worst.Update(facts.status());
      if (facts.ok() && *facts) blocks[extent.file] = (*facts)->block;
    }
  }
  return worst;
}

absl::Status DiskHolding::Punch(absl::Span<const Piece> pieces) {
  Pieces claimed = InState(pieces, PieceState::kHidden);
  const Pieces hidden = claimed;
  if (hidden.empty()) return absl::OkStatus();
  std::map<size_t, uint32_t> blocks;
  absl::Status worst = BlocksOf(hidden, blocks);
  std::vector<Hole> holes;
  {
    const MutexLock lock(&mutex_);
    for (const Piece piece : hidden) {
      states_[piece.value()] = PieceState::kAbsent;
      punching_.insert(piece);
    }
    auto unused = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !InUse(hidden); };
    mutex_.Await(absl::Condition(&unused));
    holes = HolesOf(hidden, blocks, claimed);
    for (const Hole& hole : holes) changed_.insert(hole.file);
  }
  for (const Hole& hole : holes) {
    const absl::StatusOr<std::shared_ptr<File>> file = FileOf(hole.file, false);
    if (absl::IsNotFound(file.status())) continue;
    worst.Update(file.ok() ? (*file)->Punch(hole.from, hole.to - hole.from) : file.status());
  }
  const MutexLock lock(&mutex_);
  for (const Piece piece : claimed) punching_.erase(punching_.find(piece));
  return worst;
}

absl::StatusOr<bool> DiskHolding::Scrub(Piece piece, const PieceProof& proof) {
  if (piece.value() >= layout_.pieces()) return absl::InvalidArgumentError("no such piece");
  const auto allowed = [](PieceState state) {
    return state == PieceState::kKept || state == PieceState::kDoubtful;
  };
  const std::optional<PieceState> before = Enter(piece, allowed);
  if (!before) return absl::NotFoundError("the piece is not here");
  // What cannot be told is not called rotten: what is kept stays, and what is doubted is not
  // offered.
  if (proof.empty()) {
    const bool kept = before == PieceState::kKept;
    Leave(piece);
    return kept;
  }
  LetGoOfRemoved(piece);
  Bytes bytes(layout_.SizeOf(piece));
  const absl::Status read =
      ReadExtents({piece, 0, layout_.SizeOf(piece)}, absl::MakeSpan(bytes), false);
  const bool good = read.ok() && proof.Proves(bytes);
  const absl::Status noted = good ? BelieveAgain(piece) : absl::OkStatus();
  if (!good) Lose(piece);
  Leave(piece);
  P2PD_RETURN_IF_ERROR(noted);
  return good;
}

// A file whose name is gone is there as long as somebody has it open, and no longer.
void DiskHolding::LetGoOfRemoved(Piece piece) {
  for (const Extent& extent : layout_.ExtentsOf(piece)) {
    if (layout_.files()[extent.file].padding) continue;
    const auto file = FileOf(extent.file, false);
    const auto facts = file.ok() ? (*file)->Facts() : file.status();
    if (facts.ok() && !facts->linked) return setting_.files->Forget(setting_.number);
  }
}

absl::Status DiskHolding::BelieveAgain(Piece piece) {
  const MutexLock saving(&saving_);
  const Pieces sure = InState({&piece, 1}, PieceState::kDoubtful);
  if (sure.empty()) return absl::OkStatus();
  SetStates(sure, PieceState::kKept);
  Refresh(piece);
  return Save(sure, {}, on_disk_.writing);
}

void DiskHolding::Refresh(Piece piece) {
  const MutexLock lock(&mutex_);
  for (const Extent& extent : layout_.ExtentsOf(piece)) {
    if (!layout_.files()[extent.file].padding) changed_.insert(extent.file);
  }
}

}  // namespace p2pd::archive::pieces
