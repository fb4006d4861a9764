// Who puts and gets at a Depot: people as presence publishes them, raw values, readers.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "tests/sim/p2pd_sim/depot.h"

namespace p2pd::sim {
namespace {

Bytes Random(Rng& rng, size_t size) {
  Bytes out(size);
  rng.Fill(MutableByteView(out.data(), out.size()));
  return out;
}

}  // namespace

void Depot::SetRemovals(double per_second) {
  removals_ = per_second;
  ++removals_number_;
  if (removals_ > 0)
    At(world().now() + Pause(removals_), {TaskKind::kRemoval, 0, removals_number_});
}

void Depot::Fill(absl::Duration span) {
  FillRaws(span);
  for (int i = 0; i < options_.people; ++i) {
    Person person = authority_.MakePerson(absl::StrCat("person", i, "@example.org"));
    auto environment = pki::Ed25519Key::Generate(rng());
    owners_.push_back(std::make_unique<Owner>(Owner{std::move(person), std::move(environment)}));
    size_t place = rng().Below(nodes_.size());
    while (nodes_[place].attacker) place = rng().Below(nodes_.size());
    for (const store::ObjectKind kind :
         {wire::v1::OBJECT_KIND_AUTHENTICATION, wire::v1::OBJECT_KIND_USER_ENVIRONMENT,
          wire::v1::OBJECT_KIND_USER_STATE}) {
      Publication publication;
      publication.kind = kind;
      publication.place = place;
      publication.person = owners_.size() - 1;
      publication.changes = true;
      publications_.push_back(std::move(publication));
      PublishAgain(publications_.size() - 1, span * rng().Unit());
    }
  }
}

// ---- Puts --------------------------------------------------------------------------------------

absl::StatusOr<store::Object> Depot::NextVersion(Publication& publication) {
  const Owner& owner = *owners_[publication.person];
  StoreHost& host = *nodes_[publication.place].host;
  const absl::Time wall = host.wall().At(host.Now());
  const store::Sequence sequence(++publication.sequence);
  if (publication.kind == wire::v1::OBJECT_KIND_AUTHENTICATION) {
    return store::MakeAuthentication(owner.person.key, owner.person.chain, owner.person.email,
                                     wall + Work::kCertificateLife, wall);
  }
  if (publication.kind == wire::v1::OBJECT_KIND_USER_ENVIRONMENT) {
    return store::MakeUserEnvironment(owner.environment, Random(rng(), Work::kEnvironmentBytes),
                                      sequence, wall + Work::kEnvironmentLife, wall);
  }
  wire::v1::UserStateBody body;
  body.set_user_key(ToText(owner.person.key.public_key().spki()));
  *body.mutable_device() = owner.person.device_certificate;
  body.set_flag(wire::v1::UserStateBody::FLAG_ONLINE);
  body.set_expires(absl::ToUnixSeconds(wall + Work::kStateLife));
  body.add_addresses(ToText(host.at().ToBytes()));
  body.set_node_record(ToText(host.node().self().bytes()));
  body.set_sequence(sequence.value());
  return store::MakeUserState(owner.person.device, body, wall);
}

void Depot::Publish(size_t index) {
  Publication& publication = publications_[index];
  StoreHost& host = *nodes_[publication.place].host;
  if (!host.up()) return;  // its return announces
  if (!host.active() || publication.pending) return PublishAgain(index, Work::kNotYet);
  const bool expires =
      publication.object && publication.object->expires() < world().wall_now() + absl::Minutes(2);
  if (publication.changes || !publication.object || expires) {
    auto object = NextVersion(publication);
    P2PD_CHECK(object.ok());
    publication.object = *std::move(object);
    publication.changes = false;
  }
  StartPut(publication.place, *publication.object, index);
}

void Depot::PutRaw() {
  const std::optional<size_t> place = RandomUser();
  if (!place) return;
  const Bytes data = Random(rng(), Work::DrawRawBytes(rng()));
  const Bytes secret = Random(rng(), 16);
  const absl::Time wall = nodes_[*place].host->wall().At(nodes_[*place].host->Now());
  const auto key = rng().Make<store::Key>();
  const auto object =
      store::MakeRaw(key, data, pki::Sha256(secret).view(), wall + Work::kRawLife, wall);
  P2PD_CHECK(object.ok());
  ledger_.at(ledger_.Issue(*object)).secret = secret;
  StartPut(*place, *object, std::nullopt);
}

void Depot::StartPut(size_t place, const store::Object& object, std::optional<size_t> publication) {
  const size_t entry = ledger_.Issue(object);
  StoreHost& host = *nodes_[place].host;
  const store::OperationId id = host.store().Put(host.Now(), object);
  if (publication) publications_[*publication].pending = true;
  puts_.emplace(OperationName(place, id.value()),
                PendingPut{entry, object, world().now(), publication});
  host.Kick();
}

void Depot::EndPut(OperationName name, const store::PutDone& done) {
  auto node = puts_.extract(name);
  if (node.empty()) return;
  const PendingPut& put = node.mapped();
  StoreHost& host = *nodes_[name.first].host;
  results().puts.Add(done.status.ok());
  if (done.status.ok()) {
    ledger_.Acknowledge(put.entry, put.object.sequence());
    results().put_latency.Add(absl::ToDoubleMilliseconds(world().now() - put.asked));
  } else if (!liars_ && (absl::IsFailedPrecondition(done.status) || absl::IsAborted(done.status))) {
    Violate(absl::StrCat("a put of the newest version of ", ledger_.at(put.entry).Name(),
                         " was refused: ", std::string(done.status.message())));
  }
  if (!put.publication) return;
  Publication& publication = publications_[*put.publication];
  publication.pending = false;
  if (!done.status.ok()) return PublishAgain(*put.publication, rng().Jitter(Work::kRetry));
  host.store().KeepAlive(host.Now(), put.object);
  if (publication.kind == wire::v1::OBJECT_KIND_AUTHENTICATION) return;
  publication.changes = true;
  const bool state = publication.kind == wire::v1::OBJECT_KIND_USER_STATE;
  PublishAgain(*put.publication, state ? Work::kStateLife / 2
                                       : Pause(1 / absl::ToDoubleSeconds(options_.change_every)));
}

void Depot::RemoveOne() {
  const std::optional<size_t> place = RandomUser();
  if (!place || ledger_.size() == 0) return;
  const size_t entry = rng().Below(ledger_.size());
  Ledger::Entry& e = ledger_.at(entry);
  if (e.secret.empty() || !ledger_.Due(entry, world().wall_now())) return;
  // The slot of a raw value begins with the digest of its data.
  const auto digest =
      pki::Sha256Digest::FromView(ByteView(e.slot.data(), std::min<size_t>(e.slot.size(), 32)));
  P2PD_CHECK(digest.has_value());
  e.removal = Ledger::Removal::kOpen;
  StoreHost& host = *nodes_[*place].host;
  const auto id = host.store().RemoveRaw(host.Now(), e.key, *digest, e.secret);
  removals_open_.emplace(OperationName(*place, id.value()), entry);
  host.Kick();
}

void Depot::EndRemoval(OperationName name, const store::RemoveDone& done) {
  auto node = removals_open_.extract(name);
  // One that failed may have been done by some: it stays open.
  if (!node.empty() && done.status.ok()) {
    ledger_.at(node.mapped()).removal = Ledger::Removal::kDone;
  }
}

// ---- Gets --------------------------------------------------------------------------------------

void Depot::GetOne() {
  const std::optional<size_t> place = RandomUser();
  if (!place || ledger_.size() == 0) return;
  if (conspiracy_->awake()) {
    // One at a time a reader, so that the witness knows which answers belong to it.
    const auto open = gets_open_.lower_bound(OperationName(*place, 0));
    if (open != gets_open_.end() && open->first.first == *place) return;
  }
  // One half of those that change, one half of those that do not.
  const bool immutable = rng().Below(2) == 0;
  constexpr int kTries = 200;
  for (int i = 0; i < kTries; ++i) {
    const size_t entry =
        targets_.empty() ? rng().Below(ledger_.size()) : targets_[rng().Below(targets_.size())];
    if (!ledger_.Due(entry, world().wall_now())) continue;
    if (targets_.empty() && ledger_.at(entry).immutable() != immutable) continue;
    PendingGet pending;
    const auto seen = nodes_[*place].seen.find(entry);
    if (seen != nodes_[*place].seen.end()) pending.floor = seen->second;
    pending.newest = *ledger_.at(entry).acknowledged;
    return StartGet(*place, entry, pending);
  }
}

void Depot::StartGet(size_t place, size_t entry, PendingGet pending) {
  const Ledger::Entry& e = ledger_.at(entry);
  store::GetOptions options;
  options.kind = e.kind;
  if (pending.floor && !e.immutable()) options.at_least[e.slot] = *pending.floor;
  if (e.kind == wire::v1::OBJECT_KIND_RAW) {
    options.data_digest =
        pki::Sha256Digest::FromView(ByteView(e.slot.data(), std::min<size_t>(e.slot.size(), 32)));
  }
  pending.entry = entry;
  pending.asked = world().now();
  nodes_[place].honest.clear();
  StoreHost& host = *nodes_[place].host;
  const store::OperationId id = host.store().Get(host.Now(), e.key, options);
  gets_open_.emplace(OperationName(place, id.value()), pending);
  host.Kick();
}

void Depot::EndGet(OperationName name, const store::GetDone& done) {
  auto node = gets_open_.extract(name);
  if (node.empty()) return;
  const PendingGet& get = node.mapped();
  Ledger::Entry& e = ledger_.at(get.entry);
  const Ledger::Verdict verdict = ledger_.Judge(get.entry, get.floor, done);
  if (!verdict.wrong.empty()) Violate(verdict.wrong);
  if (get.at_rest) return EndRestGet(get, done);
  // It was removed, or expired, while it was asked for.
  if (e.removal != Ledger::Removal::kNone || !ledger_.Due(get.entry, world().wall_now())) return;
  const bool found = verdict.sequence.has_value();
  if (!targets_.empty()) found_[get.entry].Add(found);
  if (found && conspiracy_->awake() && *verdict.sequence < get.newest) {
    ++results().rolled_back;
    const auto honest = nodes_[name.first].honest.find({e.kind, e.slot});
    if (honest != nodes_[name.first].honest.end() && *verdict.sequence < honest->second) {
      Violate(absl::StrCat("a get of ", e.Name(), " brought version ", verdict.sequence->value(),
                           " although an honest node answered ", honest->second.value()));
    }
  }
  (e.immutable() ? results().immutable : results().changing).Add(found);
  if (!found) ++results().unread[std::string(done.status.message())];
  if (!found) return NoteUnread(get.entry, done.status);
  const double took = absl::ToDoubleMilliseconds(world().now() - get.asked);
  (e.immutable() ? results().immutable_latency : results().changing_latency).Add(took);
  if (!e.immutable()) results().newest.Add(*verdict.sequence >= get.newest);
  e.unread_since.reset();
  e.unread = 0;
  store::Sequence& seen = nodes_[name.first].seen[get.entry];
  seen = std::max(seen, *verdict.sequence);
}

void Depot::OnStoreEvent(size_t place, Instant now, const store::Event& event) {
  (void)now;
  if (const auto* put = std::get_if<store::PutDone>(&event)) {
    EndPut({place, put->id.value()}, *put);
  } else if (const auto* get = std::get_if<store::GetDone>(&event)) {
    EndGet({place, get->id.value()}, *get);
  } else if (const auto* removed = std::get_if<store::RemoveDone>(&event)) {
    EndRemoval({place, removed->id.value()}, *removed);
  }
}

// What a node asked before it died is nobody's question any more.
void Depot::ForgetOperations(size_t place) {
  const auto of_place = [place](const auto& entry) { return entry.first.first == place; };
  for (const auto& [name, put] : puts_) {
    if (name.first == place && put.publication) publications_[*put.publication].pending = false;
  }
  std::erase_if(puts_, of_place);
  std::erase_if(gets_open_, of_place);
  std::erase_if(removals_open_, of_place);
}

}  // namespace p2pd::sim
