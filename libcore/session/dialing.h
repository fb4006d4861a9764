// Dialing: one attempt of ours to say hello to one device, from the first copy to the ack or the
// end.
//
// Rules: the same hello goes to all addresses of the device at once and is repeated after 250 ms,
// doubling up to 1 s, until the ack or the deadline. A cookie makes a new hello for the address
// that asked. "Not here" counts only for the address that said it, and ends the attempt once all
// said so. An ack that anybody on the path may have made up (bad seal) does not end the attempt at
// once: the true one has a second to arrive; one that only who opened our hello can have made does.
// Threads: one owner.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "libcore/base/counters.h"
#include "libcore/session/handshake.h"

namespace p2pd::session {

class Dialing {
 public:
  static constexpr absl::Duration kFirstRepeat = absl::Milliseconds(250);
  static constexpr absl::Duration kSlowestRepeat = absl::Seconds(1);
  static constexpr absl::Duration kForgeryGrace = absl::Seconds(1);
  static constexpr int kMaxCookies = 3;  // for one address

  struct Setup {
    Purpose purpose = Purpose::kPresence;
    CallId call;
    Bytes offer;
    Bytes referral;
    std::vector<net::Endpoint> addresses;  // our own, for the hello
    absl::Duration timeout;
  };
  // InvalidArgument when there is no address or the hello cannot be made.
  static absl::StatusOr<Dialing> Begin(Instant now, absl::Time wall, const LocalIdentity& from,
                                       RemoteDevice to, Setup setup, Rng& rng);

  const HelloNonce& nonce() const { return nonce_; }
  uint64_t receive_id() const { return receive_id_; }

  void OnCookie(Instant now, absl::Time wall, const LocalIdentity& from_us,
                const net::Endpoint& from, const Cookie& cookie, Rng& rng, Counters& counters);
  void OnNotHere(const net::Endpoint& from, Counters& counters);
  // The ack, when this fragment completed it and all of it holds.
  std::optional<OpenedAck> OnAck(Instant now, absl::Time wall, const AckFragment& fragment,
                                 const pki::TrustStore& trust, bool strict, Counters& counters);

  struct Failure {
    EndReason reason = EndReason::kNone;
    std::string detail;
  };
  // Set once the attempt is over without a session.
  const std::optional<Failure>& failure() const { return failure_; }
  // From the last copy sent to now.
  absl::Duration RoundTrip(Instant now) const { return now - last_sent_; }

  void OnTimeout(Instant now);
  Instant Timeout() const;
  // The copies that are due.
  void Flush(Instant now, std::vector<net::Transmit>& out);

 private:
  struct Target {
    net::Endpoint at;
    SealedHello hello;
    bool not_here = false;
    bool due = true;
    int cookies = 0;
  };
  Dialing(RemoteDevice to, Setup setup, pki::X25519Key ephemeral)
      : to_(std::move(to)), setup_(std::move(setup)), ephemeral_(std::move(ephemeral)) {}
  absl::StatusOr<SealedHello> Seal(absl::Time wall, const LocalIdentity& from,
                                   const std::optional<Cookie>& cookie, Rng& rng) const;
  void Forged(Instant now, const AckJudgement& judgement);

  RemoteDevice to_;
  Setup setup_;
  pki::X25519Key ephemeral_;
  HelloNonce nonce_;
  uint64_t receive_id_ = 0;
  std::vector<Target> targets_;
  Instant deadline_;
  Instant next_copy_;
  Instant last_sent_;
  absl::Duration interval_ = kFirstRepeat;
  int copies_ = 0;
  size_t ack_count_ = 0;
  std::array<Bytes, kMaxFragments> ack_parts_;
  std::optional<Failure> suspected_;  // becomes the failure at the deadline
  std::optional<Failure> failure_;
};

}  // namespace p2pd::session
