#include "libcore/archive/challenge.h"

#include <algorithm>

#include "libcore/base/codec.h"

namespace p2pd::archive {
namespace {

constexpr absl::string_view kPlace = "p2pd challenge: place";
constexpr absl::string_view kProof = "p2pd challenge: proof";

Bytes Number(uint32_t number) {
  ByteWriter out;
  out.U32(number);
  return std::move(out).Take();
}

}  // namespace

std::vector<Sample> SamplesOf(const torrent::Metainfo& metainfo, const GroupId& group,
                              const ChallengeNonce& nonce) {
  std::vector<Sample> out;
  const uint64_t each = PiecesInGroup(metainfo.piece_length);
  const uint64_t end = std::min<uint64_t>((group.index + uint64_t{1}) * each, metainfo.pieces);
  for (uint64_t i = group.index * each; i < end; ++i) {
    const auto piece = static_cast<uint32_t>(i);
    const auto size = static_cast<uint32_t>(metainfo.PieceSize(piece));
    Sample sample{piece, 0, std::min(size, kSampleBytes)};
    const pki::Sha256Digest drawn =
        pki::Sha256({AsBytes(kPlace), nonce.view(), group.torrent.view(), Number(piece)});
    sample.offset = static_cast<uint32_t>(ByteReader(drawn.view()).U64() %
                                          (uint64_t{size} - sample.length + 1));
    out.push_back(sample);
  }
  return out;
}

pki::Sha256Digest HolderProof(const GroupId& group, const ChallengeNonce& nonce,
                              const MemberId& prover, const MemberId& asker, ByteView bytes) {
  return pki::Sha256({AsBytes(kProof), nonce.view(), group.torrent.view(), Number(group.index),
                      prover.view(), asker.view(), bytes});
}

}  // namespace p2pd::archive
