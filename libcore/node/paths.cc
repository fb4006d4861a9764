#include "libcore/node/paths.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/detour_path.h"

namespace p2pd::node {
namespace {

using ice::Candidate;
using ice::CandidateType;

constexpr size_t kSecretSize = 32;

// Of several of one type the first is preferred.
Candidate Make(CandidateType type, const net::Endpoint& endpoint, size_t index) {
  const auto preference = static_cast<uint16_t>(65535 - index);
  return {type, endpoint, ice::PriorityOf(type, preference), {}};
}

}  // namespace

std::vector<Candidate> Paths::Gather(bool withheld) const {
  std::vector<Candidate> out;
  if (!withheld) {
    for (const net::Endpoint& address : addresses_) {
      out.push_back(Make(CandidateType::kHost, address, out.size()));
    }
    size_t reflexive = 0;
    for (const net::Endpoint& seen : parts_.overlay.SeenAddresses()) {
      const bool own = std::find(addresses_.begin(), addresses_.end(), seen) != addresses_.end();
      if (own || reflexive >= kMaxReflexive) continue;
      out.push_back(Make(CandidateType::kServerReflexive, seen, reflexive++));
    }
  }
  size_t relayed = 0;
  for (const overlay::DetourPath& way : parts_.overlay.Ways()) {
    Candidate candidate = Make(CandidateType::kRelayed, net::Endpoint(), relayed++);
    candidate.relay = way.ToBytes();
    out.push_back(std::move(candidate));
  }
  return out;
}

void Paths::Tell(Instant now, session::SessionId session, Entry& entry, bool always) {
  std::vector<Candidate> ours = Gather(entry.withheld);
  ice::Agent& agent = *entry.agent;
  if (!always && ours == entry.told && agent.generation() == entry.told_generation) return;
  entry.told = ours;
  entry.told_generation = agent.generation();
  agent.SetLocal(ours);
  const Bytes encoded = ice::EncodeCandidates({agent.generation(), std::move(ours)});
  if (!parts_.calls.SendPaths(now, session, encoded).ok()) parts_.counters.Add("node.paths_unsent");
}

void Paths::SetAddresses(Instant now, std::vector<net::Endpoint> addresses) {
  addresses_ = std::move(addresses);
  for (auto& [session, entry] : entries_) {
    entry.agent->Restart(now);
    Tell(now, session, entry, true);
  }
}

void Paths::Start(Instant now, session::SessionId session, bool withheld) {
  SecretBytes secret = parts_.sessions.ExportKey(session, "ice", kSecretSize);
  const std::optional<net::Endpoint> remote = parts_.sessions.RemoteEndpoint(session);
  if (secret.empty() || !remote) return;
  Entry& entry = entries_[session];
  entry.withheld = withheld;
  entry.session_path = *remote;
  entry.agent = std::make_unique<ice::Agent>(
      ice::Agent::Options{
          .side = parts_.sessions.IsCaller(session) ? ice::Side::kCaller : ice::Side::kCallee,
          .secret = std::move(secret),
          .local = Gather(withheld)},
      parts_.rng, parts_.counters);
  const auto type =
      overlay::IsDetour(*remote) ? CandidateType::kRelayed : CandidateType::kPeerReflexive;
  entry.agent->AddRemote(now, {0, {Make(type, *remote, 0)}});
  Tell(now, session, entry, true);
}

void Paths::Reveal(Instant now, session::SessionId session) {
  const auto found = entries_.find(session);
  if (found == entries_.end() || !found->second.withheld) return;
  Entry& entry = found->second;
  entry.withheld = false;
  // Our own first: a check from an address that the other end was not told is one of a stranger.
  Tell(now, session, entry, false);
  if (entry.held.generation == entry.agent->generation()) entry.agent->AddRemote(now, entry.held);
}

void Paths::OnPaths(Instant now, session::SessionId session, ByteView paths) {
  const auto found = entries_.find(session);
  std::optional<ice::CandidateList> list = ice::ParseCandidates(paths);
  if (found == entries_.end() || !list) return parts_.counters.Add("node.dropped_paths");
  Entry& entry = found->second;
  std::erase_if(list->candidates, [](Candidate& candidate) {
    // A way is told as such, never as an address.
    if (candidate.type != CandidateType::kRelayed) return overlay::IsDetour(candidate.endpoint);
    const auto way = overlay::DetourPath::FromBytes(candidate.relay);
    if (way) candidate.endpoint = way->ToEndpoint();
    return !way.has_value();
  });
  if (entry.withheld) {
    entry.held = *list;
    std::erase_if(list->candidates, [](const Candidate& candidate) {
      return candidate.type != CandidateType::kRelayed;
    });
  }
  entry.agent->AddRemote(now, *list);
  Tell(now, session, entry, false);
}

std::optional<ice::Path> Paths::Selected(session::SessionId session) const {
  const auto found = entries_.find(session);
  return found == entries_.end() ? std::nullopt : found->second.agent->selected();
}

void Paths::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  const std::optional<ice::StunMessage> message = ice::ParseStun(datagram);
  if (!message) return parts_.counters.Add("ice.dropped_malformed");
  const bool relayed = overlay::IsDetour(from);
  for (auto& [session, entry] : entries_) {
    if (entry.withheld && !relayed && from != entry.session_path) continue;
    if (!entry.agent->OnMessage(now, from, relayed, *message, datagram)) continue;
    Tell(now, session, entry, false);
    return;
  }
  parts_.counters.Add("ice.dropped_unknown");
}

void Paths::OnTimeout(Instant now) {
  const bool look = now >= look_;
  if (look) look_ = now + kLook;
  for (auto& [session, entry] : entries_) {
    entry.agent->OnTimeout(now);
    if (look) Tell(now, session, entry, false);
  }
}

std::optional<Instant> Paths::PollTimeout() const {
  if (entries_.empty()) return std::nullopt;
  std::optional<Instant> out = look_;
  for (const auto& [session, entry] : entries_) out = Earliest(out, entry.agent->PollTimeout());
  return out;
}

std::optional<net::Transmit> Paths::PollTransmit() {
  for (auto& [session, entry] : entries_) {
    if (auto out = entry.agent->PollTransmit()) return out;
  }
  return std::nullopt;
}

std::optional<PathChanged> Paths::PollEvent() {
  for (auto& [session, entry] : entries_) {
    while (const auto event = entry.agent->PollEvent()) {
      const auto* selected = std::get_if<ice::PathSelected>(&*event);
      if (selected == nullptr) {
        // The session stays where it is: it says little, and ends with its reason if nobody
        // answers.
        events_.push_back(PathChanged{session, std::nullopt});
        continue;
      }
      parts_.sessions.FollowPath(session, selected->path.remote);
      events_.push_back(PathChanged{session, selected->path});
    }
  }
  if (events_.empty()) return std::nullopt;
  PathChanged out = std::move(events_.front());
  events_.pop_front();
  return out;
}

}  // namespace p2pd::node
