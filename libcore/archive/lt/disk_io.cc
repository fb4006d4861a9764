#include "libcore/archive/lt/disk_io.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/operations.hpp>
#include <libtorrent/peer_request.hpp>
#include <utility>

#include "libcore/base/check.h"
#include "libcore/base/status.h"
#include "libcore/pki/hash.h"

namespace p2pd::archive::lt {
namespace {

namespace lts = libtorrent;
using pieces::kBlock;
using pieces::Piece;
using pieces::Range;

lts::storage_error ErrorOf(const absl::Status& status, lts::operation_t operation) {
  lts::storage_error out;
  if (status.ok()) return out;
  int code = EIO;
  if (absl::IsResourceExhausted(status)) code = ENOSPC;
  if (absl::IsNotFound(status) || absl::IsDataLoss(status)) code = ENOENT;
  if (absl::IsPermissionDenied(status)) code = EACCES;
  out.ec = lts::error_code(code, lts::generic_category());
  out.file(lts::file_index_t(0));
  out.operation = operation;
  return out;
}

Range RangeOf(const lts::peer_request& request) {
  return {Piece(static_cast<uint32_t>(static_cast<int>(request.piece))),
          static_cast<uint32_t>(request.start), static_cast<uint32_t>(request.length)};
}

uint32_t IndexOf(lts::piece_index_t piece) {
  return static_cast<uint32_t>(static_cast<int>(piece));
}

MutableByteView Into(char* block, size_t size) {
  return MutableByteView(reinterpret_cast<uint8_t*>(block), size);
}

lts::storage_error Refused(lts::operation_t operation) {
  return ErrorOf(absl::PermissionDeniedError("the store owns the files"), operation);
}

// Bytes of the piece before the padding behind its file's end. In v2 a piece has bytes of one file.
uint32_t V2SizeOf(const pieces::Layout& layout, Piece piece) {
  uint64_t size = 0;
  for (const pieces::Extent& extent : layout.ExtentsOf(piece)) {
    if (!layout.files()[extent.file].padding) size += extent.length;
  }
  return static_cast<uint32_t>(size);
}

absl::Status NoMetainfo() { return absl::NotFoundError("no metainfo"); }

}  // namespace

DiskIo::DiskIo(lts::io_context& context, IoThreads& threads, const Options& options, Hooks hooks,
               Counts& counts)
    : context_(context),
      threads_(threads),
      options_(options),
      hooks_(std::move(hooks)),
      counts_(counts),
      pool_(options.read_buffers) {}

DiskIo::~DiskIo() { threads_.Drain(); }

template <class Job>
void DiskIo::Post(Job job) {
  boost::asio::post(context_, std::move(job));
}

void DiskIo::abort(bool) {
  // What is queued still ends, and its results are posted before libtorrent's loop can.
  aborted_ = true;
  threads_.Drain();
}

// ---- storages ----

lts::storage_holder DiskIo::new_torrent(const lts::storage_params& params,
                                        const std::shared_ptr<void>& torrent) {
  auto storage = std::make_shared<Storage>();
  storage->torrent = hooks_.find(params.info_hash);
  storage->keeps = torrent;
  storage->number = ++last_number_;
  storage->hashers.resize(options_.lanes);
  size_t index = storages_.size();
  if (free_indices_.empty()) {
    storages_.push_back(std::move(storage));
  } else {
    index = free_indices_.back();
    free_indices_.pop_back();
    storages_[index] = std::move(storage);
  }
  return {lts::storage_index_t(static_cast<uint32_t>(index)), *this};
}

void DiskIo::remove_torrent(lts::storage_index_t index) {
  const auto at = static_cast<size_t>(static_cast<uint32_t>(index));
  storages_[at].reset();
  free_indices_.push_back(at);
}

std::shared_ptr<DiskIo::Storage> DiskIo::StorageOf(lts::storage_index_t index) const {
  return storages_[static_cast<size_t>(static_cast<uint32_t>(index))];
}

uint64_t DiskIo::LaneOf(const Storage& storage, uint32_t piece) {
  return storage.number + uint64_t{piece};
}

DiskIo::BlockKey DiskIo::KeyOf(const Storage& storage, const Range& range) {
  return {storage.number, uint64_t{range.piece.value()} << 32 | range.offset};
}

// ---- reading ----

void DiskIo::async_read(lts::storage_index_t index, const lts::peer_request& request,
                        ReadHandler handler, lts::disk_job_flags_t) {
  ReadJob job{StorageOf(index), RangeOf(request), std::move(handler)};
  counts_.blocks_read.fetch_add(1, std::memory_order_relaxed);
  if (!job.storage->torrent.holding || aborted_ || job.range.length > kBlock) {
    return EndRead(job, nullptr, NoMetainfo());
  }
  job.storage->torrent.board->CountDemand(job.range.piece, 1);
  // Nobody overtakes those who wait for a buffer.
  if (!waiting_.empty()) {
    waiting_.push_back(std::move(job));
    return;
  }
  StartRead(std::move(job));
}

void DiskIo::StartRead(ReadJob job) {
  char* const block = pool_.Take();
  if (block == nullptr) {
    waiting_.push_front(std::move(job));
    return;
  }
  const auto unwritten = unwritten_.find(KeyOf(*job.storage, job.range));
  if (unwritten != unwritten_.end() && unwritten->second->size() >= job.range.length) {
    std::copy_n(unwritten->second->data(), job.range.length, block);
    return EndRead(job, block, absl::OkStatus());
  }
  const absl::Status read = job.storage->torrent.holding->Read(
      job.range, Into(block, job.range.length), pieces::Wait::kMustNot);
  if (!absl::IsUnavailable(read)) return EndRead(job, block, read);
  ReadOnLane(std::move(job), block);
}

void DiskIo::ReadOnLane(ReadJob job, char* block) {
  const uint64_t lane = LaneOf(*job.storage, job.range.piece.value());
  threads_.Push(lane, [this, job = std::move(job), block]() mutable {
    const absl::Status read =
        job.storage->torrent.holding->Read(job.range, Into(block, job.range.length));
    Post([this, job = std::move(job), block, read]() mutable { EndRead(job, block, read); });
  });
}

void DiskIo::EndRead(ReadJob& job, char* block, const absl::Status& status) {
  lts::disk_buffer_holder buffer(*this, block, static_cast<int>(job.range.length));
  if (!status.ok()) {
    counts_.reads_refused.fetch_add(1, std::memory_order_relaxed);
    buffer.reset();
    if (absl::IsDataLoss(status)) hooks_.lost(job.storage->torrent.id, status);
  }
  Finish({std::move(job.handler), std::move(buffer), ErrorOf(status, lts::operation_t::file_read)});
}

// One post for all that ended since the last.
void DiskIo::Finish(Finished finished) {
  finished_.push_back(std::move(finished));
  if (finished_.size() == 1) Post([this] { RunFinished(); });
}

void DiskIo::RunFinished() {
  std::vector<Finished> now;
  std::swap(now, finished_);
  for (Finished& one : now) one.handler(std::move(one.buffer), one.error);
}

void DiskIo::free_disk_buffer(char* block) {
  if (block == nullptr) return;
  pool_.Return(block);
  if (waiting_.empty() || serving_waiting_) return;
  serving_waiting_ = true;
  Post([this] {
    serving_waiting_ = false;
    for (size_t n = waiting_.size(); n > 0 && !waiting_.empty(); --n) {
      const size_t before = waiting_.size();
      ReadJob job = std::move(waiting_.front());
      waiting_.pop_front();
      StartRead(std::move(job));
      if (waiting_.size() == before) break;  // no buffer again
    }
  });
}

// ---- writing ----

bool DiskIo::async_write(lts::storage_index_t index, const lts::peer_request& request,
                         const char* buffer, std::shared_ptr<lts::disk_observer> observer,
                         std::function<void(const lts::storage_error&)> handler,
                         lts::disk_job_flags_t) {
  const std::shared_ptr<Storage> storage = StorageOf(index);
  const Range range = RangeOf(request);
  if (!storage->torrent.holding || aborted_) {
    Post([handler = std::move(handler)] {
      handler(ErrorOf(NoMetainfo(), lts::operation_t::file_write));
    });
    return false;
  }
  const BlockKey key = KeyOf(*storage, range);
  auto block = std::make_shared<std::vector<char>>(buffer, buffer + range.length);
  unwritten_[key] = block;
  const uint64_t waiting = counts_.bytes_waiting += range.length;
  const uint64_t lane = LaneOf(*storage, range.piece.value());
  threads_.Push(
      lane, [this, storage, range, key, block, lane, handler = std::move(handler)]() mutable {
        pieces::Holding& holding = *storage->torrent.holding;
        const ByteView bytes(reinterpret_cast<const uint8_t*>(block->data()), block->size());
        absl::Status written = holding.Write(range, bytes);
        // It was proved before, and libtorrent did not know yet.
        if (absl::IsFailedPrecondition(written) &&
            holding.StateOf(range.piece) == pieces::PieceState::kKept) {
          written = absl::OkStatus();
        }
        if (written.ok()) {
          storage->hashers[lane % options_.lanes][range.piece.value()].Take(range.offset, bytes);
        }
        Post([this, key, block, written, handler = std::move(handler)] {
          EndWrite(key, block);
          handler(ErrorOf(written, lts::operation_t::file_write));
        });
      });
  if (waiting <= options_.write_buffers) return false;
  observers_.push_back(observer);
  return true;
}

void DiskIo::EndWrite(const BlockKey& key, const std::shared_ptr<std::vector<char>>& block) {
  const auto at = unwritten_.find(key);
  if (at != unwritten_.end() && at->second == block) unwritten_.erase(at);
  const uint64_t waiting = counts_.bytes_waiting -= block->size();
  if (observers_.empty() || waiting > options_.write_buffers / 2) return;
  std::vector<std::weak_ptr<lts::disk_observer>> now;
  std::swap(now, observers_);
  for (const auto& weak : now) {
    if (const auto observer = weak.lock()) observer->on_disk();
  }
}

// ---- hashing ----

absl::Status DiskIo::HashV1(Storage& storage, uint32_t piece, lts::sha1_hash& out) {
  pieces::Holding& holding = *storage.torrent.holding;
  auto& hashers = storage.hashers[LaneOf(storage, piece) % options_.lanes];
  pieces::PieceHasher hasher = std::move(hashers[piece]);
  hashers.erase(piece);
  const uint32_t size = holding.layout().SizeOf(Piece(piece));
  Bytes block(kBlock);
  while (hasher.next() < size) {
    const uint32_t take = std::min(kBlock, size - hasher.next());
    const MutableByteView part = absl::MakeSpan(block).subspan(0, take);
    P2PD_RETURN_IF_ERROR(holding.Read({Piece(piece), hasher.next(), take}, part));
    hasher.Take(hasher.next(), part);
  }
  const pki::Sha1Digest digest = hasher.Finish();
  out = lts::sha1_hash(reinterpret_cast<const char*>(digest.view().data()));
  return absl::OkStatus();
}

absl::Status DiskIo::HashBlock(Storage& storage, const Range& range, lts::sha256_hash& out) {
  Bytes block(range.length);
  P2PD_RETURN_IF_ERROR(storage.torrent.holding->Read(range, absl::MakeSpan(block)));
  const pki::Sha256Digest digest = pki::Sha256(block);
  out = lts::sha256_hash(reinterpret_cast<const char*>(digest.view().data()));
  return absl::OkStatus();
}

void DiskIo::async_hash(
    lts::storage_index_t index, lts::piece_index_t piece, lts::span<lts::sha256_hash> v2,
    lts::disk_job_flags_t flags,
    std::function<void(lts::piece_index_t, const lts::sha1_hash&, const lts::storage_error&)>
        handler) {
  const std::shared_ptr<Storage> storage = StorageOf(index);
  if (!storage->torrent.holding || aborted_) {
    Post([piece, handler = std::move(handler)] {
      handler(piece, {}, ErrorOf(NoMetainfo(), lts::operation_t::file_read));
    });
    return;
  }
  const bool v1 = static_cast<bool>(flags & v1_hash);
  threads_.Push(LaneOf(*storage, IndexOf(piece)), [this, storage, piece, v2, v1,
                                                   handler = std::move(handler)]() mutable {
    lts::sha1_hash digest;
    absl::Status hashed;
    if (v1) hashed = HashV1(*storage, IndexOf(piece), digest);
    const pieces::Layout& layout = storage->torrent.holding->layout();
    // The padding behind a file's end has no block of its own in v2, and its last block is short.
    const uint32_t size = V2SizeOf(layout, Piece(IndexOf(piece)));
    for (int i = 0; i < v2.size() && hashed.ok(); ++i) {
      const uint32_t offset = static_cast<uint32_t>(i) * kBlock;
      if (offset >= size) break;
      hashed = HashBlock(*storage, {Piece(IndexOf(piece)), offset, std::min(kBlock, size - offset)},
                         v2[i]);
    }
    Post([piece, digest, hashed, handler = std::move(handler)] {
      handler(piece, digest, ErrorOf(hashed, lts::operation_t::file_read));
    });
  });
}

void DiskIo::async_hash2(
    lts::storage_index_t index, lts::piece_index_t piece, int offset, lts::disk_job_flags_t,
    std::function<void(lts::piece_index_t, const lts::sha256_hash&, const lts::storage_error&)>
        handler) {
  const std::shared_ptr<Storage> storage = StorageOf(index);
  const uint32_t size = storage->torrent.holding
                            ? V2SizeOf(storage->torrent.holding->layout(), Piece(IndexOf(piece)))
                            : 0;
  const auto from = static_cast<uint32_t>(offset);
  if (from >= size || aborted_) {
    Post([piece, handler = std::move(handler)] {
      handler(piece, {}, ErrorOf(NoMetainfo(), lts::operation_t::file_read));
    });
    return;
  }
  const Range range{Piece(IndexOf(piece)), from, std::min(kBlock, size - from)};
  threads_.Push(LaneOf(*storage, IndexOf(piece)),
                [this, storage, piece, range, handler = std::move(handler)]() mutable {
                  lts::sha256_hash digest;
                  const absl::Status hashed = HashBlock(*storage, range, digest);
                  Post([piece, digest, hashed, handler = std::move(handler)] {
                    handler(piece, digest, ErrorOf(hashed, lts::operation_t::file_read));
                  });
                });
}

void DiskIo::async_clear_piece(lts::storage_index_t index, lts::piece_index_t piece,
                               std::function<void(lts::piece_index_t)> handler) {
  const std::shared_ptr<Storage> storage = StorageOf(index);
  if (!storage->torrent.holding || aborted_) {
    Post([piece, handler = std::move(handler)] { handler(piece); });
    return;
  }
  const uint64_t lane = LaneOf(*storage, IndexOf(piece));
  threads_.Push(lane, [this, storage, piece, lane, handler = std::move(handler)]() mutable {
    storage->hashers[lane % options_.lanes].erase(IndexOf(piece));
    // What it was is rubbish, whether or not the store could note it.
    storage->torrent.holding->Forget(Piece(IndexOf(piece))).IgnoreError();
    Post([piece, handler = std::move(handler)] { handler(piece); });
  });
}

// ---- the rest ----

void DiskIo::async_check_files(
    lts::storage_index_t, const lts::add_torrent_params*,
    lts::aux::vector<std::string, lts::file_index_t>,
    std::function<void(lts::status_t, const lts::storage_error&)> handler) {
  // The store looked when the torrent was opened, and the pieces that it vouched for were given to
  // libtorrent.
  Post([handler = std::move(handler)] { handler(lts::status_t::no_error, {}); });
}

void DiskIo::async_stop_torrent(lts::storage_index_t, std::function<void()> handler) {
  if (handler) Post(std::move(handler));
}

void DiskIo::async_release_files(lts::storage_index_t, std::function<void()> handler) {
  if (handler) Post(std::move(handler));
}

void DiskIo::async_move_storage(
    lts::storage_index_t, std::string path, lts::move_flags_t,
    std::function<void(lts::status_t, const std::string&, const lts::storage_error&)> handler) {
  Post([path = std::move(path), handler = std::move(handler)] {
    handler(lts::status_t::fatal_disk_error, path, Refused(lts::operation_t::file_rename));
  });
}

void DiskIo::async_rename_file(
    lts::storage_index_t, lts::file_index_t index, std::string name,
    std::function<void(const std::string&, lts::file_index_t, const lts::storage_error&)> handler) {
  Post([index, name = std::move(name), handler = std::move(handler)] {
    handler(name, index, Refused(lts::operation_t::file_rename));
  });
}

void DiskIo::async_delete_files(lts::storage_index_t, lts::remove_flags_t,
                                std::function<void(const lts::storage_error&)> handler) {
  Post([handler = std::move(handler)] { handler(Refused(lts::operation_t::file_remove)); });
}

void DiskIo::async_set_file_priority(
    lts::storage_index_t, lts::aux::vector<lts::download_priority_t, lts::file_index_t> priorities,
    std::function<void(const lts::storage_error&,
                       lts::aux::vector<lts::download_priority_t, lts::file_index_t>)>
        handler) {
  Post([priorities = std::move(priorities), handler = std::move(handler)]() mutable {
    handler({}, std::move(priorities));
  });
}

}  // namespace p2pd::archive::lt
