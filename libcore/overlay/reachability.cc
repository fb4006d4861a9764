#include "libcore/overlay/reachability.h"

#include <algorithm>

#include "libcore/overlay/wire.h"

namespace p2pd::overlay {

Reachability::Reachability(Role role, LinkTable& links, Ring& ring, Exchange& exchange, Rng& rng,
                           Counters& counters)
    : role_(role),
      links_(links),
      ring_(ring),
      exchange_(exchange),
      rng_(rng),
      counters_(counters) {}

void Reachability::Start(Instant now) {
  if (watching() && !next_) next_ = now + rng_.Jitter(kPatience);
}

void Reachability::Stop() {
  next_.reset();
  knocked_.reset();
}

void Reachability::OnAddressChanged(Instant now) {
  // An unreachable one stays a client until the new address is proved.
  if (verdict_ == Verdict::kReachable) verdict_ = Verdict::kOpen;
  missed_.clear();
  knocked_.reset();
  ask_ = kAsk;
  if (watching()) next_ = now + rng_.Jitter(kPatience);
}

void Reachability::OnSent(Instant now, const net::Endpoint& to) {
  if (written_.size() >= kMaxWritten && written_.count(to.address) == 0) {
    std::erase_if(written_,
                  [now](const auto& entry) { return entry.second + kWrittenLifetime <= now; });
    if (written_.size() >= kMaxWritten) {
      counters_.Add("overlay.refused_written_addresses");
      crowded_until_ = now + kWrittenLifetime;
      return;
    }
  }
  written_[to.address] = now;
}

bool Reachability::IsStranger(Instant now, const net::IpAddress& address) {
  if (crowded_until_ > now) return false;
  const auto found = written_.find(address);
  if (found != written_.end() && found->second + kWrittenLifetime > now) return false;
  const std::vector<net::Endpoint>& ours = self_->addresses();
  return !address.IsPrivate() || std::all_of(ours.begin(), ours.end(), [](const net::Endpoint& at) {
    return at.address.IsPrivate();
  });
}

void Reachability::OnReceived(Instant now, const net::Endpoint& from) {
  if (IsStranger(now, from.address)) Decide(Verdict::kReachable);
}

void Reachability::Decide(Verdict verdict) {
  if (verdict_ == verdict) return;
  const bool was_client = verdict_ == Verdict::kUnreachable;
  verdict_ = verdict;
  missed_.clear();
  knocked_.reset();
  ask_ = kAsk;
  if (verdict == Verdict::kUnreachable) {
    ask_ = kMaxAsk;
    change_ = Role::kClient;
    counters_.Add("overlay.unreachable");
  } else {
    next_.reset();
    written_.clear();
    if (was_client) change_ = Role::kPeer;
    counters_.Add("overlay.reachable");
  }
}

std::optional<Role> Reachability::TakeChange() { return std::exchange(change_, std::nullopt); }

// Not leaves only: those of a neighbour are ours for the most part, so no strangers to us.
std::vector<const NodeRecord*> Reachability::Members(const NodeId& except) const {
  std::vector<const NodeRecord*> out;
  for (const NodeId& id : ring_.Members()) {
    const NodeRecord* record = links_.RecordOf(id);
    if (record != nullptr && id != except && !ring_.IsSuspect(id)) out.push_back(record);
  }
  return out;
}

// Asking.

void Reachability::Ask(Instant now) {
  next_ = now + rng_.Jitter(ask_);
  ask_ = std::min(ask_ * 1.5, kMaxAsk);
  const std::vector<const NodeRecord*> members = Members(self_->id());
  if (members.empty()) return;
  const NodeRecord peer(*members[rng_.Below(members.size())]);
  wire::v1::OverlayProbe probe;
  probe.mutable_knock();
  asked_ = exchange_.Ask(now, peer, Service::kOverlay, SerializeProto(probe), kAskTimeout);
}

bool Reachability::OnResponse(Instant now, const Response& response) {
  wire::v1::OverlayProbeAnswer answer;
  const bool good = ParseProto(response.payload, answer);
  if (const auto relay = relays_.find(response.id); relay != relays_.end()) {
    const std::optional<net::Endpoint> knocker = links_.EndpointOf(relay->second.knocker);
    answer.Clear();
    if (knocker) answer.set_knocked_from(ToText(knocker->ToBytes()));
    exchange_.Answer(now, relay->second.token, AnswerContent{SerializeProto(answer)});
    relays_.erase(relay);
    return true;
  }
  if (asked_ != response.id) return false;
  asked_.reset();
  const auto from = good ? net::Endpoint::FromBytes(AsBytes(answer.knocked_from())) : std::nullopt;
  if (!from || !watching() || !IsStranger(now, from->address)) return true;
  knocked_.emplace(from->address, now + kKnockPatience);
  return true;
}

bool Reachability::OnRequestFailed(Instant now, const RequestFailed& failed) {
  if (const auto relay = relays_.find(failed.id); relay != relays_.end()) {
    exchange_.Answer(now, relay->second.token, AnswerContent{{}, wire::v1::ANSWER_ERROR_BUSY});
    relays_.erase(relay);
    return true;
  }
  if (asked_ != failed.id) return false;
  asked_.reset();
  return true;
}

// Being asked.

void Reachability::OnProbe(Instant now, const ProbeRequest& request) {
  const std::string& at = request.probe.knock().at();
  if (at.empty()) return Relay(now, request);
  const std::optional<net::Endpoint> endpoint = net::Endpoint::FromBytes(AsBytes(at));
  // Whom we write to already proves nothing by letting us in.
  const bool willing = endpoint && endpoint->port != 0 && links_.Linked(request.from.id()) &&
                       !endpoint->address.IsMulticast() && knocks_.TryTake(now, 1);
  if (!willing) {
    counters_.Add("overlay.refused_knocks");
    return exchange_.Answer(now, request.token, AnswerContent{{}, wire::v1::ANSWER_ERROR_BUSY});
  }
  links_.SendKnock(*endpoint);
  exchange_.Answer(now, request.token, AnswerContent{});
}

void Reachability::Relay(Instant now, const ProbeRequest& request) {
  const std::optional<net::Endpoint> asker = links_.EndpointOf(request.from.id());
  const std::vector<const NodeRecord*> knockers = Members(request.from.id());
  if (!asker || knockers.empty() || relays_.size() >= kMaxRelays) {
    counters_.Add("overlay.refused_knocks");
    return exchange_.Answer(now, request.token, AnswerContent{{}, wire::v1::ANSWER_ERROR_BUSY});
  }
  const NodeRecord knocker(*knockers[rng_.Below(knockers.size())]);
  wire::v1::OverlayProbe probe;
  probe.mutable_knock()->set_at(ToText(asker->ToBytes()));
  const RequestId id =
      exchange_.Ask(now, knocker, Service::kOverlay, SerializeProto(probe), kAskTimeout / 2);
  relays_.emplace(id, Pending{request.token, knocker.id()});
}

// Time.

void Reachability::OnTimeout(Instant now) {
  if (knocked_ && knocked_->second <= now) {
    const net::IpAddress address = knocked_->first;
    knocked_.reset();
    // We may have written there meanwhile.
    if (IsStranger(now, address)) missed_.insert(address);
    if (verdict_ == Verdict::kOpen) ask_ = kAsk;
    if (missed_.size() >= kNeeded) Decide(Verdict::kUnreachable);
  }
  if (next_ && *next_ <= now) Ask(now);
}

std::optional<Instant> Reachability::PollTimeout() const {
  return knocked_ ? Earliest(next_, knocked_->second) : next_;
}

}  // namespace p2pd::overlay
