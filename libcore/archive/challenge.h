// Challenge: how an S-tracker shows another that it has a group of pieces, without sending it.
//
// Rules: who asks draws a nonce. From it both know a few bytes of every piece of the group, at a
// place that nobody could guess before; who is asked hashes them with the nonce and both names, and
// who asks, who still has the group himself, compares. So one missing or rotten piece among many is
// found with some luck, a missing group always, and what was shown to one is no answer to another.
// A liar who fetches the bytes from somebody else meanwhile is not found: members trust each other
// not to cheat, and are asked because disks and programs fail. Threads: values. Sources: issue's
// 'Keeper'; proofs of retrievability by spot checks as in Ateniese et al. 2007.
#pragma once

#include <cstdint>
#include <vector>

#include "libcore/archive/placement.h"
#include "libcore/archive/torrent/metainfo.h"
#include "libcore/base/bytes.h"
#include "libcore/pki/hash.h"

namespace p2pd::archive {

struct ChallengeNonceTag;
using ChallengeNonce = FixedBytes<ChallengeNonceTag, 16>;

// Bytes of one piece.
struct Sample {
  uint32_t piece = 0;
  uint32_t offset = 0;
  uint32_t length = 0;
};

// Of each piece, or all of a piece that is smaller: 64 pieces make 4 KiB.
inline constexpr uint32_t kSampleBytes = 64;

// One of each piece of the group, in their order; none when the torrent has no such group.
std::vector<Sample> SamplesOf(const torrent::Metainfo& metainfo, const GroupId& group,
                              const ChallengeNonce& nonce);

// What `prover` says to `asker`; `bytes` are those of the samples, one behind the other.
pki::Sha256Digest HolderProof(const GroupId& group, const ChallengeNonce& nonce,
                              const MemberId& prover, const MemberId& asker, ByteView bytes);

}  // namespace p2pd::archive
