// Candidates: where one end of a call can perhaps be reached, and how they travel.
//
// Rules: a list from the other side is its own word; a check proves an address or does not. Nobody
// is made to send to loopback, multicast or unspecified addresses unless he is there himself.
// Threads: any. Limits: kMaxCandidates. Source: RFC 8445 §5.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::ice {

enum class CandidateType : uint8_t {
  kHost = 1,             // an address of the machine
  kServerReflexive = 2,  // as nodes out there see it
  kPeerReflexive = 3,    // as the other end saw it in a check
  kRelayed = 4,          // at a node that passes on
};
absl::string_view TypeName(CandidateType type);  // "host", …

struct Candidate {
  CandidateType type = CandidateType::kHost;
  // Where to send to. For kRelayed the owner's note of the way (such as overlay::DetourPath), made
  // from `relay` by who received the list.
  net::Endpoint endpoint;
  uint32_t priority = 0;
  // kRelayed: who passes on, opaque here, at most kMaxRelay bytes.
  Bytes relay = {};

  friend bool operator==(const Candidate&, const Candidate&) = default;
};

inline constexpr size_t kMaxCandidates = 12;  // of one list
inline constexpr size_t kMaxRelay = 16;       // bytes

// RFC 8445 §5.1.2.1 with one component; `local_preference` tells candidates of one type apart.
uint32_t PriorityOf(CandidateType type, uint16_t local_preference);
// RFC 8445 §6.1.2.3: `controlling` and `controlled` are the priorities of the two ends' candidates.
uint64_t PairPriority(uint32_t controlling, uint32_t controlled);

// What one side says of itself.
struct CandidateList {
  uint32_t generation = 0;
  std::vector<Candidate> candidates;
};
// At most kMaxCandidates, more is a bug. As wire::v1::PathCandidates.
Bytes EncodeCandidates(const CandidateList& list);
// nullopt for what is no list; candidates of unknown types and addresses that nobody sends to are
// left out.
std::optional<CandidateList> ParseCandidates(ByteView bytes);

}  // namespace p2pd::ice
