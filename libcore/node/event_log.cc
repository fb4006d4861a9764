#include "libcore/node/event_log.h"

#include <utility>

#include "libcore/base/resume_token.h"

namespace p2pd::node {

void EventLog::Add(Topic topic, std::string name, std::string detail, absl::Time time) {
  last_ = last_.Next();
  changes_.push_back(Change{last_, topic, std::move(name), std::move(detail), time});
  if (changes_.size() > kKept) changes_.pop_front();
}

std::optional<std::vector<Change>> EventLog::Since(Revision since) const {
  if (since > last_) return std::nullopt;
  const uint64_t missed = last_.value() - since.value();
  if (missed > changes_.size()) return std::nullopt;
  return std::vector<Change>(changes_.end() - static_cast<std::ptrdiff_t>(missed), changes_.end());
}

std::string EventLog::TokenFor(Revision revision) const {
  return WriteResumeToken(epoch_, revision.value());
}

std::optional<Revision> EventLog::ParseToken(const std::string& token) const {
  const std::optional<uint64_t> revision = ReadResumeToken(epoch_, token);
  return revision ? std::optional(Revision(*revision)) : std::nullopt;
}

}  // namespace p2pd::node
