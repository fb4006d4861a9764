#include "libcore/node/answering_machine.h"

namespace p2pd::node {

using Kind = AnsweringMachine::Order::Kind;
using session::CallState;

void AnsweringMachine::OnCall(Instant now, const CallView& call, bool room) {
  const session::CallId& id = call.info.id;
  const auto found = guests_.find(id);
  const bool rings = !call.info.outgoing && call.info.state == CallState::kRinging;
  if (found == guests_.end()) {
    if (options_.patience == absl::ZeroDuration() || !rings || !room || guests_.size() >= kMost) {
      return;
    }
    guests_[id].next = call.quiet ? now : now + options_.patience;
    return;
  }
  Guest& guest = found->second;
  if (call.info.state == CallState::kEnded) {
    guests_.erase(found);
    return;
  }
  if (!rings && !call.voicemail) {
    if (guest.stage != Stage::kRinging) Tell(Kind::kLetGo, id);
    guests_.erase(found);
    return;
  }
  if (!rings && guest.stage == Stage::kTaking) {
    guest.stage = Stage::kGreeting;
    guest.next = now + options_.greeting;
  }
}

void AnsweringMachine::OnTimeout(Instant now) {
  for (auto& [id, guest] : guests_) {
    if (guest.next > now) continue;
    switch (guest.stage) {
      case Stage::kRinging:
        guest.stage = Stage::kTaking;
        guest.next = Instant::Max();
        Tell(Kind::kTake, id);
        break;
      case Stage::kGreeting:
        guest.stage = Stage::kListening;
        guest.next = now + options_.length;
        Tell(Kind::kRecord, id);
        break;
      case Stage::kListening:
        guest.next = Instant::Max();
        Tell(Kind::kHangUp, id);
        break;
      case Stage::kTaking:
        break;
    }
  }
}

std::optional<Instant> AnsweringMachine::PollTimeout() const {
  std::optional<Instant> next;
  for (const auto& [id, guest] : guests_) {
    if (guest.next != Instant::Max()) next = Earliest(next, guest.next);
  }
  return next;
}

std::optional<AnsweringMachine::Order> AnsweringMachine::PollOrder() {
  if (orders_.empty()) return std::nullopt;
  const Order order = orders_.front();
  orders_.pop_front();
  return order;
}

}  // namespace p2pd::node
