// Puts the fragments of hellos together before anybody is authenticated, so it is bounded hard.
//
// Rules: memory holds what was received and nothing more; an attempt lives 3 s from its first
// fragment; one address has at most kPerSource attempts, all together kTotal. When the table is
// full, an attempt without a proved address gives way to one with a cookie, never the reverse.
// Threads: one owner.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "libcore/base/counters.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/session/envelope.h"

namespace p2pd::session {

class Reassembly {
 public:
  explicit Reassembly(Counters& counters) : counters_(counters) {}

  static constexpr size_t kTotal = 256;  // 1.2 MB at most
  static constexpr size_t kPerSource = 16;
  // Longer than a caller waits between two copies, so that fragments of two copies fit together.
  static constexpr absl::Duration kLifetime = absl::Seconds(3);

  struct Whole {
    Bytes sealed;
    size_t wire_bytes = 0;  // what the caller spent on it
  };
  // Takes a fragment; the whole when it was the last one missing. `proved`: it carries a valid
  // cookie.
  std::optional<Whole> Add(Instant now, const net::Endpoint& from, const HelloFragment& fragment,
                           bool proved);
  // True when a fragment of this attempt waits already.
  bool Knows(const net::Endpoint& from, const HelloFragment& fragment) const;
  void Expire(Instant now);
  std::optional<Instant> NextExpiry() const;
  size_t size() const { return attempts_.size(); }

 private:
  // A fragment with a cookie belongs to another hello than one without.
  using Key = std::tuple<net::Endpoint, HelloNonce, std::optional<Cookie>>;
  struct Attempt {
    Instant started;
    size_t count = 0;
    ReceiverHint hint;
    bool proved = false;
    std::array<Bytes, kMaxFragments> parts;
  };
  bool MakeRoom(const net::Endpoint& from, bool proved);
  void Erase(std::map<Key, Attempt>::iterator it);

  Counters& counters_;
  std::map<Key, Attempt> attempts_;
  std::set<std::pair<Instant, Key>> by_age_;
  std::map<net::IpAddress, size_t> per_source_;
};

}  // namespace p2pd::session
