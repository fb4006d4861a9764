// Which URLs a stranger's torrent may make us ask: none within our own network (server-side request
// forgery). A torrent's trackers and web seeds are chosen by whoever made it.
//
// Rules: refused are addresses in private, loopback, link-local, multicast and unspecified ranges,
// however they are written, names without a dot, and names of the zones that only local networks
// answer. A public name that leads to a private address is not seen here; of those libtorrent's
// ssrf_mitigation refuses loopback.
#pragma once

#include "absl/strings/string_view.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::lt {

// http, https and udp (BEP 3, 15).
bool IsTrackerUrl(absl::string_view url);
// http and https (BEP 19).
bool IsWebSeedUrl(absl::string_view url);
// True for what cannot be understood, too.
bool LeadsInside(absl::string_view url);
// The same of an address, for who looked the name up.
bool IsInside(const net::IpAddress& address);

}  // namespace p2pd::archive::lt
