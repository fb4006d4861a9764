#include "libcore/archive/lt/convert.h"

#include <algorithm>
#include <bit>
#include <libtorrent/address.hpp>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/hasher.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace p2pd::archive::lt {
namespace {

namespace lts = libtorrent;

constexpr int kMaxTokens = 500'000;
constexpr int kMaxDepth = 64;

template <class To, class From>
To Digest(const From& from) {
  return *To::FromView(ByteView(reinterpret_cast<const uint8_t*>(from.data()), To::kSize));
}

// libtorrent cleaned the parts already; what is left of a path that no store takes is a name.
std::string Usable(const std::string& path) {
  std::vector<std::string> parts;
  for (absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (part == "." || part == "..") part = "_";
    parts.emplace_back(part.substr(0, 255));
  }
  if (parts.empty()) parts.emplace_back("_");
  return absl::StrJoin(parts, "/");
}

}  // namespace

lts::info_hash_t ToLibtorrent(const torrent::InfoHashes& hashes) {
  lts::info_hash_t out;
  if (hashes.v1) {
    out.v1 = lts::sha1_hash(reinterpret_cast<const char*>(hashes.v1->view().data()));
  }
  if (hashes.v2) {
    out.v2 = lts::sha256_hash(reinterpret_cast<const char*>(hashes.v2->view().data()));
  }
  return out;
}

torrent::InfoHashes FromLibtorrent(const lts::info_hash_t& hashes) {
  torrent::InfoHashes out;
  if (hashes.has_v1()) out.v1 = Digest<torrent::InfoHash>(hashes.v1);
  if (hashes.has_v2()) out.v2 = Digest<torrent::InfoHashV2>(hashes.v2);
  return out;
}

lts::tcp::endpoint ToLibtorrent(const net::Endpoint& endpoint) {
  const ByteView bytes = endpoint.address.bytes();
  if (endpoint.address.is_v4()) {
    lts::address_v4::bytes_type v4;
    std::copy(bytes.begin(), bytes.end(), v4.begin());
    return {lts::address_v4(v4), endpoint.port};
  }
  lts::address_v6::bytes_type v6;
  std::copy(bytes.begin(), bytes.end(), v6.begin());
  return {lts::address_v6(v6), endpoint.port};
}

net::Endpoint FromLibtorrent(const lts::tcp::endpoint& endpoint) {
  if (endpoint.address().is_v4()) {
    return {net::IpAddress::V4(endpoint.address().to_v4().to_bytes()), endpoint.port()};
  }
  return {net::IpAddress::V6(endpoint.address().to_v6().to_bytes()), endpoint.port()};
}

lts::typed_bitfield<lts::piece_index_t> ToLibtorrent(const pieces::PieceSet& set) {
  lts::typed_bitfield<lts::piece_index_t> out;
  out.assign(reinterpret_cast<const char*>(set.bytes().data()), static_cast<int>(set.pieces()));
  return out;
}

std::optional<pieces::PieceSet> FromLibtorrent(const lts::bitfield& bits, uint32_t pieces) {
  if (bits.size() != static_cast<int>(pieces)) return std::nullopt;
  return pieces::PieceSet::FromBytes(
      pieces, ByteView(reinterpret_cast<const uint8_t*>(bits.data()), (pieces + 7) / 8));
}

absl::StatusOr<std::shared_ptr<lts::torrent_info>> ParseMetainfo(ByteView metainfo) {
  lts::error_code error;
  const lts::span<const char> bytes(reinterpret_cast<const char*>(metainfo.data()),
                                    static_cast<std::ptrdiff_t>(metainfo.size()));
  const lts::bdecode_node root = lts::bdecode(bytes, error, nullptr, kMaxDepth, kMaxTokens);
  if (error) return absl::InvalidArgumentError(absl::StrCat("no metainfo: ", error.message()));
  try {
    auto info = std::make_shared<lts::torrent_info>(root, error);
    if (!error) return info;
    const lts::bdecode_node part = root.type() == lts::bdecode_node::dict_t
                                       ? root.dict_find_dict("info")
                                       : lts::bdecode_node();
    if (part && !root.dict_find("piece layers")) {
      lts::error_code again;
      const lts::span<const char> whole = part.data_section();
      lts::info_hash_t hashes;
      hashes.v1 = lts::hasher(whole).final();
      hashes.v2 = lts::hasher256(whole).final();
      auto bare = std::make_shared<lts::torrent_info>(hashes);
      if (bare->parse_info_section(part, again, int{pieces::Layout::kMaxPieces})) return bare;
    }
  } catch (const std::exception& thrown) {
    return absl::InvalidArgumentError(absl::StrCat("no metainfo: ", thrown.what()));
  }
  return absl::InvalidArgumentError(absl::StrCat("no metainfo: ", error.message()));
}

absl::StatusOr<pieces::Layout> LayoutOf(const lts::torrent_info& info,
                                        const std::vector<std::string>& paths) {
  const lts::file_storage& files = info.files();
  std::vector<pieces::FileEntry> entries;
  size_t next = 0;
  for (const lts::file_index_t i : files.file_range()) {
    pieces::FileEntry entry;
    entry.size = static_cast<uint64_t>(files.file_size(i));
    entry.padding = files.pad_file_at(i);
    if (!entry.padding && !paths.empty()) {
      if (next == paths.size()) return absl::InvalidArgumentError("fewer paths than files");
      entry.path = paths[next++];
    } else if (!entry.padding) {
      // Without the torrent's own name in front, in whose place the caller's folder stands.
      const std::string path = files.file_path(i);
      const size_t below =
          files.num_files() > 1 || path.find('/') != std::string::npos ? path.find('/') + 1 : 0;
      entry.path = Usable(path.substr(below));
    }
    entries.push_back(std::move(entry));
  }
  if (next < paths.size()) return absl::InvalidArgumentError("more paths than files");
  return pieces::Layout::Make(static_cast<uint32_t>(info.piece_length()), std::move(entries));
}

pieces::PieceProof ProofOf(const lts::torrent_info& info, pieces::Piece piece) {
  pieces::PieceProof out;
  const lts::piece_index_t index(static_cast<int>(piece.value()));
  if (info.v1()) out.v1 = Digest<pki::Sha1Digest>(info.hash_for_piece(index));
  if (!info.v2()) return out;
  const lts::file_storage& files = info.files();
  const lts::file_index_t file = files.file_index_at_piece(index);
  if (files.pad_file_at(file)) return out;
  const auto size = static_cast<uint64_t>(files.file_size(file));
  const auto length = static_cast<uint64_t>(info.piece_length());
  pieces::PieceProof::V2 v2;
  v2.size = static_cast<uint32_t>(files.piece_size2(index));
  if (size <= length) {
    v2.root = Digest<pki::Sha256Digest>(files.root(file));
    v2.width = static_cast<uint32_t>(std::bit_ceil((size + pieces::kBlock - 1) / pieces::kBlock));
  } else {
    const auto layer = info.piece_layer(file);
    const int at = static_cast<int>(index) - static_cast<int>(files.piece_index_at_file(file));
    if (layer.size() < (at + 1) * lts::sha256_hash::size()) return out;
    v2.root = Digest<pki::Sha256Digest>(layer.subspan(at * lts::sha256_hash::size()));
    v2.width = static_cast<uint32_t>(length / pieces::kBlock);
  }
  out.v2 = v2;
  return out;
}

}  // namespace p2pd::archive::lt
