// Metainfo: what is accepted names files that may be written as they are, side by side, in order,
// and gives the same when it is wrapped anew.
#include <cstddef>
#include <cstdint>

#include "libcore/archive/torrent/metainfo.h"
#include "libcore/base/check.h"

namespace {

using p2pd::archive::torrent::Metainfo;
using p2pd::archive::torrent::PlainName;

void Judge(const Metainfo& metainfo) {
  uint64_t at = 0;
  for (const auto& file : metainfo.files) {
    P2PD_CHECK(file.offset == at && !file.path.empty());
    at += file.size;
    for (const std::string& part : file.path) {
      P2PD_CHECK(!part.empty() && part != "." && part != "..");
      P2PD_CHECK(part.find('/') == std::string::npos && part.find('\0') == std::string::npos);
      P2PD_CHECK(part.size() <= p2pd::archive::torrent::kMaxName + 1 && PlainName(part) == part);
    }
  }
  P2PD_CHECK(at == metainfo.size && metainfo.pieces > 0);
  uint64_t pieces = 0;
  for (uint32_t i = 0; i < metainfo.pieces; ++i) pieces += metainfo.PieceSize(i);
  P2PD_CHECK(pieces == metainfo.size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto metainfo = p2pd::archive::torrent::ParseMetainfo({data, size});
  if (!metainfo.ok()) return 0;
  Judge(*metainfo);
  const auto again = p2pd::archive::torrent::ParseInfo(metainfo->info);
  P2PD_CHECK(again.ok() && again->hashes == metainfo->hashes);
  return 0;
}
