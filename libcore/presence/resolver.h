// Resolver: from an e-mail address to a verified certificate and the devices behind it, by gets
// from the store.
//
//   certificate objects of the address ─► choice ─┬─► newest CRL of each issuer ─┐
//   (trusted roots first, then any, so that       └─► states and device list ────┴─► verdict
//   "not trusted" is told from "does not exist")
//
// Rules: the CRLs and the states are asked for together, one round trip; the verdict falls when all
// are there, and if a CRL overturns the choice, the states of the next one are asked for. Whether a
// CRL is fresh enough as it is known is revocations.h's business. Nothing that a lookup finds is
// believed beyond its verdict but the sequences, which only grow. Threads: one owner. Limits:
// kMaxLookups at a time. Source: design §5, steps 1 and 2.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libcore/base/counters.h"
#include "libcore/base/strong.h"
#include "libcore/base/time.h"
#include "libcore/pki/chain.h"
#include "libcore/presence/judge.h"
#include "libcore/presence/presence.h"
#include "libcore/presence/revocations.h"
#include "libcore/presence/seen.h"
#include "libcore/store/store.h"

namespace p2pd::presence {

struct LookupIdTag;
using LookupId = Strong<LookupIdTag, uint64_t>;

struct LookupRequest {
  std::string email;  // normalised
  std::optional<pki::KeyHash> pinned;
  bool certificate_only = false;
  // How old the answer for a CRL may be. A person who asks gets the newest there is.
  absl::Duration lists_fresh = Revocations::kFresh;
};

struct LookupDone {
  LookupId id;
  std::string email;
  absl::Status status;  // as OperationDone of Resolve
  pki::ChainFault fault = pki::ChainFault::kNone;
  std::string problem;
  // Once a certificate was found and verified, whatever became of the states.
  std::optional<Resolved> resolved;
  StateView view;
};

class Resolver {
 public:
  static constexpr size_t kMaxLookups = 1024;
  // Issuers of one address whose lists are asked for.
  static constexpr size_t kMaxIssuers = 8;

  struct Parts {
    store::Store& store;
    Revocations& revocations;
    const pki::TrustStore& trust;
    Seen& seen;
    const WallClock& wall;
    Counters& counters;
  };
  Resolver(const Parts& parts, bool strict) : parts_(parts), strict_(strict) {}

  // Exactly one LookupDone follows.
  LookupId Start(Instant now, LookupRequest request);
  // After Revocations has seen the event.
  bool OnStoreEvent(Instant now, const store::Event& event);
  std::optional<LookupDone> PollDone();
  size_t under_way() const { return lookups_.size(); }

 private:
  enum class Asked { kCertificate, kStates };
  struct Question {
    LookupId lookup;
    Asked asked;
  };
  struct Lookup {
    LookupRequest request;
    Instant start;
    bool any_root = false;  // the get without a filter was made
    std::vector<store::Object> certificates;
    std::optional<pki::KeyHash> chosen;  // whose states were asked for
    int waiting = 0;                     // answers outstanding
    std::optional<store::GetDone> states;
    // The first answer, when it was older than something seen and a newer one was asked for.
    std::optional<store::GetDone> older;
    JourneyStep found;
    absl::Duration states_after;
  };

  void AskCertificates(Instant now, LookupId id, Lookup& lookup);
  void OnCertificates(Instant now, LookupId id, Lookup& lookup, const store::GetDone& done);
  void AskCrls(Instant now, LookupId id, Lookup& lookup);
  void AskStates(Instant now, LookupId id, Lookup& lookup, const pki::Certificate& leaf,
                 const std::set<pki::DeviceId>& newer_of = {});
  StateView JudgeAnswer(Instant now, const Lookup& lookup, const pki::UserPublicKey& user) const;
  bool OnCrl(Instant now, const store::GetDone& done);
  void Answered(Instant now, LookupId id);
  void Conclude(Instant now, LookupId id, Lookup& lookup);
  void FinishResolved(Instant now, LookupId id, Lookup& lookup, const CertificateChoice& choice);
  CertificateChoice Choose(Instant now, const Lookup& lookup, bool strict) const;
  void Finish(LookupId id, LookupDone done);
  void Fail(LookupId id, absl::Status status, pki::ChainFault fault, absl::string_view problem);

  Parts parts_;
  bool strict_;
  uint64_t next_id_ = 1;
  std::map<LookupId, Lookup> lookups_;
  std::map<store::OperationId, Question> questions_;
  std::multimap<store::OperationId, LookupId> crl_waits_;
  std::deque<LookupDone> done_;
};

}  // namespace p2pd::presence
