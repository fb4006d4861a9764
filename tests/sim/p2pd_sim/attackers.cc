#include "tests/sim/p2pd_sim/attackers.h"

#include <algorithm>
#include <utility>

#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/overlay/contact.h"
#include "libcore/overlay/hint.h"
#include "libcore/overlay/wide_table.h"
#include "libcore/overlay/wire.h"
#include "libcore/store/object_judge.h"
#include "p2pd/wire/v1/overlay.pb.h"
#include "tests/sim/p2pd_sim/depot.h"
#include "tests/sim/p2pd_sim/machines.h"

namespace p2pd::sim {
namespace {

constexpr absl::string_view kReplyPrefix("p2pd reply\0", 11);
// Nodes that never were, and on which machines they would be.
constexpr size_t kDead = 64;
constexpr uint32_t kDeadMachines = 30'000;
// In one list.
constexpr size_t kNamed = 8;
constexpr size_t kNamedDead = 3;
constexpr int kNamedGone = 4;
constexpr size_t kLeaves = 16;
constexpr size_t kReplicas = 8;
// Of each batch of events and each table.
constexpr size_t kFalseDeaths = 2;
constexpr size_t kMostEvents = 128;
constexpr size_t kHolders = 6;

Bytes Encode(const wire::v1::OverlayMessage& message) { return overlay::SerializeProto(message); }

}  // namespace

class Conspiracy::Member final : public overlay::MessageTap {
 public:
  Member(Conspiracy& conspiracy, StoreHost& host) : conspiracy_(conspiracy), host_(host) {}

  bool OnIncoming(Instant now, const overlay::NodeId& from, Bytes& message,
                  std::vector<Bytes>& replies) override;
  void OnOutgoing(const overlay::NodeId& to, Bytes& message) override;
  // A request for the store of this node: directly, by letter, or as the root.
  bool OnRequest(Instant now, const overlay::IncomingRequest& request);

 private:
  bool OnRoute(const wire::v1::RouteMessage& route, std::vector<Bytes>& replies);
  bool OnContactQuery(const wire::v1::ContactQuery& query, std::vector<Bytes>& replies);
  // Colluders near this node, and dead nodes, which are as good.
  std::vector<overlay::NodeRecord> NameColluders();
  // Events without honest nodes, and with inventions.
  void Falsify(std::string& events);

  Conspiracy& conspiracy_;
  StoreHost& host_;
};

bool Conspiracy::Member::OnIncoming(Instant now, const overlay::NodeId& from, Bytes& bytes,
                                    std::vector<Bytes>& replies) {
  if (!conspiracy_.awake_) return true;
  conspiracy_.now_ = now;
  wire::v1::OverlayMessage message;
  if (!overlay::ParseProto(bytes, message)) return true;
  // Whoever tells or asks something is told something: it is to reach all from him up to us.
  const bool gossip =
      message.has_event_batch() || message.has_table_query() || message.has_leaf_sync();
  if (gossip && conspiracy_.lies_.gossip && !conspiracy_.Contains(from)) {
    wire::v1::OverlayMessage lie;
    wire::v1::EventGroup& group = *lie.mutable_event_batch()->add_groups();
    group.set_limit(overlay::Head(host_.id()));
    Falsify(*group.mutable_events());
    replies.push_back(Encode(lie));
    return true;
  }
  if (message.has_route()) return OnRoute(message.route(), replies);
  if (message.has_contact_query()) return OnContactQuery(message.contact_query(), replies);
  return true;
}

bool Conspiracy::Member::OnRoute(const wire::v1::RouteMessage& route, std::vector<Bytes>& replies) {
  wire::v1::RouteBody body;
  if (!body.ParseFromString(route.body())) return true;
  const auto key = overlay::Key::FromView(AsBytes(body.key()));
  const auto origin = overlay::NodeRecord::Parse(AsBytes(body.origin()));
  if (!key || !origin || conspiracy_.Contains(origin->id())) return true;
  // One message has one fate, whoever of them sees it, so that asking again the same way is no use.
  const uint64_t dice = body.message_id();
  if (dice % 2 == 0 && conspiracy_.lies_.drop) {
    ++conspiracy_.deeds_.dropped;
    return false;
  }
  if (!conspiracy_.lies_.misroute) return true;
  const overlay::NodeRecord& root = conspiracy_.RootOf(*key);
  wire::v1::RouteReplyBody reply;
  if (body.service() == static_cast<uint32_t>(overlay::Service::kOverlay)) {
    wire::v1::OverlayProbeAnswer answer;
    for (const overlay::NodeRecord& record : conspiracy_.Nearest(*key, kLeaves)) {
      if (record.id() != root.id()) answer.add_contacts(overlay::Contact::Of(record).ToText());
    }
    reply.set_payload(answer.SerializeAsString());
  } else if (body.service() == static_cast<uint32_t>(overlay::Service::kStore)) {
    const auto request = store::ParseRequest(AsBytes(body.payload()));
    if (!request) return true;
    reply.set_payload(ToText(store::Encode(conspiracy_.Answer(*request, dice / 2))));
  } else {
    return true;
  }
  ++conspiracy_.deeds_.false_roots;
  reply.set_message_id(body.message_id());
  reply.set_origin_id(origin->id().ToString());
  reply.set_responder(ToText(root.bytes()));
  reply.set_hops(route.hops() + 1);
  wire::v1::OverlayMessage message;
  message.mutable_route_reply()->set_body(reply.SerializeAsString());
  message.mutable_route_reply()->set_signature(
      conspiracy_.keys_.at(root.id())
          ->signing_key.Sign(overlay::Signed(kReplyPrefix, message.route_reply().body()))
          .ToString());
  replies.push_back(Encode(message));
  return false;
}

bool Conspiracy::Member::OnContactQuery(const wire::v1::ContactQuery& query,
                                        std::vector<Bytes>& replies) {
  if (!conspiracy_.lies_.neighbours) return true;
  wire::v1::OverlayMessage message;
  wire::v1::ContactList& list = *message.mutable_contact_list();
  for (const uint64_t head : query.ids()) {
    const auto member = conspiracy_.members_.lower_bound(overlay::FromHead(head));
    if (member != conspiracy_.members_.end() && overlay::Head(member->first) == head) {
      list.add_contacts(overlay::Contact::Of(member->second).ToText());
    }
    for (const overlay::NodeRecord& dead : conspiracy_.dead_) {
      if (overlay::Head(dead.id()) != head) continue;
      list.add_contacts(overlay::Contact::Of(dead).ToText());
    }
  }
  if (list.contacts_size() == 0) return true;
  replies.push_back(Encode(message));
  return false;
}

std::vector<overlay::NodeRecord> Conspiracy::Member::NameColluders() {
  ++conspiracy_.deeds_.false_lists;
  std::vector<overlay::NodeRecord> out = conspiracy_.Nearest(host_.id(), kNamed + 1);
  std::erase_if(out, [this](const auto& record) { return record.id() == host_.id(); });
  for (size_t i = 0; i < kNamedDead; ++i) {
    out.push_back(conspiracy_.dead_[conspiracy_.rng_.Below(kDead)]);
  }
  return out;
}

void Conspiracy::Member::Falsify(std::string& encoded) {
  const overlay::WideTable& table = host_.node().wide_table();
  const Instant now = conspiracy_.now_;
  ByteWriter out;
  size_t count = 0;
  const auto heard = overlay::ParseHintEvents(now, AsBytes(encoded), kMostEvents * 2);
  for (const overlay::HintEvent& event : heard.value_or(std::vector<overlay::HintEvent>())) {
    if (event.there && !conspiracy_.ContainsHead(event.hint.head)) {
      ++conspiracy_.deeds_.left_out;
    } else if (count++ < kMostEvents / 2) {
      overlay::WriteHintEvent(now, event, out);
    }
  }
  for (size_t i = 0; i < kFalseDeaths && table.size() > 0; ++i) {
    overlay::HintEvent death;
    death.there = false;
    death.hint.head = table[conspiracy_.rng_.Below(table.size())].head;
    if (conspiracy_.ContainsHead(death.hint.head)) continue;
    death.hint.stamp = table.StampOf(death.hint.head).value_or(0) + 1;
    overlay::WriteHintEvent(now, death, out);
    ++conspiracy_.deeds_.false_deaths;
  }
  const overlay::NodeRecord& dead = conspiracy_.dead_[conspiracy_.rng_.Below(kDead)];
  overlay::HintEvent join;
  join.hint.head = overlay::Head(dead.id());
  join.hint.stamp = table.StampOf(join.hint.head).value_or(0) + 1;
  join.hint.endpoint = dead.addresses().front();
  join.hint.sealing_key = dead.sealing_key();
  join.hint.place = host_.node().coordinate().Pack();
  join.hint.born = now - absl::Minutes(1);
  overlay::WriteHintEvent(now, join, out);
  ++conspiracy_.deeds_.false_joins;
  encoded = ToText(out.bytes());
}

void Conspiracy::Member::OnOutgoing(const overlay::NodeId& to, Bytes& bytes) {
  if (!conspiracy_.awake_ || conspiracy_.Contains(to)) return;
  wire::v1::OverlayMessage message;
  if (!overlay::ParseProto(bytes, message)) return;
  if (conspiracy_.lies_.gossip && message.has_event_batch()) {
    for (auto& group : *message.mutable_event_batch()->mutable_groups()) {
      Falsify(*group.mutable_events());
    }
  } else if (conspiracy_.lies_.gossip && message.has_table_answer()) {
    Falsify(*message.mutable_table_answer()->mutable_events());
  } else if (!conspiracy_.lies_.neighbours) {
    return;
  } else if (message.has_leaf_sync()) {
    wire::v1::LeafSync& sync = *message.mutable_leaf_sync();
    sync.clear_contacts();
    for (const overlay::NodeRecord& record : NameColluders()) {
      sync.add_contacts(overlay::Contact::Of(record).ToText());
    }
    // The living are called dead.
    for (const overlay::NodeRecord& leaf : host_.node().LeafSet()) {
      if (sync.gone_size() >= kNamedGone) break;
      if (!conspiracy_.Contains(leaf.id())) sync.add_gone(overlay::Head(leaf.id()));
    }
  } else if (message.has_row_list()) {
    wire::v1::RowList& row = *message.mutable_row_list();
    row.clear_members();
    for (const overlay::NodeRecord& record : NameColluders()) {
      row.add_members(overlay::Head(record.id()));
    }
  } else {
    return;
  }
  bytes = Encode(message);
}

bool Conspiracy::Member::OnRequest(Instant now, const overlay::IncomingRequest& incoming) {
  if (incoming.service != overlay::Service::kStore) return false;
  const auto request = store::ParseRequest(incoming.payload);
  if (!request) return false;
  if (!conspiracy_.awake_ || !conspiracy_.lies_.objects) return false;
  if (conspiracy_.Contains(incoming.from.id())) return false;
  const store::StoreReply reply = conspiracy_.Answer(*request, conspiracy_.rng_.Next());
  if (reply.reply_case() == store::StoreReply::REPLY_NOT_SET) return true;  // silence
  host_.node().Answer(now, incoming.token, store::Encode(reply));
  return true;
}

// ---- The conspiracy ----------------------------------------------------------------------------

Conspiracy::Conspiracy(uint64_t seed, const Lies& lies) : rng_(seed * 271 + 9), lies_(lies) {
  for (uint32_t i = 0; i < kDead; ++i) {
    dead_.push_back(overlay::NodeRecord::Make(overlay::NodeKeys::Generate(rng_), 1,
                                              {EndpointOfMachine(kDeadMachines + i, 0)},
                                              overlay::Role::kPeer));
  }
}

Conspiracy::~Conspiracy() = default;

void Conspiracy::Recruit(StoreHost& host) {
  auto& member = taps_[&host];
  member = std::make_unique<Member>(*this, host);
  host.SetTap(member.get());
  host.SetInterceptor([tap = member.get()](Instant now, const overlay::IncomingRequest& request) {
    return tap->OnRequest(now, request);
  });
}

void Conspiracy::Forget(StoreHost& host) { taps_.erase(&host); }

void Conspiracy::Started(StoreHost& host) {
  members_.insert_or_assign(host.id(), host.node().self());
  keys_[host.id()] = &host.keys();
}

void Conspiracy::Dismiss(const overlay::NodeId& id) {
  members_.erase(id);
  keys_.erase(id);
}

void Conspiracy::Wake() {
  awake_ = true;
  for (const auto& [host, member] : taps_) {
    const store::MemoryTable& table = host->table();
    for (const store::Key& key : table.KeysBetween(store::Key(), LastKey(), SIZE_MAX)) {
      for (const store::StoredRow& row : table.Find(key, std::nullopt)) {
        Archive(row.object, row.place);
      }
    }
  }
}

std::vector<overlay::NodeRecord> Conspiracy::Nearest(const overlay::Key& key, size_t count) const {
  std::vector<const overlay::NodeRecord*> all;
  for (const auto& [id, record] : members_) all.push_back(&record);
  const size_t size = std::min(count, all.size());
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size), all.end(),
                    [&key](const overlay::NodeRecord* a, const overlay::NodeRecord* b) {
                      return overlay::Nearer(key, a->id(), b->id());
                    });
  std::vector<overlay::NodeRecord> out;
  for (size_t i = 0; i < size; ++i) out.push_back(*all[i]);
  return out;
}

bool Conspiracy::ContainsHead(uint64_t head) const {
  const auto member = members_.lower_bound(overlay::FromHead(head));
  return member != members_.end() && overlay::Head(member->first) == head;
}

const overlay::NodeRecord& Conspiracy::RootOf(const overlay::Key& key) const {
  P2PD_CHECK(!members_.empty());
  return members_.at(Nearest(key, 1).front().id());
}

void Conspiracy::Archive(const store::Object& object, const store::Key& place) {
  for (store::Object& known : archive_[place]) {
    if (known.kind() != object.kind() || known.slot() != object.slot()) continue;
    if (object.sequence() < known.sequence()) known = object;
    return;
  }
  archive_[place].push_back(object);
}

void Conspiracy::ArchiveEncoded(const std::string& place, const std::string& encoded) {
  const std::optional<store::Object> object = store::ParseStored(AsBytes(encoded));
  if (object) Archive(*object, store::PlaceOf(place));
}

void Conspiracy::AnswerGet(const wire::v1::GetRequest& get, uint64_t dice,
                           wire::v1::GetReply& reply) {
  const store::Key place = store::PlaceOf(get.place());
  reply.set_status(wire::v1::STORE_STATUS_NOT_FOUND);
  reply.set_replica_count(kReplicas);
  for (const overlay::NodeRecord& record : Nearest(place, kReplicas)) {
    if (get.want_replicas()) reply.add_replicas(ToText(record.bytes()));
  }
  if (dice % 3 == 0) {
    ++deeds_.not_found;
    return;
  }
  for (const store::Object& object : archive_[place]) {
    const bool wanted = get.kinds_size() == 0 ||
                        std::count(get.kinds().begin(), get.kinds().end(), object.kind()) != 0;
    if (!wanted || object.bytes().size() > get.max_bytes()) continue;
    const bool forge = dice % 3 == 1;
    // An immutable object has no old version.
    if (!forge && store::IsImmutable(object.kind())) continue;
    ++(forge ? deeds_.forged : deeds_.stale);
    Bytes bytes = object.bytes();
    if (forge) bytes[bytes.size() / 2] ^= 1;
    reply.set_status(wire::v1::STORE_STATUS_OK);
    reply.add_objects(ToText(bytes));
    wire::v1::RowName& row = *reply.add_rows();
    row.set_kind(object.kind());
    row.set_slot(ToText(object.slot()));
    row.set_sequence(object.sequence().value() + (forge ? 1000 : 0));
  }
}

store::StoreReply Conspiracy::Answer(const store::StoreRequest& request, uint64_t dice) {
  store::StoreReply reply;
  switch (request.request_case()) {
    case store::StoreRequest::kGet:
      AnswerGet(request.get(), dice, *reply.mutable_get());
      break;
    case store::StoreRequest::kPut:
      ++deeds_.false_acks;
      ArchiveEncoded(request.put().place(), request.put().object());
      reply.mutable_put()->set_status(wire::v1::STORE_STATUS_OK);
      reply.mutable_put()->set_replicas(kReplicas);
      for (const overlay::NodeRecord& record :
           Nearest(store::PlaceOf(request.put().place()), kHolders)) {
        reply.mutable_put()->add_holders(record.id().ToString());
      }
      break;
    case store::StoreRequest::kLocate:
      reply.mutable_locate()->set_status(wire::v1::STORE_STATUS_OK);
      reply.mutable_locate()->set_holds(true);
      break;
    case store::StoreRequest::kReplicate:
      ++deeds_.false_acks;
      for (const wire::v1::Replica& replica : request.replicate().replicas()) {
        ArchiveEncoded(replica.place(), replica.object());
        reply.mutable_replicate()->add_statuses(wire::v1::STORE_STATUS_OK);
      }
      break;
    case store::StoreRequest::kSubscribe:
      reply.mutable_subscribe()->set_status(wire::v1::STORE_STATUS_OK);
      break;
    case store::StoreRequest::kWatcher:
      reply.mutable_watcher()->set_status(wire::v1::STORE_STATUS_OK);
      break;
    case store::StoreRequest::kCompare:
      reply.mutable_compare();  // 'we hold the same'
      break;
    case store::StoreRequest::kPull:
    case store::StoreRequest::kNotify:
    case store::StoreRequest::REQUEST_NOT_SET:
      break;
  }
  return reply;
}

}  // namespace p2pd::sim
