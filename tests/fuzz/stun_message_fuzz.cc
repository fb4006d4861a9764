// STUN messages: whatever is accepted can be written again and then says the same.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/ice/stun_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace p2pd::ice;
  const p2pd::ByteView datagram(data, size);
  const auto message = ParseStun(datagram);
  if (!message) return 0;
  const p2pd::Bytes key(16, 1);
  (void)IntegrityHolds(datagram, *message, key);
  const p2pd::Bytes written = WriteStun(*message, key);
  const auto again = ParseStun(written);
  P2PD_CHECK(again && again->fingerprint && IntegrityHolds(written, *again, key));
  P2PD_CHECK(again->kind == message->kind && again->id == message->id);
  P2PD_CHECK(again->username == message->username && again->priority == message->priority);
  P2PD_CHECK(again->use_candidate == message->use_candidate);
  P2PD_CHECK(again->controlling == message->controlling);
  P2PD_CHECK(again->controlled == message->controlled);
  P2PD_CHECK(again->mapped == message->mapped && again->error == message->error);
  return 0;
}
