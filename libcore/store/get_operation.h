// GetOperation: one get, seen from who reads: the nearest replica first, the others when its copy
// is not answer enough.
//
// Rules: where hints name the replicas, or for an immutable kind a neighbour's do, the nearest are
// asked past the routing: kNearAtOnce for an immutable kind, else the nearest for the object and
// kNearVersions more for what version they have. Their silence or 'nothing' is never final: then
// two more near ones are asked, and all goes the routed way, each time by another neighbour.
// Whoever names a version has to bring it before anything counts; who brings a forgery, or nothing,
// is not heard any more. Of an immutable kind the first copy that verifies is the answer. Of the
// others all replicas are asked at once and the newest of kWantedAnswers distinct answers counts
// (of all, where fewer live). 'Not found' is said only when all replicas have answered or failed
// and kWantedAnswers of them (or all that there are) said so. Replicas that turn out to be behind
// are repaired. When the first place knows nothing, the second is asked. States: near → routing →
// asking → (routing again, or the second place) → done. Threads: one owner. Limits: kMaxReplicas
// replicas, kRounds questions to one of them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "libcore/base/counters.h"
#include "libcore/store/carrier.h"

namespace p2pd::store {

struct GetPlan {
  Key key;
  std::optional<ObjectKind> kind;
  std::vector<pki::CertificateHash> roots;
  std::map<Bytes, Sequence> at_least;
  absl::Duration timeout = absl::Seconds(4);
  // Raw values: the one whose data has this digest, and no other.
  std::optional<pki::Sha256Digest> data_digest;
  // One place only, all that hints name there, and whom Widen() brings; nothing is routed, and all
  // of them are heard.
  bool thorough = false;
  bool second_place = false;  // of a thorough one
};

// Whom a get rests on, at one place: the nodes that are said to keep it and did not fail, of each
// public network no more than a replica set has.
struct GetVoices {
  Key place;
  std::vector<overlay::NodeId> keepers;  // nearest first
  size_t left_out = 0;                   // more of one network
};

struct GetResult {
  absl::Status status;
  std::vector<Object> objects;
  int hops = 0;
  int answers = 0;
  std::optional<overlay::NodeRecord> from;
  // The first place did not have what the second had: it should be put there again.
  bool heal_first_place = false;
  int invalid = 0;   // values that did not validate
  int outdated = 0;  // valid ones below `at_least`
  // By place; the last one gave the answer, those before it denied.
  std::vector<GetVoices> voices;
};

class GetOperation {
 public:
  static constexpr int kWantedAnswers = 4;
  static constexpr size_t kMaxReplicas = 16;
  // How often one replica is asked, when its objects do not fit one answer.
  static constexpr int kRounds = 4;
  // Replicas that are asked for the version of what changes, beside the nearest: one may be silent.
  static constexpr size_t kNearVersions = 4;
  // Replicas that are asked for an immutable object at once: one in five is gone, or too new to
  // have it, where nodes live for minutes.
  static constexpr size_t kNearAtOnce = 2;
  // Replicas asked this way in all, and how often their patience they have: an answer of some
  // datagrams takes two round trips.
  static constexpr size_t kMaxNear = 8;
  static constexpr double kNearRounds = 2.5;
  // More of them that are asked when the nearest has no immutable object; one in 25 is a liar's
  // pair where a fifth lies.
  static constexpr size_t kSecondNear = 2;
  // Asked at once who keeps what changes, where a neighbour says who is near.
  static constexpr size_t kGuides = 2;
  // Bytes of the object and of the others' records in the answer: with the names round them it fits
  // kNearPadding.
  static constexpr size_t kGuideAnswer = 2700;
  // A letter to somebody of whom we do not know how far he is, before a link is made.
  static constexpr absl::Duration kLetterPatience = absl::Milliseconds(400);
  // Whoever hears all has time.
  static constexpr double kThoroughPatience = 3;
  // Bytes of objects in the answer of a near replica; eight datagrams with a cookie.
  static constexpr size_t kNearAnswer = 8000;
  // Bytes that come at once, since as many letters of a whole datagram are sent as that takes. For
  // versions alone it takes few.
  static constexpr size_t kNearPadding = 2880;
  static constexpr size_t kVersionPadding = 100;

  GetOperation(GetPlan plan, Counters& counters);

  // `wall` is civil time at `now`: what has expired does not count.
  void Start(Instant now, Carrier& carrier);
  // What a replica of the place said to somebody else's question.
  void Learn(absl::Time wall, const ReplyFrom& reply);
  // The newest of each slot that came so far, whether the get is over or not.
  std::vector<Object> Heard() const;
  // Who named a version that did not come yet.
  std::vector<overlay::NodeRecord> Debtors() const;
  // Of a thorough one: asks these too; with `last` nobody else comes.
  void Widen(Instant now, Carrier& carrier, const std::vector<overlay::NodeRecord>& more,
             bool last);
  void OnReply(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply);
  // The answer to FindNear.
  void OnFound(Instant now, Carrier& carrier, overlay::RequestId id, std::vector<NearReplica> near);
  void OnFailed(Instant now, Carrier& carrier, overlay::RequestId id, const absl::Status& status);
  void OnTimeout(Instant now, Carrier& carrier);
  std::optional<Instant> PollTimeout() const;
  const std::optional<GetResult>& result() const { return result_; }

 private:
  struct Replica {
    explicit Replica(overlay::NodeRecord r) : record(std::move(r)) {}
    overlay::NodeRecord record;
    std::optional<overlay::RequestId> pending;
    int rounds = 0;
    bool answered = false;
    bool failed = false;
    bool near = false;       // asked past the routing
    bool by_letter = false;  // and not yet over a link
    std::map<std::pair<ObjectKind, Bytes>, Sequence> rows;
  };
  using Slot = std::pair<ObjectKind, Bytes>;
  // A question to one of `near_`.
  struct NearQuestion {
    size_t index = 0;
    bool whole = false;  // for the object, not its version alone
  };

  bool Immutable() const { return plan_.kind && IsImmutable(*plan_.kind); }
  // Who asks for all kinds asks for those with a second place too.
  bool TwoPlaces() const { return !plan_.thorough && (!plan_.kind || HasSecondPlace(*plan_.kind)); }
  Key Place() const { return second_place_ ? SecondPlace(plan_.key) : plan_.key; }
  void Begin(Instant now, Carrier& carrier);
  void AskFirst(Instant now, Carrier& carrier);
  void RouteOn(Instant now, Carrier& carrier);
  void AskNear(Instant now, Carrier& carrier, size_t index, bool whole);
  // Its silence is too long only after its patience.
  void WaitFor(Instant now, const NearReplica& near);
  void OnNearReply(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply,
                   const NearQuestion& question);
  // Ends the get if what the near ones said is enough; the routed way takes over if it cannot be.
  void JudgeNear(Instant now, Carrier& carrier);
  // An immutable object too large for letters is fetched over a link from who names it, one at a
  // time. False when nobody does.
  bool FetchNear(Instant now, Carrier& carrier);
  void NearSilent(Instant now, Carrier& carrier);
  void LeaveNear(Instant now, Carrier& carrier);
  void AskGuides(Instant now, Carrier& carrier);
  // False when it is none that keeps the place.
  bool OnGuide(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply);
  void GuideLost(Instant now, Carrier& carrier);
  // What one who keeps the place says, with the others: the routed answer, or a guide's.
  void TakeKeeper(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply);
  // A replica that we know by its record, as hints would name it; `self` says which addresses
  // serve.
  static NearReplica AsNear(const overlay::NodeRecord& self, const overlay::NodeRecord& record);
  void AskOne(Instant now, Carrier& carrier, Replica& replica);
  void AskOthers(Instant now, Carrier& carrier);
  StoreRequest Request(size_t max_bytes, bool want_replicas) const;
  void Absorb(absl::Time wall, const overlay::NodeRecord& from, const wire::v1::GetReply& reply);
  // Objects and names of an answer; who brings a forgery has failed.
  Replica& Take(absl::Time wall, const overlay::NodeRecord& from, const wire::v1::GetReply& reply);
  void Disbelieve(Replica& replica);
  // False when it is a forgery.
  bool AbsorbObject(absl::Time wall, const overlay::NodeRecord& from, ByteView encoded);
  void LearnReplicas(const wire::v1::GetReply& reply);
  // True when every row of the replica's that is newer than ours came along.
  bool Complete(const Replica& replica) const;
  // How many replicas there are, those included of whom we only know that they exist.
  size_t KnownReplicas() const;
  bool MoreReplicas() const;
  bool AtLeastReached() const;
  // Somebody named a newer version and may still bring it.
  bool Owed() const;
  bool Relevant(const Object& object) const;
  bool HasWanted() const;
  void Judge(Instant now, Carrier& carrier);
  void Inconclusive(Instant now, Carrier& carrier, const absl::Status& why);
  void Conclude(Instant now, Carrier& carrier);
  void Finish(Instant now, Carrier& carrier, absl::Status status);
  void Repair(Instant now, Carrier& carrier);
  void Reset();
  void NoteVoices();

  GetPlan plan_;
  Counters& counters_;
  Instant deadline_;
  Instant leg_deadline_;
  bool second_place_ = false;
  bool first_place_empty_ = false;
  std::vector<NearReplica> near_;
  size_t near_asked_ = 0;
  bool left_near_ = false;
  std::optional<overlay::RequestId> finding_;  // who the near ones are
  bool open_ = false;                          // thorough, and more may come
  size_t routes_ = 0;
  std::map<overlay::RequestId, NearQuestion> near_pending_;
  std::map<overlay::RequestId, size_t> guides_;  // with the place in near_
  std::optional<Instant> next_near_;             // when their silence is too long
  std::optional<overlay::RequestId> routed_;
  std::optional<Instant> next_route_;
  std::map<overlay::NodeId, Replica> replicas_;
  size_t replica_count_ = 0;
  std::map<Slot, Object> newest_;
  int invalid_ = 0;
  std::optional<overlay::NodeRecord> from_;
  int hops_ = 0;
  absl::Status last_;
  std::vector<GetVoices> voices_;
  std::optional<GetResult> result_;
};

}  // namespace p2pd::store
