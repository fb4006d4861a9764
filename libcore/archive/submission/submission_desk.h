// SubmissionDesk: an S-tracker's judgement of what people hand to it over the overlay.
//
// Rules: a request is for us, fresh, and not one that was here before; its certificate leads to a
// root that we trust, is valid and not revoked, and its key signed it; each person (key) has a
// rate. What fails is refused with a reason in words, and counted. Nothing is remembered of who
// proved nothing. Threads: one owner. Limits: below. Source: design §7.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/archive/submission/submission.h"
#include "libcore/base/counters.h"
#include "libcore/base/time.h"
#include "libcore/base/token_bucket.h"
#include "libcore/pki/chain.h"

namespace p2pd::archive::submission {

class SubmissionDesk {
 public:
  // A request that was made longer ago, or later than now, is refused.
  static constexpr absl::Duration kWindow = absl::Minutes(5);
  // Requests that are remembered, the oldest go first and those before them are refused; and
  // people.
  static constexpr size_t kMaxSeen = 16'384;
  static constexpr size_t kMaxPeople = 4096;
  // Of one person.
  static constexpr double kPerHour = 60;
  static constexpr double kBurst = 20;

  // `start`: what was made before is refused, since an earlier run may have taken it.
  SubmissionDesk(const MemberId& self, absl::Time start, Counters& counters)
      : self_(self), floor_(start), counters_(counters) {}

  struct Accepted {
    std::string email;
    Submission submission;
  };
  // InvalidArgument: it is no request; PermissionDenied: it is not for us, not fresh, or its
  // certificate or signature is not good; AlreadyExists: it was here before; ResourceExhausted: too
  // many of this person.
  absl::StatusOr<Accepted> Judge(Instant now, absl::Time wall, ByteView request,
                                 const pki::TrustStore& trust);
  size_t seen() const { return seen_.size(); }

 private:
  absl::StatusOr<Accepted> Look(Instant now, absl::Time wall, ByteView request,
                                const pki::TrustStore& trust);
  // False when it is not new.
  bool Remember(absl::Time wall, const Submission& submission, const pki::KeyHash& person);
  bool MayAsk(Instant now, const pki::KeyHash& person);

  struct Person {
    TokenBucket bucket{kPerHour / 3600, kBurst};
    Instant last;
  };
  const MemberId self_;
  absl::Time floor_;
  Counters& counters_;
  std::set<std::pair<absl::Time, std::pair<pki::KeyHash, Nonce>>> seen_;
  std::map<pki::KeyHash, Person> people_;
};

}  // namespace p2pd::archive::submission
