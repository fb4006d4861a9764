// DiskIo: libtorrent's disk interface on a PieceStore.
//
// Rules:
//   - What is in memory is read by libtorrent's thread itself, with a call that cannot wait; the
//   rest
//     goes to the lanes of IoThreads. Results are posted to libtorrent's thread, many at once.
//   - A block that is not written yet is read from the write buffer.
//   - Writes, hash and clearing of one piece go to one lane, so that they stay in order; SHA-1 is
//     taken as blocks come, and only what came out of order is read again.
//   - A piece that the store does not have is a read error; libtorrent then says dont-have and
//     rejects the request.
//   - Moving, renaming and deleting is refused: the store owns the files.
// Threads: libtorrent's own, but for the jobs of the lanes. Limits: read and write buffers, in
// bytes; a read beyond them waits, and so do peers that we download from.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <libtorrent/disk_buffer_holder.hpp>
#include <libtorrent/disk_interface.hpp>
#include <libtorrent/disk_observer.hpp>
#include <libtorrent/io_context.hpp>
#include <libtorrent/storage_defs.hpp>
#include <libtorrent/torrent_info.hpp>
#include <map>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "libcore/archive/lt/block_pool.h"
#include "libcore/archive/lt/board.h"
#include "libcore/archive/lt/io_threads.h"
#include "libcore/archive/pieces/piece_store.h"

namespace p2pd::archive::lt {

// What the disk has to know of a torrent. Owners of each: the loaded torrent, and jobs that run.
struct DiskTorrent {
  torrent::InfoHash id;
  std::shared_ptr<pieces::Holding> holding;  // none while the metainfo is not known
  std::shared_ptr<Board> board;
};

class DiskIo final : public libtorrent::disk_interface,
                     private libtorrent::buffer_allocator_interface {
 public:
  struct Options {
    uint32_t lanes = 2;
    size_t read_buffers = 0;
    size_t write_buffers = 0;
  };
  struct Hooks {
    // By the hash that libtorrent knows it by; an empty one for what is not ours.
    std::function<DiskTorrent(const libtorrent::sha1_hash&)> find;
    // A kept piece could not be read. Called by libtorrent's thread.
    std::function<void(const torrent::InfoHash&, const absl::Status&)> lost;
  };
  struct Counts {
    std::atomic<uint64_t> blocks_read = 0;
    std::atomic<uint64_t> reads_refused = 0;
    std::atomic<uint64_t> bytes_waiting = 0;
  };

  DiskIo(libtorrent::io_context& context, IoThreads& threads, const Options& options, Hooks hooks,
         Counts& counts);
  ~DiskIo() override;

  libtorrent::storage_holder new_torrent(const libtorrent::storage_params& params,
                                         const std::shared_ptr<void>& torrent) override;
  void remove_torrent(libtorrent::storage_index_t index) override;
  void async_read(
      libtorrent::storage_index_t storage, const libtorrent::peer_request& request,
      std::function<void(libtorrent::disk_buffer_holder, const libtorrent::storage_error&)> handler,
      libtorrent::disk_job_flags_t flags) override;
  bool async_write(libtorrent::storage_index_t storage, const libtorrent::peer_request& request,
                   const char* buffer, std::shared_ptr<libtorrent::disk_observer> observer,
                   std::function<void(const libtorrent::storage_error&)> handler,
                   libtorrent::disk_job_flags_t flags) override;
  void async_hash(libtorrent::storage_index_t storage, libtorrent::piece_index_t piece,
                  libtorrent::span<libtorrent::sha256_hash> v2, libtorrent::disk_job_flags_t flags,
                  std::function<void(libtorrent::piece_index_t, const libtorrent::sha1_hash&,
                                     const libtorrent::storage_error&)>
                      handler) override;
  void async_hash2(libtorrent::storage_index_t storage, libtorrent::piece_index_t piece, int offset,
                   libtorrent::disk_job_flags_t flags,
                   std::function<void(libtorrent::piece_index_t, const libtorrent::sha256_hash&,
                                      const libtorrent::storage_error&)>
                       handler) override;
  void async_move_storage(libtorrent::storage_index_t storage, std::string path,
                          libtorrent::move_flags_t flags,
                          std::function<void(libtorrent::status_t, const std::string&,
                                             const libtorrent::storage_error&)>
                              handler) override;
  void async_release_files(libtorrent::storage_index_t storage,
                           std::function<void()> handler) override;
  void async_check_files(
      libtorrent::storage_index_t storage, const libtorrent::add_torrent_params* resume_data,
      libtorrent::aux::vector<std::string, libtorrent::file_index_t> links,
      std::function<void(libtorrent::status_t, const libtorrent::storage_error&)> handler) override;
  void async_stop_torrent(libtorrent::storage_index_t storage,
                          std::function<void()> handler) override;
  void async_rename_file(libtorrent::storage_index_t storage, libtorrent::file_index_t index,
                         std::string name,
                         std::function<void(const std::string&, libtorrent::file_index_t,
                                            const libtorrent::storage_error&)>
                             handler) override;
  void async_delete_files(libtorrent::storage_index_t storage, libtorrent::remove_flags_t options,
                          std::function<void(const libtorrent::storage_error&)> handler) override;
  void async_set_file_priority(
      libtorrent::storage_index_t storage,
      libtorrent::aux::vector<libtorrent::download_priority_t, libtorrent::file_index_t> priorities,
      std::function<
          void(const libtorrent::storage_error&,
               libtorrent::aux::vector<libtorrent::download_priority_t, libtorrent::file_index_t>)>
          handler) override;
  void async_clear_piece(libtorrent::storage_index_t storage, libtorrent::piece_index_t index,
                         std::function<void(libtorrent::piece_index_t)> handler) override;
  void update_stats_counters(libtorrent::counters&) const override {}
  std::vector<libtorrent::open_file_state> get_status(libtorrent::storage_index_t) const override {
    return {};
  }
  void abort(bool wait) override;
  void submit_jobs() override {}
  void settings_updated() override {}

 private:
  using ReadHandler =
      std::function<void(libtorrent::disk_buffer_holder, const libtorrent::storage_error&)>;

  // One storage of libtorrent's. Owners: the table, and jobs.
  struct Storage {
    DiskTorrent torrent;
    std::shared_ptr<void> keeps;  // libtorrent's torrent, as long as jobs run
    uint64_t number = 0;
    // One map a lane, touched by that lane alone.
    std::vector<absl::flat_hash_map<uint32_t, pieces::PieceHasher>> hashers;
  };
  struct ReadJob {
    std::shared_ptr<Storage> storage;
    pieces::Range range;
    ReadHandler handler;
  };
  struct Finished {
    ReadHandler handler;
    libtorrent::disk_buffer_holder buffer;
    libtorrent::storage_error error;
  };
  // Of a block that waits to be written.
  using BlockKey = std::pair<uint64_t, uint64_t>;

  void free_disk_buffer(char* block) override;

  std::shared_ptr<Storage> StorageOf(libtorrent::storage_index_t index) const;
  static uint64_t LaneOf(const Storage& storage, uint32_t piece);
  static BlockKey KeyOf(const Storage& storage, const pieces::Range& range);
  // Runs `job` on libtorrent's thread.
  template <class Job>
  void Post(Job job);
  void StartRead(ReadJob job);
  void ReadOnLane(ReadJob job, char* block);
  void EndRead(ReadJob& job, char* block, const absl::Status& status);
  void Finish(Finished finished);
  void RunFinished();
  void EndWrite(const BlockKey& key, const std::shared_ptr<std::vector<char>>& block);
  // On the lane of the piece.
  absl::Status HashV1(Storage& storage, uint32_t piece, libtorrent::sha1_hash& out);
  absl::Status HashBlock(Storage& storage, const pieces::Range& range,
                         libtorrent::sha256_hash& out);

  libtorrent::io_context& context_;
  IoThreads& threads_;
  const Options options_;
  const Hooks hooks_;
  Counts& counts_;
  BlockPool pool_;
  std::vector<std::shared_ptr<Storage>> storages_;
  std::vector<size_t> free_indices_;
  uint64_t last_number_ = 0;
  std::map<BlockKey, std::shared_ptr<std::vector<char>>> unwritten_;
  std::vector<std::weak_ptr<libtorrent::disk_observer>> observers_;
  std::deque<ReadJob> waiting_;
  bool serving_waiting_ = false;
  std::vector<Finished> finished_;
  bool aborted_ = false;
};

}  // namespace p2pd::archive::lt
