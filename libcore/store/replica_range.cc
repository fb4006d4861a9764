#include "libcore/store/replica_range.h"

#include <algorithm>

namespace p2pd::store {
namespace {

using overlay::Clockwise;
using overlay::NodeId;

NodeId Successor(NodeId id) {
  const MutableByteView bytes = id.mutable_view();
  for (size_t i = bytes.size(); i-- > 0;) {
    if (++bytes[i] != 0) break;
  }
  return id;
}

NodeId Predecessor(NodeId id) {
  const MutableByteView bytes = id.mutable_view();
  for (size_t i = bytes.size(); i-- > 0;) {
    if (bytes[i]-- != 0) break;
  }
  return id;
}

}  // namespace

std::vector<Arc> SharedArcs(const RingView& view, const overlay::NodeId& peer) {
  if (view.whole) return {Arc{view.self, Predecessor(view.self)}};
  std::vector<NodeId> ring = view.others;  // clockwise from us; position i + 1
  std::sort(ring.begin(), ring.end(), [&](const NodeId& a, const NodeId& b) {
    return Clockwise(view.self, a) < Clockwise(view.self, b);
  });
  const int size = static_cast<int>(ring.size()) + 1;
  const auto at = [&](int position) {
    const int wrapped = ((position % size) + size) % size;
    return wrapped == 0 ? view.self : ring[static_cast<size_t>(wrapped - 1)];
  };
  const auto found = std::find(ring.begin(), ring.end(), peer);
  if (found == ring.end()) return {};
  const int forward = static_cast<int>(found - ring.begin()) + 1;
  std::vector<Arc> arcs;
  for (const int position : {forward, forward - size}) {
    const int first = std::max(0, position) - view.per_side;
    const int last = std::min(0, position) + view.per_side;
    if (first < last) arcs.push_back(Arc{Successor(at(first)), at(last)});
  }
  return arcs;
}

}  // namespace p2pd::store
