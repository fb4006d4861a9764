// UdpTracker: the UDP tracker protocol (BEP 15) with URL data (BEP 41), over one Tracker.
//
// Rules: a source has shown that it gets what is sent to it when it comes with a connection id that
// was given to its address; until then it gets no more bytes than it sent, and no errors. Ids are
// SipHash of the address and the epoch of two minutes under a key, so they need no memory, cannot
// be guessed or handed on, and hold for two to four minutes. The address field of an announce is
// ignored: peers are where datagrams come from. Threads: one owner.
// Limits: kMaxScrape hashes, kMaxReply bytes.
// Sources: BEP 15, 41; Aumasson and Bernstein 2012 for SipHash.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "libcore/archive/tracker/tracker.h"
#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::tracker {

class UdpTracker {
 public:
  // BEP 15: "up to about 74 torrents can be scraped at once".
  static constexpr size_t kMaxScrape = 74;
  // 50 IPv6 peers behind 20 bytes; 74 counts take 896.
  static constexpr size_t kMaxReply = 20 + kMaxPeersInReply * PeerV6::kWireBytes;
  static constexpr absl::Duration kEpoch = absl::Minutes(2);

  // `tracker` outlives it.
  explicit UdpTracker(Tracker& tracker) : tracker_(tracker) {}

  // Writes the reply to `datagram` into `out`, which has room for kMaxReply; its size, 0 for none.
  size_t Answer(Instant now, const net::Endpoint& from, ByteView datagram, MutableByteView out);

  // The id that `address` is given at `now`.
  uint64_t ConnectionIdFor(Instant now, const net::IpAddress& address) const;

 private:
  uint64_t IdOfEpoch(int64_t epoch, const net::IpAddress& address) const;
  bool IsConnected(Instant now, const net::IpAddress& address, uint64_t id) const;
  size_t AnswerAnnounce(Instant now, const net::Endpoint& from, ByteView datagram,
                        MutableByteView out);
  size_t AnswerScrape(ByteView datagram, MutableByteView out);

  Tracker& tracker_;
  AnnounceAnswer answer_;  // reused: an announce allocates nothing
};

// The request path of BEP 41 options, e.g. "/KEY/announce"; empty when there is none. nullopt when
// the options are broken or longer than any path of ours.
std::optional<std::string> ReadUrlData(ByteView options);
// What stands before "/announce" or "/scrape" in a path: "/KEY/announce" has KEY, "/announce" an
// empty key; nullopt for other paths.
struct TrackerPath {
  bool scrape = false;
  absl::string_view key;
};
std::optional<TrackerPath> ParseTrackerPath(absl::string_view path);

}  // namespace p2pd::archive::tracker
