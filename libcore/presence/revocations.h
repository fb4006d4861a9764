// Revocations: the revocation lists of the authorities that matter here, kept fresh from the
// overlay, so that a certificate that was believed once is not believed for ever.
//
//   Ask, Refresh ─► get h("crl", key) ─► newer than the one known ─► disk, TrustStore, TakeNews
//
// Rules: who is about to judge somebody asks for the issuer's list, which costs a get unless the
// last answer is younger than kFresh; where a person asked (log-in, call, presence) it always does,
// beside the get for the states. Besides, Refresh asks for the lists of all authorities that
// somebody here depends on, before kFresh is over and whether anybody is looked up or not: so a
// revocation reaches contacts that are there, and ourselves, within kFresh of its publication. One
// get for an authority at a time, whoever waits for it. When there is no list to be had, the last
// known one applies. Threads: one owner. Limits: kMaxCrls authorities remembered, kMaxPerTick gets
// a tick. Source: design §4, revocation.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/storage.h"
#include "libcore/base/time.h"
#include "libcore/pki/chain.h"
#include "libcore/store/store.h"

namespace p2pd::presence {

class Revocations {
 public:
  // The longest that a published list stays unknown where its authority matters and the overlay
  // answers. A list changes daily at most, and each get for it goes to eight replicas.
  static constexpr absl::Duration kFresh = absl::Minutes(10);
  // Mean time between two looks at which lists are due; what would be older than kFresh at the look
  // after the next is due now.
  static constexpr absl::Duration kTick = absl::Minutes(1);
  // Lists asked for at one look, the oldest first; so the lists of 60 authorities keep to kFresh.
  static constexpr size_t kMaxPerTick = 8;

  struct Parts {
    store::Store& store;
    Storage& storage;
    pki::TrustStore& trust;
    Rng& rng;
    Counters& counters;
  };
  explicit Revocations(const Parts& parts) : parts_(parts) {}

  // Asks for the list of `issuer` unless an answer younger than `fresh` came. Returns the store's
  // operation to wait for, which several may wait for, or nullopt when what is known is fresh.
  std::optional<store::OperationId> Ask(Instant now, const pki::Certificate& issuer,
                                        absl::Duration fresh = kFresh);
  // Asks for what is due of these; to be called at PollTimeout, the first time to begin with.
  void Refresh(Instant now, const std::vector<pki::Certificate>& issuers);
  std::optional<Instant> PollTimeout() const { return tick_at_; }
  // A list that came otherwise. As AddTrustedCrl.
  absl::Status Add(const pki::Certificate& ca, const pki::Crl& crl);

  // True when the event ended a get of ours; to be handed in before whoever waits for it looks.
  bool OnStoreEvent(Instant now, const store::Event& event);
  // True once after lists came that are newer than what was known: everybody is to be judged again.
  bool TakeNews() { return std::exchange(news_, false); }

 private:
  void Remember(Instant now, const pki::KeyHash& issuer);

  Parts parts_;
  std::map<pki::KeyHash, Instant> answered_;  // at most kMaxCrls
  std::map<pki::KeyHash, store::OperationId> asking_;
  std::map<store::OperationId, pki::KeyHash> asked_;
  std::optional<Instant> tick_at_;
  bool news_ = false;
};

}  // namespace p2pd::presence
