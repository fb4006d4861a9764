#include "libcore/session/dialing.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libcore/base/status.h"

namespace p2pd::session {
namespace {

constexpr size_t kMaxTargets = 6;  // addresses of one device, and ways, as its state names them

}  // namespace

absl::StatusOr<Dialing> Dialing::Begin(Instant now, absl::Time wall, const LocalIdentity& from,
                                       RemoteDevice to, Setup setup, Rng& rng) {
  if (to.addresses.empty())
    return absl::InvalidArgumentError("the device to be dialled has no address");
  if (setup.offer.size() > kMaxOffer)
    return absl::InvalidArgumentError(
        absl::StrCat("an offer of ", setup.offer.size(), " bytes; at most ", kMaxOffer));
  if (setup.referral.size() > kMaxReferral)
    return absl::InvalidArgumentError(
        absl::StrCat("a referral of ", setup.referral.size(), " bytes; at most ", kMaxReferral));
  Dialing out(std::move(to), std::move(setup), pki::X25519Key::Generate(rng));
  out.nonce_ = rng.Make<HelloNonce>();
  out.receive_id_ = rng.Next();
  P2PD_ASSIGN_OR_RETURN(const SealedHello hello, out.Seal(wall, from, std::nullopt, rng));
  for (const net::Endpoint& address : out.to_.addresses) {
    if (out.targets_.size() < kMaxTargets) out.targets_.push_back({.at = address, .hello = hello});
  }
  out.deadline_ = now + out.setup_.timeout;
  out.next_copy_ = now;
  return out;
}

absl::StatusOr<SealedHello> Dialing::Seal(absl::Time wall, const LocalIdentity& from,
                                          const std::optional<Cookie>& cookie, Rng& rng) const {
  HelloOptions options;
  options.purpose = setup_.purpose;
  options.nonce = nonce_;
  options.call = setup_.call;
  options.time = wall;
  options.ephemeral = ephemeral_.public_key();
  options.receive_id = receive_id_;
  options.offer = setup_.offer;
  options.referral = setup_.referral;
  options.addresses = setup_.addresses;
  options.cookie = cookie;
  return MakeHello(from, to_, options, rng);
}

void Dialing::OnCookie(Instant now, absl::Time wall, const LocalIdentity& from_us,
                       const net::Endpoint& from, const Cookie& cookie, Rng& rng,
                       Counters& counters) {
  for (Target& target : targets_) {
    if (target.at != from || target.cookies >= kMaxCookies) continue;
    ++target.cookies;
    absl::StatusOr<SealedHello> hello = Seal(wall, from_us, cookie, rng);
    if (!hello.ok()) {
      counters.Add("session.dropped_cookie_too_long");
      return;
    }
    target.hello = *std::move(hello);
    target.due = true;
    counters.Add("session.cookie_answered");
    last_sent_ = now;
    return;
  }
  counters.Add("session.dropped_cookie");
}

void Dialing::OnNotHere(const net::Endpoint& from, Counters& counters) {
  bool all = true;
  bool known = false;
  for (Target& target : targets_) {
    if (target.at == from) target.not_here = known = true;
    all = all && target.not_here;
  }
  if (!known) {
    counters.Add("session.dropped_not_here");
    return;
  }
  const Failure not_here{EndReason::kNotLoggedInHere,
                         absl::StrCat(to_.email, " is not logged in at ", from.ToString())};
  if (!suspected_) suspected_ = not_here;
  if (all) failure_ = not_here;
}

void Dialing::Forged(Instant now, const AckJudgement& judgement) {
  suspected_ = Failure{judgement.fault, judgement.detail};
  deadline_ = std::min(deadline_, now + kForgeryGrace);
}

std::optional<OpenedAck> Dialing::OnAck(Instant now, absl::Time wall, const AckFragment& fragment,
                                        const pki::TrustStore& trust, bool strict,
                                        Counters& counters) {
  if (failure_) return std::nullopt;
  if (ack_count_ != fragment.count) {
    ack_count_ = fragment.count;
    ack_parts_ = {};
  }
  ack_parts_[fragment.index] = ToBytes(fragment.part);
  Bytes ack;
  for (size_t i = 0; i < ack_count_; ++i) {
    if (ack_parts_[i].empty()) return std::nullopt;
    Append(ack, ack_parts_[i]);
  }
  ack_count_ = 0;
  ack_parts_ = {};
  // Targets that asked for a cookie have another hello; the ack answers one of them.
  AckJudgement judgement;
  std::vector<pki::Sha256Digest> tried;
  for (const Target& target : targets_) {
    if (std::find(tried.begin(), tried.end(), target.hello.digest) != tried.end()) continue;
    tried.push_back(target.hello.digest);
    judgement = JudgeAck({ephemeral_, target.hello.digest, nonce_, to_}, ack, trust, wall, strict);
    if (judgement.proved) break;
  }
  if (judgement.ack) return std::move(judgement.ack);
  if (judgement.proved) {
    failure_ = Failure{judgement.fault, judgement.detail};
  } else {
    counters.Add("session.dropped_ack_forged");
    Forged(now, judgement);
  }
  return std::nullopt;
}

Instant Dialing::Timeout() const {
  return failure_ ? Instant::Min() : std::min(deadline_, next_copy_);
}

void Dialing::OnTimeout(Instant now) {
  if (failure_) return;
  if (deadline_ <= now) {
    failure_ = suspected_.value_or(Failure{
        EndReason::kNoAnswer, absl::StrCat("no answer from ", targets_.front().at.ToString())});
    return;
  }
  if (next_copy_ > now) return;
  for (Target& target : targets_) target.due = !target.not_here;
}

void Dialing::Flush(Instant now, std::vector<net::Transmit>& out) {
  bool sent = false;
  for (Target& target : targets_) {
    if (!target.due) continue;
    target.due = false;
    sent = true;
    for (const Bytes& datagram : target.hello.datagrams) out.push_back({target.at, datagram});
  }
  if (!sent) {
    // Nobody is left to be asked before the deadline.
    if (next_copy_ <= now) next_copy_ = deadline_;
    return;
  }
  last_sent_ = now;
  ++copies_;
  next_copy_ = now + interval_;
  interval_ = std::min(interval_ * 2, kSlowestRepeat);
}

}  // namespace p2pd::session
