#include "libcore/session/doorkeeper.h"

#include <algorithm>

#include "libcore/session/end_reason.h"

namespace p2pd::session {

Doorkeeper::Doorkeeper(const Options& options, const pki::TrustStore& trust, Rng& rng,
                       Counters& counters, absl::Time start)
    : options_(options),
      trust_(trust),
      counters_(counters),
      cookies_(rng),
      reassembly_(counters),
      replays_(start),
      unproved_(options.hello_rate_before_cookie, std::max(options.hello_rate_before_cookie, 1.0)),
      not_here_(kNotHereRate, kNotHereRate) {}

Bytes Doorkeeper::AskForCookie(Instant now, const net::Endpoint& from, const HelloNonce& nonce) {
  counters_.Add("session.cookie_asked");
  return EncodeCookieReply({nonce, cookies_.Make(now, from, nonce)});
}

void Doorkeeper::SayNotHere(Instant now, const HelloNonce& nonce, Knock& out) {
  counters_.Add(EndReasonCounter(EndReason::kNotLoggedInHere));
  if (not_here_.TryTake(now, 1)) {
    out.reply = EncodeNotHere(nonce);
  } else {
    counters_.Add("session.not_here_unsaid");
  }
}

bool Doorkeeper::Admit(Instant now, const net::Endpoint& from, const HelloFragment& fragment,
                       bool proved, Knock& out) {
  if (reassembly_.Knows(from, fragment)) return true;
  if (!proved) {
    if (unproved_.TryTake(now, 1)) return true;
    counters_.Add("session.dropped_hello_rate");
    if (fragment.index == 0) out.reply = AskForCookie(now, from, fragment.nonce);
    return false;
  }
  const net::IpAddress network = net::NetworkOf(from.address);
  // Forgetting all of them is cheap, and who has a thousand networks is not held by one bucket
  // each.
  if (networks_.size() >= kMaxNetworks && networks_.count(network) == 0) networks_.clear();
  auto& bucket = networks_.try_emplace(network, kProvedRate, kProvedBurst).first->second;
  if (bucket.TryTake(now, 1)) return true;
  counters_.Add("session.dropped_hello_network_rate");
  return false;
}

Doorkeeper::Knock Doorkeeper::OnFragment(Instant now, absl::Time wall, const net::Endpoint& from,
                                         const HelloFragment& fragment,
                                         const Identities& identities) {
  Knock out;
  reassembly_.Expire(now);
  const bool known = std::any_of(identities.begin(), identities.end(), [&](const auto& entry) {
    return HintOf(entry.second.device.sealing_key.public_key()) == fragment.hint;
  });
  if (!known) {
    if (fragment.index == 0) SayNotHere(now, fragment.nonce, out);
    return out;
  }
  const bool proved =
      fragment.cookie && cookies_.Check(now, from, fragment.nonce, *fragment.cookie);
  if (!Admit(now, from, fragment, proved, out)) return out;
  const std::optional<Reassembly::Whole> whole = reassembly_.Add(now, from, fragment, proved);
  if (!whole) return out;

  for (const auto& [user, identity] : identities) {
    if (HintOf(identity.device.sealing_key.public_key()) != fragment.hint) continue;
    HelloOpening opening = OpenHello(identity, fragment, whole->sealed);
    if (opening.fault == EndReason::kNotLoggedInHere) continue;
    if (opening.fault != EndReason::kNone) {
      counters_.Add(EndReasonCounter(opening.fault));
      return out;
    }
    Judge(now, wall, from, fragment, *whole, proved, identity, *std::move(opening.hello), out);
    return out;
  }
  SayNotHere(now, fragment.nonce, out);
  return out;
}

void Doorkeeper::Judge(Instant now, absl::Time wall, const net::Endpoint& from,
                       const HelloFragment& fragment, const Reassembly::Whole& whole, bool proved,
                       const LocalIdentity& identity, OpenedHello hello, Knock& out) {
  // A cookie outside must be the one that was signed: nobody can add one to an old hello.
  if (hello.cookie != fragment.cookie) {
    counters_.Add(EndReasonCounter(EndReason::kReplayedHello));
    return;
  }
  const ReplayCache::Entry* before = replays_.Find({hello.call, hello.nonce, hello.caller_device});
  if (before != nullptr) {
    if (before->hello == hello.digest) {
      out.again = before->session;
    } else {
      // The same attempt by another address, which asked for a cookie.
      counters_.Add("session.dropped_hello_variant");
    }
    return;
  }
  const bool fresh = replays_.Fresh(wall, hello.time);
  if (!proved && !fresh) {
    counters_.Add(EndReasonCounter(EndReason::kStaleHello));
    out.reply = AskForCookie(now, from, fragment.nonce);
    return;
  }
  // No reply larger than its request to an address that is not proved.
  if (!proved && AckBound(identity) > whole.wire_bytes) {
    out.reply = AskForCookie(now, from, fragment.nonce);
    return;
  }
  Judged judged = AuthenticateCaller(hello, trust_, wall, options_.strict_revocation);
  if (judged.fault != EndReason::kNone) {
    counters_.Add(EndReasonCounter(judged.fault));
    return;
  }
  out.verified = Knock::Verified{.hello = std::move(hello),
                                 .caller = *std::move(judged.peer),
                                 .identity = identity.chain.leaf().public_key().hash(),
                                 .proved = proved};
}

void Doorkeeper::Remember(absl::Time wall, const Knock::Verified& verified, SessionId session) {
  const OpenedHello& hello = verified.hello;
  // A cookie vouches for a hello from now on, whatever time it says.
  const absl::Time time = verified.proved ? std::max(wall, hello.time) : hello.time;
  // The caller's time decides how long, so one far ahead must not stay for ever.
  replays_.Add(wall, {hello.call, hello.nonce, hello.caller_device},
               {hello.digest, session, std::min(time, wall + ReplayCache::kWindow)});
}

}  // namespace p2pd::session
