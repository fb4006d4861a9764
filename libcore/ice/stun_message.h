// STUN messages (RFC 8489) as connectivity checks need them: binding requests and their answers,
// with the attributes of ICE (RFC 8445 §16.1).
//
//       0                   1                   2                   3
//       0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//      |0 0|     message type          |         length after this header |
//      |                   magic cookie 0x2112A442                        |
//      |                   transaction id, 96 bits                        |
//      | attribute type                | length                           | value, padded to 4
//      bytes
//
// Rules: a parser that takes what the RFC allows and nothing else; attributes that nobody has to
// understand are passed over, others are told by `unknown`. Of several of one type the first
// counts, and what stands between MESSAGE-INTEGRITY and FINGERPRINT does not (RFC 8489 §14).
// Threads: any. Limits: kMaxStunAttributes, net::kMaxDatagram. Sources: RFC 8489, RFC 8445, test
// vectors of RFC 5769.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::ice {

enum class StunClass : uint8_t { kRequest = 0, kIndication = 1, kSuccess = 2, kError = 3 };

struct TransactionIdTag;
using TransactionId = FixedBytes<TransactionIdTag, 12>;

inline constexpr size_t kMaxStunAttributes = 32;
inline constexpr size_t kMaxUsername = 513;  // bytes, RFC 8489 §14.3
// Error codes that we say or understand.
inline constexpr int kRoleConflict = 487;  // RFC 8445 §7.3.1.1

struct StunMessage {
  StunClass kind = StunClass::kRequest;
  TransactionId id;
  std::string username;                 // empty: none
  std::optional<uint32_t> priority;     // of a candidate that the request may reveal
  bool use_candidate = false;           // the sender nominates this pair
  std::optional<uint64_t> controlling;  // the sender's tie-breaker and role
  std::optional<uint64_t> controlled;
  std::optional<net::Endpoint> mapped;  // XOR-MAPPED-ADDRESS: where the request came from
  int error = 0;                        // 300..699; 0: none

  // Set by ParseStun only.
  bool unknown = false;      // has an attribute that must be understood, and is not
  bool fingerprint = false;  // there, and right
  size_t integrity_at = 0;   // where MESSAGE-INTEGRITY begins; 0: there is none
};

// nullopt for anything but a binding message of the RFC's form; also where a FINGERPRINT is wrong.
std::optional<StunMessage> ParseStun(ByteView datagram);
// Was `datagram`, from which `message` was parsed, made by somebody who has `key` (RFC 8489 §14.5)?
bool IntegrityHolds(ByteView datagram, const StunMessage& message, ByteView key);
// With MESSAGE-INTEGRITY under `key` (none where it is empty) and FINGERPRINT.
Bytes WriteStun(const StunMessage& message, ByteView key);

}  // namespace p2pd::ice
