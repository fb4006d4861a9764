// The archive's host where holders are asked to show what they have: peers for a block, the other
// S-trackers for samples of a group.
#include <algorithm>
#include <utility>

#include "daemon/archive_host.h"
#include "libcore/archive/challenge.h"

namespace p2pd::daemon {
namespace {

archive::Shown ToShown(archive::lt::ProbeResult result) {
  switch (result) {
    case archive::lt::ProbeResult::kRight:
      return archive::Shown::kRight;
    case archive::lt::ProbeResult::kWrong:
      return archive::Shown::kWrong;
    case archive::lt::ProbeResult::kSilent:
      return archive::Shown::kSilent;
    case archive::lt::ProbeResult::kUnknown:
      return archive::Shown::kUnknown;
  }
  return archive::Shown::kUnknown;
}

}  // namespace

void ArchiveHost::Obey(const archive::ProbePeer& probe) {
  absl::Status status = absl::NotFoundError("nothing is here to compare with");
  const auto snapshot = engine_->Snapshot(probe.hash);
  const auto metainfo = archive_->MetainfoOf(probe.hash);
  if (snapshot.ok() && metainfo && snapshot->have.Count() > 0) {
    const std::vector<archive::pieces::Piece> kept = snapshot->have.List();
    archive::pieces::Range block{kept[rng_.Below(kept.size())], 0, 0};
    const uint32_t size = metainfo->PieceSize(block.piece.value());
    const uint32_t blocks = (size + archive::pieces::kBlock - 1) / archive::pieces::kBlock;
    block.offset = static_cast<uint32_t>(rng_.Below(blocks)) * archive::pieces::kBlock;
    block.length = std::min(archive::pieces::kBlock, size - block.offset);
    status = engine_->Probe(probe.hash, probe.peer, block);
  }
  if (status.ok()) return;
  archive_->OnShown(loop_.now(), probe.hash, probe.peer, archive::Shown::kUnknown);
}

void ArchiveHost::OnProbed(const archive::lt::PeerProbed& probed) {
  archive_->OnShown(loop_.now(), probed.hash, probed.peer, ToShown(probed.result));
}

void ArchiveHost::ReadSamples(const archive::federation::ReadSamples& read) {
  if (federation_ == nullptr) return;
  std::vector<archive::pieces::Range> ranges;
  if (const auto metainfo = archive_->MetainfoOf(read.group.torrent)) {
    for (const archive::Sample& sample : SamplesOf(*metainfo, read.group, read.nonce)) {
      ranges.push_back({archive::pieces::Piece(sample.piece), sample.offset, sample.length});
    }
  }
  absl::Status status = absl::NotFoundError("no such group");
  if (!ranges.empty()) status = engine_->Read(read.group.torrent, ranges, read.id.value());
  if (absl::IsNotFound(status) && !ranges.empty() &&
      WhenLoaded(read.group.torrent, [this, read] { ReadSamples(read); })) {
    return;
  }
  if (!status.ok()) federation_->OnRead(loop_.now(), read.id, status);
}

}  // namespace p2pd::daemon
