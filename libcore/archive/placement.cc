#include "libcore/archive/placement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "libcore/base/codec.h"
#include "libcore/pki/hash.h"

namespace p2pd::archive {
namespace {

constexpr uint32_t kMostPieces = 64;
constexpr uint32_t kMostBytes = 16 << 20;

// In (0, 1): 53 bits of SHA-256, the same everywhere.
double Chance(const MemberId& member, const GroupId& group) {
  ByteWriter index;
  index.U32(group.index);
  const pki::Sha256Digest digest =
      pki::Sha256({AsBytes("p2pd placement"), member.view(), group.torrent.view(), index.bytes()});
  const uint64_t bits = LoadBigEndian64(digest.view().data()) >> 11;
  return (static_cast<double>(bits) + 0.5) / static_cast<double>(uint64_t{1} << 53);
}

double Score(const Member& member, const GroupId& group) {
  return -member.weight / std::log(Chance(member.id, group));
}

}  // namespace

uint32_t PiecesInGroup(uint32_t piece_length) {
  return std::clamp(kMostBytes / std::max(piece_length, uint32_t{1}), uint32_t{1}, kMostPieces);
}

uint32_t GroupsOf(uint32_t pieces, uint32_t piece_length) {
  const uint32_t each = PiecesInGroup(piece_length);
  return pieces / each + (pieces % each != 0 ? 1 : 0);
}

std::vector<MemberId> Place(const GroupId& group, const std::vector<Member>& members,
                            size_t copies) {
  std::vector<std::pair<double, const Member*>> order;
  for (const Member& member : members) {
    if (member.weight > 0) order.emplace_back(Score(member, group), &member);
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second->id < b.second->id;
  });
  std::vector<MemberId> out;
  std::set<std::string> domains;
  // Once round with a domain each; what is wanting then stands where others do already.
  for (const bool apart : {true, false}) {
    for (auto& [score, member] : order) {
      if (out.size() >= copies) return out;
      if (member == nullptr) continue;
      if (apart && !member->domain.empty() && !domains.insert(member->domain).second) continue;
      out.push_back(member->id);
      member = nullptr;
    }
  }
  return out;
}

}  // namespace p2pd::archive
