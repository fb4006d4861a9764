// Node records, contacts and the bootstrap cache: what is accepted keeps its own bytes.
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/overlay/bootstrap_cache.h"
#include "libcore/overlay/contact.h"
#include "libcore/overlay/node_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const p2pd::ByteView input(data, size);
  const auto record = p2pd::overlay::NodeRecord::Parse(input);
  if (record) {
    P2PD_CHECK(p2pd::ByteView(record->bytes()) == input);
    P2PD_CHECK(!record->addresses().empty());
  }
  const auto contact = p2pd::overlay::Contact::Parse(input);
  if (contact) {
    P2PD_CHECK(!contact->addresses.empty());
    P2PD_CHECK(contact->ToText() == p2pd::ToText(input));
  }
  p2pd::overlay::LoadBootstrapCache(input);
  return 0;
}
