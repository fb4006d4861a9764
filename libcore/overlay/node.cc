#include "libcore/overlay/node.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "libcore/overlay/bootstrap_cache.h"
#include "libcore/overlay/detours.h"
#include "libcore/overlay/exchange.h"
#include "libcore/overlay/gossip.h"
#include "libcore/overlay/letter_box.h"
#include "libcore/overlay/link_local.h"
#include "libcore/overlay/link_table.h"
#include "libcore/overlay/liveness.h"
#include "libcore/overlay/membership.h"
#include "libcore/overlay/neighbours.h"
#include "libcore/overlay/observed_address.h"
#include "libcore/overlay/passages.h"
#include "libcore/overlay/reachability.h"
#include "libcore/overlay/record_cache.h"
#include "libcore/overlay/ring.h"
#include "libcore/overlay/router.h"
#include "libcore/overlay/scout.h"
#include "libcore/overlay/shortcut.h"
#include "libcore/overlay/table_sync.h"
#include "libcore/overlay/tuning.h"
#include "libcore/overlay/wide_table.h"
#include "libcore/overlay/wire.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {
namespace {

// In a ring of so many not each has to look for other rings as often.
constexpr size_t kManyNodes = 64;

}  // namespace

// Wires the parts: what one reports, another is told. Pump() goes round until nothing is left.
class Node::Impl {
 public:
  Impl(const NodeOptions& options, const NodeKeys& keys, Rng& rng, Counters& counters);

  void SetRecord(uint64_t epoch, const std::vector<net::Endpoint>& addresses);
  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  void Pump(Instant now);
  std::vector<Hint> NearestHints(uint64_t position, size_t count) const;
  // Those of our own ring that are not among these.
  void AddMembers(std::vector<Hint>& hints) const;
  // Who stands round a key, if we know all of them.
  Scout::Knowledge HintsRound(const Key& key) const;
  void HintFailed(Instant now, uint64_t head);
  // Others keep the key, and hints may say who: in a ring that we know as a whole our links say it.
  bool KeptElsewhere(const Key& key) const;

  NodeOptions options;
  NodeKeys keys;
  Counters& counters;
  NodeRecord self;
  RecordCache records;
  LinkTable links;
  LetterBox letters;
  Ring ring;
  Detours detours;
  Passages passages;
  Liveness liveness;
  Router router;
  Vivaldi vivaldi;
  Neighbours neighbours;
  WideTable wide;
  Shortcut shortcut;
  Exchange exchange;
  Membership membership;
  Tuning tuning;
  Gossip gossip;
  TableSync table_sync;
  Scout scout;
  LinkLocal link_local;
  Reachability reachability;
  overlay::ObservedAddress observed;
  std::vector<NodeRecord> bootstrap;  // as it was saved last
  // Requests for the records of those who are to pass on.
  std::set<RequestId> passage_lookups;
  std::deque<Event> events;

 private:
  bool TakeLinkEvents(Instant now);
  bool TakeLetters(Instant now);
  bool TakeLiveness(Instant now);
  bool TakeRouter(Instant now);
  bool TakeExchange(Instant now);
  bool TakeScout();
  bool TakeRing(Instant now);
  bool TakeRole(Instant now);
  bool TakeLinkLocal(Instant now);
  void TakeNeed(Instant now);
  bool TakePassages(Instant now);
  void OnLinkEvent(Instant now, LinkEvent event);
  void OnMessage(Instant now, const MessageReceived& received);
  // Whom a request that comes names as silent: looked after before it goes on.
  void TakeSilent(Instant now, const wire::v1::RouteMessage& route);
  void OnDetour(Instant now, const NodeId& from, const wire::v1::Detour& detour);
};

Node::Impl::Impl(const NodeOptions& o, const NodeKeys& k, Rng& rng, Counters& c)
    : options(o),
      keys{k.signing_key.Clone(), k.sealing_key.Clone()},
      counters(c),
      self(NodeRecord::Make(keys, o.epoch, o.addresses, o.role)),
      records(c),
      links(keys, records, rng, c),
      letters(keys, records, rng, c),
      ring(self.id(), RingOptions{o.role, o.leaves_per_side, o.replicas_per_side}, links),
      detours(links, ring, rng, c),
      passages(o.passage_bytes_per_second, links, records, rng, c),
      liveness(o.maintenance_bytes_per_second, links, ring, rng, c),
      router(keys, links, ring, records, c),
      vivaldi(rng),
      neighbours(links, vivaldi),
      wide(Head(self.id()), c),
      shortcut(ring, neighbours, wide, o.replicas_per_side),
      exchange(keys, links, letters, router, ring, rng, c),
      membership(o, links, ring, liveness, exchange, records, rng, c),
      tuning(o.maintenance_bytes_per_second, links, ring, membership, exchange, rng, c),
      gossip(o.maintenance_bytes_per_second, links, ring, liveness, neighbours, wide, vivaldi, rng,
             c),
      table_sync(links, ring, neighbours, wide, gossip, vivaldi, rng, c),
      scout(
          links, ring, neighbours, wide, [this](const Key& key) { return HintsRound(key); }, c),
      link_local(
          LinkLocalOptions{o.link_group, Head(self.id()), o.role},
          [this](uint64_t head) {
            return ring.FindHead(head) != nullptr || links.RecordOfHead(head) != nullptr ||
                   wide.StampOf(head).has_value();
          },
          rng, c),
      reachability(o.role, links, ring, exchange, rng, c) {
  ring.SetHints(neighbours, wide);
  liveness.SetDetours(detours);
  links.SetDetour([this](const NodeId& id, size_t nth) {
    // The dead are knocked at, too, where a ring may have split: that is nobody else's business.
    const bool named = membership.Expects(id) || links.Linked(id);
    return named ? detours.KnockRound(id, nth) : std::nullopt;
  });
  exchange.SetShortcut(shortcut);
  SetRecord(o.epoch, o.addresses);
}

void Node::Impl::SetRecord(uint64_t epoch, const std::vector<net::Endpoint>& addresses) {
  self = NodeRecord::Make(keys, epoch, addresses, options.role);
  records.Parse(self.bytes());
  links.SetSelf(self);
  letters.SetSelf(self);
  ring.SetSelf(self);
  detours.SetSelf(self);
  passages.SetSelf(self);
  router.SetSelf(self);
  exchange.SetSelf(self);
  membership.SetSelf(self);
  tuning.SetSelf(self);
  gossip.SetSelf(self);
  table_sync.SetSelf(self);
  reachability.SetSelf(self);
}

void Node::Impl::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  const std::optional<DatagramType> type = TypeOf(datagram);
  if (!type || IsDetour(from)) {
    counters.Add("overlay.dropped_malformed");
    return;
  }
  if (*type == DatagramType::kBeacon) {
    link_local.OnDatagram(now, from, datagram);
    return Pump(now);
  }
  // A beacon comes to all of the link, and proves nothing.
  if (reachability.watching()) reachability.OnReceived(now, from);
  if (*type == DatagramType::kLetter || *type == DatagramType::kLetterAnswer) {
    letters.OnDatagram(now, from, *type, datagram);
  } else {
    links.OnDatagram(now, from, *type, datagram);
  }
  Pump(now);
}

void Node::Impl::OnTimeout(Instant now) {
  links.OnTimeout(now);
  letters.OnTimeout(now);
  Pump(now);
  liveness.OnTimeout(now);
  shortcut.SetComplete(table_sync.complete());
  shortcut.SetShifting(gossip.Shifting(now));
  // One entry a slot is way enough where hints name everybody.
  const bool all_known = table_sync.complete() && wide.radius() == WideTable::kWhole;
  ring.SetTableWidth(all_known ? 1 : liveness.TableWidth());
  tuning.SetRest(all_known);
  tuning.SetCalm(liveness.Calm(now));
  // In a ring that split one that crosses over is enough, and of many one soon does.
  membership.SetCalm(wide.size() >= kManyNodes ? liveness.Calm(now) : 1);
  router.OnTimeout(now);
  exchange.OnTimeout(now);
  membership.OnTimeout(now);
  tuning.OnTimeout(now);
  gossip.OnTimeout(now);
  table_sync.OnTimeout(now);
  scout.OnTimeout(now);
  reachability.OnTimeout(now);
  link_local.OnTimeout(now);
  detours.OnTimeout(now);
  TakeNeed(now);
  passages.OnTimeout(now);
  Pump(now);
}

std::optional<Instant> Node::Impl::PollTimeout() const {
  std::optional<Instant> out = Earliest(links.PollTimeout(), liveness.PollTimeout());
  out = Earliest(out, Earliest(letters.PollTimeout(), link_local.PollTimeout()));
  out = Earliest(out, Earliest(reachability.PollTimeout(), detours.PollTimeout()));
  out = Earliest(out, Earliest(router.PollTimeout(), exchange.PollTimeout()));
  out = Earliest(out, Earliest(gossip.PollTimeout(), table_sync.PollTimeout()));
  out = Earliest(out, Earliest(scout.PollTimeout(), passages.PollTimeout()));
  return Earliest(out, Earliest(membership.PollTimeout(), tuning.PollTimeout()));
}

void Node::Impl::Pump(Instant now) {
  membership.SetPlace(vivaldi.own().Pack());
  membership.SetRadius(table_sync.complete() ? wide.radius() : 0);
  bool more = true;
  while (more) {
    more = TakeLinkEvents(now);
    more = TakeLetters(now) || more;
    more = TakeLiveness(now) || more;
    more = TakeRouter(now) || more;
    more = TakeExchange(now) || more;
    more = TakeScout() || more;
    more = TakeRing(now) || more;
    more = TakeRole(now) || more;
    more = TakeLinkLocal(now) || more;
    more = TakePassages(now) || more;
  }
}

bool Node::Impl::TakeLinkEvents(Instant now) {
  bool any = false;
  while (std::optional<LinkEvent> event = links.PollEvent()) {
    OnLinkEvent(now, *std::move(event));
    any = true;
  }
  return any;
}

void Node::Impl::OnLinkEvent(Instant now, LinkEvent event) {
  if (const auto* received = std::get_if<MessageReceived>(&event)) {
    OnMessage(now, *received);
  } else if (const auto* acked = std::get_if<MessageAcked>(&event)) {
    router.OnAcked(acked->message);
    exchange.OnAcked(acked->message);
    gossip.OnAcked(acked->message);
  } else if (const auto* slow = std::get_if<MessageSlow>(&event)) {
    liveness.Suspect(now, slow->peer);
    if (slow->message) router.OnSlow(now, *slow->message);
  } else if (const auto* lost = std::get_if<MessageLost>(&event)) {
    router.OnLost(now, lost->message);
    exchange.OnLost(now, lost->message);
    gossip.OnLost(now, lost->message);
  } else if (const auto* up = std::get_if<LinkUp>(&event)) {
    neighbours.OnLinkUp(up->id);
    membership.OnLinkUp(now, *up);
    passages.OnLinkUp(now, up->id);
  } else if (const auto* failed = std::get_if<ConnectFailed>(&event)) {
    membership.OnConnectFailed(now, *failed);
  } else if (const auto* declined = std::get_if<ConnectDeclined>(&event)) {
    membership.OnConnectDeclined(now, declined->id);
  } else if (const auto* down = std::get_if<LinkDown>(&event)) {
    gossip.OnLinkDown(down->id);
    table_sync.OnLinkDown(down->id);
    scout.OnLinkDown(down->id);
    router.OnLinkDown(down->id);
    membership.OnLinkDown(now, down->id);
    detours.OnLinkDown(down->id);
    passages.OnLinkDown(down->id);
  } else {
    const AddressObserved& seen = std::get<AddressObserved>(event);
    const std::optional<net::Endpoint> voter = links.EndpointOf(seen.by);
    if (voter) observed.Vote(seen.by, *voter, seen.ours);
  }
}

void Node::Impl::OnMessage(Instant now, const MessageReceived& received) {
  wire::v1::OverlayMessage message;
  if (!ParseProto(received.bytes, message)) {
    counters.Add("overlay.dropped_malformed");
    return;
  }
  const NodeId& from = received.from;
  switch (message.kind_case()) {
    case wire::v1::OverlayMessage::kLeafSync: {
      const auto ours = net::Endpoint::FromBytes(AsBytes(message.leaf_sync().observed()));
      if (ours && !IsDetour(received.endpoint)) observed.Vote(from, received.endpoint, *ours);
      neighbours.Learn(from, message.leaf_sync().coordinate());
      gossip.OnRadius(from, message.leaf_sync().radius());
      return membership.OnLeafSync(now, from, received.endpoint, message.leaf_sync());
    }
    case wire::v1::OverlayMessage::kContactQuery:
      return membership.OnContactQuery(now, from, message.contact_query());
    case wire::v1::OverlayMessage::kContactList:
      return membership.OnContactList(now, from, message.contact_list());
    case wire::v1::OverlayMessage::kRowQuery:
      return tuning.OnRowQuery(now, from, message.row_query());
    case wire::v1::OverlayMessage::kRowList:
      return tuning.OnRowList(now, from, message.row_list());
    case wire::v1::OverlayMessage::kRoute:
      TakeSilent(now, message.route());
      return router.OnRoute(now, from, std::move(*message.mutable_route()));
    case wire::v1::OverlayMessage::kRouteReply:
      return router.OnReply(now, from, message.route_reply());
    case wire::v1::OverlayMessage::kRequest:
      return exchange.OnDirectRequest(now, from,
                                      IsDetour(received.endpoint)
                                          ? links.SeenAt(from).value_or(received.endpoint)
                                          : received.endpoint,
                                      message.request());
    case wire::v1::OverlayMessage::kAnswer:
      return exchange.OnDirectAnswer(now, from, message.answer());
    case wire::v1::OverlayMessage::kFarewell:
      membership.OnFarewell(now, from);
      return gossip.OnGone(now, from);
    case wire::v1::OverlayMessage::kEventBatch:
      return gossip.OnEventBatch(now, from, message.event_batch());
    case wire::v1::OverlayMessage::kTableQuery:
      return table_sync.OnTableQuery(now, from, message.table_query());
    case wire::v1::OverlayMessage::kTableAnswer:
      return table_sync.OnTableAnswer(now, from, message.table_answer());
    case wire::v1::OverlayMessage::kHintQuery:
      return scout.OnHintQuery(now, from, message.hint_query());
    case wire::v1::OverlayMessage::kHintAnswer:
      return scout.OnHintAnswer(now, from, message.hint_answer());
    case wire::v1::OverlayMessage::kDetour:
      return OnDetour(now, from, message.detour());
    case wire::v1::OverlayMessage::kPassage:
      if (auto arrived = passages.OnPassage(now, from, message.passage())) {
        events.push_back(PassageReceived{arrived->from.ToEndpoint(), std::move(arrived->datagram)});
      }
      return;
    case wire::v1::OverlayMessage::KIND_NOT_SET:
      break;
  }
  counters.Add("overlay.dropped_unknown_message");
}

void Node::Impl::TakeSilent(Instant now, const wire::v1::RouteMessage& route) {
  if (route.silent_size() > Router::kMaxSilent) return;
  for (const uint64_t head : route.silent()) gossip.OnReportedGone(now, head);
}

void Node::Impl::OnDetour(Instant now, const NodeId& from, const wire::v1::Detour& detour) {
  const std::optional<Detours::Arrived> arrived = detours.OnDetour(now, from, detour);
  if (!arrived) return;
  links.OnDatagram(now, arrived->from, *TypeOf(arrived->datagram), arrived->datagram);
}

// Whom strangers cannot reach, and who stands behind a translator of which that is not known yet,
// is reached through others.
void Node::Impl::TakeNeed(Instant now) {
  const std::vector<net::Endpoint> seen = observed.Seen();
  const std::vector<net::Endpoint>& own = self.addresses();
  const bool translated =
      !seen.empty() && std::none_of(seen.begin(), seen.end(), [&](const net::Endpoint& endpoint) {
        return std::find(own.begin(), own.end(), endpoint) != own.end();
      });
  const Reachability::Verdict verdict = reachability.verdict();
  const bool reachable = verdict == Reachability::Verdict::kReachable ||
                         (verdict == Reachability::Verdict::kOpen && !translated);
  passages.SetNeed(now, !reachable, reachable && options.role == Role::kPeer);
}

bool Node::Impl::TakePassages(Instant now) {
  const std::optional<uint64_t> wanted = passages.TakeWanted();
  if (!wanted) return false;
  // Whoever has that id is the root of it.
  Exchange::RouteCall call;
  call.key = FromHead(*wanted);
  call.service = Service::kSession;
  passage_lookups.insert(exchange.Route(now, std::move(call)));
  return true;
}

bool Node::Impl::TakeLetters(Instant now) {
  bool any = false;
  while (std::optional<LetterEvent> event = letters.PollEvent()) {
    exchange.OnLetterEvent(now, *std::move(event));
    any = true;
  }
  return any;
}

bool Node::Impl::KeptElsewhere(const Key& key) const {
  if (ring.leaves().Whole()) return false;
  const auto own = ring.ReplicaSet(key);
  return !own || std::none_of(own->begin(), own->end(),
                              [this](const NodeRecord& r) { return r.id() == self.id(); });
}

bool Node::Impl::TakeScout() {
  bool any = false;
  while (std::optional<Scout::Found> found = scout.PollFound()) {
    // Nobody names himself, and whom we asked stands near the key.
    if (!found->hints.empty()) AddMembers(found->hints);
    events.push_back(
        ReplicasFound{found->id, shortcut.Replicas(found->key, std::move(found->hints))});
    any = true;
  }
  return any;
}

bool Node::Impl::TakeLiveness(Instant now) {
  bool any = false;
  while (const std::optional<NodeId> dead = liveness.PollDead()) {
    membership.OnDead(now, *dead);
    gossip.OnGone(now, *dead);
    any = true;
  }
  while (liveness.PollCleared()) {
    router.Reconsider(now);
    any = true;
  }
  return any;
}

bool Node::Impl::TakeRouter(Instant now) {
  bool any = false;
  while (const std::optional<Delivered> delivered = router.PollDelivered()) {
    exchange.OnDelivered(now, *delivered);
    any = true;
  }
  while (const std::optional<ReplyArrived> reply = router.PollReply()) {
    exchange.OnReply(now, *reply);
    any = true;
  }
  while (const std::optional<LetterReply> reply = router.PollLetterReply()) {
    if (reply->straight) {
      letters.AnswerStraight(reply->path, reply->reply);
    } else {
      letters.AnswerRouted(now, reply->path, reply->reply);
    }
    any = true;
  }
  return any;
}

bool Node::Impl::TakeExchange(Instant now) {
  bool any = false;
  while (std::optional<ExchangeEvent> event = exchange.PollEvent()) {
    any = true;
    if (auto* request = std::get_if<IncomingRequest>(&*event)) {
      events.push_back(std::move(*request));
    } else if (auto* response = std::get_if<Response>(&*event)) {
      if (membership.OnResponse(now, *response) || tuning.OnResponse(now, *response)) continue;
      if (reachability.OnResponse(now, *response)) continue;
      if (passage_lookups.erase(response->id) > 0) {
        passages.OnRecord(now, response->from);
        continue;
      }
      events.push_back(std::move(*response));
    } else if (auto* failed = std::get_if<RequestFailed>(&*event)) {
      if (membership.OnRequestFailed(now, *failed) || tuning.OnRequestFailed(*failed)) continue;
      if (reachability.OnRequestFailed(now, *failed)) continue;
      if (passage_lookups.erase(failed->id) > 0) continue;
      events.push_back(std::move(*failed));
    } else if (const auto* silent = std::get_if<HintSilent>(&*event)) {
      HintFailed(now, silent->head);
    } else {
      const ProbeRequest& probe = std::get<ProbeRequest>(*event);
      if (probe.probe.has_knock()) {
        reachability.OnProbe(now, probe);
      } else {
        membership.OnProbe(now, probe);
      }
    }
  }
  return any;
}

bool Node::Impl::TakeRing(Instant now) {
  bool any = false;
  if (std::optional<LeafSetChanged> change = ring.TakeChange()) {
    gossip.OnLeafSetChanged(now, *change);
    liveness.OnLeafSetChanged(now);
    events.push_back(*std::move(change));
    router.Reconsider(now);
    any = true;
  }
  if (const std::optional<JoinState> state = membership.TakeStateChange()) {
    if (*state == JoinState::kActive && options.role == Role::kPeer) {
      gossip.Start(now);
      table_sync.Start(now);
    }
    if (*state == JoinState::kActive) reachability.Start(now);
    events.push_back(JoinStateChanged{*state});
    router.Reconsider(now);
    any = true;
  }
  return any;
}

// It leaves and comes back: everybody else has ways for both.
bool Node::Impl::TakeRole(Instant now) {
  const std::optional<Role> role = reachability.TakeChange();
  if (!role) return false;
  options.role = *role;
  gossip.Stop();
  table_sync.Stop();
  SetRecord(self.epoch() + 1, self.addresses());
  membership.ChangeRole(now, *role);
  return true;
}

bool Node::Impl::TakeLinkLocal(Instant now) {
  link_local.SetLooking(now, ring.leaves().size() == 0);
  bool any = false;
  while (const std::optional<net::Endpoint> contact = link_local.PollContact()) {
    membership.Meet(now, *contact, Opening::kKnock);
    any = true;
  }
  return any;
}

void Node::Impl::HintFailed(Instant now, uint64_t head) {
  wide.Fail(now, head);
  gossip.OnReportedGone(now, head);
}

void Node::Impl::AddMembers(std::vector<Hint>& hints) const {
  for (const NodeId& id : ring.Members()) {
    const uint64_t head = Head(id);
    const NodeRecord* record = ring.IsSuspect(id) ? nullptr : links.RecordOf(id);
    const bool named = std::any_of(hints.begin(), hints.end(),
                                   [head](const Hint& hint) { return hint.head == head; });
    if (record == nullptr || named) continue;
    Hint& hint = hints.emplace_back();
    hint.head = head;
    hint.stamp = wide.StampOf(head).value_or(0);
    hint.endpoint = links.EndpointOf(id).value_or(record->addresses().front());
    hint.sealing_key = record->sealing_key();
    hint.place = neighbours.PlaceOf(head);
  }
}

Scout::Knowledge Node::Impl::HintsRound(const Key& key) const {
  Scout::Knowledge out;
  if (table_sync.complete()) out.radius = wide.radius();
  if (HeadDistance(Head(self.id()), Head(key)) > out.radius && !ring.ReplicaSet(key)) return out;
  out.hints = wide.Around(Head(key), Scout::kPerSide);
  AddMembers(out.hints);
  out.hints = OnEitherSide(Head(key), std::move(out.hints), Scout::kPerSide);
  return out;
}

std::vector<Hint> Node::Impl::NearestHints(uint64_t position, size_t count) const {
  std::vector<Hint> out = wide.Nearest(position, count);
  AddMembers(out);
  std::erase_if(out, [this](const Hint& hint) {
    const std::optional<NodeId> linked = neighbours.Linked(hint.head);
    return linked && ring.IsSuspect(*linked);
  });
  std::sort(out.begin(), out.end(), [position](const Hint& a, const Hint& b) {
    const uint64_t to_a = HeadDistance(position, a.head);
    const uint64_t to_b = HeadDistance(position, b.head);
    return to_a != to_b ? to_a < to_b : a.head < b.head;
  });
  if (out.size() > count) out.resize(count);
  return out;
}

Node::Node(const NodeOptions& options, const NodeKeys& keys, Rng& rng, Counters& counters)
    : impl_(std::make_unique<Impl>(options, keys, rng, counters)) {}
Node::~Node() = default;

void Node::Start(Instant now, const std::vector<net::Endpoint>& bootstrap, ByteView cache) {
  impl_->liveness.Start(now);
  impl_->tuning.Start(now);
  impl_->bootstrap = LoadBootstrapCache(cache);
  impl_->membership.Start(now, bootstrap, impl_->bootstrap);
  impl_->link_local.Start(now);
  impl_->Pump(now);
}

void Node::Leave(Instant now) {
  impl_->membership.Leave(now);
  impl_->tuning.Stop();
  impl_->gossip.Stop();
  impl_->table_sync.Stop();
  impl_->reachability.Stop();
  impl_->link_local.Stop();
  impl_->Pump(now);
}

void Node::SetAddresses(Instant now, const std::vector<net::Endpoint>& addresses) {
  impl_->SetRecord(impl_->self.epoch() + 1, addresses);
  impl_->reachability.OnAddressChanged(now);
  impl_->membership.AnnounceRecord(now);
  impl_->Pump(now);
}

void Node::AddBootstrap(Instant now, const net::Endpoint& endpoint) {
  impl_->membership.AddBootstrap(now, endpoint);
  impl_->Pump(now);
}

void Node::OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) {
  impl_->OnDatagram(now, from, datagram);
}
void Node::OnTimeout(Instant now) { impl_->OnTimeout(now); }
std::optional<net::Transmit> Node::PollTransmit(Instant now) {
  std::optional<net::Transmit> out = impl_->letters.PollTransmit();
  if (!out) out = impl_->link_local.PollTransmit();
  if (!out) out = impl_->links.PollTransmit(now);
  while (out && IsDetour(out->to)) {
    impl_->detours.Send(now, *out);
    out = impl_->links.PollTransmit(now);
  }
  if (out && impl_->reachability.watching()) impl_->reachability.OnSent(now, out->to);
  return out;
}
std::optional<Instant> Node::PollTimeout() const { return impl_->PollTimeout(); }

std::optional<Event> Node::PollEvent() {
  if (impl_->events.empty()) return std::nullopt;
  Event out = std::move(impl_->events.front());
  impl_->events.pop_front();
  return out;
}

RequestId Node::Route(Instant now, const Key& key, Service service, Bytes payload,
                      const RouteOptions& options) {
  Exchange::RouteCall call;
  call.key = key;
  call.service = service;
  call.payload = std::move(payload);
  call.options = options;
  const RequestId id = impl_->exchange.Route(now, std::move(call));
  impl_->Pump(now);
  return id;
}

RequestId Node::Ask(Instant now, const NodeRecord& peer, Service service, Bytes payload,
                    absl::Duration timeout, bool repair) {
  const RequestId id = impl_->exchange.Ask(now, peer, service, std::move(payload), timeout, repair);
  impl_->Pump(now);
  return id;
}

RequestId Node::AskUnlinked(Instant now, const LetterTarget& target, Service service, Bytes payload,
                            const LetterOptions& options) {
  const RequestId id =
      impl_->exchange.AskByLetter(now, target, service, std::move(payload), options);
  impl_->Pump(now);
  return id;
}

bool Node::DemandProof(Instant now, AnswerToken token) {
  return impl_->exchange.DemandProof(now, token);
}

void Node::Answer(Instant now, AnswerToken token, Bytes payload) {
  impl_->exchange.Answer(now, token, AnswerContent{std::move(payload)});
  impl_->Pump(now);
}

const NodeRecord& Node::self() const { return impl_->self; }
JoinState Node::join_state() const { return impl_->membership.state(); }
bool Node::IsRoot(const Key& key) const { return impl_->ring.IsRoot(key); }
std::vector<NodeRecord> Node::Nearest(const Key& key, size_t count) const {
  return impl_->ring.Nearest(key, count);
}
std::optional<std::vector<NodeRecord>> Node::ReplicaSet(const Key& key) const {
  return impl_->ring.ReplicaSet(key);
}
std::vector<Hint> Node::NearestHints(const Key& key, size_t count) const {
  return impl_->NearestHints(Head(key), count);
}
bool Node::HintsCover(const Key& key) const {
  return impl_->ring.leaves().Whole() ||
         (impl_->table_sync.complete() && impl_->wide.Covers(Head(key)));
}
std::vector<NearNode> Node::NearReplicas(const Key& key) const {
  return HintsCover(key) && impl_->KeptElsewhere(key) ? impl_->shortcut.Replicas(key)
                                                      : std::vector<NearNode>();
}
std::optional<RequestId> Node::FindReplicas(Instant now, const Key& key) {
  if (HintsCover(key) || !impl_->KeptElsewhere(key)) return std::nullopt;
  const RequestId id = impl_->exchange.Reserve();
  const bool asked = impl_->scout.Start(now, id, key);
  impl_->Pump(now);
  return asked ? std::optional(id) : std::nullopt;
}
std::optional<absl::Duration> Node::RoundTripTo(const Hint& hint) const {
  return impl_->neighbours.RoundTripTo(hint);
}
void Node::HintFailed(Instant now, uint64_t head) {
  impl_->HintFailed(now, head);
  impl_->Pump(now);
}
const WideTable& Node::wide_table() const { return impl_->wide; }
const Coordinate& Node::coordinate() const { return impl_->vivaldi.own(); }

std::vector<NodeRecord> Node::LeafSet() const {
  std::vector<NodeRecord> out;
  for (const auto& [id, record] : impl_->ring.leaves().members()) out.push_back(record);
  return out;
}

std::vector<PeerInfo> Node::Peers(Instant now) const {
  std::vector<PeerInfo> out;
  for (const NodeId& id : impl_->links.Peers()) {
    const NodeRecord* record = impl_->links.RecordOf(id);
    if (record == nullptr) continue;
    const net::Endpoint at = impl_->links.EndpointOf(id).value_or(record->addresses().front());
    out.push_back(PeerInfo{*record, at, impl_->ring.leaves().Contains(id),
                           impl_->ring.table().Contains(id), impl_->links.RoundTripTo(id),
                           now - *impl_->links.LastHeard(id)});
  }
  return out;
}

std::vector<TraceHop> Node::TraceOf(RequestId id) const { return impl_->exchange.TraceOf(id); }
std::optional<net::Endpoint> Node::ObservedAddress() const { return impl_->observed.Result(); }

std::vector<net::Endpoint> Node::SeenAddresses() const { return impl_->observed.Seen(); }
std::vector<DetourPath> Node::Ways() const { return impl_->passages.ways(); }
void Node::SendPassage(Instant now, const DetourPath& path, ByteView datagram) {
  impl_->passages.Send(now, path, datagram);
  impl_->Pump(now);
}
Traffic Node::traffic() const {
  Traffic out = impl_->links.traffic();
  out.letters = impl_->letters.sent();
  return out;
}
void Node::SetTap(MessageTap* tap) { impl_->links.SetTap(tap); }
Bytes Node::SaveCache() {
  std::vector<NodeRecord> present;
  for (const NodeId& id : impl_->ring.Members()) {
    const NodeRecord* record = impl_->links.RecordOf(id);
    if (record != nullptr) present.push_back(*record);
  }
  impl_->bootstrap = RenewBootstrap(impl_->bootstrap, present);
  return SaveBootstrapCache(impl_->bootstrap);
}

}  // namespace p2pd::overlay
