#include "daemon/services/torrent_offer.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/convert/person.h"
#include "daemon/convert/torrent.h"
#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

using archive::submission::Answer;
using archive::submission::Content;
using archive::submission::Refused;
using archive::submission::Request;
using archive::submission::Submission;
using archive::torrent::InfoHash;

grpc::Status Invalid(absl::string_view reason, absl::string_view message) {
  return Error(grpc::StatusCode::INVALID_ARGUMENT, reason, message);
}

absl::StatusOr<Content> ContentOf(const v1::OfferTorrentRequest& request) {
  if (!request.has_magnet()) return archive::submission::ContentOf(AsBytes(request.metainfo()));
  P2PD_RETURN_IF_ERROR(archive::torrent::ParseMagnet(request.magnet()).status());
  return Content{true, ToBytes(absl::string_view(request.magnet()))};
}

}  // namespace

void TorrentOffer::Start(NodeHost& host, const v1::OfferTorrentRequest& request,
                         v1::OfferTorrentResponse& response, Reply reply) {
  std::shared_ptr<TorrentOffer> offer(new TorrentOffer(host, request, response, std::move(reply)));
  offer->Search();
}

void TorrentOffer::Search() {
  absl::StatusOr<Content> content = ContentOf(request_);
  if (!content.ok()) {
    return reply_.Finish(Invalid(request_.has_magnet() ? "MAGNET_INVALID" : "METAINFO_INVALID",
                                 content.status().message()));
  }
  content_ = *std::move(content);
  const std::optional<std::string> identity = IdentityOf(request_.identity());
  if (request_.copies() < 0 || request_.copies() > kMaxCopies) {
    return reply_.Finish(Invalid("COPIES_INVALID", absl::StrCat("copies is 1 to ", kMaxCopies)));
  }
  if (request_.copies() > 0) copies_ = request_.copies();
  // Who cannot sign need not search.
  const absl::Status can = identity ? host_.node().presence().Sign(*identity, {}).status()
                                    : absl::NotFoundError(request_.identity());
  if (!can.ok()) {
    return reply_.Fail(can, {{absl::StatusCode::kNotFound, "IDENTITY_UNKNOWN"},
                             {absl::StatusCode::kFailedPrecondition, "IDENTITY_UNUSABLE"}});
  }
  identity_ = *identity;
  host_.Await(
      host_.node().FindService(host_.now(), archive::submission::kService), kSearchTimeout,
      [self = shared_from_this()](const node::Completed& completed) { self->OnFound(completed); });
}

void TorrentOffer::OnFound(const node::Completed& completed) {
  if (!completed.status.ok() && !absl::IsNotFound(completed.status)) {
    return reply_.Fail(completed.status);
  }
  const std::set<std::string> wanted(request_.node_ids().begin(), request_.node_ids().end());
  std::vector<overlay::NodeRecord> found;
  if (completed.get) {
    for (const store::Object& object : completed.get->objects) {
      if (object.kind() != store::ObjectKind::OBJECT_KIND_SERVICE) continue;
      const wire::v1::ServiceBody& body = object.service();
      const auto record = overlay::NodeRecord::Parse(AsBytes(body.node_record()));
      if (!record || !archive::submission::IsServiceDescription(AsBytes(body.description()))) {
        continue;
      }
      if (!wanted.empty() && wanted.count(overlay::ToHex(record->id())) == 0) continue;
      found.push_back(*record);
    }
  }
  // Whoever asks spreads them; nobody is always the first.
  for (size_t i = found.size(); i > 1; --i) std::swap(found[i - 1], found[host_.rng().Below(i)]);
  found_.assign(found.begin(),
                found.begin() + static_cast<std::ptrdiff_t>(std::min(found.size(), kMaxAsked)));
  if (found_.empty()) {
    return reply_.Finish(Error(grpc::StatusCode::NOT_FOUND, "ARCHIVE_NOT_FOUND",
                               wanted.empty() ? "no S-tracker in the overlay takes submissions now"
                                              : "none of these nodes takes submissions now"));
  }
  AskNext();
}

absl::StatusOr<Bytes> TorrentOffer::RequestFor(const overlay::NodeRecord& node) {
  Submission submission;
  submission.to = archive::MemberId::FromView(node.id().view()).value_or(archive::MemberId());
  submission.made = host_.wall();
  submission.nonce = host_.rng().Make<archive::submission::Nonce>();
  submission.magnet = content_.magnet;
  submission.content = content_.bytes;
  Request request;
  request.body = WriteBody(submission);
  P2PD_ASSIGN_OR_RETURN(
      presence::Presence::Signed made,
      host_.node().presence().Sign(identity_, archive::submission::ToSign(request.body)));
  request.signature = std::move(made.signature);
  request.certificates = made.chain.ToDer();
  return Write(request);
}

void TorrentOffer::AskNext() {
  if (taken_ >= copies_ || found_.empty()) return Finish();
  const overlay::NodeRecord node = std::move(found_.front());
  found_.pop_front();
  absl::StatusOr<Bytes> request = RequestFor(node);
  if (!request.ok()) return reply_.Fail(request.status());
  const node::OperationId operation = host_.node().AskNode(
      host_.now(), node, overlay::Service::kSubmission, *std::move(request), kAskTimeout);
  host_.Await(operation, 2 * kAskTimeout,
              [self = shared_from_this(), node](const node::Completed& completed) {
                self->OnAnswer(node, completed);
                self->AskNext();
              });
}

void TorrentOffer::OnAnswer(const overlay::NodeRecord& node, const node::Completed& completed) {
  if (!completed.status.ok() || !completed.route) {
    return Note(
        node, false,
        completed.status.ok() ? "it said nothing" : std::string(completed.status.message()));
  }
  const std::optional<Answer> answer = archive::submission::ParseAnswer(completed.route->payload);
  if (!answer) return Note(node, false, "it takes no submissions any more");
  if (const auto* refused = std::get_if<Refused>(&*answer)) {
    return Note(node, false, refused->text);
  }
  ++taken_;
  response_.set_name(TorrentName(std::get<InfoHash>(*answer)));
  Note(node, true, "");
}

void TorrentOffer::Note(const overlay::NodeRecord& node, bool taken, std::string problem) {
  v1::TorrentOffer& offer = *response_.add_offers();
  offer.set_node_id(overlay::ToHex(node.id()));
  offer.set_address(node.addresses().front().ToString());
  offer.set_taken(taken);
  offer.set_problem(std::move(problem));
}

void TorrentOffer::Finish() {
  if (taken_ > 0) return reply_.Ok();
  std::string why = "nobody took it";
  for (const v1::TorrentOffer& offer : response_.offers()) {
    absl::StrAppend(&why, "; ", offer.address(), ": ", offer.problem());
  }
  reply_.Finish(Error(grpc::StatusCode::PERMISSION_DENIED, "SUBMISSION_REFUSED", why));
}

}  // namespace p2pd::daemon
