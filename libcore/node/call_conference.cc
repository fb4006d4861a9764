// Calls that hear each other: who is in which conference.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"
#include "libcore/media/conference.h"
#include "libcore/node/call_desk.h"

namespace p2pd::node {

std::vector<CallDesk::Record*> CallDesk::InConference(uint64_t conference) {
  std::vector<Record*> out;
  for (auto& [id, record] : records_) {
    if (record.view.conference == conference) out.push_back(&record);
  }
  return out;
}

void CallDesk::Seat(Instant now, Record& record, uint64_t conference) {
  if (record.view.conference == conference) return;
  record.view.conference = conference;
  media_.push_back(MediaSeat{record.view.info.id, conference});
  Changed(now, record, conference == 0 ? "left the conference" : "in a conference");
}

void CallDesk::BreakUp(Instant now, uint64_t conference) {
  if (conference == 0) return;
  const std::vector<Record*> left = InConference(conference);
  if (left.size() == 1) Seat(now, *left.front(), 0);
}

absl::Status CallDesk::Confer(Instant now, absl::Span<const session::CallId> calls) {
  std::set<session::CallId> members;
  uint64_t conference = 0;
  for (const session::CallId& call : calls) {
    const Record* record = FindRecord(call);
    if (record == nullptr) return absl::NotFoundError("no such call");
    if (!record->media_started || record->view.info.state == session::CallState::kEnded) {
      return absl::FailedPreconditionError(
          absl::StrCat("the call with ", record->view.info.peer_email, " is not active"));
    }
    members.insert(call);
    // Who is in one already brings the others of it.
    if (record->view.conference == 0) continue;
    conference =
        conference == 0 ? record->view.conference : std::min(conference, record->view.conference);
    for (const Record* other : InConference(record->view.conference)) {
      members.insert(other->view.info.id);
    }
  }
  if (members.size() < 2) return absl::InvalidArgumentError("a conference has two calls or more");
  if (members.size() > media::Conference::kMaxSeats) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a conference has at most ", media::Conference::kMaxSeats, " calls"));
  }
  if (conference == 0) conference = ++last_conference_;
  for (const session::CallId& call : members) {
    Record& record = *FindRecord(call);
    Seat(now, record, conference);
    // Whoever was put on hold to ask the next one in.
    if (record.view.info.held_by_us) P2PD_RETURN_IF_ERROR(Hold(now, call, false));
  }
  return absl::OkStatus();
}

absl::Status CallDesk::LeaveConference(Instant now, const session::CallId& call) {
  Record* record = FindRecord(call);
  if (record == nullptr) return absl::NotFoundError("no such call");
  const uint64_t conference = record->view.conference;
  if (conference == 0) return absl::FailedPreconditionError("the call is in no conference");
  Seat(now, *record, 0);
  BreakUp(now, conference);
  return absl::OkStatus();
}

}  // namespace p2pd::node
