#include "libcore/archive/submission/submission_desk.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"

namespace p2pd::archive::submission {

absl::StatusOr<SubmissionDesk::Accepted> SubmissionDesk::Judge(Instant now, absl::Time wall,
                                                               ByteView request,
                                                               const pki::TrustStore& trust) {
  absl::StatusOr<Accepted> out = Look(now, wall, request, trust);
  counters_.Add(out.ok() ? "archive.submissions_accepted" : "archive.submissions_refused");
  return out;
}

absl::StatusOr<SubmissionDesk::Accepted> SubmissionDesk::Look(Instant now, absl::Time wall,
                                                              ByteView request,
                                                              const pki::TrustStore& trust) {
  const std::optional<Request> read = ParseRequest(request);
  const std::optional<Submission> said = read ? ParseBody(read->body) : std::nullopt;
  if (!said) return absl::InvalidArgumentError("this is no submission");
  // What costs nothing first.
  if (said->to != self_) return absl::PermissionDeniedError("it is for another S-tracker");
  if (said->made > wall + kWindow || said->made < wall - kWindow) {
    return absl::PermissionDeniedError(absl::StrCat(
        "it was made at ", absl::FormatTime(said->made, absl::UTCTimeZone()), ", and it is ",
        absl::FormatTime(wall, absl::UTCTimeZone()), " here: set the clock, or send it anew"));
  }
  const absl::StatusOr<pki::CertificateChain> chain =
      pki::CertificateChain::FromDer(read->certificates);
  if (!chain.ok()) return absl::InvalidArgumentError(chain.status().message());
  const pki::ChainVerdict verdict = trust.Verify(*chain, wall, {});
  if (!verdict.ok()) {
    return absl::PermissionDeniedError(absl::StrCat(
        "your certificate: ", pki::ChainFaultName(verdict.fault), ", ", verdict.explanation));
  }
  const pki::Certificate& leaf = chain->leaf();
  if (leaf.emails().empty()) return absl::PermissionDeniedError("your certificate names nobody");
  if (!leaf.public_key().Verify(ToSign(read->body), read->signature)) {
    return absl::PermissionDeniedError("its signature is not by the key of your certificate");
  }
  const pki::KeyHash& person = leaf.public_key().hash();
  if (!Remember(wall, *said, person)) return absl::AlreadyExistsError("it was here before");
  if (!MayAsk(now, person)) {
    return absl::ResourceExhaustedError("too many submissions of yours: wait a few minutes");
  }
  return Accepted{leaf.emails().front(), *said};
}

bool SubmissionDesk::Remember(absl::Time wall, const Submission& submission,
                              const pki::KeyHash& person) {
  if (submission.made <= floor_) return false;
  if (!seen_.insert({submission.made, {person, submission.nonce}}).second) return false;
  // Those before are refused for their time alone.
  while (!seen_.empty() && seen_.begin()->first < wall - kWindow) seen_.erase(seen_.begin());
  if (seen_.size() > kMaxSeen) {
    floor_ = seen_.begin()->first;
    seen_.erase(seen_.begin());
  }
  return true;
}

bool SubmissionDesk::MayAsk(Instant now, const pki::KeyHash& person) {
  if (people_.size() >= kMaxPeople && people_.count(person) == 0) {
    people_.erase(std::min_element(
        people_.begin(), people_.end(),
        [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
  }
  Person& known = people_[person];
  known.last = now;
  return known.bucket.TryTake(now, 1);
}

}  // namespace p2pd::archive::submission
