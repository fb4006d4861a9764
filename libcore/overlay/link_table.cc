#include "libcore/overlay/link_table.h"

#include <algorithm>
#include <utility>

#include "libcore/base/codec.h"

namespace p2pd::overlay {

LinkTable::LinkTable(const NodeKeys& keys, RecordCache& records, Rng& rng, Counters& counters)
    : keys_(keys), records_(records), rng_(rng), counters_(counters), cookies_(rng) {}

LinkTable::Peer* LinkTable::Find(const NodeId& id) {
  const auto found = peer_of_.find(id);
  return found == peer_of_.end() ? nullptr : found->second;
}
const LinkTable::Peer* LinkTable::Find(const NodeId& id) const {
  const auto found = peer_of_.find(id);
  return found == peer_of_.end() ? nullptr : found->second;
}

void LinkTable::Emit(const net::Endpoint& to, Bytes datagram) {
  if (transmits_.size() >= kMaxTransmits) {
    counters_.Add("overlay.dropped_transmit_queue_full");
    return;
  }
  transmits_.push_back(net::Transmit{to, std::move(datagram)});
}

uint32_t LinkTable::FreshIndex() {
  for (;;) {
    const auto index = static_cast<uint32_t>(rng_.Next());
    if (links_.count(index) == 0 && half_open_.count(index) == 0 && attempts_.count(index) == 0) {
      return index;
    }
  }
}

LinkTable::Peer& LinkTable::AddPeer(const NodeRecord& record) {
  auto peer = std::make_unique<Peer>(record, counters_, budget_);
  peer_of_.emplace(record.id(), peer.get());
  return *peers_.emplace(record.id(), std::move(peer)).first->second;
}

void LinkTable::MarkReady(Peer& peer) {
  if (peer.ready || !peer.current) return;
  peer.ready = true;
  ready_.push_back(peer.id);
}

void LinkTable::Retime(Peer& peer) { SetTimer(peer, peer.channel.PollTimeout()); }

void LinkTable::SetTimer(Peer& peer, std::optional<Instant> timer) {
  if (timer == peer.timer) return;
  const auto later = [](const Timer& a, const Timer& b) {
    return a.at != b.at ? a.at > b.at : a.peer->id > b.peer->id;
  };
  if (peer.timer) {
    timers_.erase(
        std::lower_bound(timers_.begin(), timers_.end(), Timer{*peer.timer, &peer}, later));
  }
  peer.timer = timer;
  if (!timer) return;
  const Timer entry{*timer, &peer};
  timers_.insert(std::lower_bound(timers_.begin(), timers_.end(), entry, later), entry);
}

void LinkTable::TakeReports(Peer& peer) {
  while (const std::optional<Channel::Report> report = peer.channel.PollReport()) {
    switch (report->outcome) {
      case Channel::Outcome::kAcked:
        events_.push_back(MessageAcked{peer.id, *report->message});
        break;
      case Channel::Outcome::kSlow:
        // The other side may have closed the link that we use and kept another.
        if (peer.links.size() > 1 && peer.current->link.local_index() == report->link) {
          const auto at = std::find(peer.links.begin(), peer.links.end(), peer.current);
          peer.current = at + 1 < peer.links.end() ? *(at + 1) : peer.links.front();
        }
        events_.push_back(MessageSlow{peer.id, report->message});
        break;
      case Channel::Outcome::kLost:
        events_.push_back(MessageLost{peer.id, *report->message});
        break;
    }
  }
}

// Handshake, responder.

void LinkTable::OnDatagram(Instant now, const net::Endpoint& from, DatagramType type,
                           ByteView datagram) {
  if (!next_sweep_) next_sweep_ = now + kSweep;
  switch (type) {
    case DatagramType::kKnock:
      OnKnock(now, from, datagram);
      return;
    case DatagramType::kHello:
      OnHello(now, from, datagram);
      return;
    case DatagramType::kCookie:
    case DatagramType::kWelcome:
      OnHandshakeAnswer(now, from, type, datagram);
      return;
    case DatagramType::kPacket:
      OnPacket(now, from, datagram);
      return;
    case DatagramType::kLetter:
    case DatagramType::kLetterAnswer:
      return;  // LetterBox's
    case DatagramType::kBeacon:
      return;  // LinkLocal's
  }
}

void LinkTable::OnKnock(Instant now, const net::Endpoint& from, ByteView datagram) {
  const std::optional<Knock> knock = ParseKnock(datagram);
  if (!knock) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  if (!knock_bucket_.TryTake(now, 1)) {
    counters_.Add("overlay.refused_knock_rate");
    return;
  }
  Emit(from, MakeCookieDatagram(*knock, cookies_.Make(now, from)));
}

void LinkTable::SendKnock(const net::Endpoint& endpoint) {
  Emit(endpoint, MakeKnock(Knock{FreshIndex(), rng_.Next()}));
}

void LinkTable::OnHello(Instant now, const net::Endpoint& from, ByteView datagram) {
  const std::optional<Hello> hello = ParseHello(datagram);
  if (!hello) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  if (hello->cookie && !cookies_.Check(now, from, *hello->cookie)) {
    counters_.Add("overlay.dropped_bad_cookie");
    return;
  }
  for (const auto& [index, half] : half_open_) {
    // Ours was lost, or it is a replay: the same bytes get the same answer.
    if (half.hello == hello->digest) return Emit(from, half.welcome);
  }
  if (hello->expected && *hello->expected != self_->id()) {
    counters_.Add("overlay.dropped_hello_for_another");
    return;
  }
  const auto send_cookie = [&] {
    Emit(from,
         MakeCookieDatagram(KnockOfHello(hello->index, hello->digest), cookies_.Make(now, from)));
  };
  if (!hello->cookie && !MayGoUnproved(now)) {
    counters_.Add("overlay.cookies_asked");
    return send_cookie();
  }
  if (!hello_bucket_.TryTake(now, 1)) {
    counters_.Add("overlay.refused_hello_rate");
    return;
  }
  const uint32_t index = FreshIndex();
  std::optional<Responded> responded = Respond(*hello, from, keys_, *self_, index, records_, rng_);
  if (!responded) {
    counters_.Add("overlay.dropped_bad_hello");
    return;
  }
  if (responded->initiator.id() == self_->id()) {
    counters_.Add("overlay.dropped_hello_from_self");
    return;
  }
  // Our record may be longer than theirs.
  if (!hello->cookie && responded->welcome.size() > datagram.size()) return send_cookie();
  if (half_open_.size() >= kMaxHalfOpen) {
    counters_.Add("overlay.evicted_half_open");
    half_open_.erase(std::min_element(
        half_open_.begin(), half_open_.end(),
        [](const auto& a, const auto& b) { return a.second.since < b.second.since; }));
  }
  Emit(from, responded->welcome);
  half_open_.emplace(
      index, HalfOpen{Link(responded->secrets), responded->initiator, from, now,
                      std::move(responded->welcome), hello->digest, hello->cookie.has_value()});
}

bool LinkTable::MayGoUnproved(Instant now) {
  const auto unproved = std::count_if(half_open_.begin(), half_open_.end(),
                                      [](const auto& entry) { return !entry.second.proved; });
  // They push out nobody who showed an address.
  return static_cast<size_t>(unproved) < kMaxUnproved && half_open_.size() < kMaxHalfOpen &&
         unproved_bucket_.TryTake(now, 1);
}

// Handshake, initiator.

void LinkTable::Connect(Instant now, const Contact& peer, absl::Duration useful_below) {
  if (peer.id == self_->id() || Linked(peer.id)) return;
  const auto under_way = attempt_to_.find(peer.id);
  if (under_way == attempt_to_.end()) {
    const bool look = useful_below != absl::InfiniteDuration();
    return StartAttempt(now, peer.id, peer.addresses, look ? Opening::kKnock : Opening::kHello,
                        useful_below);
  }
  Attempt& attempt = attempts_.at(under_way->second);
  attempt.useful_below = std::max(attempt.useful_below, useful_below);
}

void LinkTable::Connect(Instant now, const NodeRecord& peer) {
  Connect(now, Contact::Of(peer));
  if (attempt_to_.count(peer.id()) == 0 || Find(peer.id()) != nullptr || !MakeRoom(now)) return;
  AddPeer(peer).heard = now;
}

void LinkTable::ConnectEndpoint(Instant now, const net::Endpoint& endpoint, Opening opening) {
  for (const auto& [index, attempt] : attempts_) {
    if (!attempt.peer && attempt.addresses.front() == endpoint) return;
  }
  StartAttempt(now, std::nullopt, {endpoint}, opening);
}

void LinkTable::StartAttempt(Instant now, std::optional<NodeId> peer,
                             std::vector<net::Endpoint> addresses, Opening opening,
                             absl::Duration useful_below) {
  if (!next_sweep_) next_sweep_ = now + kSweep;
  if (attempts_.size() >= kMaxAttempts) {
    counters_.Add("overlay.refused_attempts_full");
    events_.push_back(ConnectFailed{peer, addresses.front(), false});
    return;
  }
  const uint32_t index = FreshIndex();
  Attempt& attempt =
      attempts_.try_emplace(index, Initiator(index, peer, rng_), peer, std::move(addresses))
          .first->second;
  attempt.useful_below = useful_below;
  if (peer) attempt_to_[*peer] = index;
  if (opening == Opening::kHello) attempt.initiator.SayHello(keys_, *self_, rng_);
  SendAttempt(now, attempt);
}

void LinkTable::SendAttempt(Instant now, Attempt& attempt) {
  Emit(attempt.addresses[attempt.address], attempt.initiator.datagram());
  if (detour_ && attempt.peer && attempt.sends > 0 && !attempt.initiator.has_cookie()) {
    // Whichever way answers first is taken.
    const auto nth = static_cast<size_t>(attempt.sends - 1);
    const std::optional<net::Endpoint> round = detour_(*attempt.peer, nth);
    if (round) Emit(*round, attempt.initiator.datagram());
  }
  if (attempt.sends == 0) attempt.since = now;
  attempt.sent = now;
  attempt.next = now + kHandshakeTimeout * (1 << attempt.sends);
  ++attempt.sends;
}

void LinkTable::FailAttempt(std::map<uint32_t, Attempt>::iterator it, bool self) {
  const Attempt attempt = std::move(it->second);
  attempts_.erase(it);
  if (attempt.peer) attempt_to_.erase(*attempt.peer);
  events_.push_back(ConnectFailed{attempt.peer, attempt.addresses[attempt.address], self});
  if (!attempt.peer) return;
  const Peer* peer = Find(*attempt.peer);
  if (peer != nullptr && !peer->current) ErasePeer(*attempt.peer, false);
}

void LinkTable::StepAttempts(Instant now) {
  for (auto it = attempts_.begin(); it != attempts_.end();) {
    const auto here = it++;
    Attempt& attempt = here->second;
    if (attempt.next > now) continue;
    const int limit = kMaxHandshakeSends + static_cast<int>(attempt.addresses.size()) - 1;
    if (attempt.sends >= limit) {
      counters_.Add("overlay.connects_failed");
      FailAttempt(here, false);
      continue;
    }
    // A hello's cookie is good at one address only; a knock may try the next one.
    if (!attempt.initiator.has_cookie()) {
      attempt.address = (attempt.address + 1) % attempt.addresses.size();
      attempt.initiator.GoBackToKnock();
    }
    SendAttempt(now, attempt);
  }
}

void LinkTable::OnHandshakeAnswer(Instant now, const net::Endpoint& from, DatagramType type,
                                  ByteView datagram) {
  const std::optional<uint32_t> index = InitiatorIndexOf(datagram);
  const auto found = index ? attempts_.find(*index) : attempts_.end();
  if (found == attempts_.end()) {
    counters_.Add("overlay.dropped_unasked_handshake");
    return;
  }
  Attempt& attempt = found->second;
  if (attempt.sends == 1) attempt.round_trips.push_back(now - attempt.sent);
  attempt.bound = std::min(attempt.bound, now - attempt.since);
  if (type == DatagramType::kCookie) {
    if (Declined(now, found)) return;
    if (!attempt.initiator.OnCookie(datagram, keys_, *self_, rng_)) {
      counters_.Add("overlay.dropped_bad_cookie_answer");
      return;
    }
    // The answer may come from another address of the same machine.
    const auto at = std::find(attempt.addresses.begin(), attempt.addresses.end(), from);
    if (at == attempt.addresses.end()) {
      attempt.addresses = {from};
      attempt.address = 0;
    } else {
      attempt.address = static_cast<size_t>(at - attempt.addresses.begin());
    }
    attempt.sends = 0;
    SendAttempt(now, attempt);
    return;
  }
  std::optional<Initiator::Opened> opened = attempt.initiator.OnWelcome(datagram, records_);
  if (!opened) {
    counters_.Add("overlay.dropped_bad_welcome");
    return;
  }
  if (opened->responder.id() == self_->id()) return FailAttempt(found, true);
  if (attempt.peer) attempt_to_.erase(*attempt.peer);
  const std::vector<absl::Duration> round_trips = std::move(attempt.round_trips);
  const absl::Duration bound = attempt.bound;
  attempts_.erase(found);
  if (!Open(now, from, std::move(opened->secrets), opened->responder, true)) return;
  if (!IsDetour(from)) {
    events_.push_back(AddressObserved{opened->responder.id(), opened->observed});
  }
  // The first packet opens the link at the other side.
  Peer& peer = *Find(opened->responder.id());
  for (const absl::Duration sample : round_trips) peer.channel.OnRoundTrip(sample);
  peer.channel.OnRoundTripBound(bound);
  peer.channel.Ping();
  MarkReady(peer);
}

bool LinkTable::Declined(Instant now, std::map<uint32_t, Attempt>::iterator it) {
  const Attempt& attempt = it->second;
  // Somebody may want to say something to the node meanwhile.
  const Peer* peer = attempt.peer ? Find(*attempt.peer) : nullptr;
  const bool near = now - attempt.sent < attempt.useful_below;
  if (near || !attempt.peer || (peer != nullptr && !peer->channel.Idle())) return false;
  const NodeId id = *attempt.peer;
  attempt_to_.erase(id);
  attempts_.erase(it);
  if (peer != nullptr && !peer->current) ErasePeer(id, false);
  events_.push_back(ConnectDeclined{id});
  return true;
}

bool LinkTable::MakeRoom(Instant now) {
  if (peers_.size() < kMaxPeers) return true;
  auto oldest = peers_.end();
  for (auto it = peers_.begin(); it != peers_.end(); ++it) {
    if (it->second->pinned || attempt_to_.count(it->first) != 0) continue;
    if (oldest == peers_.end() || it->second->heard < oldest->second->heard) oldest = it;
  }
  if (oldest == peers_.end()) {
    counters_.Add("overlay.refused_links_full");
    return false;
  }
  counters_.Add("overlay.evicted_links");
  Drop(now, NodeId(oldest->first), true);
  return true;
}

bool LinkTable::Open(Instant now, const net::Endpoint& from, LinkSecrets secrets,
                     const NodeRecord& record, bool initiator) {
  return Adopt(now, from, Link(secrets), record, initiator);
}

bool LinkTable::Adopt(Instant now, const net::Endpoint& from, Link link, const NodeRecord& record,
                      bool initiator) {
  Peer* const known = Find(record.id());
  if (known == nullptr && !MakeRoom(now)) return false;
  Peer& peer = known != nullptr ? *known : AddPeer(record);
  const uint32_t index = link.local_index();
  const bool was_up = peer.current != nullptr;
  const bool newer = record.epoch() > peer.record.epoch();
  const bool other_role = newer && record.role() != peer.record.role();
  if (newer) peer.record = record;
  while (peer.links.size() >= kMaxLinksPerPeer) CloseLink(peer.links.front()->link.local_index());
  auto opened = std::make_unique<OpenLink>(OpenLink{std::move(link), &peer, now, now});
  peer.links.push_back(opened.get());
  peer.current = opened.get();
  links_.emplace(index, std::move(opened));
  if (!was_up) ++version_;
  peer.endpoint = from;
  peer.heard = now;
  sweep_peers_ = std::min(sweep_peers_, SweepDue(peer));
  peer.challenge.reset();
  // Who asked for a link to an address learns who is there, even if there was a link already.
  if (!was_up || initiator || other_role) events_.push_back(LinkUp{peer.id, from, initiator});
  if (peer.channel.WantsToSend()) MarkReady(peer);
  return true;
}

// Packets.

void LinkTable::OnPacket(Instant now, const net::Endpoint& from, ByteView datagram) {
  const std::optional<uint32_t> index = Link::IndexOf(datagram);
  if (!index) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  const auto found = links_.find(*index);
  if (found == links_.end()) return OnHalfOpenPacket(now, from, *index, datagram);
  OpenLink& link = *found->second;
  const std::optional<Link::Opened> packet = link.link.Open(datagram);
  if (!packet) {
    counters_.Add("overlay.dropped_bad_packet");
    return;
  }
  link.heard = now;
  Peer& peer = *link.peer;
  peer.heard = now;
  peer.current = &link;
  if (packet->newest && from != peer.endpoint) NoteAddress(now, from, peer);
  OnFrames(now, from, *index, peer, *packet);
}

void LinkTable::OnHalfOpenPacket(Instant now, const net::Endpoint& from, uint32_t index,
                                 ByteView datagram) {
  const auto found = half_open_.find(index);
  if (found == half_open_.end()) {
    counters_.Add("overlay.dropped_unknown_link");
    return;
  }
  const std::optional<Link::Opened> packet = found->second.link.Open(datagram);
  if (!packet) {
    counters_.Add("overlay.dropped_bad_packet");
    return;
  }
  HalfOpen half = std::move(found->second);
  half_open_.erase(found);
  if (Adopt(now, half.endpoint, std::move(half.link), half.record, false)) {
    Peer& peer = *Find(half.record.id());
    peer.channel.OnRoundTrip(now - half.since);
    OnFrames(now, from, index, peer, *packet);
  }
}

void LinkTable::OnFrames(Instant now, const net::Endpoint& from, uint32_t index, Peer& peer,
                         const Link::Opened& packet) {
  const std::optional<Frames> frames = ParseFrames(packet.plaintext);
  if (!frames) {
    counters_.Add("overlay.dropped_bad_frames");
    return;
  }
  for (const Frame& frame : *frames) {
    if (std::holds_alternative<PingFrame>(frame)) {
      peer.channel.AckDue();
    } else if (const auto* ack = std::get_if<AckFrame>(&frame)) {
      peer.channel.OnAck(now, index, *ack);
    } else if (const auto* fragment = std::get_if<FragmentFrame>(&frame)) {
      peer.channel.AckDue();
      std::optional<Bytes> message = peer.channel.OnFragment(now, *fragment);
      if (message) TakeMessage(now, from, peer, *std::move(message));
    } else if (const auto* note = std::get_if<NoteFrame>(&frame)) {
      TakeMessage(now, from, peer, ToBytes(note->bytes));
    } else if (const auto* challenge = std::get_if<ChallengeFrame>(&frame)) {
      ByteWriter writer;
      WriteFrame(ChallengeReplyFrame{challenge->nonce}, writer);
      Emit(from, links_.at(index)->link.Seal(writer.bytes()));
    } else if (const auto* reply = std::get_if<ChallengeReplyFrame>(&frame)) {
      OnChallengeReply(from, peer, reply->nonce);
    } else {
      TakeReports(peer);
      CloseLink(index);
      if (peer.links.empty()) ErasePeer(NodeId(peer.id), true);
      return;
    }
  }
  TakeReports(peer);
  if (peer.channel.WantsToSend()) MarkReady(peer);
  Retime(peer);
}

void LinkTable::TakeMessage(Instant now, const net::Endpoint& from, Peer& peer, Bytes message) {
  if (tap_ != nullptr) {
    std::vector<Bytes> replies;
    const bool kept = tap_->OnIncoming(now, peer.id, message, replies);
    for (Bytes& reply : replies) Send(now, peer.id, Purpose::kAnswer, std::move(reply));
    if (!kept) return;
  }
  events_.push_back(MessageReceived{peer.id, from, std::move(message)});
}

// Sending.

std::optional<uint64_t> LinkTable::Send(Instant, const NodeId& id, Purpose purpose, Urgency urgency,
                                        Bytes message) {
  Peer* peer = Find(id);
  if (peer == nullptr) return std::nullopt;
  if (tap_ != nullptr) tap_->OnOutgoing(id, message);
  const uint64_t handle = rng_.Next();
  const size_t size = message.size();
  if (!peer->channel.Queue(handle, std::move(message), urgency)) return std::nullopt;
  traffic_.messages.at(static_cast<size_t>(purpose)).Add(size);
  MarkReady(*peer);
  return handle;
}

void LinkTable::Note(Instant now, const NodeId& id, Purpose purpose, Bytes message) {
  Peer* peer = Find(id);
  if (peer == nullptr) return;
  if (message.size() > Channel::kMaxNote) {
    Send(now, id, purpose, std::move(message));
    return;
  }
  if (tap_ != nullptr) tap_->OnOutgoing(id, message);
  const size_t size = message.size();
  if (!peer->channel.QueueNote(std::move(message))) return;
  traffic_.messages.at(static_cast<size_t>(purpose)).Add(size);
  MarkReady(*peer);
}

void LinkTable::Cancel(const NodeId& id, uint64_t message) {
  Peer* peer = Find(id);
  if (peer != nullptr) peer->channel.Cancel(message);
}

void LinkTable::Ping(Instant, const NodeId& id) {
  Peer* peer = Find(id);
  if (peer == nullptr) return;
  peer->channel.Ping();
  MarkReady(*peer);
}

void LinkTable::Count(const net::Transmit& transmit) {
  // It travels in a message to somebody else, and is counted there.
  if (IsDetour(transmit.to)) return;
  const bool packet = TypeOf(transmit.datagram) == DatagramType::kPacket;
  (packet ? traffic_.packets : traffic_.handshakes).Add(transmit.datagram.size());
}

std::optional<net::Transmit> LinkTable::PollTransmit(Instant now) {
  if (!transmits_.empty()) {
    net::Transmit out = std::move(transmits_.front());
    transmits_.pop_front();
    Count(out);
    return out;
  }
  while (!ready_.empty()) {
    Peer* const peer = Find(ready_.front());
    Bytes plaintext;
    Link* link = nullptr;
    if (peer != nullptr && peer->current) {
      link = &peer->current->link;
      const std::optional<AckFrame> ack =
          link->HeardAnything() ? std::optional(link->Ack()) : std::nullopt;
      plaintext = peer->channel.Fill(now, link->local_index(), link->next_number(), ack);
    }
    if (plaintext.empty()) {
      ready_.pop_front();
      if (peer == nullptr) continue;
      peer->ready = false;
      Retime(*peer);
      continue;
    }
    net::Transmit out{peer->endpoint, link->Seal(plaintext)};
    Count(out);
    return out;
  }
  return std::nullopt;
}

// Time.

void LinkTable::OnTimeout(Instant now) {
  StepAttempts(now);
  while (!timers_.empty() && timers_.back().at <= now) {
    Peer& peer = *timers_.back().peer;
    peer.channel.OnTimeout(now);
    TakeReports(peer);
    if (peer.channel.WantsToSend()) MarkReady(peer);
    // A channel that is late by its own reckoning is asked again in a moment, not at once.
    std::optional<Instant> next = peer.channel.PollTimeout();
    if (next) next = std::max(*next, now + absl::Milliseconds(1));
    SetTimer(peer, next);
  }
  if (next_sweep_ && *next_sweep_ <= now) Sweep(now);
}

std::optional<Instant> LinkTable::PollTimeout() const {
  std::optional<Instant> out = next_sweep_;
  if (!timers_.empty()) out = Earliest(out, timers_.back().at);
  for (const auto& [index, attempt] : attempts_) out = Earliest(out, attempt.next);
  return out;
}

std::optional<LinkEvent> LinkTable::PollEvent() {
  if (events_.empty()) return std::nullopt;
  LinkEvent out = std::move(events_.front());
  events_.pop_front();
  return out;
}

void LinkTable::Sweep(Instant now) {
  next_sweep_.reset();
  std::erase_if(half_open_,
                [now](const auto& entry) { return entry.second.since + kHalfOpenLifetime <= now; });
  if (sweep_peers_ <= now) {
    Instant next = Instant::Max();
    for (auto it = peers_.begin(); it != peers_.end();) {
      if (SweepPeer(now, *it->second)) {
        next = std::min(next, SweepDue(*it->second));
        ++it;
        continue;
      }
      const NodeId id = it->first;
      Drop(now, id, true);
      it = peers_.upper_bound(id);
    }
    sweep_peers_ = next;
  }
  if (!peers_.empty() || !half_open_.empty()) next_sweep_ = now + kSweep;
}

// False when nobody needs the neighbour any more.
bool LinkTable::SweepPeer(Instant now, Peer& peer) {
  if (!peer.current) return true;
  // One side only closes spare links, and says so: if both did, each might keep the one that the
  // other closed. The other side does it much later, in case the word was lost.
  const bool smaller = self_->id() < peer.id;
  if (peer.links.size() > 1) {
    const absl::Duration spare_patience = smaller ? kSpareLifetime : 6 * kSpareLifetime;
    const auto links = peer.links;
    for (OpenLink* const link : links) {
      if (link == peer.current || link->heard + spare_patience > now) continue;
      ByteWriter writer;
      WriteFrame(CloseFrame{}, writer);
      Emit(peer.endpoint, link->link.Seal(writer.bytes()));
      CloseLink(link->link.local_index());
    }
  }
  if (!peer.pinned && peer.heard + kIdleLifetime <= now && peer.channel.Idle()) return false;
  const OpenLink& current = *peer.current;
  // The side that has the smaller id makes the new link; the other one waits a while for it.
  const absl::Duration patience = smaller ? kRekeyAfter : kRekeyAfter + absl::Minutes(2);
  const bool old = current.link.Worn() || current.opened + patience <= now;
  if (old && attempt_to_.count(peer.id) == 0) {
    StartAttempt(now, peer.id, {peer.endpoint}, Opening::kHello);
  }
  return true;
}

Instant LinkTable::SweepDue(const Peer& peer) const {
  if (peer.current == nullptr) return Instant::Max();
  // Half worn is soon enough to begin to look each time.
  if (peer.current->link.next_number() >= Link::kMaxPackets / 2) return Instant();
  Instant due = peer.pinned ? Instant::Max() : peer.heard + kIdleLifetime;
  for (const OpenLink* const link : peer.links) {
    due = std::min(due, link->opened + kRekeyAfter);
    if (peer.links.size() > 1) due = std::min(due, link->heard + kSpareLifetime);
  }
  return due;
}

void LinkTable::CloseLink(uint32_t index) {
  const auto found = links_.find(index);
  const std::unique_ptr<OpenLink> link = std::move(found->second);
  links_.erase(found);
  Peer& peer = *link->peer;
  peer.links.erase(std::find(peer.links.begin(), peer.links.end(), link.get()));
  if (peer.current != link.get()) return;
  peer.current = peer.links.empty() ? nullptr : peer.links.back();
  if (peer.current == nullptr) ++version_;
}

void LinkTable::ErasePeer(const NodeId& id, bool report) {
  Peer& peer = *Find(id);
  for (const uint64_t message : peer.channel.Unfinished()) {
    events_.push_back(MessageLost{id, message});
  }
  while (!peer.links.empty()) CloseLink(peer.links.back()->link.local_index());
  SetTimer(peer, std::nullopt);
  peer_of_.erase(id);
  peers_.erase(id);
  if (report) events_.push_back(LinkDown{id});
}

void LinkTable::Drop(Instant now, const NodeId& id, bool tell) {
  Peer* peer = Find(id);
  if (peer == nullptr) return;
  if (tell && peer->current) {
    // What is queued goes out first: a farewell, for one. The word that closes the link rides with
    // the last of it, since on its own it could overtake it.
    ByteWriter writer;
    WriteFrame(CloseFrame{}, writer);
    const Bytes close = writer.bytes();
    Link& link = peer->current->link;
    bool closed = false;
    while (peer->channel.WantsToSend()) {
      Bytes plaintext =
          peer->channel.Fill(now, link.local_index(), link.next_number(),
                             link.HeardAnything() ? std::optional(link.Ack()) : std::nullopt);
      if (plaintext.empty()) break;
      closed = !peer->channel.WantsToSend() && plaintext.size() + close.size() <= kMaxPlaintext;
      if (closed) Append(plaintext, close);
      Emit(peer->endpoint, link.Seal(plaintext));
    }
    if (!closed) Emit(peer->endpoint, link.Seal(close));
  }
  const bool was_up = peer->current != nullptr;
  ErasePeer(id, was_up);
}

// Questions.

bool LinkTable::Linked(const NodeId& id) const {
  const Peer* peer = Find(id);
  return peer != nullptr && peer->current != nullptr;
}
bool LinkTable::Connecting(const NodeId& id) const { return attempt_to_.count(id) != 0; }
void LinkTable::SetPinned(const NodeId& id, bool pinned) {
  Peer* peer = Find(id);
  if (peer == nullptr) return;
  peer->pinned = pinned;
  sweep_peers_ = std::min(sweep_peers_, SweepDue(*peer));
}
const NodeRecord* LinkTable::RecordOf(const NodeId& id) const {
  const Peer* peer = Find(id);
  return peer == nullptr || !peer->current ? nullptr : &peer->record;
}
const NodeRecord* LinkTable::RecordOfHead(uint64_t head) const {
  const auto found = peers_.lower_bound(FromHead(head));
  if (found == peers_.end() || Head(found->first) != head) return nullptr;
  const Peer& peer = *found->second;
  return peer.current ? &peer.record : nullptr;
}
void LinkTable::UpdateRecord(const NodeRecord& record) {
  Peer* peer = Find(record.id());
  if (peer != nullptr && record.epoch() > peer->record.epoch()) peer->record = record;
}
std::optional<Instant> LinkTable::LastHeard(const NodeId& id) const {
  const Peer* peer = Find(id);
  if (peer == nullptr || !peer->current) return std::nullopt;
  return peer->heard;
}
std::optional<absl::Duration> LinkTable::RoundTripTo(const NodeId& id) const {
  const Peer* peer = Find(id);
  return peer == nullptr ? std::nullopt : peer->channel.round_trip().Smoothed();
}
absl::Duration LinkTable::TimeoutTo(const NodeId& id) const {
  const Peer* peer = Find(id);
  return peer == nullptr ? RoundTrip::kInitial : peer->channel.round_trip().Timeout();
}
std::vector<NodeId> LinkTable::Peers() const {
  std::vector<NodeId> out;
  for (const auto& [id, peer] : peers_) out.push_back(id);
  return out;
}

}  // namespace p2pd::overlay
