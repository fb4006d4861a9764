// Between libtorrent's values and ours. Included by the sources of this folder alone.
#pragma once

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/bitfield.hpp>
#include <libtorrent/info_hash.hpp>
#include <libtorrent/socket.hpp>
#include <libtorrent/torrent_info.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libcore/archive/pieces/layout.h"
#include "libcore/archive/pieces/piece_proof.h"
#include "libcore/archive/pieces/piece_set.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::lt {

libtorrent::info_hash_t ToLibtorrent(const torrent::InfoHashes& hashes);
torrent::InfoHashes FromLibtorrent(const libtorrent::info_hash_t& hashes);
libtorrent::tcp::endpoint ToLibtorrent(const net::Endpoint& endpoint);
net::Endpoint FromLibtorrent(const libtorrent::tcp::endpoint& endpoint);
libtorrent::typed_bitfield<libtorrent::piece_index_t> ToLibtorrent(const pieces::PieceSet& set);
// nullopt unless it has one bit for each piece.
std::optional<pieces::PieceSet> FromLibtorrent(const libtorrent::bitfield& bits, uint32_t pieces);

// A .torrent file. One of v2 without its piece layers, as peers give it, is read as well.
// InvalidArgument.
absl::StatusOr<std::shared_ptr<libtorrent::torrent_info>> ParseMetainfo(ByteView metainfo);
// `paths` for the files without padding; empty: libtorrent's, cleaned up.
absl::StatusOr<pieces::Layout> LayoutOf(const libtorrent::torrent_info& info,
                                        const std::vector<std::string>& paths);
// Empty when v2's layer is not known yet.
pieces::PieceProof ProofOf(const libtorrent::torrent_info& info, pieces::Piece piece);

}  // namespace p2pd::archive::lt
