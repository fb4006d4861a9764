#include "daemon/archive_scrub.h"

#include <utility>

#include "libcore/base/file.h"
#include "libcore/base/log.h"

namespace p2pd::daemon {
namespace {

constexpr size_t kMaxState = 1024;

}  // namespace

ArchiveScrub::ArchiveScrub(const archive::ScrubOptions& options, std::string path,
                           archive::Archive& archive, archive::lt::Engine& engine,
                           Counters& counters, Instant now, absl::Time wall)
    : path_(std::move(path)),
      archive_(archive),
      engine_(engine),
      scrubber_(options, counters, now, wall) {
  const absl::StatusOr<Bytes> saved = ReadFile(path_, kMaxState);
  if (absl::IsNotFound(saved.status())) return;
  const absl::Status restored = saved.ok() ? scrubber_.Restore(*saved, wall) : saved.status();
  if (!restored.ok()) P2PD_LOG(daemon, kWarn, path_, ": ", restored.message());
}

ArchiveScrub::~ArchiveScrub() { Save(); }

void ArchiveScrub::Save() {
  const absl::Status status = WriteFileAtomically(path_, scrubber_.Save(), FileMode::kSecret);
  if (!status.ok()) P2PD_LOG(daemon, kWarn, path_, ": ", status.message());
}

void ArchiveScrub::Go(Instant now, absl::Time wall) {
  // What is kept changes slowly, and counting it goes over all torrents.
  if (!saved_at_ || now - *saved_at_ >= kSave) {
    if (saved_at_) Save();
    saved_at_ = now;
    all_ = archive_.Counts(now).bytes;
  }
  const auto next = [this](const std::optional<archive::torrent::InfoHash>& after) {
    std::optional<archive::ScrubTorrent> out;
    const auto found = archive_.Summaries(after, 1);
    if (found.empty()) return out;
    out.emplace();
    out->hash = found[0].hashes.Best();
    const auto view = archive_.Find(out->hash);
    out->piece_length = view->row.piece_length;
    out->have = view->have;
    return out;
  };
  while (const auto order = scrubber_.Poll(now, wall, all_, next)) {
    const archive::pieces::Piece piece(order->piece);
    if (engine_.Scrub(order->hash, piece).ok()) return;
    if (archive_.Rouse(now, order->hash)) {
      roused_ = *order;
      return;
    }
    // It is gone.
    scrubber_.OnScrubbed(*order, false);
  }
}

void ArchiveScrub::OnLoaded(Instant now, absl::Time wall, const archive::torrent::InfoHash& hash) {
  if (!roused_ || roused_->hash != hash) return;
  const archive::ScrubOrder order = *std::exchange(roused_, std::nullopt);
  if (engine_.Scrub(hash, archive::pieces::Piece(order.piece)).ok()) return;
  scrubber_.OnScrubbed(order, false);
  Go(now, wall);
}

void ArchiveScrub::OnScrubbed(Instant now, absl::Time wall, const archive::lt::Scrubbed& scrubbed) {
  const bool rotted = absl::IsDataLoss(scrubbed.status);
  scrubber_.OnScrubbed({scrubbed.hash, scrubbed.piece.value()}, rotted);
  if (rotted) archive_.OnRotted(now, scrubbed.hash, scrubbed.piece.value());
  Go(now, wall);
}

}  // namespace p2pd::daemon
