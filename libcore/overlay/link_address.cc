// Where a neighbour is: straight or round through a third, and what it takes to believe that it is
// somewhere else.
#include "libcore/overlay/link_table.h"

namespace p2pd::overlay {

// The neighbour seems to have moved. Anybody on the path could have sent its packet on from another
// address, so it has to answer from there first (RFC 9000 §8.2).
void LinkTable::NoteAddress(Instant now, const net::Endpoint& from, Peer& peer) {
  const bool asked = peer.challenge && peer.challenge->sent + kChallengeGap > now;
  // Who passes on for us is our own choice and the other end has its own, unless nothing comes of
  // ours: whom we chose may have lost it from its leaves.
  const bool rounds = IsDetour(from) && IsDetour(peer.endpoint);
  if (asked || !peer.current || (rounds && !peer.channel.Stalled())) return;
  SendChallenge(peer, from, now);
}

void LinkTable::SendChallenge(Peer& peer, const net::Endpoint& at, Instant sent) {
  // The answer to an earlier one counts too: it may take longer than we wait until the next.
  const bool again = peer.challenge && peer.challenge->at == at;
  peer.challenge = Challenge{at, again ? peer.challenge->nonce : rng_.Next(), sent};
  ByteWriter writer;
  WriteFrame(ChallengeFrame{peer.challenge->nonce}, writer);
  Emit(at, peer.current->link.Seal(writer.bytes()));
}

void LinkTable::OnChallengeReply(const net::Endpoint& from, Peer& peer, uint64_t nonce) {
  if (!peer.challenge || peer.challenge->nonce != nonce || peer.challenge->at != from) return;
  counters_.Add("overlay.neighbours_moved");
  peer.endpoint = from;
  peer.challenge.reset();
}

void LinkTable::PingAt(const NodeId& id, const net::Endpoint& at) {
  Peer* peer = Find(id);
  if (peer == nullptr || peer->current == nullptr) return;
  // As old as the neighbour's last word, so that one who turns up elsewhere is asked at once.
  SendChallenge(*peer, at, peer->heard);
}

std::optional<net::Endpoint> LinkTable::EndpointOf(const NodeId& id) const {
  const Peer* peer = Find(id);
  if (peer == nullptr || !peer->current || IsDetour(peer->endpoint)) return std::nullopt;
  return peer->endpoint;
}

std::optional<DetourPath> LinkTable::DetourTo(const NodeId& id) const {
  const Peer* peer = Find(id);
  if (peer == nullptr || !peer->current) return std::nullopt;
  return DetourPath::From(peer->endpoint);
}

std::optional<net::Endpoint> LinkTable::SeenAt(const NodeId& id) const {
  const std::optional<DetourPath> path = DetourTo(id);
  if (!path) return EndpointOf(id);
  const NodeRecord* via = RecordOfHead(path->via);
  return via ? EndpointOf(via->id()) : std::nullopt;
}

}  // namespace p2pd::overlay
