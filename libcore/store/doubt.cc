#include "libcore/store/doubt.h"

#include <algorithm>
#include <set>

namespace p2pd::store {
bool Agree(const Carrier& carrier, const Key& place, const std::vector<overlay::NodeId>& voices) {
  const std::vector<uint64_t> known = KnownKeepers(carrier, place);
  if (known.size() < overlay::kWholeSet) return false;
  const auto named = std::count_if(voices.begin(), voices.end(), [&](const overlay::NodeId& id) {
    return std::find(known.begin(), known.end(), overlay::Head(id)) != known.end();
  });
  return static_cast<size_t>(named) * 4 >= voices.size() * 3;
}

std::vector<uint64_t> KnownKeepers(const Carrier& carrier, const Key& place) {
  std::vector<uint64_t> out;
  if (const auto set = carrier.ReplicaSet(place)) {
    for (const overlay::NodeRecord& record : *set) out.push_back(overlay::Head(record.id()));
    return out;
  }
  for (const NearReplica& near : carrier.NearReplicas(place)) out.push_back(near.target.head);
  return out;
}

bool MayKeep(const Carrier& carrier, const Key& place, const overlay::NodeId& id) {
  const std::vector<uint64_t> known = KnownKeepers(carrier, place);
  return known.empty() || std::find(known.begin(), known.end(), overlay::Head(id)) != known.end();
}

bool MostMissing(const Carrier& carrier, const Key& place,
                 const std::vector<overlay::NodeId>& voices) {
  if (voices.size() < overlay::kFewestForDensity) return false;
  std::set<uint64_t> heads;
  uint64_t farthest = 0;
  for (const overlay::NodeId& id : voices) {
    heads.insert(overlay::Head(id));
    farthest = std::max(farthest, overlay::HeadDistance(overlay::Head(place), overlay::Head(id)));
  }
  // Whoever stands beyond the voices need not be one of them: others came between.
  std::vector<uint64_t> known = KnownKeepers(carrier, place);
  std::erase_if(known, [&](uint64_t head) {
    return overlay::HeadDistance(overlay::Head(place), head) > farthest;
  });
  if (known.size() < overlay::kFewestForDensity) return false;
  const auto missing = std::count_if(known.begin(), known.end(),
                                     [&](uint64_t head) { return heads.count(head) == 0; });
  return static_cast<size_t>(missing) * 2 > known.size();
}

bool FarApart(const Carrier& carrier, const Key& place, const std::vector<overlay::NodeId>& voices,
              double times) {
  if (carrier.ReplicaSet(place)) return false;
  if (Agree(carrier, place, voices)) times = std::max(times, kSparseAgreed);
  const double gap = overlay::MeanGap(carrier.self().id(), carrier.LeafSet());
  return overlay::Sparse(place, voices, gap, times);
}

}  // namespace p2pd::store
