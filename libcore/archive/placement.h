// Placement: which members of a federation of S-trackers keep which group of pieces.
//
// Rules: weighted rendezvous hashing (Thaler and Ravishankar 1998; weights as in Schindelhauer and
// Schomaker 2005), so that everybody who knows the members comes to the same answer without asking,
// a member that comes or goes moves its own share only, and a member's share follows its weight.
// The copies stand in different failure domains while there are enough of those. Threads: values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "libcore/archive/torrent/info_hash.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive {

struct MemberIdTag;
// Of an S-tracker: its node's id in the overlay.
using MemberId = FixedBytes<MemberIdTag, 20>;

struct Member {
  MemberId id;
  // Its share of the work against the others'; 0: it keeps nothing new.
  double weight = 1;
  // What fails together: a rack, a site. Empty: nothing is shared.
  std::string domain;
};

// A run of pieces of one torrent, the unit of every decision.
struct GroupId {
  torrent::InfoHash torrent;
  uint32_t index = 0;
  friend auto operator<=>(const GroupId&, const GroupId&) = default;
};

// Pieces in a group: 64, or what 16 MiB hold if that is less (a group costs a few hundred bytes of
// everybody's memory, and is what is fetched or dropped at once).
uint32_t PiecesInGroup(uint32_t piece_length);
uint32_t GroupsOf(uint32_t pieces, uint32_t piece_length);

// The `copies` members that keep the group, the first choice first; fewer where there are fewer
// with a weight. The order of `members` is of no matter.
std::vector<MemberId> Place(const GroupId& group, const std::vector<Member>& members,
                            size_t copies);

}  // namespace p2pd::archive
