// Membership: whoever is heard of, what is asked about them, and who of them is met.
#include <algorithm>
#include <utility>

#include "libcore/overlay/membership.h"

namespace p2pd::overlay {

bool Membership::RecentlyUnreachable(Instant now, const Contact& contact) const {
  const auto found = unreachable_.find(contact.id);
  if (found == unreachable_.end() || found->second.until <= now) return false;
  // Whoever named it first may have lied about the place.
  const std::set<net::Endpoint>& tried = found->second.tried;
  return tried.size() >= kMaxTried ||
         std::all_of(
             contact.addresses.begin(), contact.addresses.end(),
             [&tried](const net::Endpoint& endpoint) { return tried.count(endpoint) != 0; });
}

std::map<NodeId, Contact>::const_iterator Membership::UnmetFrom(const NodeId& id) const {
  const auto at = unmet_.lower_bound(id);
  return at != unmet_.end() ? at : unmet_.begin();
}

void Membership::NoteUnreachable(Instant now, const Contact& contact) {
  if (unreachable_.size() >= kMaxUnreachable) unreachable_.erase(unreachable_.begin());
  Unreachable& entry = unreachable_[contact.id];
  entry.until = now + kUnreachableFor;
  entry.tried.insert(contact.addresses.begin(), contact.addresses.end());
  if (contact.addresses.empty()) return;
  if (unmet_.size() >= kMaxUnmet) unmet_.erase(UnmetFrom(rng_.Make<NodeId>()));
  unmet_.insert_or_assign(contact.id, contact);
}

std::vector<NodeId> Membership::Coming() const {
  std::vector<NodeId> out;
  for (const auto& [id, candidate] : candidates_) out.push_back(id);
  return out;
}

bool Membership::WantsLeaf(const NodeId& id) const {
  return ring_.WantsLeaf(id) && ring_.leaves().WantsBeside(id, Coming());
}

LeafSet::Shared Membership::SharedWith(const NodeId& other) const {
  return ring_.leaves().SharedWith(other, Coming());
}

Contact Membership::ContactOf(const NodeRecord& leaf) const {
  Contact out = Contact::Of(leaf);
  const std::optional<net::Endpoint> seen = links_.EndpointOf(leaf.id());
  if (seen) out.AddAddress(*seen);
  return out;
}

void Membership::OfferContacts(Instant now, const Contacts& contacts,
                               std::optional<uint64_t> sample) {
  bool good = contacts.size() <= kMaxHints;
  for (int i = 0; i < contacts.size() && i < kMaxHints; ++i) {
    const std::optional<Contact> contact = Contact::Parse(AsBytes(contacts[i]));
    good = good && contact;
    if (contact) Offer(now, *contact, Head(contact->id) == sample);
  }
  if (!good) counters_.Add("overlay.dropped_malformed");
}

bool Membership::MayMeet(Instant now, const Contact& contact) {
  for (const net::Endpoint& endpoint : contact.addresses) {
    if (endpoint.address.IsPrivate()) continue;
    const auto same = std::count_if(candidates_.begin(), candidates_.end(), [&](const auto& entry) {
      const std::vector<net::Endpoint>& at = entry.second.contact.addresses;
      return std::any_of(at.begin(), at.end(), [&](const net::Endpoint& other) {
        return other.address == endpoint.address;
      });
    });
    if (same >= kMeetsPerAddress) return false;
  }
  return meet_bucket_.TryTake(now, 1);
}

void Membership::Offer(Instant now, const NodeRecord& record, bool sample) {
  if (record.role() == Role::kPeer) Offer(now, Contact::Of(record), sample);
}

void Membership::Offer(Instant now, const Contact& contact, bool sample) {
  const NodeId& id = contact.id;
  if (id == self_->id() || ring_.Contains(id) || candidates_.count(id) != 0) return;
  if (RecentlyUnreachable(now, contact)) return;
  const bool leaf = WantsLeaf(id);
  if (!sample && !leaf && !ring_.WantsForTable(id)) return;
  const bool enough =
      options_.role == Role::kClient && ring_.leaves().size() + candidates_.size() >= kClientPeers;
  if (enough || candidates_.size() >= kMaxCandidates ||
      (!links_.Linked(id) && !MayMeet(now, contact))) {
    counters_.Add("overlay.refused_candidates");
    return;
  }
  Candidate& candidate = candidates_[id];
  candidate.blocks = now + kCandidatePatience;
  candidate.expires = now + kCandidateLifetime;
  candidate.contact = contact;
  if (links_.Linked(id)) {
    AnnounceTo(now, id);
  } else if (leaf && state_ == JoinState::kActive) {
    candidate.connects = now + rng_.Jitter(self_->id() < id ? kPoliteness : 3 * kPoliteness);
    candidate.expires = candidate.connects + kCandidateLifetime;
  } else {
    links_.Connect(now, contact, ring_.UsefulBelow(id));
  }
}

const NodeRecord* Membership::RecordByHead(uint64_t head) const {
  const NodeRecord* member = ring_.FindHead(head);
  return member != nullptr ? member : records_.FindHead(head);
}

void Membership::OfferHeads(Instant now, const NodeId& from, const Heads& heads, bool sample_one) {
  wire::v1::ContactQuery query;
  std::optional<uint64_t> sample;
  if (sample_one && !heads.empty()) {
    sample = heads[static_cast<int>(rng_.Below(static_cast<uint64_t>(heads.size())))];
  }
  for (int i = 0; i < heads.size() && i < kMaxHints; ++i) {
    const NodeRecord* known = RecordByHead(heads[i]);
    const NodeId id = known != nullptr ? known->id() : FromHead(heads[i]);
    if (Head(self_->id()) == heads[i] || ring_.Contains(id)) continue;
    const bool useful = heads[i] == sample || WantsLeaf(id) || ring_.WantsForTable(id);
    if (!useful || candidates_.count(id) != 0) continue;
    // It will be named again.
    if (RecentlyUnreachable(now, Contact{id, {}})) continue;
    if (known != nullptr) {
      Offer(now, *known, heads[i] == sample);
    } else {
      query.add_ids(heads[i]);
    }
  }
  if (query.ids_size() == 0) return;
  queries_[from] = Query{now + kQueryTimeout, sample};
  wire::v1::OverlayMessage message;
  *message.mutable_contact_query() = std::move(query);
  links_.Send(now, from, Purpose::kMembership, SerializeProto(message));
}

void Membership::OnContactQuery(Instant now, const NodeId& from,
                                const wire::v1::ContactQuery& query) {
  if (query.ids_size() > kMaxHints) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  wire::v1::OverlayMessage message;
  wire::v1::ContactList* list = message.mutable_contact_list();
  for (const uint64_t head : query.ids()) {
    // Only members: we vouch for nobody whom we did not meet.
    const NodeRecord* record = ring_.FindHead(head);
    if (record != nullptr) list->add_contacts(ContactOf(*record).ToText());
  }
  links_.Send(now, from, Purpose::kMembership, SerializeProto(message));
}

void Membership::OnContactList(Instant now, const NodeId& from, const wire::v1::ContactList& list) {
  const auto query = queries_.find(from);
  if (query == queries_.end()) {
    counters_.Add("overlay.dropped_unasked_contacts");
    return;
  }
  const std::optional<uint64_t> sample = query->second.sample;
  queries_.erase(query);
  OfferContacts(now, list.contacts(), sample);
  CheckJoined(now);
}

}  // namespace p2pd::overlay
