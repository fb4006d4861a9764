// Paths: one ice::Agent for each fork of each call: tells the other end where we can be reached,
// checks where it says it can be, and has session and media follow the best way that was proved.
//
// Rules: the session's own path is the first to be checked, so that there is one at once. Who is to
// learn no address of ours (an unknown caller, until the call is accepted) is told the ways through
// others only, and addresses that he names are neither checked nor answered. An address is believed
// after a check under the session's keys. Candidates travel under these keys, too, and again
// whenever ours change. Threads: one owner (core). Limits: session::CallOptions for calls; those of
// ice::Agent for each. Source: design §5, RFC 8445.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/ice/agent.h"
#include "libcore/net/transmit.h"
#include "libcore/overlay/node.h"
#include "libcore/session/calls.h"
#include "libcore/session/session.h"

namespace p2pd::node {

// Media of this session's call goes there from now on; nullopt: nowhere (RFC 7675 §5.1).
struct PathChanged {
  session::SessionId session;
  std::optional<ice::Path> path;
};

class Paths {
 public:
  // How often is looked whether our own candidates changed, while there are calls.
  static constexpr absl::Duration kLook = absl::Milliseconds(500);
  // Addresses of ours that others saw and that the other end is told.
  static constexpr size_t kMaxReflexive = 2;

  struct Parts {
    session::Sessions& sessions;
    session::Calls& calls;
    overlay::Node& overlay;
    Rng& rng;
    Counters& counters;
  };
  explicit Paths(const Parts& parts) : parts_(parts) {}

  // The machine's own addresses. All agents begin anew.
  void SetAddresses(Instant now, std::vector<net::Endpoint> addresses);

  // Keys stand. `withheld`: see above.
  void Start(Instant now, session::SessionId session, bool withheld);
  // The call was accepted.
  void Reveal(Instant now, session::SessionId session);
  // The other end's candidates, encoded.
  void OnPaths(Instant now, session::SessionId session, ByteView paths);
  void Stop(session::SessionId session) { entries_.erase(session); }
  // The path in use; nullopt before one is proved.
  std::optional<ice::Path> Selected(session::SessionId session) const;

  // A datagram of kind STUN; `from` may be a way through another (overlay::DetourPath).
  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram);
  void OnTimeout(Instant now);
  std::optional<net::Transmit> PollTransmit();
  std::optional<Instant> PollTimeout() const;
  std::optional<PathChanged> PollEvent();

 private:
  struct Entry {
    std::unique_ptr<ice::Agent> agent;
    bool withheld = false;
    net::Endpoint session_path;  // that of the hello, which knows us anyway
    ice::CandidateList held;     // of the other end, until we may show ourselves there
    uint32_t told_generation = 0;
    std::vector<ice::Candidate> told;
  };
  std::vector<ice::Candidate> Gather(bool withheld) const;
  // Where something changed since the last time, or `always`.
  void Tell(Instant now, session::SessionId session, Entry& entry, bool always);

  Parts parts_;
  std::vector<net::Endpoint> addresses_;
  std::map<session::SessionId, Entry> entries_;
  std::deque<PathChanged> events_;
  Instant look_;
};

}  // namespace p2pd::node
