// Density: does a set of nodes round a key stand as close together as nodes do where we are? A set
// of colluders, who have a fifth of all ids, stands five times as far apart.
//
// Rules: our own neighbourhood is the measure, since nobody enters a leaf set whom we did not meet.
// Source: Castro et al., 'Secure routing for structured peer-to-peer overlay networks', OSDI 2002,
// §4.3 (routing failure test). Threads: none of its own.
#pragma once

#include <vector>

#include "libcore/overlay/node_record.h"
#include "libcore/overlay/ring_id.h"

namespace p2pd::overlay {

// How many times the expected width a set may have. Of honest sets of eight nodes about 5 % are
// wider, whose readers ask once more; of sets of eight colluders that are a fifth of all 3 % are
// not (40,000 draws of random gaps, eight against sixteen).
inline constexpr double kSparse = 2;
// Fewer nodes say nothing about density; and of some of a set no more is expected than of the whole
// one, since those that are missing stood among them.
inline constexpr size_t kFewestForDensity = 4;
inline constexpr size_t kWholeSet = 8;

// Of the ring. Where a set may be wider than that, in a ring of some thirty nodes, the few gaps say
// nothing, and leaf sets know nearly everybody.
inline constexpr double kWidest = 0.5;

// A distance as a share of the ring.
double ShareOfRing(const RingId& distance);
// The mean distance between neighbours round `self`, as a share of the ring; 0 without neighbours.
double MeanGap(const NodeId& self, const std::vector<NodeRecord>& leaves);
// True when these nodes, which are said to be the ones nearest to `key`, stand too far apart for
// that. False when there is nothing to judge by.
bool Sparse(const Key& key, const std::vector<NodeId>& nodes, double mean_gap,
            double times = kSparse);

// True when somebody whom we know stands nearer to `key` than the fourth of them, and is not named:
// of the replicas of a key, four on each side, every node that is nearer than the fourth is one.
bool Omits(const Key& key, std::vector<NodeId> nodes, const std::vector<NodeRecord>& known);

}  // namespace p2pd::overlay
