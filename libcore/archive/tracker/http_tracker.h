// HttpTracker: announce and scrape over HTTP (BEP 3, 48), from the target of a request to the
// bencoded body of its answer, over one Tracker.
//
// Rules: the peer's address is that of the connection: `ip`, `ipv4` and `ipv6` of a query are
// ignored, since they would let anybody point a swarm at anybody. Peers come compact (BEP 23, 7)
// unless compact=0 asks for dictionaries, which have no peer ids: the table does not keep them.
// Refusals are answers of BEP 3 with BEP 31's "retry in", not errors of HTTP: clients show them.
// Threads: one owner. Limits: what HttpConversation lets through; 74 hashes a scrape, as over UDP.
// Sources: BEP 3, 7, 23, 24, 31, 48, 52 (info-hashes of 20 bytes, v2 ones cut off).
#pragma once

#include "absl/strings/string_view.h"
#include "libcore/archive/tracker/tracker.h"
#include "libcore/base/bytes.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive::tracker {

struct HttpAnswer {
  int status = 200;
  Bytes body;  // text/plain
};

class HttpTracker {
 public:
  // `tracker` outlives it.
  explicit HttpTracker(Tracker& tracker) : tracker_(tracker) {}

  // `target` is that of the request line, e.g. "/announce?info_hash=…".
  HttpAnswer Answer(Instant now, const net::IpAddress& from, absl::string_view target);

  Tally& tally() { return tracker_.tally(); }

 private:
  HttpAnswer AnswerAnnounce(Instant now, const net::IpAddress& from, absl::string_view key,
                            absl::string_view query);
  HttpAnswer AnswerScrape(absl::string_view key, absl::string_view query);
  Bytes Body(const net::IpAddress& from, bool compact) const;
  HttpAnswer Malformed(absl::string_view why);

  Tracker& tracker_;
  AnnounceAnswer answer_;
};

}  // namespace p2pd::archive::tracker
