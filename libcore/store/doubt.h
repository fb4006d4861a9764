// Doubt: can those who speak for a place be the nodes that keep it?
//
// Rules: whom we met ourselves in our leaf set says most, then how close they stand together
// (overlay/density.h), then whom hints name; none of it is proof, so doubt costs more questions and
// never an answer. Few voices say nothing. Threads: none of its own. Source: design §3 (attackers).
#pragma once

#include <vector>

#include "libcore/overlay/density.h"
#include "libcore/store/carrier.h"

namespace p2pd::store {

// The first 64 bits of the ids of whom we know to keep this place, first-hand where our leaf set
// reaches it, else by hints; empty when we know nobody.
std::vector<uint64_t> KnownKeepers(const Carrier& carrier, const Key& place);

// True when this node is known to keep the place, or nothing is known.
bool MayKeep(const Carrier& carrier, const Key& place, const overlay::NodeId& id);

// True when more than half of those whom we know, as near to the place as the voices are, are not
// among them.
bool MostMissing(const Carrier& carrier, const Key& place,
                 const std::vector<overlay::NodeId>& voices);

// True when hints name eight keepers, and three quarters of the voices are among them.
bool Agree(const Carrier& carrier, const Key& place, const std::vector<overlay::NodeId>& voices);

// Voices that are whom hints name may stand so far apart. Eight random gaps are three times as wide
// as sixteen others say once in 250 times; those of a fifth of all are no wider once in seven, and
// then hints would have to lie too. At kSparse it is once in 20 and once in 35 (40,000 draws).
inline constexpr double kSparseAgreed = 3;

// What is believed when several surveys found nobody who stands closer together: honest nodes
// hardly ever stand so far apart.
inline constexpr double kSparseAtLast = 4.5;

// True when they stand `times` farther apart than nodes do here, and kSparseAgreed where hints
// agree. Where our own leaf set reaches, that says nothing more.
bool FarApart(const Carrier& carrier, const Key& place, const std::vector<overlay::NodeId>& voices,
              double times = overlay::kSparse);

}  // namespace p2pd::store
