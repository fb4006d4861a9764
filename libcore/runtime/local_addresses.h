// The machine's own addresses, as candidates for where others reach us.
#pragma once

#include <vector>

#include "libcore/net/endpoint.h"

namespace p2pd::runtime {

// Addresses of interfaces that are up, without link-local and multicast ones, sorted: public before
// private, IPv4 before IPv6, loopback last.
std::vector<net::IpAddress> LocalAddresses();

// What others may reach a socket bound to `bound` at: the address itself, or for an unspecified one
// the local addresses of the families it serves ([::] serves both), with its port; loopback only
// when there is nothing else. At most `max` entries.
std::vector<net::Endpoint> ReachableEndpoints(const net::Endpoint& bound,
                                              const std::vector<net::IpAddress>& local, size_t max);

}  // namespace p2pd::runtime
