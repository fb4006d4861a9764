#include "libcore/overlay/contact.h"

#include <algorithm>
#include <utility>

#include "libcore/base/codec.h"
#include "libcore/overlay/detour_path.h"

namespace p2pd::overlay {

bool CanBeReached(const net::Endpoint& endpoint) {
  return endpoint.port != 0 && !endpoint.address.IsUnspecified() &&
         !endpoint.address.IsMulticast() && !IsDetour(endpoint);
}

Contact Contact::Of(const NodeRecord& record) { return Contact{record.id(), record.addresses()}; }

std::optional<Contact> Contact::Parse(ByteView bytes) {
  ByteReader reader(bytes);
  Contact out;
  out.id = reader.Fixed<NodeId>();
  while (reader.ok() && !reader.AtEnd()) {
    const std::optional<net::Endpoint> endpoint = net::Endpoint::Read(reader);
    if (!endpoint || out.addresses.size() >= NodeRecord::kMaxAddresses) return std::nullopt;
    if (!CanBeReached(*endpoint)) return std::nullopt;
    out.addresses.push_back(*endpoint);
  }
  if (!reader.AtEnd() || out.addresses.empty()) return std::nullopt;
  return out;
}

std::string Contact::ToText() const {
  ByteWriter writer;
  writer.Put(id.view());
  for (const net::Endpoint& endpoint : addresses) endpoint.Write(writer);
  return p2pd::ToText(writer.bytes());
}

void Contact::AddAddress(const net::Endpoint& endpoint) {
  if (addresses.size() >= NodeRecord::kMaxAddresses) return;
  if (std::find(addresses.begin(), addresses.end(), endpoint) != addresses.end()) return;
  addresses.push_back(endpoint);
}

}  // namespace p2pd::overlay
