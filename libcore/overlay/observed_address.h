// ObservedAddress: at which address others see us, by their votes.
//
// Rules: one vote per neighbour, the latest; two votes from one network count once, since one
// operator could place them, except in private networks. Threads: one owner.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "libcore/net/endpoint.h"
#include "libcore/overlay/ring_id.h"

namespace p2pd::overlay {

class ObservedAddress {
 public:
  // Votes kept; beyond it the one with the smallest id goes.
  static constexpr size_t kMaxVotes = 64;
  static constexpr size_t kNeeded = 2;

  // `voter` at `from` says that it sees us at `ours`.
  void Vote(const NodeId& voter, const net::Endpoint& from, const net::Endpoint& ours);
  // The endpoint with most votes, when at least kNeeded agree.
  std::optional<net::Endpoint> Result() const;
  // All that somebody saw, the most frequent first: a translator may have another port for each.
  std::vector<net::Endpoint> Seen() const;

 private:
  struct Ballot {
    net::Endpoint from;
    net::Endpoint ours;
  };
  std::map<NodeId, Ballot> votes_;
};

}  // namespace p2pd::overlay
