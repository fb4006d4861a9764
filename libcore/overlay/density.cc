#include "libcore/overlay/density.h"

#include <algorithm>
#include <cmath>

namespace p2pd::overlay {
namespace {

// From the farthest below `center` to the farthest above it.
double Width(const RingId& center, const std::vector<NodeId>& nodes) {
  double above = 0;
  double below = 0;
  for (const NodeId& id : nodes) {
    const RingId up = Clockwise(center, id);
    const RingId down = Clockwise(id, center);
    if (up < down) {
      above = std::max(above, ShareOfRing(up));
    } else {
      below = std::max(below, ShareOfRing(down));
    }
  }
  return above + below;
}

}  // namespace

double ShareOfRing(const RingId& distance) {
  double out = 0;
  for (size_t i = 0; i < 8; ++i) {
    out += distance[i] * std::pow(256.0, -1.0 - static_cast<double>(i));
  }
  return out;
}

double MeanGap(const NodeId& self, const std::vector<NodeRecord>& leaves) {
  if (leaves.empty()) return 0;
  std::vector<NodeId> ids;
  for (const NodeRecord& record : leaves) ids.push_back(record.id());
  return Width(self, ids) / static_cast<double>(leaves.size());
}

bool Sparse(const Key& key, const std::vector<NodeId>& nodes, double mean_gap, double times) {
  if (nodes.size() < kFewestForDensity || mean_gap <= 0) return false;
  const size_t expected = std::max(nodes.size(), kWholeSet);
  const double widest = times * static_cast<double>(expected) * mean_gap;
  return widest <= kWidest && Width(key, nodes) > widest;
}

bool Omits(const Key& key, std::vector<NodeId> nodes, const std::vector<NodeRecord>& known) {
  if (nodes.size() < kFewestForDensity) return false;
  std::sort(nodes.begin(), nodes.end(),
            [&key](const NodeId& a, const NodeId& b) { return Nearer(key, a, b); });
  const NodeId& fourth = nodes[kFewestForDensity - 1];
  return std::any_of(known.begin(), known.end(), [&](const NodeRecord& record) {
    return Nearer(key, record.id(), fourth) &&
           std::find(nodes.begin(), nodes.end(), record.id()) == nodes.end();
  });
}

}  // namespace p2pd::overlay
