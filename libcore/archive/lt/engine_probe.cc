// What the engine reads for its owner, and whom it asks to show what he has.
#include <algorithm>
#include <utility>

#include "libcore/archive/lt/engine_impl.h"
#include "libcore/base/status.h"

namespace p2pd::archive::lt {

using pieces::Range;

absl::Status Engine::Impl::Read(const torrent::InfoHash& hash, absl::Span<const Range> ranges,
                                uint64_t id) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  if (!torrent->holding) return absl::FailedPreconditionError("a torrent without metainfo");
  uint64_t size = 0;
  for (const Range& range : ranges) {
    if (!torrent->holding->layout().Holds(range)) {
      return absl::InvalidArgumentError("not a part of its pieces");
    }
    size += range.length;
  }
  if (size > kMaxRead) return absl::InvalidArgumentError("more than is read at a time");
  threads_.Push(id,
                [this, torrent, id, size, list = std::vector<Range>(ranges.begin(), ranges.end())] {
                  Bytes bytes(size);
                  absl::Status status;
                  MutableByteView rest = absl::MakeSpan(bytes);
                  for (const Range& range : list) {
                    status.Update(torrent->holding->Read(range, rest.first(range.length)));
                    rest.remove_prefix(range.length);
                  }
                  if (status.ok()) {
                    events_.Put(RangesRead{id, std::move(bytes)});
                  } else {
                    events_.Put(RangesRead{id, status});
                  }
                });
  return absl::OkStatus();
}

absl::Status Engine::Impl::Probe(const torrent::InfoHash& hash, const net::Endpoint& peer,
                                 const Range& block) {
  P2PD_ASSIGN_OR_RETURN(const Loaded torrent, Find(hash));
  if (!torrent->holding || !torrent->holding->layout().Holds(block)) {
    return absl::InvalidArgumentError("not a part of its pieces");
  }
  // libtorrent hangs up on who gives anything else, whoever asked for it.
  const uint32_t rest = torrent->holding->layout().SizeOf(block.piece) - block.offset;
  if (block.offset % pieces::kBlock != 0 || block.length != std::min(rest, pieces::kBlock)) {
    return absl::InvalidArgumentError("not a block");
  }
  Post([this, torrent, peer, block] {
    if (!torrent->gone && ProbePeer(*torrent->watched, peer, block)) return;
    events_.Put(PeerProbed{torrent->id, peer, ProbeResult::kUnknown});
  });
  return absl::OkStatus();
}

// Network.
void Engine::Impl::OnProbed(const Loaded& torrent, const net::Endpoint& peer, const Range& block,
                            std::optional<Bytes> given) {
  if (!given) {
    events_.Put(PeerProbed{torrent->id, peer, ProbeResult::kSilent});
    return;
  }
  threads_.Push(block.piece.value(), [this, torrent, peer, block, given = *std::move(given)] {
    Bytes ours(block.length);
    // What went meanwhile proves nothing.
    const absl::Status read = torrent->holding->Read(block, absl::MakeSpan(ours));
    const ProbeResult right = ours == given ? ProbeResult::kRight : ProbeResult::kWrong;
    events_.Put(PeerProbed{torrent->id, peer, read.ok() ? right : ProbeResult::kUnknown});
  });
}

}  // namespace p2pd::archive::lt
