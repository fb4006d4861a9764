#include "libcore/overlay/request_table.h"

#include <algorithm>

namespace p2pd::overlay {

namespace {

// How much may go back this way.
size_t LimitOf(const ReturnPath& path) {
  if (const auto* letter = std::get_if<LetterPath>(&path)) return letter->room();
  const auto* routed = std::get_if<Delivered>(&path);
  return routed != nullptr && routed->letter ? routed->letter->room() : SIZE_MAX;
}

// Who asked pays neither for a copy nor for its answer.
bool ByHops(const ReturnPath& path) {
  const auto* routed = std::get_if<Delivered>(&path);
  return routed != nullptr && !routed->letter;
}

size_t CopyOf(const ReturnPath& path) {
  const auto* letter = std::get_if<LetterPath>(&path);
  return letter != nullptr ? letter->copy.number : 1;
}

void AddPath(std::vector<ReturnPath>& paths, ReturnPath path) {
  const auto before = std::find_if(paths.begin(), paths.end(), [&path](const ReturnPath& p) {
    return CopyOf(p) == CopyOf(path);
  });
  if (before == paths.end()) {
    paths.push_back(std::move(path));
  } else if (LimitOf(path) >= LimitOf(*before)) {
    // A copy that proves less does not spoil the way back of the one that proved more.
    *before = std::move(path);
  }
}

}  // namespace

std::optional<RequestTable::Holder> RequestTable::HolderOf(const ReturnPath& path) const {
  const auto* letter = std::get_if<LetterPath>(&path);
  if (const auto* direct = std::get_if<DirectPath>(&path)) return direct->peer;
  if (const auto* routed = std::get_if<Delivered>(&path)) {
    if (routed->previous == self_) return std::nullopt;
    if (!routed->letter) return routed->previous;
    letter = &*routed->letter;
  }
  net::Endpoint from = letter->to;
  if (!from.address.IsPrivate()) from.port = 0;
  return from;
}

bool RequestTable::TakePlace(const std::optional<Holder>& holder) {
  if (!holder) return open_.size() < kMaxOpen;
  const bool letter = std::holds_alternative<net::Endpoint>(*holder);
  if (letter && open_letters_ >= kMaxOpenLetters) return false;
  if (!share_.Take(*holder)) return false;
  open_letters_ += letter ? 1 : 0;
  return true;
}

void RequestTable::Erase(std::map<uint64_t, Open>::iterator open) {
  if (const std::optional<Holder>& holder = open->second.holder) {
    share_.Return(*holder);
    open_letters_ -= std::holds_alternative<net::Endpoint>(*holder) ? 1 : 0;
  }
  token_of_.erase(open->second.name);
  open_.erase(open);
}

RequestTable::Admission RequestTable::Admit(Instant now, const MessageName& name, ReturnPath path) {
  Admission out;
  const auto answered = answers_.find(name);
  if (answered != answers_.end()) {
    Kept& kept = answered->second;
    if (ByHops(path) && ++kept.repeats > kMaxRepeats) {
      counters_.Add("overlay.refused_repeats");
      out.arrival = Arrival::kSpent;
      return out;
    }
    counters_.Add("overlay.answers_repeated");
    out.arrival = Arrival::kAnswered;
    out.answer = &kept.content;
    return out;
  }
  const auto waiting = token_of_.find(name);
  if (waiting != token_of_.end()) {
    AddPath(open_.at(waiting->second).paths, std::move(path));
    out.arrival = Arrival::kWaiting;
    return out;
  }
  const std::optional<Holder> holder = HolderOf(path);
  if (!TakePlace(holder)) {
    counters_.Add("overlay.refused_requests_full");
    return out;
  }
  const uint64_t token = next_token_++;
  open_.emplace(token, Open{name, {std::move(path)}, now + kOpenLifetime, holder});
  token_of_[name] = token;
  out.arrival = Arrival::kNew;
  out.token = AnswerToken(token);
  return out;
}

std::optional<RequestTable::Finished> RequestTable::Answer(Instant now, AnswerToken token,
                                                           const AnswerContent& content) {
  const auto found = open_.find(token.value());
  if (found == open_.end()) {
    counters_.Add("overlay.dropped_late_answers");
    return std::nullopt;
  }
  Finished out{found->second.name, std::move(found->second.paths)};
  Erase(found);
  answer_bytes_ += content.payload.size();
  answers_[out.name] = Kept{content};
  answer_order_.emplace_back(now + kAnswerLifetime, out.name);
  while (answers_.size() > kMaxAnswers || answer_bytes_ > kMaxAnswerBytes) {
    const auto oldest = answers_.find(answer_order_.front().second);
    answer_bytes_ -= oldest->second.content.payload.size();
    answers_.erase(oldest);
    answer_order_.pop_front();
  }
  return out;
}

const std::vector<ReturnPath>* RequestTable::PathsOf(AnswerToken token) const {
  const auto found = open_.find(token.value());
  return found == open_.end() ? nullptr : &found->second.paths;
}

std::vector<ReturnPath> RequestTable::Withdraw(AnswerToken token) {
  const auto found = open_.find(token.value());
  if (found == open_.end()) return {};
  std::vector<ReturnPath> out = std::move(found->second.paths);
  token_of_.erase(found->second.name);
  open_.erase(found);
  return out;
}

void RequestTable::OnTimeout(Instant now) {
  while (!open_.empty() && open_.begin()->second.expires <= now) {
    counters_.Add("overlay.requests_never_answered");
    Erase(open_.begin());
  }
  while (!answer_order_.empty() && answer_order_.front().first <= now) {
    const auto oldest = answers_.find(answer_order_.front().second);
    answer_bytes_ -= oldest->second.content.payload.size();
    answers_.erase(oldest);
    answer_order_.pop_front();
  }
}

std::optional<Instant> RequestTable::PollTimeout() const {
  std::optional<Instant> out;
  if (!open_.empty()) out = open_.begin()->second.expires;
  if (!answer_order_.empty()) out = Earliest(out, answer_order_.front().first);
  return out;
}

}  // namespace p2pd::overlay
