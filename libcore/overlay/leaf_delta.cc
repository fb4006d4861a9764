#include "libcore/overlay/leaf_delta.h"

#include <algorithm>

#include "libcore/base/codec.h"
#include "libcore/overlay/hint.h"

namespace p2pd::overlay {

std::string LeafFingerprints(const std::vector<NodeId>& ids, uint32_t salt) {
  ByteWriter writer(2 * ids.size());
  for (const NodeId& id : ids) writer.U16(Fingerprint(Head(id), salt));
  return ToText(writer.bytes());
}

NamedLeaves::NamedLeaves(absl::string_view fingerprints, uint32_t salt) : salt_(salt) {
  ByteReader reader(AsBytes(fingerprints));
  while (reader.remaining() >= 2) named_.push_back(reader.U16());
  std::sort(named_.begin(), named_.end());
}

uint16_t NamedLeaves::Of(const NodeId& id) const { return Fingerprint(Head(id), salt_); }

bool NamedLeaves::Has(const NodeId& id) const {
  return std::binary_search(named_.begin(), named_.end(), Of(id));
}

bool NamedLeaves::HasOtherThan(const std::vector<NodeId>& known) const {
  std::vector<uint16_t> ours;
  ours.reserve(known.size());
  for (const NodeId& id : known) ours.push_back(Of(id));
  std::sort(ours.begin(), ours.end());
  return std::any_of(named_.begin(), named_.end(), [&ours](uint16_t named) {
    return !std::binary_search(ours.begin(), ours.end(), named);
  });
}

}  // namespace p2pd::overlay
