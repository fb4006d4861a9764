// MemberRecord: what an S-tracker says of itself to the others of its federation, sealed inside its
// service record in the overlay.
//
//   version 1 = 1 | quota 8 | domain: length 2, bytes | endpoints 1 | each: family 1 = 4 or 6,
//   address 4 or 16, port 2 | trackers 1 | each: length 2, bytes
//
// Rules: whoever reads it has opened the seal, so it is a member's; still each field is bounded.
// Threads: values. Limits: below; the whole fits the 512 bytes of a service's description.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::federation {

struct MemberRecord {
  static constexpr size_t kMaxDomain = 32;
  static constexpr size_t kMaxEndpoints = 4;
  static constexpr size_t kMaxTrackers = 2;
  static constexpr size_t kMaxTracker = 128;

  // Bytes that it gives, which is its weight in the placement; 0: it keeps nothing new.
  uint64_t quota = 0;
  // What fails together: a rack, a site. Empty: nothing is shared.
  std::string domain;
  // Where BitTorrent's peers reach it.
  std::vector<net::Endpoint> endpoints;
  // Announce URLs of its tracker.
  std::vector<std::string> trackers;

  friend bool operator==(const MemberRecord&, const MemberRecord&) = default;
};

// What goes beyond the limits is left out.
Bytes WriteMemberRecord(const MemberRecord& record);
// nullopt unless it is what WriteMemberRecord makes.
std::optional<MemberRecord> ParseMemberRecord(ByteView bytes);

}  // namespace p2pd::archive::federation
