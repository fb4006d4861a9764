// Holders: which of a torrent's peers have shown that they have what they say, and whom to ask
// next.
//
// Rules: a peer that says that it has everything is asked for a block that is here already, and
// what it gives is compared. A right answer verifies its address for kVerifiedFor; no answer in
// time takes back nothing that was shown before, but until there is one such a peer is doubted; a
// wrong one takes everything back, and it is not asked again for as long. Who is doubted or lied
// counts nowhere where something is dropped or fetched because of him. Of a network (net::
// NetworkOf) one counts, since one person can have many addresses there, and none where one lied:
// that only makes us keep more. Partial holders are not asked, and so not verified. Sans-I/O.
// Threads: one owner. Limits: below. Sources: design §7; issue's 'Bad input': lying seeds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "absl/time/time.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"

namespace p2pd::archive {

// What one connected peer has and gave.
struct Holder {
  net::Endpoint at;
  bool member = false;
  uint64_t given = 0;  // payload, right or not
  uint32_t pieces = 0;
  // By Holders.
  enum class Trust : uint8_t { kUnknown, kVerified, kDoubted, kLied };
  Trust trust = Trust::kUnknown;
  bool incoming = false;   // it came to us
  uint64_t taken = 0;      // payload that it had of us
  uint64_t up_rate = 0;    // payload to it, bytes in the last second
  uint64_t down_rate = 0;  // payload from it
};

// What became of asking a peer for a block.
enum class Shown : uint8_t {
  kRight,
  kWrong,    // other bytes than ours, which are proved
  kSilent,   // nothing in time
  kUnknown,  // it left, or ours could not be read: nothing was learnt
};

class Holders {
 public:
  static constexpr absl::Duration kVerifiedFor = absl::Hours(24);
  // One that is verified is asked again, so that it stays so.
  static constexpr absl::Duration kAgain = absl::Hours(12);
  // One that gave no answer is asked again; a busy seed has slots for a few of its peers only.
  static constexpr absl::Duration kRetry = absl::Minutes(10);
  // After nothing was learnt.
  static constexpr absl::Duration kSoon = absl::Seconds(30);
  // Addresses of which something is known, of one torrent; beyond it nobody new is asked.
  static constexpr size_t kMaxKnown = 256;
  // Peers of one torrent that are being asked.
  static constexpr size_t kMaxAsked = 4;
  // After so long no answer comes any more, whatever became of it.
  static constexpr absl::Duration kPatience = absl::Minutes(5);

  // Who is there now, in any order.
  void OnLook(const std::vector<Holder>& holders, uint32_t pieces);
  // Whom to ask now; it counts as asked until OnShown. Something has to be here to compare with.
  std::optional<net::Endpoint> Poll(Instant now);
  void OnShown(Instant now, const net::Endpoint& peer, Shown shown);

  Holder::Trust TrustIn(Instant now, const net::Endpoint& peer) const;
  // Networks with somebody there who has everything and is verified.
  int Verified(Instant now) const;
  // Those there who say that they have everything, and are not believed.
  int Doubted(Instant now) const;
  // Of them those who gave something else.
  int Lied(Instant now) const;

 private:
  bool IsAsked(const net::IpAddress& address) const;
  // Forgets who left, but for liars.
  void MakeRoom();

  struct Known {
    std::optional<Instant> verified_until;
    std::optional<Instant> lied_until;
    bool silent = false;  // at the last time
    Instant next_ask;
  };

  std::set<net::Endpoint> whole_;  // that are there and say that they have everything
  std::map<net::Endpoint, Instant> asked_;
  std::map<net::IpAddress, Known> known_;
};

}  // namespace p2pd::archive
