#include "libcore/ice/candidate.h"

#include <algorithm>

#include "libcore/base/check.h"
#include "p2pd/wire/v1/path.pb.h"

namespace p2pd::ice {
namespace {

// RFC 8445 §5.1.2.2.
uint32_t TypePreference(CandidateType type) {
  switch (type) {
    case CandidateType::kHost:
      return 126;
    case CandidateType::kServerReflexive:
      return 100;
    case CandidateType::kPeerReflexive:
      return 110;
    case CandidateType::kRelayed:
      return 0;
  }
  return 0;
}

std::optional<CandidateType> FromWire(wire::v1::PathCandidate::Type type) {
  if (type == wire::v1::PathCandidate::TYPE_HOST) return CandidateType::kHost;
  if (type == wire::v1::PathCandidate::TYPE_REFLEXIVE) return CandidateType::kServerReflexive;
  if (type == wire::v1::PathCandidate::TYPE_RELAYED) return CandidateType::kRelayed;
  return std::nullopt;
}

wire::v1::PathCandidate::Type ToWire(CandidateType type) {
  if (type == CandidateType::kHost) return wire::v1::PathCandidate::TYPE_HOST;
  if (type == CandidateType::kRelayed) return wire::v1::PathCandidate::TYPE_RELAYED;
  return wire::v1::PathCandidate::TYPE_REFLEXIVE;
}

bool Sendable(const net::Endpoint& endpoint) {
  const net::IpAddress& address = endpoint.address;
  return endpoint.port != 0 && !address.IsUnspecified() && !address.IsMulticast() &&
         !address.IsLinkLocal();
}

}  // namespace

absl::string_view TypeName(CandidateType type) {
  switch (type) {
    case CandidateType::kHost:
      return "host";
    case CandidateType::kServerReflexive:
      return "server reflexive";
    case CandidateType::kPeerReflexive:
      return "peer reflexive";
    case CandidateType::kRelayed:
      return "relayed";
  }
  return "";
}

uint32_t PriorityOf(CandidateType type, uint16_t local_preference) {
  constexpr uint32_t kComponent = 1;
  return (TypePreference(type) << 24) | (uint32_t{local_preference} << 8) | (256 - kComponent);
}

uint64_t PairPriority(uint32_t controlling, uint32_t controlled) {
  const uint64_t lower = std::min(controlling, controlled);
  const uint64_t higher = std::max(controlling, controlled);
  return (lower << 32) + 2 * higher + (controlling > controlled ? 1 : 0);
}

Bytes EncodeCandidates(const CandidateList& list) {
  P2PD_CHECK(list.candidates.size() <= kMaxCandidates);
  wire::v1::PathCandidates message;
  message.set_generation(list.generation);
  for (const Candidate& candidate : list.candidates) {
    wire::v1::PathCandidate& out = *message.add_candidates();
    out.set_type(ToWire(candidate.type));
    out.set_priority(candidate.priority);
    if (candidate.type == CandidateType::kRelayed) {
      out.set_relay(ToText(candidate.relay));
    } else {
      out.set_endpoint(ToText(candidate.endpoint.ToBytes()));
    }
  }
  return ToBytes(message.SerializeAsString());
}

std::optional<CandidateList> ParseCandidates(ByteView bytes) {
  wire::v1::PathCandidates message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) ||
      static_cast<size_t>(message.candidates_size()) > kMaxCandidates) {
    return std::nullopt;
  }
  CandidateList out;
  out.generation = message.generation();
  for (const wire::v1::PathCandidate& from : message.candidates()) {
    const std::optional<CandidateType> type = FromWire(from.type());
    if (!type) continue;  // of a later version
    Candidate candidate;
    candidate.type = *type;
    candidate.priority = from.priority();
    if (*type == CandidateType::kRelayed) {
      if (from.relay().empty() || from.relay().size() > kMaxRelay) return std::nullopt;
      candidate.relay = ToBytes(absl::string_view(from.relay()));
    } else {
      const auto endpoint = net::Endpoint::FromBytes(AsBytes(from.endpoint()));
      if (!endpoint) return std::nullopt;
      if (!Sendable(*endpoint)) continue;
      candidate.endpoint = *endpoint;
    }
    out.candidates.push_back(std::move(candidate));
  }
  return out;
}

}  // namespace p2pd::ice
