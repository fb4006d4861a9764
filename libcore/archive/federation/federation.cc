#include "libcore/archive/federation/federation.h"

#include <algorithm>
#include <utility>

namespace p2pd::archive::federation {
namespace {

// How often something is done so that a few failures still fit the grace time.
constexpr int kPollsInGrace = 6;
constexpr int kSearchesInGrace = 20;
constexpr absl::Duration kShortest = absl::Milliseconds(500);

uint64_t Millis(absl::Time wall) {
  return static_cast<uint64_t>(std::max<int64_t>(1, absl::ToUnixMillis(wall)));
}

}  // namespace

Federation::Federation(FederationOptions options, const FederationKey& key, Rng& rng,
                       Counters& counters, Instant now, absl::Time wall)
    : options_(std::move(options)),
      key_(key),
      rng_(rng),
      counters_(counters),
      started_(now),
      inventory_(Millis(wall)),
      next_(now),
      next_search_(now),
      next_offer_(now) {
  present_ = {{options_.self, static_cast<double>(options_.record.quota), options_.record.domain}};
}

absl::Duration Federation::PollEvery() const {
  return std::clamp(options_.grace / kPollsInGrace, kShortest, kLongestPoll);
}
absl::Duration Federation::SearchEvery() const {
  return std::clamp(options_.grace / kSearchesInGrace, kShortest, kLongestSearch);
}

std::optional<FederationOrder> Federation::PollOrder() {
  if (orders_.empty()) return std::nullopt;
  FederationOrder out = std::move(orders_.front());
  orders_.pop_front();
  return out;
}

std::optional<FederationEvent> Federation::PollEvent() {
  if (events_.empty()) return std::nullopt;
  FederationEvent out = events_.front();
  events_.pop_front();
  return out;
}

std::optional<torrent::InfoHash> Federation::PollHeard() {
  if (heard_.empty()) return std::nullopt;
  return heard_.extract(heard_.begin()).value();
}

// Records.

void Federation::Offer(Instant now, absl::Time wall) {
  sequence_ = std::max(sequence_ + 1, Millis(wall));
  orders_.push_back(OfferRecord{
      key_.SealRecord(options_.self, sequence_, WriteMemberRecord(options_.record), rng_),
      sequence_, kRecordLife});
  next_offer_ = now + kRecordLife / 3;
}

void Federation::TakeRecord(Instant now, absl::Time wall, const FoundRecord& found) {
  const auto plain = key_.OpenRecord(found.of, found.sequence, found.description);
  const auto record = plain ? ParseMemberRecord(plain->view()) : std::nullopt;
  if (!record) return counters_.Add("federation.records_not_of_members");
  if (found.expires + kClockSlack < wall) return counters_.Add("federation.records_expired");
  const auto known = others_.find(found.of);
  if (known == others_.end() && others_.size() + 1 >= kMaxMembers) {
    return counters_.Add("federation.refused_members_full");
  }
  Other& other = others_[found.of];
  if (found.sequence < other.sequence) return counters_.Add("federation.records_older");
  if (other.sequence == 0) other.next_poll = now;
  other.sequence = found.sequence;
  other.expires = found.expires;
  if (other.record == *record) return;
  other.record = *record;
  changed_ = true;
}

void Federation::OnSearched(Instant now, absl::Time wall, const std::vector<FoundRecord>& records) {
  searched_ = true;
  bool ours = false;
  for (const FoundRecord& found : records) {
    if (found.of == options_.self) {
      ours = ours || found.sequence >= sequence_;
      sequence_ = std::max(sequence_, found.sequence);
    } else {
      TakeRecord(now, wall, found);
    }
  }
  // The ring may have been another one when it was put.
  if (!ours) next_offer_ = std::min(next_offer_, now + SearchEvery());
  next_ = now;
}

// Questions and answers.

void Federation::Ask(const MemberId& to, const Question& question,
                     std::optional<Expected> expected) {
  last_ask_ = last_ask_.Next();
  const Bytes payload = key_.Tagged(options_.self, to, {}, Write(question));
  asking_[last_ask_] = {to, ToBytes(FederationKey::TagOf(payload)), std::move(expected)};
  orders_.push_back(AskMember{last_ask_, to, payload});
}

void Federation::OnAnswer(Instant now, AskId id, const absl::StatusOr<Bytes>& answer) {
  const auto found = asking_.extract(id);
  if (!found) return;
  const Asking& asked = found.mapped();
  std::optional<Reply> reply;
  if (answer.ok()) {
    const auto plain = key_.Untagged(asked.to, options_.self, asked.tag, *answer);
    if (plain) reply = ParseReply(*plain);
    if (!reply) counters_.Add("federation.answers_bad");
  }
  const auto* const promise = reply ? std::get_if<Promise>(&*reply) : nullptr;
  if (asked.expected) OnPromise(*asked.expected, asked.to, promise);
  const auto other = others_.find(asked.to);
  if (other == others_.end()) return;
  if (reply) other->second.heard = now;
  if (!asked.expected) other->second.asking = false;
  const auto* const page = reply ? std::get_if<InventoryPage>(&*reply) : nullptr;
  if (page != nullptr && !asked.expected) OnPage(now, other->first, other->second, *page);
  next_ = now;
}

void Federation::OnPage(Instant now, const MemberId& from, Other& other,
                        const InventoryPage& page) {
  std::vector<torrent::InfoHash> changed;
  const HeardInventory::Taken taken = other.inventory.Take(page, changed);
  heard_.insert(changed.begin(), changed.end());
  if (taken == HeardInventory::Taken::kRefused) {
    counters_.Add("federation.inventories_refused");
    return;
  }
  other.used = page.used;
  if (std::exchange(other.full, page.full) != page.full) changed_ = true;
  if (taken == HeardInventory::Taken::kComplete) return;
  other.asking = true;
  Ask(from, WhatChanged{other.inventory.epoch(), other.inventory.revision()}, std::nullopt);
  other.next_poll = now + PollEvery();
}

void Federation::OnQuestion(Instant now, const MemberId& from, QuestionToken token,
                            ByteView payload, MayPromise promise) {
  const auto plain = key_.Untagged(from, options_.self, {}, payload);
  if (!plain) {
    counters_.Add("federation.questions_of_strangers");
    return orders_.push_back(AnswerMember{token, {}});
  }
  const auto question = ParseQuestion(*plain);
  if (!question) {
    counters_.Add("federation.questions_bad");
    return orders_.push_back(AnswerMember{token, {}});
  }
  if (const auto other = others_.find(from); other != others_.end()) {
    // Lost ones are back as soon as they speak.
    if (!other->second.present) other->second.next_poll = std::min(other->second.next_poll, now);
  } else {
    next_search_ = std::min(next_search_, now + kShortest);
  }
  next_ = std::min(next_, now + kShortest);
  const ByteView tag = FederationKey::TagOf(payload);
  if (const auto* what = std::get_if<WhatChanged>(&*question)) {
    InventoryPage page = inventory_.PageAfter(what->epoch, what->revision);
    page.full = full_;
    page.used = used_;
    return Answer(from, token, tag, Reply(std::move(page)));
  }
  const auto& will = std::get<WillYouKeep>(*question);
  if (reading_.size() >= kMaxReads) {
    counters_.Add("federation.refused_reads_full");
    return Answer(from, token, tag, Promise{});
  }
  if (!promise(will.group)) return Answer(from, token, tag, Promise{});
  Read({will.group, will.nonce, {}, token, from, ToBytes(tag)});
}

void Federation::Answer(const MemberId& to, QuestionToken token, ByteView tag, const Reply& reply) {
  orders_.push_back(AnswerMember{token, key_.Tagged(options_.self, to, tag, Write(reply))});
}

void Federation::Read(Reading reading) {
  last_read_ = last_read_.Next();
  orders_.push_back(ReadSamples{last_read_, reading.group, reading.nonce});
  reading_[last_read_] = std::move(reading);
}

void Federation::OnRead(Instant now, ReadId id, const absl::StatusOr<Bytes>& bytes) {
  const auto found = reading_.extract(id);
  if (!found) return;
  const Reading& what = found.mapped();
  if (!bytes.ok()) counters_.Add("federation.samples_unreadable");
  if (what.holders.empty()) {
    Promise promise;
    if (bytes.ok()) {
      promise.proof = HolderProof(what.group, what.nonce, options_.self, what.asker, *bytes);
    }
    return Answer(what.asker, what.token, what.tag, promise);
  }
  if (!bytes.ok()) {
    promises_.erase(what.group);
    events_.push_back(Promised{what.group, 0});
    return;
  }
  for (const MemberId& holder : what.holders) {
    Ask(holder, WillYouKeep{what.group, what.nonce},
        Expected{what.group, HolderProof(what.group, what.nonce, holder, options_.self, *bytes)});
  }
  next_ = std::min(next_, now);
}

void Federation::AskToKeep(Instant now, const GroupId& group,
                           const std::vector<MemberId>& holders) {
  if (holders.empty() || promises_.size() >= kMaxPromises) {
    events_.push_back(Promised{group, 0});
    return;
  }
  if (!promises_.try_emplace(group, Promises{holders.size(), 0}).second) return;
  Reading reading{group, {}, holders, {}, {}, {}};
  rng_.Fill(reading.nonce.mutable_view());
  Read(std::move(reading));
  next_ = std::min(next_, now);
}

void Federation::OnPromise(const Expected& expected, const MemberId& from, const Promise* promise) {
  const GroupId& group = expected.group;
  const bool said = promise != nullptr && promise->proof;
  const bool shown = said && *promise->proof == expected.proof;
  if (said) {
    counters_.Add(shown ? "federation.challenges_right" : "federation.challenges_failed");
    const auto other = others_.find(from);
    if (other != others_.end()) ++(shown ? other->second.proven : other->second.failed);
  }
  const auto found = promises_.find(group);
  if (found == promises_.end()) return;
  found->second.promises += shown ? 1 : 0;
  if (--found->second.waiting != 0) return;
  events_.push_back(Promised{group, found->second.promises});
  promises_.erase(found);
}

// From the archive.

void Federation::SetHeld(const torrent::InfoHash& hash, Groups groups) {
  if (groups.size() > kMaxGroups) return counters_.Add("federation.torrents_too_large");
  inventory_.Set(hash, std::move(groups));
}

void Federation::SetRoom(bool full, uint64_t used) {
  used_ = used;
  full_ = full;
}

// Time.

void Federation::Poll(Instant now) {
  for (auto& [id, other] : others_) {
    if (other.asking || other.next_poll > now) continue;
    other.asking = true;
    Ask(id, WhatChanged{other.inventory.epoch(), other.inventory.revision()}, std::nullopt);
    const bool lost = other.heard && now - *other.heard > options_.grace;
    other.next_poll =
        now + (lost ? std::max(PollEvery(), std::min(kLostPoll, options_.grace)) : PollEvery());
  }
}

void Federation::Judge(Instant now) {
  bool changed = std::exchange(changed_, false);
  bool all = true;
  for (auto& [id, other] : others_) {
    const bool present =
        other.heard && now - *other.heard <= options_.grace && other.inventory.complete();
    all = all && other.inventory.complete();
    if (std::exchange(other.present, present) == present) continue;
    changed = true;
    if (!present) counters_.Add("federation.members_lost");
    // What it holds has a copy more or less.
    for (const auto& [hash, groups] : other.inventory.all()) heard_.insert(hash);
  }
  const bool alone = now - started_ >= std::min(options_.grace, kSettling);
  if (!settled_ && (alone || (searched_ && !others_.empty() && all))) {
    settled_ = true;
    changed = true;
  }
  if (!changed) return;
  present_.resize(1);
  for (const auto& [id, other] : others_) {
    if (!other.present) continue;
    present_.push_back({id, static_cast<double>(other.record.quota), other.record.domain});
  }
  ++generation_;
  events_.push_back(MembersChanged{});
}

void Federation::OnTimeout(Instant now, absl::Time wall) {
  if (next_ > now) return;
  if (next_offer_ <= now) Offer(now, wall);
  if (next_search_ <= now) {
    orders_.push_back(SearchRecords{});
    next_search_ = now + SearchEvery();
  }
  Poll(now);
  Judge(now);
  std::erase_if(others_, [&](const auto& entry) {
    const Other& other = entry.second;
    return !other.present && !other.asking && other.expires + kClockSlack < wall;
  });
  next_ = std::min(next_offer_, next_search_);
  for (const auto& [id, other] : others_) {
    if (!other.asking) next_ = std::min(next_, other.next_poll);
    if (other.present) next_ = std::min(next_, *other.heard + options_.grace + kShortest);
  }
  if (!settled_) next_ = std::min(next_, now + kShortest);
}

// What others read.

bool Federation::IsFull(const MemberId& member) const {
  if (member == options_.self) return full_;
  const auto found = others_.find(member);
  return found != others_.end() && found->second.full;
}

std::vector<Fellows::Holding> Federation::HeldOf(const torrent::InfoHash& torrent) const {
  std::vector<Holding> out;
  for (const auto& [id, other] : others_) {
    const Groups* const groups = other.present ? other.inventory.Find(torrent) : nullptr;
    if (groups != nullptr) out.push_back({id, groups});
  }
  return out;
}

std::vector<net::Endpoint> Federation::SourcesOf(const torrent::InfoHash& torrent) const {
  std::vector<net::Endpoint> out;
  for (const Holding& holding : HeldOf(torrent)) {
    const std::vector<net::Endpoint>& at = others_.at(holding.member).record.endpoints;
    out.insert(out.end(), at.begin(), at.end());
  }
  return out;
}

std::vector<net::Endpoint> Federation::HoldersAt(const torrent::InfoHash& torrent) const {
  std::vector<net::Endpoint> out;
  for (const Holding& holding : HeldOf(torrent)) {
    if (std::find(holding.groups->begin(), holding.groups->end(), true) == holding.groups->end()) {
      continue;
    }
    const std::vector<net::Endpoint>& at = others_.at(holding.member).record.endpoints;
    out.insert(out.end(), at.begin(), at.end());
  }
  return out;
}

std::vector<net::Endpoint> Federation::Endpoints() const {
  std::vector<net::Endpoint> out;
  for (const auto& [id, other] : others_) {
    if (!other.present) continue;
    out.insert(out.end(), other.record.endpoints.begin(), other.record.endpoints.end());
  }
  return out;
}

std::vector<std::string> Federation::Trackers() const {
  std::vector<std::string> out;
  for (const auto& [id, other] : others_) {
    if (!other.present) continue;
    out.insert(out.end(), other.record.trackers.begin(), other.record.trackers.end());
  }
  return out;
}

std::vector<MemberView> Federation::List(Instant now) const {
  std::vector<MemberView> out;
  MemberView self;
  self.id = options_.self;
  self.record = options_.record;
  self.self = true;
  self.present = true;
  self.full = full_;
  self.heard = absl::ZeroDuration();
  self.torrents = inventory_.torrents();
  self.groups = inventory_.held();
  self.used = used_;
  out.push_back(std::move(self));
  for (const auto& [id, other] : others_) {
    MemberView view;
    view.id = id;
    view.record = other.record;
    view.present = other.present;
    view.full = other.full;
    if (other.heard) view.heard = now - *other.heard;
    view.lost = view.heard && *view.heard > options_.grace;
    view.torrents = other.inventory.torrents();
    view.groups = other.inventory.groups();
    view.used = other.used;
    view.proven = other.proven;
    view.failed = other.failed;
    out.push_back(std::move(view));
  }
  return out;
}

}  // namespace p2pd::archive::federation
