#include "libcore/presence/links.h"

#include <algorithm>
#include <tuple>

namespace p2pd::presence {
namespace {

using session::EndReason;
using session::SessionId;

}  // namespace

Links::Links(session::Sessions& sessions, Rng& rng, Counters& counters, absl::Duration lease)
    : sessions_(sessions),
      rng_(rng),
      counters_(counters),
      lease_(std::clamp(lease, kShortestLease, kLongestLease)) {}

Lease Links::MyLease(const pki::KeyHash& own) {
  Lease lease;
  const auto it = shown_.find(own);
  if (it != shown_.end()) {
    lease.availability = it->second.availability;
    lease.epoch = it->second.epoch;
    lease.state_sequence = it->second.state_sequence;
  }
  lease.sequence = ++lease_sequence_[own];
  lease.life = lease_;
  return lease;
}

void Links::Show(Instant now, const pki::KeyHash& own, const Shown& shown) {
  const auto before = shown_.find(own);
  const bool changed = before == shown_.end() || before->second.availability != shown.availability;
  shown_[own] = shown;
  if (!changed) return;
  for (auto& [key, link] : links_) {
    if (key.own == own && link.contact) Push(now, key, link);
  }
}

void Links::Leave(Instant now, const pki::KeyHash& own) {
  const auto shown = shown_.find(own);
  if (shown == shown_.end()) return;
  shown->second.availability = Availability::kOffline;
  std::vector<SessionId> ours;
  for (auto& [key, link] : links_) {
    if (key.own != own) continue;
    Push(now, key, link);
    ours.insert(ours.end(), link.sessions.begin(), link.sessions.end());
  }
  for (const SessionId id : ours) Close(now, id);
  shown_.erase(own);
}

bool Links::Dial(Instant now, const LinkKey& key, const session::RemoteDevice& to) {
  if (HasSession(key)) return true;
  if (links_.count(key) == 0 && links_.size() >= kMaxLinks) {
    counters_.Add("presence.link_refused_full");
    return false;
  }
  session::Sessions::DialOptions options;
  options.purpose = session::Purpose::kPresence;
  options.offer = EncodeOffer(Offer{true, MyLease(key.own)});
  const absl::StatusOr<SessionId> id = sessions_.Dial(now, key.own, to, options);
  if (!id.ok()) {
    counters_.Add("presence.dial_refused");
    return false;
  }
  Session& session = by_session_[*id];
  session.key = key;
  session.dialled = true;
  session.email = to.email;
  const bool stranger = links_.count(key) != 0 && !links_.at(key).contact;
  if (stranger) --strangers_;
  Link& link = links_[key];
  link.contact = true;
  link.email = to.email;
  link.sessions.insert(*id);
  return true;
}

CheckId Links::Check(Instant now, const LinkKey& key, const session::RemoteDevice& to) {
  const CheckId check(next_check_++);
  session::Sessions::DialOptions options;
  options.purpose = session::Purpose::kPresence;
  options.offer = EncodeOffer(Offer{false, std::nullopt});
  const absl::StatusOr<SessionId> id = sessions_.Dial(now, key.own, to, options);
  if (!id.ok()) {
    counters_.Add("presence.dial_refused");
    LinkReport report{LinkReport::Kind::kChecked, key,   to.email, std::nullopt,
                      EndReason::kTooMany,        check, {},       {}};
    ReportOf(std::move(report));
    return check;
  }
  Session& session = by_session_[*id];
  session.key = key;
  session.dialled = true;
  session.check = check;
  session.email = to.email;
  return check;
}

bool Links::Accept(Instant now, const session::IncomingHello& hello, bool contact) {
  const LinkKey key{hello.identity, hello.caller.user, hello.caller.device};
  const std::optional<Offer> offer = ParseOffer(hello.offer);
  if (!offer || shown_.count(hello.identity) == 0) {
    counters_.Add("presence.hello_malformed");
    Refuse(now, hello, EndReason::kRefusedByPolicy);
    return false;
  }
  const bool fresh = links_.count(key) == 0;
  const bool full = offer->watch && fresh &&
                    (links_.size() >= kMaxLinks || (!contact && strangers_ >= kMaxStrangers));
  if (full) {
    counters_.Add("presence.link_refused_full");
    Refuse(now, hello, EndReason::kRefusedBusy);
    return false;
  }
  Session& session = by_session_[hello.id];
  session.key = key;
  session.email = hello.caller.email;
  if (offer->watch) {
    session.offered = offer->lease;
    session.leases_follow = offer->lease.has_value();
    Link& link = links_[key];
    if (fresh) {
      link.contact = contact;
      if (!contact) ++strangers_;
    }
    link.email = hello.caller.email;
    link.sessions.insert(hello.id);
  } else {
    session.check = CheckId();
  }
  sessions_.Acknowledge(now, hello.id,
                        EncodeAnswer(Answer{MyLease(key.own), contact && offer->watch}));
  return true;
}

void Links::Refuse(Instant now, const session::IncomingHello& hello, EndReason reason) {
  const LinkKey key{hello.identity, hello.caller.user, hello.caller.device};
  sessions_.Refuse(now, hello.id, reason);
  Session session;
  session.key = key;
  session.closing = true;
  session.check = CheckId();
  by_session_[hello.id] = std::move(session);
}

void Links::SetContact(Instant now, const pki::KeyHash& own, const pki::KeyHash& user,
                       bool contact) {
  std::vector<SessionId> ending;
  for (auto& [key, link] : links_) {
    if (key.own != own || key.user != user || link.contact == contact) continue;
    if (contact) {
      link.contact = true;
      --strangers_;
      Push(now, key, link);
      if (link.until && link.last) {
        ReportOf(LinkReport{LinkReport::Kind::kLease,
                            key,
                            link.email,
                            link.last,
                            EndReason::kNone,
                            CheckId(),
                            {},
                            {}});
      }
    } else {
      ending.insert(ending.end(), link.sessions.begin(), link.sessions.end());
    }
  }
  for (const SessionId id : ending) Close(now, id);
}

bool Links::HasSession(const LinkKey& key) const {
  const auto it = links_.find(key);
  if (it == links_.end()) return false;
  return std::any_of(it->second.sessions.begin(), it->second.sessions.end(),
                     [this](SessionId id) { return !by_session_.at(id).closing; });
}

std::optional<SessionId> Links::Standing(const Link& link) const {
  std::optional<SessionId> best;
  for (const SessionId id : link.sessions) {
    const Session& session = by_session_.at(id);
    if (!session.established || session.closing) continue;
    if (!best || Preferred(session)) best = id;
  }
  return best;
}

bool Links::Preferred(const Session& session) const {
  const auto shown = shown_.find(session.key.own);
  if (shown == shown_.end()) return session.dialled;
  const bool we_are_first = std::tie(session.key.own, shown->second.device) <
                            std::tie(session.key.user, session.key.device);
  return session.dialled == we_are_first;
}

void Links::Push(Instant now, const LinkKey& key, Link& link) {
  const std::optional<SessionId> id = Standing(link);
  if (!id) return;
  const absl::Status sent = sessions_.Send(now, *id, EncodeLease(MyLease(key.own)));
  counters_.Add(sent.ok() ? "presence.lease_sent" : "presence.lease_not_sent");
  link.next_push = now + lease_ / 2;
  Schedule(key, link);
}

void Links::Schedule(const LinkKey& key, Link& link) {
  if (link.timer) timers_.erase({*link.timer, key});
  std::optional<Instant> next = link.next_push;
  if (link.until && *link.until != Instant::Max()) next = Earliest(next, link.until);
  link.timer = next;
  if (next) timers_.insert({*next, key});
}

void Links::TakeLease(Instant now, const LinkKey& key, Link& link, const Lease& lease, bool holds) {
  const auto newest = std::tie(link.epoch, link.sequence);
  if (std::tie(lease.epoch, lease.sequence) <= newest) {
    counters_.Add("presence.lease_old");
    return;
  }
  link.epoch = lease.epoch;
  link.sequence = lease.sequence;
  link.last = lease;
  link.until = holds ? Instant::Max() : now + lease.life;
  if (lease.availability == Availability::kOffline) link.until.reset();
  counters_.Add("presence.lease_received");
  Schedule(key, link);
  ReportOf(LinkReport{
      LinkReport::Kind::kLease, key, link.email, lease, EndReason::kNone, CheckId(), {}, {}});
}

void Links::Close(Instant now, SessionId id) {
  const auto it = by_session_.find(id);
  if (it == by_session_.end() || it->second.closing) return;
  it->second.closing = true;
  sessions_.Close(now, id);
}

void Links::CloseSpare(Instant now, Link& link) {
  std::vector<SessionId> standing;
  for (const SessionId id : link.sessions) {
    const Session& session = by_session_.at(id);
    if (session.established && !session.closing) standing.push_back(id);
  }
  if (standing.size() < 2) return;
  // The preferred dialler's, and of several such the newest; else simply the newest.
  SessionId keep = standing.back();
  for (const SessionId id : standing) {
    if (Preferred(by_session_.at(id))) keep = id;
  }
  for (const SessionId id : standing) {
    if (id == keep) continue;
    counters_.Add("presence.spare_session_closed");
    Close(now, id);
  }
}

void Links::OnEstablished(Instant now, SessionId id, Session& session,
                          const session::Established& event) {
  session.established = true;
  std::optional<Answer> answer;
  if (session.dialled) {
    answer = ParseAnswer(event.answer);
    if (!answer) counters_.Add("presence.answer_malformed");
  }
  if (session.check) {
    if (session.dialled) {
      LinkReport report{
          LinkReport::Kind::kChecked, session.key,    session.email,    std::nullopt,
          EndReason::kNone,           *session.check, event.round_trip, event.safety_phrase};
      report.lease = answer && answer->lease ? answer->lease : Lease();
      ReportOf(std::move(report));
      session.check = CheckId();
      Close(now, id);
    }
    return;
  }
  const LinkKey key = session.key;
  Link& link = links_.at(key);
  if (session.dialled) session.leases_follow = answer && answer->leases_follow;
  const std::optional<Lease> first =
      session.dialled ? (answer ? answer->lease : std::nullopt) : session.offered;
  if (first) {
    TakeLease(now, key, link, *first, !session.leases_follow);
  } else if (session.dialled) {
    // It answered and says nothing of what it shows: it is there while the session stands.
    Lease there;
    there.epoch = link.epoch;
    there.sequence = link.sequence + 1;
    TakeLease(now, key, link, there, /*holds=*/true);
  }
  CloseSpare(now, link);
  if (link.contact && !link.next_push) {
    // The offer or the answer was the first lease; spread the rest.
    link.next_push = now + lease_ / 6 + rng_.Jitter(lease_ / 12);
    Schedule(key, link);
  }
}

void Links::EraseIfEmpty(const LinkKey& key) {
  const auto it = links_.find(key);
  if (it == links_.end() || !it->second.sessions.empty()) return;
  if (it->second.timer) timers_.erase({*it->second.timer, key});
  if (!it->second.contact) --strangers_;
  links_.erase(it);
}

void Links::OnEnded(SessionId id, const session::Ended& event) {
  const Session session = by_session_.at(id);
  by_session_.erase(id);
  if (session.check) {
    // A check that answered already, or one of somebody else's, has no id any more.
    if (session.check->value() != 0) {
      ReportOf(LinkReport{LinkReport::Kind::kChecked,
                          session.key,
                          session.email,
                          std::nullopt,
                          event.reason,
                          *session.check,
                          {},
                          {}});
    }
    return;
  }
  const auto it = links_.find(session.key);
  if (it == links_.end()) return;
  Link& link = it->second;
  link.sessions.erase(id);
  if (!link.sessions.empty()) return;
  const bool failed = session.dialled && !session.established;
  const LinkKey key = session.key;
  const std::string email = link.email;
  EraseIfEmpty(key);
  ReportOf(LinkReport{failed ? LinkReport::Kind::kDialFailed : LinkReport::Kind::kDown,
                      key,
                      email,
                      std::nullopt,
                      event.reason,
                      CheckId(),
                      {},
                      {}});
}

bool Links::OnSessionEvent(Instant now, const session::Event& event) {
  if (const auto* established = std::get_if<session::Established>(&event)) {
    const auto it = by_session_.find(established->id);
    if (it == by_session_.end()) return false;
    OnEstablished(now, it->first, it->second, *established);
    return true;
  }
  if (const auto* message = std::get_if<session::MessageReceived>(&event)) {
    const auto it = by_session_.find(message->id);
    if (it == by_session_.end()) return false;
    const std::optional<Lease> lease = ParseLease(message->message);
    const auto link = links_.find(it->second.key);
    if (!lease) {
      counters_.Add("presence.message_malformed");
    } else if (link != links_.end()) {
      it->second.leases_follow = true;
      TakeLease(now, link->first, link->second, *lease, /*holds=*/false);
      // Ours goes with the acknowledgement where it is due before long.
      const std::optional<Instant>& due = link->second.next_push;
      if (due && *due - now < lease_ / 4) Push(now, link->first, link->second);
    }
    return true;
  }
  if (const auto* ended = std::get_if<session::Ended>(&event)) {
    if (by_session_.count(ended->id) == 0) return false;
    OnEnded(ended->id, *ended);
    return true;
  }
  const auto* moved = std::get_if<session::RemoteMoved>(&event);
  return moved != nullptr && by_session_.count(moved->id) != 0;
}

void Links::OnTimeout(Instant now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const LinkKey key = timers_.begin()->second;
    Link& link = links_.at(key);
    if (link.until && *link.until <= now) {
      link.until.reset();
      // Whatever stands is doubtful now: a new hello tells.
      for (const SessionId id : link.sessions) {
        if (by_session_.at(id).established) Close(now, id);
      }
      ReportOf(LinkReport{LinkReport::Kind::kLapsed,
                          key,
                          link.email,
                          std::nullopt,
                          EndReason::kTimedOut,
                          CheckId(),
                          {},
                          {}});
    }
    if (link.next_push && *link.next_push <= now) {
      link.next_push = now + lease_ / 2;
      Push(now, key, link);
    }
    Schedule(key, link);
  }
}

std::optional<Instant> Links::PollTimeout() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

std::optional<LinkReport> Links::PollReport() {
  if (reports_.empty()) return std::nullopt;
  LinkReport report = std::move(reports_.front());
  reports_.pop_front();
  return report;
}

}  // namespace p2pd::presence
