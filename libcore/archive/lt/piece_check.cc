#include "libcore/archive/lt/piece_check.h"

#include <vector>

#include "libcore/archive/lt/convert.h"
#include "libcore/base/status.h"

namespace p2pd::archive::lt {

absl::StatusOr<uint32_t> CheckPieces(ByteView metainfo, pieces::Holding& holding,
                                     const std::function<bool(uint32_t, uint32_t)>& progress) {
  P2PD_ASSIGN_OR_RETURN(const auto info, ParseMetainfo(metainfo));
  if (static_cast<uint32_t>(info->num_pieces()) != holding.layout().pieces()) {
    return absl::InvalidArgumentError("the metainfo is another torrent's");
  }
  const std::vector<pieces::Piece> doubtful = holding.Doubtful();
  uint32_t done = 0;
  for (const pieces::Piece piece : doubtful) {
    P2PD_RETURN_IF_ERROR(holding.Scrub(piece, ProofOf(*info, piece)).status());
    if (!progress(++done, static_cast<uint32_t>(doubtful.size()))) {
      return absl::CancelledError("stopped");
    }
  }
  return holding.have().Count();
}

}  // namespace p2pd::archive::lt
