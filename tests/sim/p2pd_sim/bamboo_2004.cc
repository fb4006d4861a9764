#include "tests/sim/p2pd_sim/bamboo_2004.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "libcore/base/check.h"

namespace p2pd::sim {

Bamboo2004::Bamboo2004(const ParticipantSpec& spec, const BambooOptions& options)
    : world_(*spec.world),
      listener_(spec.listener),
      place_(spec.place),
      options_(options),
      rng_(spec.seed),
      self_{rng_.Make<overlay::NodeId>(), spec.at},
      udp_(rng_),
      leaves_(self_.id, kLeavesPerSide),
      table_(self_.id),
      store_(*this),
      client_(*this, store_) {
  world_.Attach(self_.at, this);
}

Bamboo2004::~Bamboo2004() { world_.Detach(self_.at); }

std::unique_ptr<Participant> MakeBamboo2004(const ParticipantSpec& spec,
                                            const BambooOptions& options) {
  return std::make_unique<Bamboo2004>(spec, options);
}

void Bamboo2004::Start(const std::vector<net::Endpoint>& bootstrap) {
  const Instant now = world_.TimeAt(self_.at);
  for (const net::Endpoint& gateway : bootstrap) {
    if (gateway != self_.at) gateways_.push_back(gateway);
  }
  for (const Timer timer : {kLeafSync, kNear, kFar, kPing, kPartition}) {
    timers_[timer] = now + rng_.Jitter(PeriodOf(timer));
  }
  if (gateways_.empty()) {
    Initialise(now);
  } else {
    SendJoin(now);
  }
  Kick();
}

uint64_t Bamboo2004::Lookup(const overlay::Key& key) {
  const Instant now = world_.TimeAt(self_.at);
  const uint64_t lookup = next_lookup_++;
  lookups_[lookup] = now + kLookupTimeout;
  Forward(now, bamboo::Route{key, self_, lookup, 0, false});
  return lookup;
}

uint64_t Bamboo2004::Put(const bamboo::Tuple& tuple) {
  return client_.Put(world_.TimeAt(self_.at), tuple);
}

uint64_t Bamboo2004::Get(const overlay::Key& key, bool changes) {
  return client_.Get(world_.TimeAt(self_.at), key, changes);
}

std::vector<overlay::NodeId> Bamboo2004::Leaves() const {
  std::vector<overlay::NodeId> out;
  for (const Peer& peer : leaves_.Members()) out.push_back(peer.id);
  return out;
}

overlay::Traffic Bamboo2004::traffic() const {
  overlay::Traffic out = traffic_;
  out.packets = udp_.packets();
  return out;
}

// The Host.

void Bamboo2004::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  const std::optional<ByteView> body = udp_.OnDatagram(now, from, datagram);
  TakeOutcomes(now);
  std::optional<bamboo::Message> message = body ? bamboo::Decode(*body) : std::nullopt;
  if (message) std::visit([&](auto& m) { On(now, from, m); }, *message);
}

void Bamboo2004::OnTimeout(Instant now) {
  udp_.OnTimeout(now);
  TakeOutcomes(now);
  while (!lookups_.empty() && lookups_.begin()->second <= now) {
    events_.push_back({Happened::kFailed, lookups_.begin()->first, {}, 0});
    lookups_.erase(lookups_.begin());
  }
  client_.OnTimeout(now);
  store_.OnTimeout(now);
  for (size_t i = 0; i < kTimers; ++i) {
    if (timers_[i] && *timers_[i] <= now) Fire(now, static_cast<Timer>(i));
  }
}

std::optional<net::Transmit> Bamboo2004::PollTransmit(Instant) { return udp_.PollTransmit(); }

std::optional<Instant> Bamboo2004::PollTimeout() const {
  std::optional<Instant> next = udp_.PollTimeout();
  if (!lookups_.empty()) next = Earliest(next, lookups_.begin()->second);
  for (const std::optional<Instant>& timer : timers_) next = Earliest(next, timer);
  next = Earliest(next, Earliest(client_.PollTimeout(), store_.PollTimeout()));
  return next;
}

// One at a time: whoever hears of it may destroy us.
bool Bamboo2004::DrainEvents(Instant) {
  if (const std::optional<bamboo::Client::Done> done = client_.PollDone()) {
    options_.store_listener->OnDone(place_, *done);
    return true;
  }
  if (events_.empty()) return false;
  const Event event = events_.front();
  events_.pop_front();
  switch (event.what) {
    case Happened::kActive:
      listener_->OnActive(place_, true);
      break;
    case Happened::kAnswer:
      listener_->OnAnswer(place_, event.lookup, event.root.id, event.root.at, event.hops);
      break;
    case Happened::kFailed:
      listener_->OnFailed(place_, event.lookup);
      break;
  }
  return true;
}

// Sending.

void Bamboo2004::Send(Instant now, const Peer& to, const bamboo::Message& message, Tag tag,
                      uint64_t number) {
  bamboo::UdpCc::Order order;
  order.to = to;
  order.body = bamboo::Encode(message);
  order.timeout = tag == kLastPing ? kSecondChance : kMessageTimeout;
  order.once = tag == kRouted && options_.give_up_at_first_rto;
  order.tag = tag;
  order.number = number;
  if (const std::optional<overlay::Purpose> purpose = bamboo::PurposeOf(message)) {
    traffic_.messages[static_cast<size_t>(*purpose)].Add(order.body.size());
  }
  udp_.Send(now, std::move(order));
}

void Bamboo2004::PingOnce(Instant now, const Peer& to) {
  if (pinging_.insert(to.id).second) Send(now, to, bamboo::Ping(), kPinged);
}

void Bamboo2004::Meet(Instant now, const Peer& stranger) {
  if (stranger.id != self_.id) PingOnce(now, stranger);
}

// Receiving.

void Bamboo2004::On(Instant, const net::Endpoint&, const bamboo::Ping&) {}

void Bamboo2004::On(Instant now, const net::Endpoint&, const bamboo::LeafSetChanged& message) {
  if (leaves_.Promising(message.sender.id)) Meet(now, message.sender);
  for (const Peer& peer : message.leaves) {
    if (leaves_.Promising(peer.id)) Meet(now, peer);
  }
  if (message.want_reply) {
    Send(now, message.sender, bamboo::LeafSetChanged{self_, false, leaves_.Members()});
  }
}

void Bamboo2004::On(Instant now, const net::Endpoint& from,
                    const bamboo::RoutingTableReq& message) {
  if (message.level >= overlay::kDigits) return;
  bamboo::RoutingTableResp answer;
  answer.asked = true;
  for (const Peer& peer : table_.Row(static_cast<int>(message.level))) {
    if (peer.at != from) answer.peers.push_back(peer);
  }
  Send(now, Peer{{}, from}, answer);
}

// Every hole is filled, but of those whose place is taken only one is measured; it is told of us,
// who may be near to it.
void Bamboo2004::On(Instant now, const net::Endpoint&, const bamboo::RoutingTableResp& message) {
  std::vector<Peer> redundant;
  for (const Peer& peer : message.peers) {
    if (peer.id == self_.id) continue;
    const Peer* incumbent = table_.At(peer.id);
    if (incumbent == nullptr) {
      Meet(now, peer);
    } else if (incumbent->id != peer.id) {
      redundant.push_back(peer);
    }
  }
  const std::optional<Peer> one = Draw(redundant);
  if (!one) return;
  Meet(now, *one);
  if (message.asked) Send(now, *one, bamboo::RoutingTableResp{false, {self_}});
}

void Bamboo2004::On(Instant now, const net::Endpoint&, bamboo::JoinReq& message) {
  if (!initialised_ || message.joiner.id == self_.id) return;
  if (message.turned) {
    AnswerJoin(now, message);
    return;
  }
  const bool loop = std::any_of(message.path.begin(), message.path.end(),
                                [&](const Peer& peer) { return peer.id == self_.id; });
  if (loop || message.path.size() >= kPathMax) return;
  message.path.push_back(self_);
  Forward(now, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint&, const bamboo::JoinResp& message) {
  const bool first = !initialised_;
  if (first) provisional_ = leaves_;
  for (const std::vector<Peer>* peers : {&message.leaves, &message.path}) {
    for (const Peer& peer : *peers) {
      if (peer.id == self_.id || leaves_.Contains(peer.id) || table_.Contains(peer.id)) continue;
      if (first) {
        provisional_->Add(peer);
        join_pings_.insert(peer.id);
      }
      Meet(now, peer);
    }
  }
  if (join_pings_.empty()) provisional_.reset();
  if (first) Initialise(now);
}

void Bamboo2004::On(Instant now, const net::Endpoint&, bamboo::Route& message) {
  if (++message.hops > kHopsMax) return;
  Forward(now, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint&, const bamboo::RouteResp& message) {
  if (message.far) {
    Meet(now, message.root);
  } else if (lookups_.erase(message.lookup) != 0) {
    events_.push_back({Happened::kAnswer, message.lookup, message.root, message.hops});
  }
}

void Bamboo2004::On(Instant now, const net::Endpoint&, bamboo::PutReq& message) {
  if (++message.hops <= kHopsMax) RouteOn(now, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint&, bamboo::GetReq& message) {
  if (++message.hops <= kHopsMax) RouteOn(now, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint&, const bamboo::PutResp& message) {
  client_.On(now, message);
  store_.On(now, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint&, const bamboo::StoreReq& message) {
  store_.On(now, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint&, const bamboo::GetResp& message) {
  client_.On(now, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint& from, const bamboo::ReadReq& message) {
  store_.On(now, from, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint&, const bamboo::ReadResp& message) {
  client_.On(now, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint& from, const bamboo::SyncReq& message) {
  store_.On(now, from, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint& from, const bamboo::SyncResp& message) {
  store_.On(now, from, message);
}

void Bamboo2004::On(Instant now, const net::Endpoint& from, const bamboo::FetchReq& message) {
  store_.On(now, from, message);
}

void Bamboo2004::SendTo(Instant now, const Peer& to, const bamboo::Message& message,
                        uint64_t number) {
  if (to.id != self_.id) {
    Send(now, to, message, kPlain, number);
    return;
  }
  bamboo::Message own = message;
  std::visit([&](auto& m) { On(now, self_.at, m); }, own);
}

void Bamboo2004::RouteOn(Instant now, const bamboo::PutReq& message) {
  if (!Pass(now, message.tuple.key, message)) store_.OnPut(now, message);
}

void Bamboo2004::RouteOn(Instant now, const bamboo::GetReq& message) {
  if (!Pass(now, message.key, message)) store_.OnGet(now, message);
}

// Liveness.

void Bamboo2004::TakeOutcomes(Instant now) {
  while (const std::optional<bamboo::UdpCc::Outcome> outcome = udp_.PollOutcome()) {
    if (outcome->acked) {
      OnAcked(now, outcome->order);
    } else {
      OnLost(now, outcome->order);
    }
  }
}

void Bamboo2004::OnAcked(Instant now, const bamboo::UdpCc::Order& order) {
  const Peer& peer = order.to;
  const int tag = order.tag;
  if (order.number != 0) store_.OnOutcome(now, order.number, true);
  acked_.insert(peer.id);
  suspects_.erase(peer.id);
  if (tag == kLastPing) last_chance_.erase(peer.id);
  if (tag == kPinged) pinging_.erase(peer.id);
  if (tag != kPinged && tag != kLastPing) return;
  Accept(peer);
  EndJoinPing(peer.id);
}

void Bamboo2004::OnLost(Instant now, const bamboo::UdpCc::Order& order) {
  const Peer& peer = order.to;
  if (order.number != 0) {
    store_.OnOutcome(now, order.number, false);
    client_.OnLost(order.number, peer.id);
  }
  if (order.tag == kLastPing) {
    last_chance_.erase(peer.id);
    Bury(peer);
    return;
  }
  if (order.tag == kPinged) {
    pinging_.erase(peer.id);
    if (provisional_ && join_pings_.count(peer.id) != 0) provisional_->Remove(peer.id);
    EndJoinPing(peer.id);
  }
  Suspect(now, peer);
  if (order.tag != kRouted) return;
  const std::optional<bamboo::Message> message = bamboo::Decode(order.body);
  P2PD_CHECK(message.has_value());
  ForwardAny(now, *message);
}

void Bamboo2004::Suspect(Instant now, const Peer& peer) {
  if (!Known(peer.id)) return;
  suspects_.insert(peer.id);
  if (last_chance_.insert(peer.id).second) Send(now, peer, bamboo::Ping(), kLastPing);
}

void Bamboo2004::Bury(const Peer& peer) {
  suspects_.erase(peer.id);
  const bool leaf = leaves_.Remove(peer.id);
  const bool entry = table_.Remove(peer.id);
  if (provisional_) provisional_->Remove(peer.id);
  udp_.Forget(peer.at);
  if (!leaf && !entry) return;
  down_.push_back(peer);
  if (down_.size() > kDownMax) down_.pop_front();
}

void Bamboo2004::Accept(const Peer& peer) {
  std::erase_if(down_, [&](const Peer& other) { return other.id == peer.id; });
  leaves_.Add(peer);
  if (provisional_) provisional_->Add(peer);
  const Peer* incumbent = table_.At(peer.id);
  if (incumbent == nullptr) {
    table_.Set(peer);
  } else if (incumbent->id != peer.id &&
             udp_.RoundTrip(peer.at) * 100 < udp_.RoundTrip(incumbent->at) * kRttScalePercent) {
    table_.Set(peer);
  }
}

bool Bamboo2004::Known(const overlay::NodeId& id) const {
  return leaves_.Contains(id) || table_.Contains(id) ||
         (provisional_ && provisional_->Contains(id));
}

void Bamboo2004::EndJoinPing(const overlay::NodeId& id) {
  if (join_pings_.erase(id) != 0 && join_pings_.empty()) provisional_.reset();
}

// Routing.

// The leaf set comes first, as in Router.java: next to a border of digits the numerically nearest
// node may share fewer of them.
std::optional<bamboo::Peer> Bamboo2004::NextHop(const overlay::Key& key,
                                                const overlay::NodeId* except) const {
  const auto usable = [&](const Peer& peer) {
    return !Suspected(peer.id) && (except == nullptr || peer.id != *except);
  };
  const bamboo::LeafSet& leaves = provisional_ ? *provisional_ : leaves_;
  if (!leaves.Covers(key)) {
    const Peer* entry = table_.At(key);
    if (entry != nullptr && usable(*entry)) return *entry;
  }
  Peer best = self_;
  for (const Peer& peer : leaves.Members()) {
    if (usable(peer) && overlay::Nearer(key, peer.id, best.id)) best = peer;
  }
  if (best.id == self_.id) return std::nullopt;
  return best;
}

void Bamboo2004::ForwardAny(Instant now, const bamboo::Message& message) {
  if (const auto* route = std::get_if<bamboo::Route>(&message)) Forward(now, *route);
  if (const auto* join = std::get_if<bamboo::JoinReq>(&message)) Forward(now, *join);
  if (const auto* put = std::get_if<bamboo::PutReq>(&message)) RouteOn(now, *put);
  if (const auto* get = std::get_if<bamboo::GetReq>(&message)) RouteOn(now, *get);
}

bool Bamboo2004::Pass(Instant now, const overlay::Key& key, const bamboo::Message& message) {
  if (!initialised_) {
    if (held_.size() < kHeldMax) held_.push_back(message);
    return true;
  }
  const std::optional<Peer> next = NextHop(key);
  if (next) Send(now, *next, message, kRouted);
  return next.has_value();
}

void Bamboo2004::Forward(Instant now, const bamboo::Route& message) {
  if (Pass(now, message.key, message)) return;
  const bamboo::RouteResp answer{self_, message.lookup, message.hops, message.far};
  if (message.origin.id == self_.id) {
    On(now, self_.at, answer);
  } else {
    Send(now, message.origin, answer);
  }
}

void Bamboo2004::Forward(Instant now, const bamboo::JoinReq& message) {
  if (const std::optional<Peer> next = NextHop(message.joiner.id, &message.joiner.id)) {
    Send(now, *next, message, kRouted);
    return;
  }
  const size_t back = std::min<size_t>(message.rev_ttl, message.path.size() - 1);
  if (back == 0) {
    AnswerJoin(now, message);
    return;
  }
  bamboo::JoinReq turned = message;
  turned.turned = true;
  Send(now, message.path[message.path.size() - 1 - back], turned);
}

void Bamboo2004::AnswerJoin(Instant now, const bamboo::JoinReq& message) {
  Send(now, message.joiner, bamboo::JoinResp{message.path, leaves_.Members()});
  Meet(now, message.joiner);
}

// Timers.

absl::Duration Bamboo2004::PeriodOf(Timer timer) {
  switch (timer) {
    case kLeafSync:
      return kLeafSyncPeriod;
    case kNear:
      return kNearPeriod;
    case kFar:
      return kFarPeriod;
    case kPing:
      return kPingPeriod;
    case kPartition:
      return kPartitionPeriod;
    case kJoin:
    case kTimers:
      break;
  }
  return kJoinFirst;
}

void Bamboo2004::Fire(Instant now, Timer timer) {
  if (timer == kJoin) {
    SendJoin(now);
    return;
  }
  timers_[timer] = now + rng_.Jitter(PeriodOf(timer));
  if (!initialised_) return;
  if (timer == kLeafSync) SyncLeaves(now);
  if (timer == kNear) TuneNear(now);
  if (timer == kFar) TuneFar(now);
  if (timer == kPing) PingAll(now);
  if (timer == kPartition) CheckPartition(now);
}

void Bamboo2004::Initialise(Instant now) {
  initialised_ = true;
  timers_[kJoin].reset();
  events_.push_back({Happened::kActive, 0, {}, 0});
  if (options_.store_listener != nullptr) store_.Start(now);
  for (const bamboo::Message& message : std::exchange(held_, {})) ForwardAny(now, message);
}

// Router.joinAlarm: 10 s, 20 s, then each 60 s, the next gateway each time.
void Bamboo2004::SendJoin(Instant now) {
  bamboo::JoinReq request;
  request.joiner = self_;
  request.rev_ttl =
      static_cast<uint32_t>(join_tries_ / std::max<size_t>(kGatewaysMin, gateways_.size()));
  Send(now, Peer{{}, gateways_[join_tries_ % gateways_.size()]}, request);
  ++join_tries_;
  timers_[kJoin] = now + rng_.Jitter(join_wait_);
  join_wait_ *= 2;
  if (join_wait_ >= kJoinDoublingEnd) join_wait_ = kJoinLast;
}

std::optional<bamboo::Peer> Bamboo2004::Draw(const std::vector<Peer>& peers) {
  std::vector<Peer> usable;
  for (const Peer& peer : peers) {
    if (!Suspected(peer.id)) usable.push_back(peer);
  }
  if (usable.empty()) return std::nullopt;
  return usable[rng_.Below(usable.size())];
}

void Bamboo2004::SyncLeaves(Instant now) {
  if (leaves_.empty()) {
    for (const Peer& peer : table_.All()) leaves_.Add(peer);
  }
  const std::optional<Peer> leaf = Draw(leaves_.Members());
  if (leaf) Send(now, *leaf, bamboo::LeafSetChanged{self_, true, leaves_.Members()});
}

// With weights L, L-1, …, 1: low levels serve most lookups and have the most to choose from.
int Bamboo2004::DrawLevel() {
  const int levels = table_.levels();
  int ticket = static_cast<int>(rng_.Below(static_cast<uint64_t>(levels * (levels + 1) / 2)));
  for (int level = 0; level < levels; ++level) {
    if (ticket < levels - level) return level;
    ticket -= levels - level;
  }
  return 0;
}

void Bamboo2004::TuneNear(Instant now) {
  const int level = DrawLevel();
  const std::optional<Peer> peer = Draw(table_.Row(level));
  if (peer) Send(now, *peer, bamboo::RoutingTableReq{static_cast<uint32_t>(level)});
}

void Bamboo2004::TuneFar(Instant now) {
  const int level = DrawLevel();
  auto key = rng_.Make<overlay::Key>();
  const MutableByteView bytes = key.mutable_view();
  const auto set_digit = [&](int index, int digit) {
    uint8_t& byte = bytes[static_cast<size_t>(index) / 2];
    byte =
        static_cast<uint8_t>(index % 2 == 0 ? (byte & 0x0f) | (digit << 4) : (byte & 0xf0) | digit);
  };
  for (int i = 0; i < level; ++i) set_digit(i, overlay::Digit(self_.id, i));
  const int other = 1 + static_cast<int>(rng_.Below(15));
  set_digit(level, (overlay::Digit(self_.id, level) + other) % 16);
  Forward(now, bamboo::Route{key, self_, 0, 0, true});
}

// Whoever acknowledged anything since the last round needs none; whoever is possibly down has its
// second-chance ping.
void Bamboo2004::PingAll(Instant now) {
  std::map<overlay::NodeId, Peer> neighbours;
  for (const Peer& peer : leaves_.Members()) neighbours.emplace(peer.id, peer);
  for (const Peer& peer : table_.All()) neighbours.emplace(peer.id, peer);
  for (const auto& [id, peer] : neighbours) {
    if (acked_.count(id) == 0 && !Suspected(id)) PingOnce(now, peer);
  }
  acked_.clear();
}

void Bamboo2004::CheckPartition(Instant now) {
  if (down_.empty()) return;
  bamboo::JoinReq request;
  request.joiner = self_;
  Send(now, down_[rng_.Below(down_.size())], request);
}

}  // namespace p2pd::sim
