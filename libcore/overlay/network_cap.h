// NetworkCap: of one public network (IPv4 /16, IPv6 /32) so many stand among others and no more.
// Threads: values.
#pragma once

#include <algorithm>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "libcore/net/endpoint.h"

namespace p2pd::overlay {

// Replicas of one key from one public network; and of those whom hints name round a key, so that
// these are the replicas: else whoever puts twenty ids beside a key would be all that is asked.
inline constexpr int kMaxReplicasFromNetwork = 2;

class NetworkCap {
 public:
  explicit NetworkCap(int most) : most_(most) {}

  // Counts one more of this network (net::WideNetworkOf).
  bool Admits(const net::IpAddress& network) {
    const auto found = std::find_if(counts_.begin(), counts_.end(),
                                    [&](const auto& entry) { return entry.first == network; });
    const int count =
        found == counts_.end() ? counts_.emplace_back(network, 1).second : ++found->second;
    return count <= most_;
  }

 private:
  int most_;
  // Nearly each node has a network of its own, and there are few.
  absl::InlinedVector<std::pair<net::IpAddress, int>, 16> counts_;
};

}  // namespace p2pd::overlay
