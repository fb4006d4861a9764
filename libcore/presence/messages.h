// The few things that two daemons say about presence, parsed: offer and answer of a hello, and the
// leases that follow. What they mean is in proto/p2pd/wire/v1/presence.proto.
//
// Rules: parsers take a proven peer's bytes and still believe nothing about their shape; a lease's
// life is held between kShortestLease and kLongestLease, so that nobody is believed for hours.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "libcore/base/bytes.h"
#include "libcore/presence/presence.h"
#include "libcore/store/object.h"
#include "p2pd/wire/v1/objects.pb.h"

namespace p2pd::presence {

inline constexpr absl::Duration kShortestLease = absl::Seconds(1);
// Twice the lease of DESIGN §5, and what a killed contact may at most stay online.
inline constexpr absl::Duration kLongestLease = absl::Seconds(60);

struct Lease {
  Availability availability = Availability::kOnline;  // never kUnknown
  uint64_t epoch = 0;                                 // the sender's start, ms since 1970
  uint64_t sequence = 0;                              // of this lease within the epoch
  store::Sequence state_sequence;
  absl::Duration life = absl::Seconds(30);
};
struct Offer {
  bool watch = false;
  std::optional<Lease> lease;
};
struct Answer {
  std::optional<Lease> lease;
  bool leases_follow = false;
};

Bytes EncodeOffer(const Offer& offer);
Bytes EncodeAnswer(const Answer& answer);
Bytes EncodeLease(const Lease& lease);  // a PresenceMessage

// nullopt for bytes that do not parse or a lease without a known availability.
std::optional<Offer> ParseOffer(ByteView bytes);
std::optional<Answer> ParseAnswer(ByteView bytes);
// nullopt also for a message of a kind that we do not know.
std::optional<Lease> ParseLease(ByteView bytes);

// The same in the stored state. kUnknown for a flag that we do not know.
Availability FromFlag(wire::v1::UserStateBody::Flag flag);
// FLAG_UNSPECIFIED for kUnknown.
wire::v1::UserStateBody::Flag ToFlag(Availability availability);
// Of two devices of one person: who may be called counts before who is busy, busy before away,
// since somebody is there, and anything before offline.
Availability MoreReachable(Availability a, Availability b);

}  // namespace p2pd::presence
