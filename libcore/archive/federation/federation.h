// Federation: finds the other S-trackers of an operator in the overlay, hears what each holds,
// tells them what we hold, and knows who is there and who is lost.
//
// Rules: sans-I/O. Each member has a service record in the overlay (design §4), signed by its node
// and sealed by the federation's key; a record that is older than one that was seen is not taken.
// Records only say who there may be: a member is there when it answered, with a member's tag,
// within the grace time, and its inventory was heard to its end. Members are asked what changed
// every few seconds; one that is lost is asked more seldom and is back with its first answer. A
// member's word about a group makes us drop ours only after it promised to keep it: who is about to
// drop says no, and who said yes keeps it for a while, so that two cannot rely on each other
// (shares.h). Threads: one owner. Limits: below. Sources: design §7.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/archive/federation/federation_key.h"
#include "libcore/archive/federation/inventory.h"
#include "libcore/archive/federation/member_record.h"
#include "libcore/archive/federation/messages.h"
#include "libcore/archive/fellows.h"
#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/strong.h"
#include "libcore/base/time.h"

namespace p2pd::archive::federation {

struct FederationOptions {
  MemberId self;
  MemberRecord record;  // ours
  // Who was not heard for so long is lost, and its share is placed anew.
  absl::Duration grace = absl::Minutes(10);
};

struct AskIdTag;
using AskId = Strong<AskIdTag, uint64_t>;
struct ReadIdTag;
using ReadId = Strong<ReadIdTag, uint64_t>;
// The overlay's, of a question that is to be answered.
struct QuestionTokenTag;
using QuestionToken = Strong<QuestionTokenTag, uint64_t>;

// Orders, for the overlay.
struct OfferRecord {
  Bytes description;
  uint64_t sequence = 0;
  absl::Duration lifetime;
};
struct SearchRecords {};
struct AskMember {
  AskId id;
  MemberId to;
  Bytes payload;
};
// To who asked with this token; empty: nothing is said.
struct AnswerMember {
  QuestionToken token;
  Bytes payload;
};
// For the archive's disk: the bytes of a challenge's samples (challenge.h), one behind the other.
// OnRead follows.
struct ReadSamples {
  ReadId id;
  GroupId group;
  ChallengeNonce nonce;
};
using FederationOrder =
    std::variant<OfferRecord, SearchRecords, AskMember, AnswerMember, ReadSamples>;

// A service record as the overlay gave it: signed by this node, and not expired.
struct FoundRecord {
  MemberId of;
  uint64_t sequence = 0;
  absl::Time expires;
  Bytes description;
};

// Events, for the archive.
// Who is there has changed: how groups are placed, who counts as a member, which trackers.
struct MembersChanged {};
// So many of those whom we asked showed that they have it, and promised to keep it.
struct Promised {
  GroupId group;
  int promises = 0;
};
using FederationEvent = std::variant<MembersChanged, Promised>;

struct MemberView {
  MemberId id;
  MemberRecord record;
  bool self = false;
  bool present = false;
  bool lost = false;  // it was there, and has been silent for the grace time
  bool full = false;
  std::optional<absl::Duration> heard;  // ago
  uint64_t torrents = 0;
  uint64_t groups = 0;
  uint64_t used = 0;  // bytes
  // Groups that it showed to have when we asked, and those that it would keep and could not show.
  uint64_t proven = 0;
  uint64_t failed = 0;
};

class Federation final : public Fellows {
 public:
  // As many records as a place of the overlay holds.
  static constexpr size_t kMaxMembers = 64;
  static constexpr absl::Duration kRecordLife = absl::Minutes(30);
  // Clocks differ: a record counts for so long beyond its end.
  static constexpr absl::Duration kClockSlack = absl::Minutes(2);
  static constexpr absl::Duration kLongestPoll = absl::Seconds(10);
  static constexpr absl::Duration kLongestSearch = absl::Seconds(30);
  // A lost member is asked so often.
  static constexpr absl::Duration kLostPoll = absl::Minutes(1);
  // An overlay that was just joined may not show the others yet.
  static constexpr absl::Duration kSettling = absl::Seconds(15);
  // Groups about which members are being asked, at a time: each costs every disk a read for each of
  // its pieces, and a promise is fresh for half a minute only (shares.h).
  static constexpr size_t kMaxPromises = 128;
  // Of others' groups that are being read, at a time; beyond it the answer is no.
  static constexpr size_t kMaxReads = 512;

  // `key`, `rng` and `counters` outlive it. `wall` makes our first sequence number and the
  // inventory's epoch.
  Federation(FederationOptions options, const FederationKey& key, Rng& rng, Counters& counters,
             Instant now, absl::Time wall);

  // From the overlay. OnSearched gives all records there are, ours perhaps among them.
  void OnSearched(Instant now, absl::Time wall, const std::vector<FoundRecord>& records);
  // The answer to an AskMember, or why there is none.
  void OnAnswer(Instant now, AskId id, const absl::StatusOr<Bytes>& answer);
  // A question of the node `from`, whose key proved it. AnswerMember follows, with nothing in it
  // for who is no member; a promise is asked of `promise`.
  using MayPromise = absl::FunctionRef<bool(const GroupId&)>;
  void OnQuestion(Instant now, const MemberId& from, QuestionToken token, ByteView payload,
                  MayPromise promise);
  // The answer to ReadSamples, or why there is none.
  void OnRead(Instant now, ReadId id, const absl::StatusOr<Bytes>& bytes);

  // From the archive. `groups` empty: the torrent is gone from here.
  void SetHeld(const torrent::InfoHash& hash, Groups groups);
  // Whether we are full, and what is used.
  void SetRoom(bool full, uint64_t used);
  // Will they keep it? Promised follows; at once when too many are asked already.
  void AskToKeep(Instant now, const GroupId& group, const std::vector<MemberId>& holders);

  void OnTimeout(Instant now, absl::Time wall);
  std::optional<Instant> PollTimeout() const { return next_; }
  std::optional<FederationOrder> PollOrder();
  std::optional<FederationEvent> PollEvent();
  // Torrents of which others told something new, each once until it is taken from here.
  std::optional<torrent::InfoHash> PollHeard();

  // Ourselves first.
  std::vector<MemberView> List(Instant now) const;
  // BitTorrent's endpoints of the others that are there.
  std::vector<net::Endpoint> Endpoints() const;

  // Fellows.
  const MemberId& self() const override { return options_.self; }
  bool settled() const override { return settled_; }
  uint64_t generation() const override { return generation_; }
  const std::vector<Member>& Present() const override { return present_; }
  bool IsFull(const MemberId& member) const override;
  std::vector<Holding> HeldOf(const torrent::InfoHash& torrent) const override;
  std::vector<net::Endpoint> SourcesOf(const torrent::InfoHash& torrent) const override;
  std::vector<net::Endpoint> HoldersAt(const torrent::InfoHash& torrent) const override;
  std::vector<std::string> Trackers() const override;

 private:
  struct Other {
    MemberRecord record;
    uint64_t sequence = 0;
    absl::Time expires;
    std::optional<Instant> heard;
    Instant next_poll;
    bool asking = false;
    bool present = false;
    bool full = false;
    uint64_t used = 0;
    uint64_t proven = 0;
    uint64_t failed = 0;
    HeardInventory inventory;
  };
  // What we asked to be kept, and what shows that it is there.
  struct Expected {
    GroupId group;
    pki::Sha256Digest proof;
  };
  struct Asking {
    MemberId to;
    Bytes tag;  // of the question
    std::optional<Expected> expected;
  };
  // What is being read, for those whom we ask or for one who asked us.
  struct Reading {
    GroupId group;
    ChallengeNonce nonce;
    std::vector<MemberId> holders;
    QuestionToken token;
    MemberId asker;
    Bytes tag;  // of the question
  };
  struct Promises {
    size_t waiting = 0;
    int promises = 0;
  };

  void Offer(Instant now, absl::Time wall);
  void TakeRecord(Instant now, absl::Time wall, const FoundRecord& found);
  void Poll(Instant now);
  void Ask(const MemberId& to, const Question& question, std::optional<Expected> expected);
  void Answer(const MemberId& to, QuestionToken token, ByteView tag, const Reply& reply);
  void Read(Reading reading);
  void OnPage(Instant now, const MemberId& from, Other& other, const InventoryPage& page);
  void OnPromise(const Expected& expected, const MemberId& from, const Promise* promise);
  // Who is there now; says MembersChanged when that is another.
  void Judge(Instant now);
  absl::Duration PollEvery() const;
  absl::Duration SearchEvery() const;

  const FederationOptions options_;
  const FederationKey& key_;
  Rng& rng_;
  Counters& counters_;
  const Instant started_;
  uint64_t sequence_ = 0;
  Inventory inventory_;
  bool full_ = false;
  uint64_t used_ = 0;

  std::map<MemberId, Other> others_;
  std::map<AskId, Asking> asking_;
  std::map<GroupId, Promises> promises_;
  AskId last_ask_;
  std::map<ReadId, Reading> reading_;
  ReadId last_read_;

  bool changed_ = false;  // something that Judge does not see by itself
  bool searched_ = false;
  bool settled_ = false;
  uint64_t generation_ = 1;
  std::vector<Member> present_;
  Instant next_;
  Instant next_search_;
  Instant next_offer_;

  std::deque<FederationOrder> orders_;
  std::deque<FederationEvent> events_;
  std::set<torrent::InfoHash> heard_;
};

}  // namespace p2pd::archive::federation
