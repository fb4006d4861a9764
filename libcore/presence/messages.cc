#include "libcore/presence/messages.h"

#include <algorithm>

#include "p2pd/wire/v1/presence.pb.h"

namespace p2pd::presence {
namespace {

using wire::v1::PresenceAnswer;
using wire::v1::PresenceLease;
using wire::v1::PresenceMessage;
using wire::v1::PresenceOffer;
using wire::v1::UserStateBody;

PresenceLease::Availability ToWire(Availability availability) {
  switch (availability) {
    case Availability::kOnline:
      return PresenceLease::AVAILABILITY_ONLINE;
    case Availability::kAway:
      return PresenceLease::AVAILABILITY_AWAY;
    case Availability::kBusy:
      return PresenceLease::AVAILABILITY_BUSY;
    case Availability::kOffline:
      return PresenceLease::AVAILABILITY_OFFLINE;
    case Availability::kUnknown:
      break;
  }
  return PresenceLease::AVAILABILITY_UNSPECIFIED;
}

Availability FromWire(PresenceLease::Availability availability) {
  switch (availability) {
    case PresenceLease::AVAILABILITY_ONLINE:
      return Availability::kOnline;
    case PresenceLease::AVAILABILITY_AWAY:
      return Availability::kAway;
    case PresenceLease::AVAILABILITY_BUSY:
      return Availability::kBusy;
    case PresenceLease::AVAILABILITY_OFFLINE:
      return Availability::kOffline;
    case PresenceLease::AVAILABILITY_UNSPECIFIED:
    case wire::v1::
        PresenceLease_Availability_PresenceLease_Availability_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::
        PresenceLease_Availability_PresenceLease_Availability_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return Availability::kUnknown;
}

PresenceLease ToWire(const Lease& lease) {
  PresenceLease out;
  out.set_availability(ToWire(lease.availability));
  out.set_epoch(lease.epoch);
  out.set_sequence(lease.sequence);
  out.set_state_sequence(lease.state_sequence.value());
  out.set_life_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(lease.life)));
  return out;
}

std::optional<Lease> FromWire(const PresenceLease& lease) {
  Lease out;
  out.availability = FromWire(lease.availability());
  if (out.availability == Availability::kUnknown) return std::nullopt;
  out.epoch = lease.epoch();
  out.sequence = lease.sequence();
  out.state_sequence = store::Sequence(lease.state_sequence());
  out.life = std::clamp(absl::Milliseconds(lease.life_ms()), kShortestLease, kLongestLease);
  return out;
}

template <class MessageT>
bool Parse(ByteView bytes, MessageT& message) {
  return bytes.size() <= session::kMaxMessage &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

int Rank(Availability availability) {
  switch (availability) {
    case Availability::kUnknown:
      return 0;
    case Availability::kOffline:
      return 1;
    case Availability::kAway:
      return 2;
    case Availability::kBusy:
      return 3;
    case Availability::kOnline:
      return 4;
  }
  return 0;
}

}  // namespace

Bytes EncodeOffer(const Offer& offer) {
  PresenceOffer out;
  out.set_watch(offer.watch);
  if (offer.lease) *out.mutable_lease() = ToWire(*offer.lease);
  return ToBytes(out.SerializeAsString());
}

Bytes EncodeAnswer(const Answer& answer) {
  PresenceAnswer out;
  out.set_leases_follow(answer.leases_follow);
  if (answer.lease) *out.mutable_lease() = ToWire(*answer.lease);
  return ToBytes(out.SerializeAsString());
}

Bytes EncodeLease(const Lease& lease) {
  PresenceMessage out;
  *out.mutable_lease() = ToWire(lease);
  return ToBytes(out.SerializeAsString());
}

std::optional<Offer> ParseOffer(ByteView bytes) {
  PresenceOffer offer;
  if (!Parse(bytes, offer)) return std::nullopt;
  Offer out;
  out.watch = offer.watch();
  if (offer.has_lease()) {
    out.lease = FromWire(offer.lease());
    if (!out.lease) return std::nullopt;
  }
  return out;
}

std::optional<Answer> ParseAnswer(ByteView bytes) {
  PresenceAnswer answer;
  if (!Parse(bytes, answer)) return std::nullopt;
  Answer out;
  out.leases_follow = answer.leases_follow();
  if (answer.has_lease()) {
    out.lease = FromWire(answer.lease());
    if (!out.lease) return std::nullopt;
  }
  return out;
}

std::optional<Lease> ParseLease(ByteView bytes) {
  PresenceMessage message;
  if (!Parse(bytes, message) || !message.has_lease()) return std::nullopt;
  return FromWire(message.lease());
}

Availability FromFlag(UserStateBody::Flag flag) {
  switch (flag) {
    case UserStateBody::FLAG_ONLINE:
      return Availability::kOnline;
    case UserStateBody::FLAG_AWAY:
      return Availability::kAway;
    case UserStateBody::FLAG_BUSY:
      return Availability::kBusy;
    case UserStateBody::FLAG_OFFLINE:
      return Availability::kOffline;
    case UserStateBody::FLAG_UNSPECIFIED:
    case wire::v1::UserStateBody_Flag_UserStateBody_Flag_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::UserStateBody_Flag_UserStateBody_Flag_INT_MAX_SENTINEL_DO_NOT_USE_:
      break;
  }
  return Availability::kUnknown;
}

UserStateBody::Flag ToFlag(Availability availability) {
  switch (availability) {
    case Availability::kOnline:
      return UserStateBody::FLAG_ONLINE;
    case Availability::kAway:
      return UserStateBody::FLAG_AWAY;
    case Availability::kBusy:
      return UserStateBody::FLAG_BUSY;
    case Availability::kOffline:
      return UserStateBody::FLAG_OFFLINE;
    case Availability::kUnknown:
      break;
  }
  return UserStateBody::FLAG_UNSPECIFIED;
}

Availability MoreReachable(Availability a, Availability b) { return Rank(a) >= Rank(b) ? a : b; }

}  // namespace p2pd::presence
