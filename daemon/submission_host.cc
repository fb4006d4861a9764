#include "daemon/submission_host.h"

#include <map>
#include <string>
#include <utility>

#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/log.h"
#include "libcore/base/mutex.h"

namespace p2pd::daemon {
namespace {

using archive::submission::Refused;
using archive::submission::Submission;
using archive::submission::SubmissionDesk;
using archive::torrent::InfoHash;

absl::StatusOr<InfoHash> Take(ArchiveHost& archive, const Submission& submission) {
  if (!submission.magnet) return archive.Submit(submission.content, archive::Source::kOverlay);
  const auto magnet = archive::torrent::ParseMagnet(AsText(submission.content));
  if (!magnet.ok()) return magnet.status();
  return archive.Submit(*magnet, archive::Source::kOverlay);
}

archive::submission::Answer AnswerOf(const absl::StatusOr<InfoHash>& taken) {
  if (taken.ok()) return *taken;
  return Refused{std::string(taken.status().message())};
}

}  // namespace

SubmissionHost::SubmissionHost(ArchiveHost& archive, NodeHost& node)
    : archive_(archive), node_(node) {
  node_.PostAlways([this](NodeHost&) { Begin(); });
}

void SubmissionHost::Stop() {
  Mutex mutex;
  bool stopped = false;
  // By way of both: what was handed over is answered through the node.
  node_.PostAlways([this, &mutex, &stopped](NodeHost&) {
    timer_.reset();
    desk_.reset();
    archive_.PostAlways([&mutex, &stopped](ArchiveHost&) {
      const MutexLock lock(&mutex);
      stopped = true;
    });
  });
  const MutexLock lock(&mutex);
  mutex.Await(absl::Condition(&stopped));
}

void SubmissionHost::Begin() {
  const auto self = archive::MemberId::FromView(node_.node().overlay().self().id().view());
  desk_ =
      std::make_unique<SubmissionDesk>(self.value_or(archive::MemberId()), node_.wall(), counters_);
  node_.Serve(overlay::Service::kSubmission,
              [this](NodeHost&, const overlay::IncomingRequest& request) { OnRequest(request); });
  node_.AddCounters([this](std::map<std::string, uint64_t>& out) {
    for (const auto& [name, value] : counters_.Snapshot()) out[name] += value;
  });
  timer_ = std::make_unique<runtime::Timer>(node_.loop(), [this] { Offer(); });
  timer_->Set(node_.now());
}

void SubmissionHost::Offer() {
  timer_->Set(node_.now() + kOfferEvery);
  const auto id = node_.node().OfferService(
      node_.now(),
      {std::string(archive::submission::kService), archive::submission::ServiceDescription(),
       static_cast<uint64_t>(absl::ToUnixMillis(node_.wall())), kRecordLife});
  if (!id.ok()) P2PD_LOG(daemon, kError, "submissions: ", id.status().message());
}

void SubmissionHost::OnRequest(const overlay::IncomingRequest& request) {
  if (desk_ == nullptr) return Answer(request.token, Refused{"it is ending"});
  auto judged = desk_->Judge(node_.now(), node_.wall(), request.payload, node_.node().trust());
  if (!judged.ok()) {
    return Answer(request.token, Refused{std::string(judged.status().message())});
  }
  const bool posted = archive_.Post([this, token = request.token,
                                     accepted = *std::move(judged)](ArchiveHost& archive) {
    const absl::StatusOr<InfoHash> taken = Take(archive, accepted.submission);
    if (taken.ok()) {
      P2PD_LOG(daemon, kInfo, "archive: ", archive::torrent::ToHex(*taken), " was handed in by ",
               accepted.email);
    }
    node_.PostAlways([this, token, answer = AnswerOf(taken)](NodeHost&) { Answer(token, answer); });
  });
  if (!posted) Answer(request.token, Refused{"too much waits here: try again later"});
}

void SubmissionHost::Answer(overlay::AnswerToken token, const archive::submission::Answer& answer) {
  node_.node().Answer(node_.now(), token, Write(answer));
}

}  // namespace p2pd::daemon
