#include "libcore/overlay/exchange.h"

#include <algorithm>
#include <utility>

#include "libcore/overlay/route.h"
#include "libcore/overlay/wire.h"

namespace p2pd::overlay {
namespace {

constexpr auto kLastService = static_cast<uint32_t>(Service::kSubmission);

// What a stop says; more than a minute is a lie, since no request takes so long.
absl::Duration SpanOf(uint64_t microseconds) {
  constexpr uint64_t kMost = 60'000'000;
  return absl::Microseconds(static_cast<int64_t>(std::min(microseconds, kMost)));
}

Service ToService(uint32_t wire) { return static_cast<Service>(static_cast<uint8_t>(wire)); }

}  // namespace

// Ours.

std::optional<RequestId> Exchange::Refuse(size_t payload) {
  absl::Status status;
  if (payload > kMaxPayload) {
    status = absl::InvalidArgumentError("request is larger than 72 KiB");
  } else if (closed_) {
    status = absl::UnavailableError("this node is leaving the overlay");
  } else if (outgoing_.size() >= kMaxOutgoing) {
    counters_.Add("overlay.refused_outgoing_full");
    status = absl::ResourceExhaustedError("too many requests under way");
  } else {
    return std::nullopt;
  }
  const RequestId id(next_id_++);
  events_.push_back(RequestFailed{id, status});
  return id;
}

RequestId Exchange::Route(Instant now, RouteCall call) {
  if (const std::optional<RequestId> refused = Refuse(call.payload.size())) return *refused;
  Outgoing out;
  out.id = RequestId(next_id_++);
  out.message_id = rng_.Next();
  out.started = now;
  out.deadline = now + call.options.timeout;
  out.through = call.through;
  const absl::Duration typical = route_time_.Smoothed().value_or(absl::Milliseconds(250));
  out.wait = std::clamp(3 * typical, kMinWait, kMaxWait);
  wire::v1::RouteBody body;
  body.set_key(call.key.ToString());
  body.set_message_id(out.message_id);
  body.set_origin(ToText(self_->bytes()));
  body.set_service(static_cast<uint32_t>(call.service));
  body.set_payload(ToText(call.payload));
  body.set_any_replica(call.options.any_replica);
  body.set_trace(call.options.trace);
  body.set_skip_origin(call.skip_origin);
  out.route = std::move(body);
  if (call.options.way > 0 && !out.through) out.through = AnotherWay(call.key, call.options.way);
  Outgoing& kept = outgoing_.insert_or_assign(out.message_id, std::move(out)).first->second;
  const RequestId id = kept.id;
  if (!TryLetter(now, call, kept)) Attempt(now, kept);
  return id;
}

bool Exchange::TryLetter(Instant now, const RouteCall& call, Outgoing& out) {
  // A trace is of hops; the overlay's own probes are to look at them too.
  if (shortcut_ == nullptr || call.options.way > 0 || call.through || call.skip_origin ||
      call.options.trace || !call.options.prompt || call.service == Service::kOverlay) {
    return false;
  }
  const auto choice = shortcut_->For(call.key, call.options.any_replica);
  if (!choice) return false;
  const wire::v1::RouteMessage route = SignRoute(keys_, *out.route);
  LetterBox::Order order{
      out.message_id,   choice->target, call.service, {}, call.options.answer_bytes,
      choice->patience, route};
  if (!letters_.Send(now, std::move(order)).ok()) return false;
  // Whom hints name may send it on to the root.
  letters_.Expect(out.message_id, route);
  out.letter = true;
  out.asked = choice->target.head;
  out.expected = choice->expected;
  out.answer_bytes = call.options.answer_bytes;
  out.next = Instant::Max();
  counters_.Add("overlay.shortcuts");
  return true;
}

bool Exchange::TryBeside(Instant now, Outgoing& out) {
  if (shortcut_ == nullptr || out.asked == 0 || out.beside != 0) return false;
  const auto key = Key::FromView(AsBytes(out.route->key()));
  const auto choice = shortcut_->Beside(*key, out.asked);
  if (!choice) return false;
  out.route->set_attempt(kAfterLetter);
  wire::v1::RouteMessage route = SignRoute(keys_, *out.route);
  route.add_silent(out.asked);
  const uint64_t letter = rng_.Next();
  LetterBox::Order order{
      letter, choice->target,   ToService(std::min<uint32_t>(out.route->service(), 255)),
      {},     out.answer_bytes, choice->patience,
      route};
  if (!letters_.Send(now, std::move(order)).ok()) return false;
  letters_.Expect(out.message_id, route);
  out.beside = letter;
  beside_[letter] = out.message_id;
  counters_.Add("overlay.shortcuts_beside");
  return true;
}

uint64_t Exchange::RequestOf(uint64_t letter) const {
  const auto found = beside_.find(letter);
  return found == beside_.end() ? letter : found->second;
}

// Through a neighbour that is chosen without regard to the key: the nodes that stand near it are
// the same for all who come from the same side (Castro et al. 2002 §4.4).
std::optional<NodeId> Exchange::AnotherWay(const Key& key, size_t way) const {
  const std::vector<NodeId> members = ring_.Members();
  if (members.empty()) return std::nullopt;
  // Far from one another on the ring, each another one until all had their turn.
  constexpr size_t kStride = 7;
  const size_t size = members.size();
  const size_t step = size % kStride == 0 ? 1 : kStride;
  for (size_t i = 0; i < size; ++i) {
    const NodeId& id = members[(Head(key) + way * step + i) % size];
    if (!ring_.IsSuspect(id) && links_.Linked(id)) return id;
  }
  return std::nullopt;
}

void Exchange::Attempt(Instant now, Outgoing& out) {
  const uint32_t letters = (out.letter ? 1 : 0) + (out.beside != 0 ? 1 : 0);
  out.route->set_attempt(static_cast<uint32_t>(out.attempts) + letters * kAfterLetter);
  if (out.letter && out.attempts == 0) counters_.Add("overlay.shortcuts_late");
  wire::v1::RouteMessage route = SignRoute(keys_, *out.route);
  if (out.asked != 0) route.add_silent(out.asked);
  letters_.Expect(out.message_id, route);
  ++out.attempts;
  out.next = out.attempts < kMaxAttempts ? now + out.wait : Instant::Max();
  if (out.attempts > 1) counters_.Add("overlay.origin_retries");
  if (out.through) {
    wire::v1::OverlayMessage message;
    *message.mutable_route() = route;
    links_.Send(now, *out.through, Purpose::kProbe, SerializeProto(message));
    return;
  }
  const std::optional<NodeId> hop = router_.Submit(now, route, out.first_hops, out.started);
  if (hop) out.first_hops.insert(*hop);
}

RequestId Exchange::Ask(Instant now, const NodeRecord& peer, Service service, Bytes payload,
                        absl::Duration timeout, bool repair) {
  if (const std::optional<RequestId> refused = Refuse(payload.size())) return *refused;
  const RequestId id(next_id_++);
  if (peer.id() == self_->id()) {
    events_.push_back(RequestFailed{id, absl::InvalidArgumentError("a node cannot ask itself")});
    return id;
  }
  Outgoing out;
  out.id = id;
  out.message_id = rng_.Next();
  out.started = now;
  out.deadline = now + timeout;
  out.next = Instant::Max();
  if (!SendDirect(now, out, peer, service, payload, repair)) {
    events_.push_back(RequestFailed{id, absl::ResourceExhaustedError("no room for a link")});
    return id;
  }
  outgoing_.insert_or_assign(out.message_id, std::move(out));
  return id;
}

bool Exchange::SendDirect(Instant now, Outgoing& out, const NodeRecord& peer, Service service,
                          const Bytes& payload, bool repair) {
  out.peer = peer;
  wire::v1::OverlayMessage message;
  wire::v1::DirectRequest* request = message.mutable_request();
  request->set_message_id(out.message_id);
  request->set_service(static_cast<uint32_t>(service));
  request->set_payload(ToText(payload));
  request->set_repair(repair);
  links_.Connect(now, peer);
  const std::optional<uint64_t> handle =
      links_.Send(now, peer.id(), Purpose::kRequest, repair ? Urgency::kRepair : UrgencyOf(service),
                  SerializeProto(message));
  if (!handle) return false;
  waiting_[*handle] = out.message_id;
  return true;
}

RequestId Exchange::AskByLetter(Instant now, const LetterTarget& target, Service service,
                                Bytes payload, const LetterOptions& options) {
  const NodeRecord* linked = links_.RecordOfHead(target.head);
  if (linked != nullptr) {
    const NodeRecord peer = *linked;
    return Ask(now, peer, service, std::move(payload), options.timeout);
  }
  if (const std::optional<RequestId> refused = Refuse(payload.size())) return *refused;
  const RequestId id(next_id_++);
  if (target.head == Head(self_->id())) {
    events_.push_back(RequestFailed{id, absl::InvalidArgumentError("a node cannot ask itself")});
    return id;
  }
  Outgoing out;
  out.id = id;
  out.message_id = rng_.Next();
  out.started = now;
  out.deadline = now + options.timeout;
  out.next = Instant::Max();
  out.letter = true;
  out.once = options.once;
  LetterBox::Order order{
      out.message_id,       target,      service, std::move(payload), options.answer_bytes,
      options.repeat_after, std::nullopt};
  const absl::Status status = letters_.Send(now, std::move(order));
  if (!status.ok()) {
    events_.push_back(RequestFailed{id, status});
    return id;
  }
  outgoing_.insert_or_assign(out.message_id, std::move(out));
  return id;
}

void Exchange::Fail(uint64_t message_id, absl::Status status) {
  const auto found = outgoing_.find(message_id);
  if (found == outgoing_.end()) return;
  // One that is late goes on by itself: we still want to know whether anybody is there.
  const bool goes_on = found->second.route || found->second.once;
  if (found->second.letter && !goes_on) letters_.Cancel(message_id);
  if (found->second.route) letters_.Unexpect(message_id);
  events_.push_back(RequestFailed{found->second.id, std::move(status)});
  outgoing_.erase(found);
}

void Exchange::Finish(Instant now, uint64_t message_id, const NodeRecord& from, int hops,
                      Bytes payload, wire::v1::AnswerError error) {
  const auto found = outgoing_.find(message_id);
  if (found == outgoing_.end()) {
    counters_.Add("overlay.dropped_late_replies");
    return;
  }
  if (error == wire::v1::ANSWER_ERROR_UNIMPLEMENTED) {
    return Fail(message_id, absl::UnimplementedError("the node has no such service"));
  }
  if (error != wire::v1::ANSWER_ERROR_NONE) {
    return Fail(message_id, absl::ResourceExhaustedError("the node is busy"));
  }
  const absl::Duration took = now - found->second.started;
  if (found->second.route) letters_.Unexpect(message_id);
  events_.push_back(Response{found->second.id, from, hops, took, std::move(payload)});
  outgoing_.erase(found);
}

void Exchange::KeepTrace(RequestId id, absl::Duration took, const wire::v1::RouteReplyBody& body) {
  std::vector<TraceHop> hops;
  std::vector<absl::Duration> links;
  absl::Duration waited;
  absl::Duration round_trips;
  for (const wire::v1::RouteTrace& stop : body.trace()) {
    const auto node = NodeId::FromView(AsBytes(stop.id()));
    const auto endpoint = net::Endpoint::FromBytes(AsBytes(stop.endpoint()));
    if (!node || !endpoint) continue;
    TraceHop hop{*node, *endpoint, absl::ZeroDuration(), SpanOf(stop.waited_us()), {}};
    for (int i = 0; i < std::min(stop.silent_size(), Router::kMaxSilent); ++i) {
      const auto silent = NodeId::FromView(AsBytes(stop.silent(i)));
      if (silent) hop.silent.push_back(*silent);
    }
    waited += hop.waited;
    links.push_back(SpanOf(stop.round_trip_us()));
    if (hops.size() + 1 < static_cast<size_t>(body.trace_size())) round_trips += links.back();
    hops.push_back(std::move(hop));
  }
  // Strangers' words: what they say to have waited is no more than there was.
  const double believed = waited > took ? absl::FDivDuration(took, waited) : 1;
  const absl::Duration there = (took - waited * believed) / 2;
  const double count = std::max<double>(static_cast<double>(hops.size()) - 1, 1);
  for (size_t i = 0; i < hops.size(); ++i) {
    hops[i].waited *= believed;
    if (i + 1 == hops.size()) break;
    const double part =
        round_trips > absl::ZeroDuration() ? absl::FDivDuration(links[i], round_trips) : 1 / count;
    hops[i + 1].since_start = hops[i].since_start + hops[i].waited + there * part;
  }
  traces_[id.value()] = std::move(hops);
  if (traces_.size() > kMaxTraces) traces_.erase(traces_.begin());
}

void Exchange::OnReply(Instant now, const ReplyArrived& reply) {
  const auto found = outgoing_.find(reply.message_id);
  if (found != outgoing_.end() && found->second.route) {
    if (!found->second.letter) route_time_.OnSample(now - found->second.started);
    if (reply.body.trace_size() > 0)
      KeepTrace(found->second.id, now - found->second.started, reply.body);
    Finish(now, reply.message_id, reply.responder, static_cast<int>(reply.body.hops()),
           ToBytes(absl::string_view(reply.body.payload())), reply.body.error());
    return;
  }
  counters_.Add("overlay.dropped_late_replies");
}

void Exchange::OnDirectAnswer(Instant now, const NodeId& from,
                              const wire::v1::DirectAnswer& answer) {
  const auto found = outgoing_.find(answer.message_id());
  const bool ours =
      found != outgoing_.end() && found->second.peer && found->second.peer->id() == from;
  if (!ours || answer.payload().size() > kMaxPayload) {
    counters_.Add("overlay.dropped_late_replies");
    return;
  }
  const NodeRecord* record = links_.RecordOf(from);
  const NodeRecord responder = record != nullptr ? *record : *found->second.peer;
  Finish(now, answer.message_id(), responder, 1, ToBytes(absl::string_view(answer.payload())),
         answer.error());
}

void Exchange::OnLost(Instant, uint64_t handle) {
  const auto found = waiting_.find(handle);
  if (found == waiting_.end()) return;
  const uint64_t message_id = found->second;
  waiting_.erase(found);
  Fail(message_id, absl::UnavailableError("the node cannot be reached"));
}

void Exchange::OnLetterEvent(Instant now, LetterEvent event) {
  if (auto* received = std::get_if<LetterReceived>(&event)) {
    OnLetter(now, std::move(*received));
  } else if (auto* answered = std::get_if<LetterAnswered>(&event)) {
    OnLetterAnswered(now, std::move(*answered));
  } else if (const auto* straight = std::get_if<StraightReply>(&event)) {
    // Nobody's link brought it: its signature counts.
    router_.OnLetterReply(NodeId(), straight->reply);
  } else if (const auto* large = std::get_if<LetterNeedsLink>(&event)) {
    OnLetterTooLarge(now, *large);
  } else if (const auto* late = std::get_if<LetterLate>(&event)) {
    OnLetterLate(now, late->message_id);
  } else {
    const LetterLost& lost = std::get<LetterLost>(event);
    events_.push_back(HintSilent{lost.head});
    if (beside_.erase(lost.message_id) != 0) return;
    const auto found = outgoing_.find(lost.message_id);
    // A routed one is under way over links.
    if (found == outgoing_.end() || found->second.route) return;
    Fail(lost.message_id, absl::UnavailableError("the node does not answer"));
  }
}

void Exchange::OnLetterAnswered(Instant now, LetterAnswered answered) {
  const bool beside = beside_.count(answered.message_id) != 0;
  const uint64_t request = RequestOf(answered.message_id);
  beside_.erase(answered.message_id);
  answered.message_id = request;
  const auto found = outgoing_.find(request);
  if (found != outgoing_.end() && found->second.route) {
    // What came from beyond took longer than the way to whom we asked.
    if (shortcut_ != nullptr && !answered.reply && !beside) {
      shortcut_->OnAnswered(found->second.expected, now - found->second.started);
    }
    // Who is too busy is not the only way.
    if (answered.error == wire::v1::ANSWER_ERROR_BUSY && !answered.reply) {
      if (!beside) found->second.asked = 0;
      if (found->second.attempts == 0) Attempt(now, found->second);
      return;
    }
  }
  if (answered.reply) return router_.OnLetterReply(answered.from.id(), *answered.reply);
  Finish(now, answered.message_id, answered.from, 1, std::move(answered.payload), answered.error);
}

void Exchange::OnLetterLate(Instant now, uint64_t letter) {
  const uint64_t message_id = RequestOf(letter);
  const auto found = outgoing_.find(message_id);
  if (found == outgoing_.end()) return;
  if (found->second.once) {
    Fail(message_id, absl::UnavailableError("the node does not answer in time"));
  } else if (found->second.route && found->second.attempts == 0) {
    if (letter != message_id || !TryBeside(now, found->second)) Attempt(now, found->second);
  }
}

void Exchange::OnLetterTooLarge(Instant now, const LetterNeedsLink& large) {
  const auto found = outgoing_.find(RequestOf(large.message_id));
  beside_.erase(large.message_id);
  if (found == outgoing_.end()) return;
  // By its key it finds the node that has the answer ready.
  if (found->second.route) {
    counters_.Add("overlay.shortcuts_too_large");
    found->second.asked = 0;
    if (found->second.attempts == 0) Attempt(now, found->second);
    return;
  }
  found->second.letter = false;
  // With the same message id: what the node has done already it does not do again.
  if (SendDirect(now, found->second, large.to, large.service, large.payload, false)) return;
  Fail(large.message_id, absl::ResourceExhaustedError("no room for a link"));
}

// Theirs.

void Exchange::Arrive(Instant now, const MessageName& name, ReturnPath path,
                      IncomingRequest request) {
  if (request.payload.size() > kMaxPayload) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  const RequestTable::Admission admission = requests_.Admit(now, name, path);
  switch (admission.arrival) {
    case RequestTable::Arrival::kNew:
      break;
    case RequestTable::Arrival::kWaiting:
    case RequestTable::Arrival::kSpent:
      return;
    case RequestTable::Arrival::kAnswered:
      return SendBack(now, name, path, *admission.answer);
    case RequestTable::Arrival::kRefused:
      return SendBack(now, name, path, AnswerContent{{}, wire::v1::ANSWER_ERROR_BUSY});
  }
  request.token = admission.token;
  if (static_cast<uint32_t>(request.service) > kLastService) {
    return Answer(now, request.token, AnswerContent{{}, wire::v1::ANSWER_ERROR_UNIMPLEMENTED});
  }
  if (request.service != Service::kOverlay) {
    events_.push_back(std::move(request));
    return;
  }
  wire::v1::OverlayProbe probe;
  if (!ParseProto(request.payload, probe)) {
    return Answer(now, request.token, AnswerContent{{}, wire::v1::ANSWER_ERROR_UNIMPLEMENTED});
  }
  events_.push_back(ProbeRequest{request.token, request.from, std::move(probe)});
}

void Exchange::OnDelivered(Instant now, const Delivered& delivered) {
  const bool ours = delivered.previous == self_->id();
  net::Endpoint bearer = self_->addresses().front();
  if (delivered.letter) {
    bearer = delivered.letter->to;
  } else if (!ours) {
    const std::optional<net::Endpoint> seen = links_.SeenAt(delivered.previous);
    // The link went meanwhile, and nobody answers for the request.
    if (!seen) return counters_.Add("overlay.dropped_without_bearer");
    bearer = *seen;
  }
  IncomingRequest request{AnswerToken(),
                          ToService(std::min<uint32_t>(delivered.body.service(), 255)),
                          delivered.origin,
                          bearer,
                          ours || (delivered.letter && delivered.letter->proved),
                          Key::FromView(AsBytes(delivered.body.key())),
                          delivered.hops,
                          ToBytes(absl::string_view(delivered.body.payload()))};
  Arrive(now, delivered.name, delivered, std::move(request));
}

void Exchange::OnDirectRequest(Instant now, const NodeId& from, const net::Endpoint& endpoint,
                               const wire::v1::DirectRequest& direct) {
  const NodeRecord* record = links_.RecordOf(from);
  if (record == nullptr) return;
  IncomingRequest request{AnswerToken(),
                          ToService(std::min<uint32_t>(direct.service(), 255)),
                          *record,
                          links_.SeenAt(from).value_or(endpoint),
                          true,
                          std::nullopt,
                          1,
                          ToBytes(absl::string_view(direct.payload()))};
  const Urgency urgency = direct.repair() ? Urgency::kRepair : UrgencyOf(request.service);
  Arrive(now, MessageName{from, direct.message_id()}, DirectPath{from, urgency},
         std::move(request));
}

void Exchange::OnLetter(Instant now, LetterReceived received) {
  Letter& letter = received.letter;
  if (letter.route) {
    return router_.OnLetter(now, std::move(received.path), *std::move(letter.route));
  }
  IncomingRequest request{AnswerToken(),
                          ToService(std::min<uint32_t>(letter.service, 255)),
                          letter.origin,
                          received.path.to,
                          received.path.proved,
                          std::nullopt,
                          1,
                          std::move(letter.payload)};
  Arrive(now, MessageName{letter.origin.id(), letter.message_id}, std::move(received.path),
         std::move(request));
}

void Exchange::Answer(Instant now, AnswerToken token, AnswerContent content) {
  if (content.payload.size() > kMaxPayload) {
    counters_.Add("overlay.refused_answers_too_large");
    content = AnswerContent{{}, wire::v1::ANSWER_ERROR_BUSY};
  }
  const std::optional<RequestTable::Finished> finished = requests_.Answer(now, token, content);
  if (!finished) return;
  for (const ReturnPath& path : finished->paths) SendBack(now, finished->name, path, content);
}

bool Exchange::DemandProof(Instant now, AnswerToken token) {
  const auto letter_of = [](const ReturnPath& path) -> const LetterPath* {
    const auto* routed = std::get_if<Delivered>(&path);
    if (routed != nullptr) return routed->letter ? &*routed->letter : nullptr;
    return std::get_if<LetterPath>(&path);
  };
  const std::vector<ReturnPath>* paths = requests_.PathsOf(token);
  const auto unproved = [&letter_of](const ReturnPath& path) {
    const LetterPath* letter = letter_of(path);
    return letter != nullptr && !letter->proved;
  };
  if (paths == nullptr || !std::all_of(paths->begin(), paths->end(), unproved)) return false;
  counters_.Add("overlay.proofs_demanded");
  // Of several copies one is enough.
  const std::vector<ReturnPath> letters = requests_.Withdraw(token);
  letters_.DemandProof(now, *letter_of(letters.front()));
  return true;
}

void Exchange::SendBack(Instant now, const MessageName& name, const ReturnPath& path,
                        const AnswerContent& content) {
  if (const auto* routed = std::get_if<Delivered>(&path)) {
    if (routed->letter) {
      return letters_.Answer(now, *routed->letter, content.payload, content.error);
    }
    wire::v1::RouteReplyBody body;
    body.set_payload(ToText(content.payload));
    body.set_error(content.error);
    router_.Reply(now, *routed, std::move(body));
  } else if (const auto* direct = std::get_if<DirectPath>(&path)) {
    wire::v1::OverlayMessage message;
    wire::v1::DirectAnswer* answer = message.mutable_answer();
    answer->set_message_id(name.id);
    answer->set_payload(ToText(content.payload));
    answer->set_error(content.error);
    links_.Send(now, direct->peer, Purpose::kAnswer, direct->urgency, SerializeProto(message));
  } else {
    letters_.Answer(now, std::get<LetterPath>(path), content.payload, content.error);
  }
}

// Time.

void Exchange::OnTimeout(Instant now) {
  requests_.OnTimeout(now);
  std::vector<uint64_t> late;
  for (auto& [message_id, out] : outgoing_) {
    if (out.deadline <= now) {
      late.push_back(message_id);
    } else if (out.next <= now) {
      Attempt(now, out);
    }
  }
  for (const uint64_t message_id : late) {
    const Outgoing& out = outgoing_.at(message_id);
    const bool joined = ring_.active() || out.peer || out.letter;
    Fail(message_id, joined ? absl::DeadlineExceededError("no answer in time")
                            : absl::UnavailableError("not joined to the overlay yet"));
  }
  if (waiting_.size() > 2 * kMaxOutgoing) {
    std::erase_if(waiting_, [this](const auto& w) { return outgoing_.count(w.second) == 0; });
  }
}

std::optional<Instant> Exchange::PollTimeout() const {
  std::optional<Instant> out = requests_.PollTimeout();
  for (const auto& [message_id, request] : outgoing_) {
    out = Earliest(out, std::min(request.deadline, request.next));
  }
  return out;
}

std::optional<ExchangeEvent> Exchange::PollEvent() {
  if (events_.empty()) return std::nullopt;
  ExchangeEvent out = std::move(events_.front());
  events_.pop_front();
  return out;
}

std::vector<TraceHop> Exchange::TraceOf(RequestId id) const {
  const auto found = traces_.find(id.value());
  return found == traces_.end() ? std::vector<TraceHop>() : found->second;
}

}  // namespace p2pd::overlay
