#include "libcore/overlay/observed_address.h"

#include <algorithm>
#include <set>
#include <utility>

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

std::vector<net::Endpoint> ObservedAddress::Seen() const {
  std::map<net::Endpoint, size_t> counts;
  for (const auto& [voter, ballot] : votes_) ++counts[ballot.ours];
  std::vector<std::pair<size_t, net::Endpoint>> ranked;
  for (const auto& [endpoint, count] : counts) ranked.emplace_back(count, endpoint);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<net::Endpoint> out;
  for (const auto& [count, endpoint] : ranked) out.push_back(endpoint);
  return out;
}

}  // namespace p2pd::overlay
