#include "libcore/ice/agent.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace p2pd::ice {
namespace {

// Answers to one address wait for PollTransmit, which comes after each input.
constexpr size_t kMaxQueued = 64;

Side Other(Side side) { return side == Side::kCaller ? Side::kCallee : Side::kCaller; }

}  // namespace

Agent::Agent(Options options, Rng& rng, Counters& counters)
    : side_(options.side),
      controlling_(options.side == Side::kCaller),
      secret_(std::move(options.secret)),
      rng_(rng),
      counters_(counters),
      tie_breaker_(rng.Next()),
      ours_(DeriveCredentials(secret_.view(), side_, 0)),
      theirs_(DeriveCredentials(secret_.view(), Other(side_), 0)),
      ours_after_(DeriveCredentials(secret_.view(), side_, 1)),
      local_(std::move(options.local)) {}

// --- pairs ---

// Our own priority in a pair; `revealed` as the candidate that a check may show to be ours.
uint32_t Agent::OwnPriority(const Pair& pair, bool revealed) {
  constexpr uint16_t kOnly = 65535;  // RFC 8445 §5.1.2.1
  if (pair.type == CandidateType::kRelayed) return ice::PriorityOf(CandidateType::kRelayed, kOnly);
  return ice::PriorityOf(revealed ? CandidateType::kPeerReflexive : CandidateType::kHost, kOnly);
}

uint64_t Agent::PriorityOfPair(const Pair& pair) const {
  const uint32_t own = OwnPriority(pair, false);
  return controlling_ ? PairPriority(own, pair.remote_priority)
                      : PairPriority(pair.remote_priority, own);
}

Agent::Pairs::iterator Agent::AddPair(const net::Endpoint& remote, CandidateType type,
                                      uint32_t priority) {
  const auto found = pairs_.find(remote);
  if (found != pairs_.end()) return found;
  if (pairs_.size() >= kMaxPairs) {
    const auto useless = std::find_if(pairs_.begin(), pairs_.end(), [&](const auto& entry) {
      return entry.second.state == State::kFailed && entry.first != selected_;
    });
    if (useless == pairs_.end()) {
      counters_.Add("ice.refused_pairs_full");
      return pairs_.end();
    }
    pairs_.erase(useless);
  }
  Pair pair;
  pair.type = type;
  pair.remote_priority = priority;
  return pairs_.emplace(remote, std::move(pair)).first;
}

void Agent::AddRemote(Instant now, const CandidateList& list) {
  if (list.generation > generation_) StartGeneration(now, list.generation);
  if (list.generation < generation_) return counters_.Add("ice.dropped_old_candidates");
  const bool here = std::any_of(local_.begin(), local_.end(), [](const Candidate& candidate) {
    return candidate.endpoint.address.IsLoopback();
  });
  for (const Candidate& candidate : list.candidates) {
    // Somebody elsewhere would have us knock at the doors of our own machine.
    if (candidate.endpoint.address.IsLoopback() && !here) continue;
    AddPair(candidate.endpoint, candidate.type, candidate.priority);
  }
}

void Agent::StartGeneration(Instant now, uint32_t generation) {
  counters_.Add("ice.restarts");
  generation_ = generation;
  ours_before_ = std::move(ours_);
  before_until_ = now + kOldGeneration;
  ours_ = DeriveCredentials(secret_.view(), side_, generation);
  ours_after_ = DeriveCredentials(secret_.view(), side_, generation + 1);
  theirs_ = DeriveCredentials(secret_.view(), Other(side_), generation);
  for (auto& [remote, pair] : pairs_) {
    pair.state = State::kWaiting;
    pair.check.reset();
    pair.nominate = false;
    pair.nominated = 0;
    pair.triggered = remote == selected_;
  }
  said_ = false;
  next_begin_ = now;
}

// --- what comes in ---

bool Agent::OnMessage(Instant now, const net::Endpoint& from, bool relayed,
                      const StunMessage& message, ByteView datagram) {
  if (!message.fingerprint || message.unknown) return false;
  switch (message.kind) {
    case StunClass::kRequest:
      return OnRequest(now, from, relayed, message, datagram);
    case StunClass::kSuccess:
    case StunClass::kError:
      return OnResponse(now, from, message, datagram);
    case StunClass::kIndication:
      break;
  }
  return false;
}

bool Agent::OnRequest(Instant now, const net::Endpoint& from, bool relayed,
                      const StunMessage& request, ByteView datagram) {
  // RFC 8445 §7.2.2: the receiver's fragment stands first.
  const absl::string_view name(request.username);
  const auto is_for = [&](const Credentials& own) {
    return name.size() > own.fragment.size() &&
           name.substr(0, own.fragment.size()) == own.fragment && name[own.fragment.size()] == ':';
  };
  const Credentials* own = nullptr;
  if (is_for(ours_)) own = &ours_;
  if (is_for(ours_after_)) own = &ours_after_;
  if (ours_before_ && now < before_until_ && is_for(*ours_before_)) own = &*ours_before_;
  if (own == nullptr) return false;
  if (!IntegrityHolds(datagram, request, own->password.view()) || !request.priority) {
    counters_.Add("ice.dropped_forged");
    return true;
  }
  const bool before = own != &ours_ && own != &ours_after_;
  const SecretBytes key = own->password.Clone();
  // The other side has begun anew, and its word on the way may be lost.
  if (own == &ours_after_) StartGeneration(now, generation_ + 1);
  if (!SettleRoles(from, request, key.view())) return true;
  StunMessage answer;
  answer.kind = StunClass::kSuccess;
  answer.id = request.id;
  answer.mapped = from;
  if (out_.size() < kMaxQueued) out_.push_back({from, WriteStun(answer, key.view())});
  if (before) return true;

  const auto pair = AddPair(from, relayed ? CandidateType::kRelayed : CandidateType::kPeerReflexive,
                            *request.priority);
  if (pair == pairs_.end()) return true;
  Trigger(now, pair->second);
  if (request.use_candidate && !controlling_) pair->second.nominated = ++nominations_;
  Choose(now);
  return true;
}

bool Agent::SettleRoles(const net::Endpoint& from, const StunMessage& request, ByteView key) {
  // RFC 8445 §7.3.1.1
  const std::optional<uint64_t> same = controlling_ ? request.controlling : request.controlled;
  if (!same) return true;
  counters_.Add("ice.role_conflicts");
  const bool greater = tie_breaker_ >= *same;
  if (greater == controlling_) {
    StunMessage answer;
    answer.kind = StunClass::kError;
    answer.id = request.id;
    answer.error = kRoleConflict;
    if (out_.size() < kMaxQueued) out_.push_back({from, WriteStun(answer, key)});
    return false;
  }
  controlling_ = !controlling_;
  said_ = false;
  return true;
}

// RFC 8445 §7.3.1.4: what reached us may well let us through now.
void Agent::Trigger(Instant now, Pair& pair) {
  if (pair.state == State::kProved) return;
  // A check under way goes on; its next copy is sent now instead of when its time comes.
  if (pair.check) {
    const Instant last = pair.check->next - pair.check->wait;
    pair.check->next = std::min(pair.check->next, std::max(now, last + kPace));
    return;
  }
  pair.state = State::kWaiting;
  pair.triggered = true;
}

bool Agent::OnResponse(Instant now, const net::Endpoint& from, const StunMessage& response,
                       ByteView datagram) {
  const auto found = std::find_if(pairs_.begin(), pairs_.end(), [&](const auto& entry) {
    return entry.second.check && entry.second.check->id == response.id;
  });
  if (found == pairs_.end()) return false;
  Pair& pair = found->second;
  // RFC 8445 §7.2.5.2.1: an answer from elsewhere proves nothing.
  if (found->first != from || !IntegrityHolds(datagram, response, theirs_.password.view())) {
    counters_.Add("ice.dropped_forged");
    return true;
  }
  const Check check = *std::move(pair.check);
  pair.check.reset();
  if (response.kind == StunClass::kError) {
    if (response.error != kRoleConflict) {
      pair.state = State::kFailed;
      pair.due = now + kRetry;
    } else {
      // RFC 8445 §7.2.5.1
      if (controlling_ == check.controlling) controlling_ = !controlling_;
      said_ = false;
      tie_breaker_ = rng_.Next();
      pair.state = State::kWaiting;
      pair.triggered = true;
    }
    Choose(now);
    return true;
  }
  if (pair.state != State::kProved) counters_.Add("ice.pairs_proved");
  pair.state = State::kProved;
  pair.answered = now;
  // An answer to a copy is told from that to the original by nobody: the shorter of both.
  if (check.sends == 1) pair.round_trip = now - check.first_sent;
  if (check.sends > 1 && pair.round_trip == absl::ZeroDuration())
    pair.round_trip = now - (check.next - check.wait);
  pair.due = now + kWarmInterval;
  Choose(now);
  if (selected_ == from && !pair.nominate)
    pair.due = now + kConsentInterval * (0.8 + 0.4 * rng_.Unit());
  return true;
}

// --- which one is used ---

bool Agent::AnyProved() const {
  return std::any_of(pairs_.begin(), pairs_.end(),
                     [](const auto& entry) { return entry.second.state == State::kProved; });
}

Agent::Pairs::iterator Agent::Best() {
  auto best = pairs_.end();
  for (auto pair = pairs_.begin(); pair != pairs_.end(); ++pair) {
    if (pair->second.state != State::kProved) continue;
    if (best == pairs_.end()) {
      best = pair;
      continue;
    }
    // The controlled side follows the last word of the other, and guesses until it has one.
    const uint64_t named = controlling_ ? 0 : pair->second.nominated;
    const uint64_t best_named = controlling_ ? 0 : best->second.nominated;
    if (named != best_named ? named > best_named
                            : PriorityOfPair(pair->second) > PriorityOfPair(best->second)) {
      best = pair;
    }
  }
  return best;
}

void Agent::Choose(Instant now) {
  const auto best = Best();
  if (best == pairs_.end()) return;
  if (best->first != selected_) {
    selected_ = best->first;
    said_ = false;
    events_.push_back(PathSelected{*selected()});
    counters_.Add("ice.paths_selected");
  }
  if (!controlling_ || said_) return;
  said_ = true;
  best->second.nominate = true;
  best->second.due = now;
}

std::optional<Path> Agent::selected() const {
  if (!selected_) return std::nullopt;
  const Pair& pair = pairs_.at(*selected_);
  return Path{*selected_, pair.type, pair.round_trip};
}

std::vector<Path> Agent::proved() const {
  std::vector<std::pair<uint64_t, Path>> ranked;
  for (const auto& [remote, pair] : pairs_) {
    if (pair.state != State::kProved) continue;
    ranked.emplace_back(PriorityOfPair(pair), Path{remote, pair.type, pair.round_trip});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Path> out;
  for (auto& [priority, path] : ranked) out.push_back(path);
  return out;
}

// --- what goes out ---

void Agent::Send(Instant now, const net::Endpoint& remote, Check& check) {
  ++check.sends;
  check.next = now + check.wait;
  if (out_.size() < kMaxQueued) out_.push_back({remote, check.datagram});
}

void Agent::Begin(Instant now, const net::Endpoint& remote, Pair& pair) {
  StunMessage request;
  request.id = rng_.Make<TransactionId>();
  request.username = absl::StrCat(theirs_.fragment, ":", ours_.fragment);
  request.priority = OwnPriority(pair, true);
  request.use_candidate = controlling_ && std::exchange(pair.nominate, false);
  (controlling_ ? request.controlling : request.controlled) = tie_breaker_;
  Check check;
  check.id = request.id;
  check.controlling = controlling_;
  check.first_sent = now;
  check.wait = kFirstWait;
  check.datagram = WriteStun(request, theirs_.password.view());
  pair.check = std::move(check);
  pair.triggered = false;
  if (pair.state != State::kProved) pair.state = State::kInProgress;
  Send(now, remote, *pair.check);
}

void Agent::OnSilence(Instant now, const net::Endpoint& remote, Pair& pair) {
  pair.check.reset();
  const bool was_proved = pair.state == State::kProved;
  pair.state = State::kFailed;
  pair.due = now + kRetry;
  if (!was_proved) return;
  counters_.Add("ice.pairs_silent");
  pair.nominated = 0;
  if (remote != selected_) return;
  said_ = false;  // should it come back, the other side has to hear of it anew
  // Who else fell silent with it is to show soon.
  for (auto& [other, warm] : pairs_) {
    if (warm.state == State::kProved) warm.due = std::min(warm.due, now);
  }
  Choose(now);
}

// One that would be better than what is in use is looked for again, too, but with less haste.
Instant Agent::RetryAt(const Pair& pair, bool any_proved) const {
  if (!any_proved) return pair.due;
  const bool better = selected_ && PriorityOfPair(pair) > PriorityOfPair(pairs_.at(*selected_));
  return better ? pair.due + kWarmInterval : Instant::Max();
}

Agent::Pairs::iterator Agent::NextToBegin() {
  auto next = pairs_.end();
  for (auto pair = pairs_.begin(); pair != pairs_.end(); ++pair) {
    if (pair->second.state != State::kWaiting) continue;
    const auto rank = [this](const Pair& p) { return std::pair(p.triggered, PriorityOfPair(p)); };
    if (next == pairs_.end() || rank(pair->second) > rank(next->second)) next = pair;
  }
  return next;
}

void Agent::OnTimeout(Instant now) {
  for (auto& [remote, pair] : pairs_) {
    if (pair.check && pair.check->next <= now) {
      const bool proved = pair.state == State::kProved;
      if (pair.check->sends < (proved ? kMaxRefreshSends : kMaxSends)) {
        pair.check->wait = std::min(pair.check->wait * 2, kMaxWait);
        Send(now, remote, *pair.check);
      } else {
        OnSilence(now, remote, pair);
      }
    }
    if (pair.state == State::kProved && pair.due <= now && (!pair.check || pair.nominate)) {
      Begin(now, remote, pair);
    }
  }
  const bool any = AnyProved();
  for (auto& [remote, pair] : pairs_) {
    if (pair.state == State::kFailed && RetryAt(pair, any) <= now) pair.state = State::kWaiting;
  }
  if (selected_ && !any && now >= pairs_.at(*selected_).answered + kConsentLife) {
    selected_.reset();
    counters_.Add("ice.consent_lost");
    events_.push_back(PathLost{});
  }
  if (now < next_begin_) return;
  const auto next = NextToBegin();
  if (next == pairs_.end()) return;
  Begin(now, next->first, next->second);
  next_begin_ = now + kPace;
}

std::optional<Instant> Agent::PollTimeout() const {
  std::optional<Instant> out;
  const bool any = AnyProved();
  bool waiting = false;
  for (const auto& [remote, pair] : pairs_) {
    if (pair.check) out = Earliest(out, pair.check->next);
    if (pair.state == State::kProved && (!pair.check || pair.nominate))
      out = Earliest(out, pair.due);
    if (pair.state == State::kFailed) out = Earliest(out, RetryAt(pair, any));
    waiting = waiting || pair.state == State::kWaiting;
  }
  if (waiting) out = Earliest(out, next_begin_);
  if (selected_ && !any) out = Earliest(out, pairs_.at(*selected_).answered + kConsentLife);
  return out;
}

std::optional<net::Transmit> Agent::PollTransmit() {
  if (out_.empty()) return std::nullopt;
  std::optional<net::Transmit> out(std::move(out_.front()));
  out_.pop_front();
  return out;
}

std::optional<Event> Agent::PollEvent() {
  if (events_.empty()) return std::nullopt;
  const Event event = events_.front();
  events_.pop_front();
  return event;
}

}  // namespace p2pd::ice
