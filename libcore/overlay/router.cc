#include "libcore/overlay/router.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

constexpr absl::string_view kReplyPrefix("p2pd reply\0", 11);

// What is no service of ours is nobody's call.
Service ServiceOf(const wire::v1::RouteBody& body) {
  return static_cast<Service>(std::min<uint32_t>(body.service(), 255));
}

uint64_t Microseconds(absl::Duration span) {
  return static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Microseconds(span), 0));
}

}  // namespace

std::optional<Router::Flight> Router::Parse(Instant now, const NodeId& from,
                                            wire::v1::RouteMessage message) {
  wire::v1::RouteBody body;
  if (!ParseProto(AsBytes(message.body()), body)) return std::nullopt;
  const auto key = Key::FromView(AsBytes(body.key()));
  std::optional<NodeRecord> origin = records_.Parse(AsBytes(body.origin()));
  if (!key || !origin || body.payload().size() > kMaxPayload) return std::nullopt;
  if (body.attempt() >= kAttempts || message.hops() > kMaxHops ||
      message.trace_size() > static_cast<int>(kMaxHops) || message.silent_size() > kMaxSilent) {
    return std::nullopt;
  }
  return Flight{.message = std::move(message),
                .body = std::move(body),
                .key = *key,
                .origin = *std::move(origin),
                .previous = from,
                .tried = {},
                .out = std::nullopt,
                .expires = now + kFlightLifetime,
                .letter = std::nullopt,
                .is_signed = false,
                .counted = false,
                .arrived = now};
}

bool Router::Check(Instant now, const NodeId& from, Flight& flight) {
  TokenBucket& bucket = checks_.try_emplace(from, kCheckRate, kCheckBurst).first->second;
  if (!bucket.TryTake(now, 1)) {
    counters_.Add("overlay.refused_route_rate");
    return false;
  }
  flight.is_signed = RouteIsSigned(flight.origin, flight.message);
  if (flight.is_signed) return true;
  bucket.Force(now, kBrokenCosts);
  counters_.Add("overlay.dropped_bad_route_signature");
  return false;
}

std::optional<NodeId> Router::Submit(Instant now, const wire::v1::RouteMessage& message,
                                     const std::set<NodeId>& avoid, Instant since) {
  std::optional<Flight> flight = Parse(now, self_->id(), message);
  if (!flight) return std::nullopt;
  flight->tried = avoid;
  flight->is_signed = true;
  flight->arrived = since;
  Note(now, *flight);
  return Launch(now, *std::move(flight));
}

void Router::ForgetOldest(SeenOrder::iterator of) {
  std::deque<std::pair<Instant, MessageName>>& order = of->second;
  const auto found = seen_.find(order.front().second);
  // A later attempt may have prolonged it.
  if (found != seen_.end() && found->second.expires <= order.front().first) seen_.erase(found);
  seen_sizes_.erase({order.size(), of->first});
  order.pop_front();
  --seen_noted_;
  if (order.empty()) {
    seen_order_.erase(of);
  } else {
    seen_sizes_.insert({order.size(), of->first});
  }
}

void Router::ForgetExpired(Instant now, const NodeId& holder) {
  for (;;) {
    const auto of = seen_order_.find(holder);
    if (of == seen_order_.end() || of->second.front().first > now) return;
    ForgetOldest(of);
  }
}

void Router::Note(Instant now, const Flight& flight) {
  const NodeId holder = HolderOf(flight);
  ForgetExpired(now, holder);
  // Who is silent keeps what has expired: it is in nobody's way until the table is full.
  while (seen_noted_ >= kMaxSeen) ForgetOldest(seen_order_.find(seen_sizes_.rbegin()->second));
  const Instant expires = now + kSeenLifetime;
  const MessageName name{flight.origin.id(), flight.body.message_id()};
  Seen& seen = seen_[name];
  seen.previous = flight.previous;
  seen.attempt = flight.body.attempt();
  seen.answer = flight.body.service() == 0 ? Purpose::kProbe : Purpose::kAnswer;
  seen.urgency = UrgencyOf(ServiceOf(flight.body));
  seen.expires = expires;
  seen.letter = flight.letter;
  seen.delivered = false;
  std::deque<std::pair<Instant, MessageName>>& order = seen_order_[holder];
  seen_sizes_.erase({order.size(), holder});
  order.emplace_back(expires, name);
  seen_sizes_.insert({order.size(), holder});
  ++seen_noted_;
}

void Router::OnRoute(Instant now, const NodeId& from, wire::v1::RouteMessage message) {
  message.set_hops(message.hops() + 1);
  std::optional<Flight> flight = Parse(now, from, std::move(message));
  if (!flight) {
    counters_.Add("overlay.dropped_bad_route");
    return;
  }
  const MessageName name{flight->origin.id(), flight->body.message_id()};
  const auto seen = seen_.find(name);
  // The attempts that are noted are the origin's own.
  if (seen != seen_.end() && flight->body.attempt() <= seen->second.attempt) {
    counters_.Add("overlay.dropped_duplicate_routes");
    return;
  }
  if (!Check(now, from, *flight)) return;
  Note(now, *flight);
  Launch(now, *std::move(flight));
}

void Router::OnLetter(Instant now, LetterPath path, wire::v1::RouteMessage message) {
  message.set_hops(1);
  std::optional<Flight> flight = Parse(now, self_->id(), std::move(message));
  // The overlay's own requests are between neighbours.
  if (!flight || flight->body.service() == 0) {
    counters_.Add("overlay.dropped_bad_route");
    return;
  }
  flight->previous = flight->origin.id();
  const bool proved = path.proved;
  flight->letter = std::move(path);
  const auto seen = seen_.find({flight->origin.id(), flight->body.message_id()});
  if (seen != seen_.end()) {
    // A copy that proves less does not spoil the way back of the one that proved more.
    const std::optional<LetterPath>& before = seen->second.letter;
    if (before && before->room() > flight->letter->room()) flight->letter = before;
    seen->second.letter = flight->letter;
    // A copy gets the answer that we gave, or waits for the one that is on its way.
    if (seen->second.delivered) return Deliver(*flight);
    if (!proved) {
      counters_.Add("overlay.dropped_duplicate_routes");
      return;
    }
  }
  Note(now, *flight);
  Launch(now, *std::move(flight));
}

std::optional<NodeId> Router::Launch(Instant now, Flight flight) {
  const bool own = flight.previous == self_->id();
  flight.counted = !own && share_.Take(HolderOf(flight));
  if (own ? flights_.size() >= kMaxFlights : !flight.counted) {
    counters_.Add("overlay.refused_flights_full");
    return std::nullopt;
  }
  const uint64_t id = next_flight_++;
  Flight& kept = flights_.emplace(id, std::move(flight)).first->second;
  if (!Step(now, id, kept)) {
    End(id);
    return self_->id();
  }
  return kept.out ? std::optional(kept.out->first) : std::nullopt;
}

std::map<uint64_t, Router::Flight>::iterator Router::End(
    std::map<uint64_t, Flight>::iterator flight) {
  if (flight->second.counted) share_.Return(HolderOf(flight->second));
  return flights_.erase(flight);
}

bool Router::Step(Instant now, uint64_t id, Flight& flight) {
  for (;;) {
    Ring::HopQuery query;
    query.key = flight.key;
    query.tried = &flight.tried;
    query.any_replica = flight.body.any_replica();
    if (flight.body.skip_origin()) query.skip = flight.origin.id();
    const Ring::Hop hop = ring_.NextHop(query);
    // A letter proves its origin to us, to the next only the signature does.
    if (hop.kind != Ring::Hop::Kind::kDeliver && !flight.is_signed) {
      flight.is_signed = RouteIsSigned(flight.origin, flight.message);
      if (!flight.is_signed) {
        counters_.Add("overlay.dropped_bad_route_signature");
        return false;
      }
    }
    switch (hop.kind) {
      case Ring::Hop::Kind::kDeliver:
        // Whose leaf set is not complete may be wrong about it; it waits for Reconsider().
        // A probe straight from a node that wants to join through us is told that we are busy.
        if (!ring_.active() &&
            (flight.body.service() != 0 || flight.previous != flight.origin.id())) {
          return true;
        }
        Deliver(flight);
        return false;
      case Ring::Hop::Kind::kForward:
        if (flight.message.hops() >= kMaxHops) {
          counters_.Add("overlay.dropped_ttl");
          return false;
        }
        if (flight.out && flight.out->first == hop.to) return true;
        if (SendTo(now, id, flight, hop.to)) return true;
        flight.tried.insert(hop.to);
        continue;
      case Ring::Hop::Kind::kHold:
        if (flight.out && flight.out->first == hop.to) return true;
        SendTo(now, id, flight, hop.to);
        return true;
      case Ring::Hop::Kind::kNone:
        return true;
    }
  }
}

wire::v1::RouteTrace Router::Stop() const {
  wire::v1::RouteTrace out;
  out.set_id(self_->id().ToString());
  out.set_endpoint(ToText(self_->addresses().front().ToBytes()));
  return out;
}

void Router::AddTrace(Instant now, const Flight& flight, const NodeId& to,
                      wire::v1::RouteMessage& message) const {
  wire::v1::RouteTrace* stop = message.add_trace();
  *stop = Stop();
  stop->set_waited_us(Microseconds(now - flight.arrived));
  stop->set_round_trip_us(Microseconds(links_.RoundTripTo(to).value_or(absl::ZeroDuration())));
  for (const NodeId& silent : flight.tried) {
    if (silent != to && stop->silent_size() < kMaxSilent) stop->add_silent(silent.ToString());
  }
}

bool Router::SendTo(Instant now, uint64_t id, Flight& flight, const NodeId& to) {
  if (flight.out) {
    links_.Cancel(flight.out->first, flight.out->second);
    flight_of_.erase(flight.out->second);
    flight.out.reset();
  }
  wire::v1::OverlayMessage message;
  *message.mutable_route() = flight.message;
  if (flight.body.trace()) AddTrace(now, flight, to, *message.mutable_route());
  const Purpose purpose = flight.body.service() == 0 ? Purpose::kProbe : Purpose::kRequest;
  const Urgency urgency = UrgencyOf(ServiceOf(flight.body));
  const std::optional<uint64_t> handle =
      links_.Send(now, to, purpose, urgency, SerializeProto(message));
  if (!handle) return false;
  flight.out = {to, *handle};
  flight_of_[*handle] = id;
  return true;
}

std::optional<LetterPath> Router::StraightTo(const Flight& flight) const {
  if (flight.letter || flight.body.service() == 0 || flight.body.trace() ||
      flight.origin.id() == self_->id() || flight.origin.role() != Role::kPeer ||
      links_.Linked(flight.origin.id())) {
    return std::nullopt;
  }
  LetterPath out;
  out.to = flight.origin.addresses().front();
  out.seal = AnswerSealOf(flight.message);
  // At least this was in the datagrams that brought it; what the hops added nobody paid for.
  wire::v1::RouteMessage asked;
  asked.set_body(flight.message.body());
  asked.set_signature(flight.message.signature());
  out.paid = asked.ByteSizeLong() + kPacketHeader + kPacketTag + kFragmentHeader;
  out.message_id = flight.body.message_id();
  return out;
}

void Router::Deliver(const Flight& flight) {
  Delivered out{MessageName{flight.origin.id(), flight.body.message_id()},
                flight.origin,
                flight.previous,
                static_cast<int>(flight.message.hops()),
                flight.body,
                {},
                flight.letter,
                StraightTo(flight),
                flight.arrived};
  const auto seen = seen_.find(out.name);
  if (seen != seen_.end()) seen->second.delivered = true;
  out.trace.assign(flight.message.trace().begin(), flight.message.trace().end());
  if (flight.body.trace()) out.trace.push_back(Stop());
  delivered_.push_back(std::move(out));
}

// What became of a message.

void Router::OnAcked(uint64_t handle) {
  replies_.erase(handle);
  const auto found = flight_of_.find(handle);
  if (found == flight_of_.end()) return;
  End(found->second);
  flight_of_.erase(found);
}

void Router::NoteSilent(Flight& flight) {
  const NodeId& silent = flight.out->first;
  if (!flight.tried.insert(silent).second) return;
  if (flight.message.silent_size() < kMaxSilent) flight.message.add_silent(Head(silent));
}

void Router::OnSlow(Instant now, uint64_t handle) {
  const auto found = flight_of_.find(handle);
  if (found == flight_of_.end()) return;
  const uint64_t id = found->second;
  Flight& flight = flights_.at(id);
  counters_.Add("overlay.fail_overs");
  NoteSilent(flight);
  if (Step(now, id, flight)) return;
  if (flight.out) flight_of_.erase(flight.out->second);
  End(id);
}

void Router::OnLost(Instant now, uint64_t handle) {
  const auto reply = replies_.find(handle);
  if (reply != replies_.end()) {
    ReplyFlight flight = std::move(reply->second);
    replies_.erase(reply);
    SendReply(now, std::move(flight));
    return;
  }
  const auto found = flight_of_.find(handle);
  if (found == flight_of_.end()) return;
  const uint64_t id = found->second;
  flight_of_.erase(found);
  Flight& flight = flights_.at(id);
  NoteSilent(flight);
  flight.out.reset();
  if (!Step(now, id, flight)) End(id);
}

void Router::Reconsider(Instant now) {
  std::vector<uint64_t> waiting;
  for (const auto& [id, flight] : flights_) {
    // What is under way to a live neighbour is left alone.
    if (!flight.out || ring_.IsSuspect(flight.out->first)) waiting.push_back(id);
  }
  for (const uint64_t id : waiting) {
    Flight& flight = flights_.at(id);
    if (Step(now, id, flight)) continue;
    if (flight.out) {
      links_.Cancel(flight.out->first, flight.out->second);
      flight_of_.erase(flight.out->second);
    }
    End(id);
  }
}

void Router::OnTimeout(Instant now) {
  for (auto it = flights_.begin(); it != flights_.end() && it->second.expires <= now;) {
    counters_.Add("overlay.expired_flights");
    if (it->second.out) {
      links_.Cancel(it->second.out->first, it->second.out->second);
      flight_of_.erase(it->second.out->second);
    }
    it = End(it);
  }
}

std::optional<Instant> Router::PollTimeout() const {
  if (flights_.empty()) return std::nullopt;
  return flights_.begin()->second.expires;
}

std::optional<Delivered> Router::PollDelivered() {
  if (delivered_.empty()) return std::nullopt;
  Delivered out = std::move(delivered_.front());
  delivered_.pop_front();
  return out;
}

std::optional<ReplyArrived> Router::PollReply() {
  if (arrived_.empty()) return std::nullopt;
  ReplyArrived out = std::move(arrived_.front());
  arrived_.pop_front();
  return out;
}

// The way back.

void Router::Reply(Instant now, const Delivered& request, wire::v1::RouteReplyBody body) {
  body.set_message_id(request.name.id);
  body.set_origin_id(request.name.origin.ToString());
  body.set_responder(ToText(self_->bytes()));
  body.set_hops(static_cast<uint32_t>(request.hops));
  for (const wire::v1::RouteTrace& stop : request.trace) *body.add_trace() = stop;
  if (body.trace_size() > 0) {
    body.mutable_trace(body.trace_size() - 1)->set_waited_us(Microseconds(now - request.arrived));
  }
  if (request.name.origin == self_->id()) {
    arrived_.push_back(ReplyArrived{request.name.id, *self_, std::move(body)});
    return;
  }
  ReplyFlight flight;
  flight.name = request.name;
  flight.origin = request.origin;
  flight.reply.set_body(body.SerializeAsString());
  if (!links_.Linked(request.name.origin)) {
    flight.reply.set_signature(
        keys_.signing_key.Sign(Signed(kReplyPrefix, flight.reply.body())).ToString());
    if (request.straight) {
      letter_replies_.push_back(LetterReply{*request.straight, flight.reply, true});
    }
  }
  SendReply(now, std::move(flight));
}

void Router::SendReply(Instant now, ReplyFlight flight) {
  if (replies_.size() >= kMaxReplies) {
    counters_.Add("overlay.refused_replies_full");
    return;
  }
  std::vector<NodeId> ways;
  if (links_.Linked(flight.name.origin)) ways.push_back(flight.name.origin);
  const auto seen = seen_.find(flight.name);
  const bool known = seen != seen_.end();
  if (known && seen->second.previous != self_->id()) ways.push_back(seen->second.previous);
  const Purpose purpose = known ? seen->second.answer : Purpose::kAnswer;
  const Urgency urgency = known ? seen->second.urgency : UrgencyOf(purpose);
  for (const NodeId& way : ways) {
    if (!flight.tried.insert(way).second) continue;
    // Through somebody else's hands only under the responder's name.
    if (way != flight.name.origin && flight.reply.signature().empty()) {
      flight.reply.set_signature(
          keys_.signing_key.Sign(Signed(kReplyPrefix, flight.reply.body())).ToString());
    }
    wire::v1::OverlayMessage message;
    *message.mutable_route_reply() = flight.reply;
    const std::optional<uint64_t> handle =
        links_.Send(now, way, purpose, urgency, SerializeProto(message));
    if (!handle) continue;
    replies_.emplace(*handle, std::move(flight));
    return;
  }
  if (known && seen->second.letter) {
    letter_replies_.push_back(LetterReply{*seen->second.letter, std::move(flight.reply), false});
    return;
  }
  counters_.Add("overlay.replies_lost");
}

std::optional<LetterReply> Router::PollLetterReply() {
  if (letter_replies_.empty()) return std::nullopt;
  LetterReply out = std::move(letter_replies_.front());
  letter_replies_.pop_front();
  return out;
}

void Router::OnReply(Instant now, const NodeId& from, const wire::v1::RouteReply& reply) {
  wire::v1::RouteReplyBody body;
  const bool parsed = ParseProto(AsBytes(reply.body()), body);
  const auto origin = NodeId::FromView(AsBytes(body.origin_id()));
  if (!parsed || !origin || body.payload().size() > kMaxPayload ||
      body.trace_size() > static_cast<int>(kMaxHops) + 1) {
    counters_.Add("overlay.dropped_bad_reply");
    return;
  }
  if (*origin == self_->id()) return AcceptReply(from, reply, body);
  // Only answers to requests that came through us are passed on, and signed ones only.
  if (seen_.count({*origin, body.message_id()}) == 0 || reply.signature().empty()) {
    counters_.Add("overlay.dropped_unasked_reply");
    return;
  }
  ReplyFlight flight;
  flight.reply = reply;
  flight.name = {*origin, body.message_id()};
  flight.tried.insert(from);
  SendReply(now, std::move(flight));
}

void Router::OnLetterReply(const NodeId& from, const wire::v1::RouteReply& reply) {
  wire::v1::RouteReplyBody body;
  const bool parsed = ParseProto(AsBytes(reply.body()), body);
  const bool ours = parsed && NodeId::FromView(AsBytes(body.origin_id())) == self_->id();
  if (!ours || body.payload().size() > kMaxPayload ||
      body.trace_size() > static_cast<int>(kMaxHops) + 1) {
    counters_.Add("overlay.dropped_bad_reply");
    return;
  }
  AcceptReply(from, reply, body);
}

void Router::AcceptReply(const NodeId& from, const wire::v1::RouteReply& reply,
                         const wire::v1::RouteReplyBody& body) {
  std::optional<NodeRecord> responder = records_.Parse(AsBytes(body.responder()));
  // The link itself proves what its other end says.
  const bool direct = responder && responder->id() == from;
  if (!responder ||
      (!direct && !pki::Ed25519Verify(responder->key(), Signed(kReplyPrefix, reply.body()),
                                      AsBytes(reply.signature())))) {
    counters_.Add("overlay.dropped_bad_reply_signature");
    return;
  }
  arrived_.push_back(ReplyArrived{body.message_id(), *std::move(responder), body});
}

}  // namespace p2pd::overlay
