#include "libcore/overlay/letter_box.h"

#include <algorithm>
#include <utility>

#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/overlay/route.h"

namespace p2pd::overlay {
namespace {

// Targets are hearsay: nobody can be reached there, or many.
bool Reachable(const net::Endpoint& endpoint) {
  return endpoint.port != 0 && !endpoint.address.IsMulticast() && !endpoint.address.IsUnspecified();
}

}  // namespace

// The cookies' secret is drawn when the first one is needed: most nodes of a simulation send no
// letters, and their chance is to stay as it is.
const CookieJar& LetterBox::Jar() {
  if (!jar_) jar_.emplace(rng_);
  return *jar_;
}

void LetterBox::Emit(const net::Endpoint& to, Bytes datagram) {
  if (transmits_.size() >= kMaxTransmits) {
    counters_.Add("overlay.dropped_letter_queue_full");
    return;
  }
  transmits_.push_back(net::Transmit{to, std::move(datagram)});
}

// Ours.

absl::Status LetterBox::Send(Instant now, Order order) {
  if (!Reachable(order.target.endpoint)) {
    return absl::InvalidArgumentError("nobody can be reached at this address");
  }
  if (pending_.size() >= kMaxPending || pending_bytes_ + order.payload.size() > kMaxPendingBytes) {
    counters_.Add("overlay.refused_letters_full");
    return absl::ResourceExhaustedError("too many letters under way");
  }
  Pending pending;
  const NodeRecord* known = records_.FindHead(order.target.head);
  if (known != nullptr && known->sealing_key() == order.target.sealing_key) pending.known = *known;
  pending.order = std::move(order);
  pending.order.repeat_after = std::clamp(pending.order.repeat_after, kMinRepeat, kMaxRepeat);
  if (!Write(pending)) return absl::InvalidArgumentError("the node's sealing key is not a key");
  // Over a link it goes by the key, not to this node.
  if (pending.link_wanted && pending.order.route) {
    return absl::InvalidArgumentError("a routed request has to fit one letter");
  }
  if (!quota_.Take(now, pending.order.target.endpoint.address)) {
    counters_.Add("overlay.refused_letters_unproved");
    return absl::ResourceExhaustedError("too many letters to an address that never answered");
  }
  const uint64_t message_id = pending.order.message_id;
  const auto [it, fresh] = pending_.try_emplace(message_id, std::move(pending));
  if (!fresh) return absl::InvalidArgumentError("a letter with this message id is under way");
  pending_bytes_ += it->second.order.payload.size();
  Post(now, message_id, it->second);
  return absl::OkStatus();
}

bool LetterBox::Write(Pending& pending) {
  const Order& order = pending.order;
  LetterContent content;
  content.message_id = order.message_id;
  content.route = order.route;
  content.service = order.service;
  content.answer_bytes = order.answer_bytes;
  content.cookie = pending.cookie;
  if (pending.known) content.known_epoch = pending.known->epoch();
  if (order.payload.size() <= net::kMaxDatagram) content.payload = order.payload;
  pending.link_wanted = content.payload.size() != order.payload.size() ||
                        LetterSize(content, *self_) > net::kMaxDatagram;
  if (pending.link_wanted) {
    content.payload.clear();
    content.link_wanted = true;
  }
  // With a cookie one letter is enough; a routed request is sent on but once.
  const bool alone = content.cookie || content.route || content.link_wanted;
  const size_t parts = CountParts(order.answer_bytes, kCopyPart);
  const size_t copies = alone || parts > kMaxCopies ? 1 : std::max<size_t>(parts, 1);
  pending.sealed.clear();
  for (size_t number = 1; number <= copies; ++number) {
    content.copy = Copy{number, copies};
    std::optional<SealedLetter> sealed = WriteLetter(order.target, content, keys_, *self_, rng_);
    if (!sealed) return false;
    pending.sealed.push_back(*std::move(sealed));
  }
  return true;
}

void LetterBox::Post(Instant now, uint64_t message_id, Pending& pending) {
  for (const SealedLetter& letter : pending.sealed) by_name_[letter.seal.name()] = message_id;
  pending.sends = 0;
  SendNow(now, message_id, pending);
}

void LetterBox::SendNow(Instant now, uint64_t message_id, Pending& pending) {
  ++pending.sends;
  counters_.Add(pending.sends == 1 ? "overlay.letters_sent" : "overlay.letters_repeated");
  // Twice as long after the second: it is given up only once.
  pending.next = now + pending.order.repeat_after * pending.sends;
  timers_.insert({pending.next, message_id});
  for (size_t i = 0; i < pending.sealed.size(); ++i) {
    // The copy whose part came has done its work.
    if (pending.parts.count(i) == 0) {
      Emit(pending.order.target.endpoint, pending.sealed[i].datagram);
    }
  }
}

void LetterBox::Withdraw(const Pending& pending) {
  for (const SealedLetter& letter : pending.sealed) by_name_.erase(letter.seal.name());
  timers_.erase({pending.next, pending.order.message_id});
}

void LetterBox::Forget(std::map<uint64_t, Pending>::iterator it) {
  Withdraw(it->second);
  pending_bytes_ -= it->second.order.payload.size();
  pending_.erase(it);
}

void LetterBox::Cancel(uint64_t message_id) {
  const auto found = pending_.find(message_id);
  if (found != pending_.end()) Forget(found);
}

const AnswerSeal& LetterBox::SealOf(const Pending& pending, uint64_t name) {
  const auto found =
      std::find_if(pending.sealed.begin(), pending.sealed.end(),
                   [name](const SealedLetter& letter) { return letter.seal.name() == name; });
  P2PD_CHECK(found != pending.sealed.end());
  return found->seal;
}

void LetterBox::OnAnswer(Instant now, const net::Endpoint& from, ByteView datagram) {
  const std::optional<uint64_t> name = LetterAnswerNameOf(datagram);
  if (!name) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  const auto straight = expected_.find(*name);
  if (straight != expected_.end()) {
    std::optional<wire::v1::RouteReply> reply = OpenStraightReply(datagram, straight->second);
    if (!reply) return counters_.Add("overlay.dropped_bad_letter_answer");
    counters_.Add("overlay.straight_answers");
    events_.push_back(StraightReply{*std::move(reply)});
    return;
  }
  const auto named = by_name_.find(*name);
  if (named == by_name_.end()) {
    counters_.Add("overlay.dropped_unknown_letter_answer");
    return;
  }
  const auto found = pending_.find(named->second);
  Pending& pending = found->second;
  std::optional<LetterAnswer> answer = OpenLetterAnswer(
      datagram, SealOf(pending, *name), pending.order.target, pending.known, records_);
  if (!answer) {
    counters_.Add("overlay.dropped_bad_letter_answer");
    return;
  }
  // Who answers from elsewhere may have written any address there.
  if (from.address == pending.order.target.endpoint.address) quota_.OnProved(now, from.address);
  if (answer->cookie || pending.link_wanted) return OnRefusal(now, found->first, *answer);
  if (!Collect(pending, *answer)) return;
  events_.push_back(LetterAnswered{found->first, answer->from, std::move(answer->payload),
                                   answer->error, std::move(answer->reply)});
  Forget(found);
}

bool LetterBox::Collect(Pending& pending, LetterAnswer& answer) {
  if (answer.parts == 1) return true;
  pending.parts.insert_or_assign(answer.part, std::move(answer.payload));
  if (pending.parts.size() < answer.parts) return false;
  answer.payload.clear();
  for (const auto& [part, bytes] : pending.parts) Append(answer.payload, bytes);
  return true;
}

void LetterBox::OnRefusal(Instant now, uint64_t message_id, const LetterAnswer& refusal) {
  const auto found = pending_.find(message_id);
  Pending& pending = found->second;
  const bool fits = !pending.link_wanted && refusal.size <= kMaxAnswerParts * kAnswerPart;
  // A second refusal would mean that we moved, or that they play with us.
  if (fits && !pending.cookie) {
    Withdraw(pending);
    pending.parts.clear();
    pending.cookie = refusal.cookie;
    pending.known = refusal.from;
    if (pending.order.route) pending.order.route = SignNextAttempt(keys_, *pending.order.route);
    if (Write(pending) && !pending.link_wanted) return Post(now, message_id, pending);
  }
  events_.push_back(
      LetterNeedsLink{message_id, refusal.from, pending.order.service, pending.order.payload});
  Forget(found);
}

// Theirs.

void LetterBox::OnLetter(Instant now, const net::Endpoint& from, ByteView datagram) {
  if (datagram.size() < kMinLetter) {
    counters_.Add("overlay.dropped_malformed");
    return;
  }
  if (!bucket_.TryTake(now, 1)) {
    counters_.Add("overlay.refused_letter_rate");
    return;
  }
  std::optional<Letter> letter = OpenLetter(datagram, keys_, *self_, records_);
  if (!letter || letter->origin.id() == self_->id()) {
    counters_.Add("overlay.dropped_bad_letter");
    return;
  }
  counters_.Add("overlay.letters_received");
  LetterPath path{from, letter->seal, datagram.size(), letter->known_epoch, letter->message_id};
  if (letter->link_wanted) return Refuse(now, path, std::nullopt);
  // A cookie that is too old, of another address or request, or spent is as good as none.
  path.proved = Spend(now, from, *letter);
  if (path.proved) quota_.OnProved(now, from.address);
  path.copy = letter->copy;
  events_.push_back(LetterReceived{*std::move(letter), std::move(path)});
}

bool LetterBox::Spend(Instant now, const net::Endpoint& from, const Letter& letter) {
  if (!letter.cookie || !Jar().Check(now, from, *letter.cookie, letter.message_id)) return false;
  const uint32_t slot = ByteReader(letter.cookie->view()).U32();
  while (!spent_.empty() && spent_.begin()->first + 1 < CookieJar::SlotAt(now)) {
    spent_.erase(spent_.begin());
  }
  std::set<Cookie>& spent = spent_[slot];
  if (spent.size() >= kMaxSpent && spent.count(*letter.cookie) == 0) {
    counters_.Add("overlay.refused_spent_cookies_full");
    return false;
  }
  const bool fresh = spent.insert(*letter.cookie).second;
  if (!fresh) counters_.Add("overlay.refused_spent_cookies");
  return fresh;
}

void LetterBox::Refuse(Instant now, const LetterPath& path, std::optional<size_t> size) {
  const Cookie cookie = Jar().Make(now, path.to, path.message_id);
  Emit(path.to, WriteLetterRefusal(path, *self_, cookie, size, rng_));
}

void LetterBox::Answer(Instant now, const LetterPath& path, ByteView payload,
                       wire::v1::AnswerError error) {
  std::optional<Bytes> paid = WriteLetterAnswerToCopy(path, *self_, payload, error, rng_);
  if (paid) return Emit(path.to, *std::move(paid));
  if (path.copy.number > 1) return;
  std::optional<Bytes> datagram = WriteLetterAnswer(path, *self_, payload, error, rng_);
  if (datagram) return Emit(path.to, *std::move(datagram));
  std::vector<Bytes> parts = WriteLetterAnswerParts(path, *self_, payload, error, rng_);
  if (parts.empty()) {
    counters_.Add("overlay.letter_answers_too_large");
    return Refuse(now, path, payload.size());
  }
  for (Bytes& part : parts) Emit(path.to, std::move(part));
}

void LetterBox::AnswerRouted(Instant now, const LetterPath& path,
                             const wire::v1::RouteReply& reply) {
  std::optional<Bytes> datagram = WriteLetterReply(path, *self_, reply, rng_);
  if (!datagram) {
    counters_.Add("overlay.letter_answers_too_large");
    return Refuse(now, path, reply.ByteSizeLong());
  }
  Emit(path.to, *std::move(datagram));
}

void LetterBox::AnswerStraight(const LetterPath& path, const wire::v1::RouteReply& reply) {
  if (!Reachable(path.to)) return;
  std::optional<Bytes> datagram = WriteStraightReply(path, reply, rng_);
  if (datagram) Emit(path.to, *std::move(datagram));
}

void LetterBox::Expect(uint64_t message_id, const wire::v1::RouteMessage& request) {
  const AnswerSeal seal = AnswerSealOf(request);
  if (expected_.emplace(seal.name(), seal).second) {
    expected_names_.emplace(message_id, seal.name());
  }
}

void LetterBox::Unexpect(uint64_t message_id) {
  const auto [first, last] = expected_names_.equal_range(message_id);
  for (auto it = first; it != last; ++it) expected_.erase(it->second);
  expected_names_.erase(first, last);
}

void LetterBox::OnDatagram(Instant now, const net::Endpoint& from, DatagramType type,
                           ByteView datagram) {
  if (type == DatagramType::kLetter) return OnLetter(now, from, datagram);
  if (type == DatagramType::kLetterAnswer) OnAnswer(now, from, datagram);
}

// Time.

void LetterBox::OnTimeout(Instant now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const uint64_t message_id = timers_.begin()->second;
    timers_.erase(timers_.begin());
    const auto found = pending_.find(message_id);
    if (found->second.sends < kMaxSends) {
      SendNow(now, message_id, found->second);
      events_.push_back(LetterLate{message_id});
      continue;
    }
    counters_.Add("overlay.letters_unanswered");
    events_.push_back(LetterLost{message_id, found->second.order.target.head});
    Forget(found);
  }
}

std::optional<net::Transmit> LetterBox::PollTransmit() {
  if (transmits_.empty()) return std::nullopt;
  net::Transmit out = std::move(transmits_.front());
  transmits_.pop_front();
  sent_.Add(out.datagram.size());
  return out;
}

std::optional<Instant> LetterBox::PollTimeout() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first;
}

std::optional<LetterEvent> LetterBox::PollEvent() {
  if (events_.empty()) return std::nullopt;
  LetterEvent out = std::move(events_.front());
  events_.pop_front();
  return out;
}

}  // namespace p2pd::overlay
