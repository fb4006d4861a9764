#include "daemon/federation_host.h"

#include <memory>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "libcore/base/file.h"
#include "libcore/base/log.h"
#include "libcore/base/mutex.h"
#include "libcore/base/status.h"
#include "libcore/runtime/local_addresses.h"

namespace p2pd::daemon {
namespace {

using archive::MemberId;
using archive::federation::AnswerMember;
using archive::federation::AskMember;
using archive::federation::FederationKey;
using archive::federation::FoundRecord;
using archive::federation::OfferRecord;
using archive::federation::QuestionToken;
using archive::federation::SearchRecords;

MemberId MemberOf(const overlay::NodeId& id) {
  return MemberId::FromView(id.view()).value_or(MemberId());
}

// Where clients of the others reach our tracker; a key is nobody else's business.
std::vector<std::string> TrackersOf(const Config& config, const TrackerHost* tracker) {
  if (tracker == nullptr || config.tracker.mode == archive::tracker::AccessMode::kKeys) return {};
  std::vector<std::string> out;
  for (const net::Endpoint& at :
       runtime::ReachableEndpoints(tracker->listen_endpoint(), runtime::LocalAddresses(),
                                   archive::federation::MemberRecord::kMaxTrackers)) {
    out.push_back(absl::StrCat("http://", at.ToString(), "/announce"));
  }
  return out;
}

}  // namespace

absl::StatusOr<FederationKey> ReadFederationKey(const ArchiveConfig& config) {
  P2PD_ASSIGN_OR_RETURN(
      const Bytes bytes,
      ReadFile(config.federation_key, 2 * FederationKey::kMaxSecret, FileMode::kSecret));
  const SecretBytes secret(bytes);
  absl::StatusOr<FederationKey> key = FederationKey::Make(config.federation, secret.view());
  if (key.ok()) return key;
  return absl::FailedPreconditionError(
      absl::StrCat(config.federation_key, ": ", key.status().message()));
}

FederationHost::FederationHost(const Config& config, ArchiveHost& archive, TrackerHost* tracker,
                               NodeHost& node, FederationKey key)
    : archive_(archive), node_(node) {
  node_.PostAlways([this, &config, trackers = TrackersOf(config, tracker), key = std::move(key)](
                       NodeHost&) mutable { Join(config, std::move(trackers), std::move(key)); });
}

void FederationHost::Leave() {
  Mutex mutex;
  bool left = false;
  // By way of the core thread, as the joining went: that may still be under way.
  node_.PostAlways([this, &mutex, &left](NodeHost&) {
    archive_.PostAlways([&mutex, &left](ArchiveHost& archive) {
      archive.Leave();
      const MutexLock lock(&mutex);
      left = true;
    });
  });
  const MutexLock lock(&mutex);
  mutex.Await(absl::Condition(&left));
}

void FederationHost::Join(const Config& config, std::vector<std::string> trackers,
                          FederationKey key) {
  service_ = key.service();
  archive::federation::FederationOptions options;
  options.self = MemberOf(node_.node().overlay().self().id());
  options.grace = config.archive.grace;
  options.record.quota = config.archive.quota;
  options.record.domain = config.archive.domain;
  options.record.endpoints = archive_.peer_endpoints();
  options.record.trackers = std::move(trackers);
  node_.Serve(overlay::Service::kArchive,
              [this](NodeHost&, const overlay::IncomingRequest& request) { OnRequest(request); });
  archive_.PostAlways(
      [this, options = std::move(options), key = std::move(key)](ArchiveHost& archive) mutable {
        archive.Join(std::move(options), std::move(key),
                     [this](archive::federation::FederationOrder order) {
                       const auto* ask = std::get_if<AskMember>(&order);
                       const auto id = ask != nullptr ? std::optional(ask->id) : std::nullopt;
                       const bool posted = node_.Post([this, order = std::move(order)](NodeHost&) {
                         if (const auto* offer = std::get_if<OfferRecord>(&order)) Offer(*offer);
                         if (const auto* what = std::get_if<AskMember>(&order)) Ask(*what);
                         if (const auto* what = std::get_if<AnswerMember>(&order)) Answer(*what);
                         if (std::holds_alternative<SearchRecords>(order)) Search();
                       });
                       if (posted || !id) return;
                       Answer(*id, absl::ResourceExhaustedError("too many tasks wait"));
                     });
      });
}

void FederationHost::Offer(const OfferRecord& offer) {
  const auto id = node_.node().OfferService(
      node_.now(), {service_, offer.description, offer.sequence, offer.lifetime});
  if (!id.ok()) P2PD_LOG(daemon, kError, "federation: ", id.status().message());
}

void FederationHost::Search() {
  node_.Await(node_.node().FindService(node_.now(), service_), kSearchTimeout,
              [this](const node::Completed& completed) { OnFound(completed); });
}

void FederationHost::OnFound(const node::Completed& completed) {
  // Nobody is an answer, too; no answer is none.
  if (!completed.status.ok() && !absl::IsNotFound(completed.status)) return;
  std::vector<FoundRecord> found;
  if (completed.get) {
    for (const store::Object& object : completed.get->objects) {
      if (object.kind() != store::ObjectKind::OBJECT_KIND_SERVICE) continue;
      const wire::v1::ServiceBody& body = object.service();
      const auto record = overlay::NodeRecord::Parse(AsBytes(body.node_record()));
      if (!record) continue;
      const MemberId id = MemberOf(record->id());
      found.push_back({id, body.sequence(), absl::FromUnixSeconds(body.expires()),
                       ToBytes(AsBytes(body.description()))});
      members_.insert_or_assign(id, *record);
    }
  }
  // A record that is missing once is in the ring's other half; those of long ago go in time.
  while (members_.size() > kMaxKnown) members_.erase(members_.begin());
  (void)archive_.Post([found = std::move(found)](ArchiveHost& archive) {
    if (archive.federation() == nullptr) return;
    archive.federation()->OnSearched(archive.now(), archive.wall(), found);
  });
}

void FederationHost::Ask(AskMember ask) {
  const auto member = members_.find(ask.to);
  if (member == members_.end()) {
    return Answer(ask.id, absl::NotFoundError("its record is not in the overlay"));
  }
  const node::OperationId operation = node_.node().AskNode(
      node_.now(), member->second, overlay::Service::kArchive, std::move(ask.payload), kAskTimeout);
  node_.Await(operation, 2 * kAskTimeout, [this, id = ask.id](const node::Completed& completed) {
    if (!completed.status.ok()) return Answer(id, completed.status);
    Answer(id, completed.route ? completed.route->payload : Bytes());
  });
}

void FederationHost::Answer(const AnswerMember& answer) {
  node_.node().Answer(node_.now(), overlay::AnswerToken(answer.token.value()), answer.payload);
}

void FederationHost::Answer(archive::federation::AskId id, absl::StatusOr<Bytes> answer) {
  archive_.PostAlways([id, answer = std::move(answer)](ArchiveHost& archive) {
    if (archive.federation() != nullptr) archive.federation()->OnAnswer(archive.now(), id, answer);
  });
}

void FederationHost::OnRequest(const overlay::IncomingRequest& request) {
  const bool posted = archive_.Post([this, from = MemberOf(request.from.id()),
                                     token = QuestionToken(request.token.value()),
                                     payload = request.payload](ArchiveHost& archive) {
    if (archive.federation() == nullptr) return;
    const auto promise = [&archive](const archive::GroupId& group) {
      return archive.archive().MayPromise(archive.now(), group);
    };
    archive.federation()->OnQuestion(archive.now(), from, token, payload, promise);
  });
  if (!posted) node_.node().Answer(node_.now(), request.token, Bytes());
}

}  // namespace p2pd::daemon
