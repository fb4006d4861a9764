// AnsweringMachine: takes calls that nobody takes. It lets a call ring for a while (one that must
// not ring for none), accepts it, lets the greeting play, has recorded what the caller says, and
// hangs up when the message is long enough.
//
// Rules: whoever picks the telephone up meanwhile has the call, and the machine lets go of it. A
// call that somebody accepted is none of its business. It only says what is to be done; what cannot
// be done is told by the call's next state. Threads: one owner (core). Limits: kMost calls at a
// time; the rest rings on.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>

#include "absl/time/time.h"
#include "libcore/base/time.h"
#include "libcore/node/call_desk.h"
#include "libcore/session/session.h"

namespace p2pd::node {

class AnsweringMachine {
 public:
  static constexpr size_t kMost = 8;

  struct Options {
    absl::Duration patience;  // of ringing; zero: it takes nothing at all
    absl::Duration greeting;  // how long it plays, with the tone behind it
    absl::Duration length;    // of a message, at most
  };
  struct Order {
    enum class Kind {
      kTake,    // accept, and play the greeting
      kRecord,  // from now on
      kLetGo,   // somebody has it: no greeting any more, no recording
      kHangUp,
    };
    Kind kind;
    session::CallId call;
  };

  explicit AnsweringMachine(const Options& options) : options_(options) {}

  // A call is new or has changed. `room`: another message can be kept.
  void OnCall(Instant now, const CallView& call, bool room);
  void OnTimeout(Instant now);
  std::optional<Instant> PollTimeout() const;
  std::optional<Order> PollOrder();

 private:
  enum class Stage { kRinging, kTaking, kGreeting, kListening };
  struct Guest {
    Stage stage = Stage::kRinging;
    Instant next;  // when its stage ends
  };
  void Tell(Order::Kind kind, const session::CallId& call) { orders_.push_back({kind, call}); }

  Options options_;
  std::map<session::CallId, Guest> guests_;
  std::deque<Order> orders_;
};

}  // namespace p2pd::node
