// LetterQuota: how many letters go to an address that never answered one of ours. Where hints say
// that somebody is, a bystander may be; this keeps us from shooting at him.
//
// Rules: a few letters to an address at once, then one in a while, until an answer came from there
// to a letter that went there: only who read the letter can have written it. From then on as many
// as we like, for ten minutes after the last answer. Private ranges are free, as elsewhere (design
// §3). Threads: one owner. Limits: below; beyond them the address that was used longest ago is
// forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/container/btree_map.h"
#include "libcore/base/time.h"
#include "libcore/base/token_bucket.h"
#include "libcore/net/endpoint.h"

namespace p2pd::overlay {

class LetterQuota {
 public:
  // Letters to one address (of IPv6 one /64): at once, and a second. The first that is silent costs
  // the hint its place; more are asked at once only by who reads a lot of one newcomer.
  static constexpr double kBurst = 4;
  static constexpr double kRate = 0.1;
  static constexpr absl::Duration kProvedFor = absl::Minutes(10);
  static constexpr size_t kMaxAddresses = 1024;

  // May a letter go there now? It is counted then.
  bool Take(Instant now, const net::IpAddress& to);
  // It answered a letter that went there, or one of its own came back with our cookie.
  void OnProved(Instant now, const net::IpAddress& at);
  size_t size() const { return addresses_.size(); }

 private:
  struct Address {
    TokenBucket bucket{kRate, kBurst};
    Instant proved_until;
    uint64_t used = 0;
  };
  Address& Use(const net::IpAddress& at);

  absl::btree_map<net::IpAddress, Address> addresses_;
  std::map<uint64_t, net::IpAddress> by_use_;
  uint64_t next_use_ = 1;
};

}  // namespace p2pd::overlay
