// CarefulGet: a get that is not in the hands of whoever answers first. It asks as GetOperation
// does; where that fails, takes long, or rests on nodes that cannot be the nearest ones, it asks
// everybody whom hints name, finds out by several ways who keeps the place, and asks all of them.
//
// Rules: what an object proves is believed from anybody; 'there is none', and 'this is the newest',
// only from nodes that stand as close together as nodes do here (overlay/density.h), and at both
// places where there are two. The newest of all answers counts. States: first → (surveys and
// thorough gets, again by other ways while nobody can be believed) → done. Threads: one owner.
// Sources: Castro et al., OSDI 2002, §4; design §3 (attackers).
#pragma once

#include <optional>
#include <vector>

#include "libcore/store/get_operation.h"
#include "libcore/store/survey.h"

namespace p2pd::store {

class CarefulGet {
 public:
  // A first answer takes a third of this; somebody dropped the request.
  static constexpr absl::Duration kPatience = absl::Milliseconds(1200);
  // For whom the survey found.
  static constexpr absl::Duration kSecondTimeout = absl::Seconds(3);
  // Surveys, each by other ways, while what they bring cannot be believed.
  static constexpr size_t kRounds = 3;

  CarefulGet(GetPlan plan, Counters& counters);

  void Start(Instant now, Carrier& carrier);
  void OnReply(Instant now, absl::Time wall, Carrier& carrier, const ReplyFrom& reply);
  // The answer to FindNear.
  void OnFound(Instant now, Carrier& carrier, overlay::RequestId id, std::vector<NearReplica> near);
  void OnFailed(Instant now, Carrier& carrier, overlay::RequestId id, const absl::Status& status);
  void OnTimeout(Instant now, Carrier& carrier);
  std::optional<Instant> PollTimeout() const;
  const std::optional<GetResult>& result() const { return result_; }

 private:
  bool Immutable() const { return plan_.kind && IsImmutable(*plan_.kind); }
  // One place, asked thoroughly.
  struct Leg {
    Leg(GetPlan plan, Counters& counters, size_t first_way);
    Survey survey;
    GetOperation get;
    bool surveyed = false;
  };
  // True when this answer needs no other.
  bool Believed(const Carrier& carrier, const GetResult& result) const;
  void Doubt(Instant now, Carrier& carrier);
  void Step(Instant now, Carrier& carrier);
  bool Denied(const Carrier& carrier) const;
  void Finish(const Carrier& carrier);

  GetPlan plan_;
  Counters& counters_;
  GetOperation first_;
  Instant hedge_;
  size_t rounds_ = 0;
  std::vector<Leg> legs_;
  std::vector<Object> heard_;  // in earlier rounds
  std::optional<GetResult> result_;
};

}  // namespace p2pd::store
