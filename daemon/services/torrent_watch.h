// TorrentWatch: the stream of WatchTorrents, fed from the archive's log of changes.
//
// It pulls, as WatchStream does, and in parts: a snapshot of 100,000 torrents goes out kBatch at a
// time, and the changes behind it likewise, so that a client costs one batch whatever it reads.
// Each change of state is a message with that state; the figures are those of now.
//
// Threads: everything but gRPC's callbacks (stream_writer.h) on the archive's. Limits: kBatch
// messages wait; Watchers::kMost streams.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/archive_host.h"
#include "daemon/services/stream_writer.h"
#include "daemon/watchers.h"
#include "p2pd/v1/torrent_service.pb.h"

namespace p2pd::daemon {

class TorrentWatch final : public StreamWriter<v1::WatchTorrentsResponse>, public Watcher {
 public:
  static constexpr size_t kBatch = 256;

  // Of one torrent or all. Deletes itself when gRPC is done with it.
  static grpc::ServerWriteReactor<v1::WatchTorrentsResponse>* Start(
      ArchiveHost& host, std::optional<archive::torrent::InfoHash> one, std::string resume_token);

  void OnChange() override { Pull(); }
  void OnIdle() override;
  void OnDrain() override;

 private:
  TorrentWatch(ArchiveHost& host, std::optional<archive::torrent::InfoHash> one,
               std::string resume_token)
      : host_(host), one_(one), resume_token_(std::move(resume_token)) {}

  void OnEmpty() override;
  void OnOver() override;
  void Begin();
  void BeginSnapshot(bool resync);
  // Writes the next batch, unless one is being written.
  void Pull();
  std::vector<v1::WatchTorrentsResponse> NextOfSnapshot();
  std::vector<v1::WatchTorrentsResponse> NextChanges();
  std::optional<v1::WatchTorrentsResponse> MessageOf(const archive::TorrentChange& change) const;
  std::string Token(archive::Revision revision) const;
  std::optional<archive::Revision> ParseToken() const;

  ArchiveHost& host_;
  const std::optional<archive::torrent::InfoHash> one_;
  const std::string resume_token_;
  // Told up to here; nullopt before the beginning.
  std::optional<archive::Revision> last_;
  bool in_snapshot_ = false;
  bool resync_ = false;                              // is to be said before the snapshot
  std::optional<archive::torrent::InfoHash> after_;  // of the snapshot, what was told last
};

}  // namespace p2pd::daemon
