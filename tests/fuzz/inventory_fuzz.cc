// Messages between S-trackers behind their tag. What reads is written as the same bytes; and a
// page, whatever it says, leaves what was heard within its bounds and true to its own digest.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "libcore/archive/federation/messages.h"
#include "libcore/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::archive::federation;
  const p2pd::ByteView bytes(data, size);
  const auto question = ParseQuestion(bytes);
  if (question) P2PD_CHECK(Write(*question) == bytes);
  const auto reply = ParseReply(bytes);
  if (!reply) return 0;
  P2PD_CHECK(Write(*reply) == bytes);
  const auto* const page = std::get_if<InventoryPage>(&*reply);
  if (page == nullptr) return 0;
  HeardInventory heard;
  std::vector<p2pd::archive::torrent::InfoHash> changed;
  for (int i = 0; i < 3; ++i) {
    if (heard.Take(*page, changed) != HeardInventory::Taken::kComplete) continue;
    P2PD_CHECK(heard.torrents() == page->torrents);
    P2PD_CHECK(heard.revision() == page->newest);
  }
  return 0;
}
