#include "libcore/overlay/observed_address.h"

#include <set>

namespace p2pd::overlay {

void ObservedAddress::Vote(const NodeId& voter, const net::Endpoint& from,
                           const net::Endpoint& ours) {
  votes_[voter] = Ballot{from, ours};
  if (votes_.size() > kMaxVotes) votes_.erase(votes_.begin());
}

std::optional<net::Endpoint> ObservedAddress::Result() const {
  std::map<net::Endpoint, size_t> counts;
  std::set<std::pair<net::Endpoint, net::IpAddress>> counted;
  for (const auto& [voter, ballot] : votes_) {
    const net::IpAddress& address = ballot.from.address;
    const bool fresh = counted.insert({ballot.ours, net::NetworkOf(address)}).second;
    if (fresh || address.IsPrivate()) ++counts[ballot.ours];
  }
  std::optional<net::Endpoint> best;
  size_t most = kNeeded - 1;
  for (const auto& [endpoint, count] : counts) {
    if (count <= most) continue;
    most = count;
    best = endpoint;
  }
  return best;
}

}  // namespace p2pd::overlay
