// Offer, answer and lease of presence: whatever parses is within its bounds and comes back the
// same.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/presence/messages.h"

namespace {

using p2pd::presence::Lease;

void CheckLease(const Lease& lease) {
  P2PD_CHECK(lease.availability != p2pd::presence::Availability::kUnknown);
  P2PD_CHECK(lease.life >= p2pd::presence::kShortestLease);
  P2PD_CHECK(lease.life <= p2pd::presence::kLongestLease);
  const auto again = p2pd::presence::ParseLease(p2pd::presence::EncodeLease(lease));
  P2PD_CHECK(again && again->availability == lease.availability && again->life == lease.life);
  P2PD_CHECK(again->epoch == lease.epoch && again->sequence == lease.sequence);
  P2PD_CHECK(again->state_sequence == lease.state_sequence);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const p2pd::ByteView bytes(data, size);
  if (const auto lease = p2pd::presence::ParseLease(bytes)) CheckLease(*lease);
  if (const auto offer = p2pd::presence::ParseOffer(bytes)) {
    if (offer->lease) CheckLease(*offer->lease);
    const auto again = p2pd::presence::ParseOffer(p2pd::presence::EncodeOffer(*offer));
    P2PD_CHECK(again && again->watch == offer->watch);
  }
  if (const auto answer = p2pd::presence::ParseAnswer(bytes)) {
    if (answer->lease) CheckLease(*answer->lease);
    const auto again = p2pd::presence::ParseAnswer(p2pd::presence::EncodeAnswer(*answer));
    P2PD_CHECK(again && again->leases_follow == answer->leases_follow);
  }
  return 0;
}
