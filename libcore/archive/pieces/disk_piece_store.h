// DiskPieceStore: pieces in sparse files of the local disk, readable by a person.
//
//   <files>/<folder>/<the torrent's own paths>   data, as any client would lay it out
//   <have>/<key>.have                            which pieces are kept (have_file.h)
//
// Rules: beyond those of PieceStore,
//   - every folder and file below <files> is opened part by part and never through a link, so that
//     nothing is written outside, whoever else plays in there;
//   - a hole is punched in whole blocks of the file system, and a block that two pieces share goes
//     with the last of them;
//   - descriptors are pooled, since a rack's torrents have more files than a process may open.
//
// Threads: any. Limits: below.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "libcore/archive/pieces/file_layer.h"
#include "libcore/archive/pieces/piece_store.h"

namespace p2pd::archive::pieces {

struct DiskPieceStoreOptions {
  // Both are made when missing; the second must not lie in the first.
  std::string files_folder;
  std::string have_folder;
  // Open at once, in all torrents together.
  size_t max_open_files = 512;
};

// `layer` outlives the store; SystemFileLayer() outside of tests.
absl::StatusOr<std::unique_ptr<PieceStore>> OpenDiskPieceStore(const DiskPieceStoreOptions& options,
                                                               FileLayer& layer);

}  // namespace p2pd::archive::pieces
