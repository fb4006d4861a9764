#include "daemon/schedule_rules.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "daemon/quantities.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

using archive::ScheduleRule;

constexpr absl::string_view kDays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr int kDayCount = 7;
constexpr uint64_t kLeastRate = 1024;

absl::Status Bad(absl::string_view value, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", value, "' ", why));
}

std::optional<int> DayOf(absl::string_view word) {
  const auto* const found = std::find(std::begin(kDays), std::end(kDays), word);
  if (found == std::end(kDays)) return std::nullopt;
  return static_cast<int>(found - std::begin(kDays));
}

// "mon", "mon-fri", "sat,sun", and "fri-mon" over the end of the week.
std::optional<uint8_t> ParseDays(absl::string_view text) {
  uint8_t days = 0;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> ends =
        absl::StrSplit(part, absl::MaxSplits('-', 1));
    const bool stretch = part.find('-') != absl::string_view::npos;
    const std::optional<int> first = DayOf(ends.first);
    const std::optional<int> last = stretch ? DayOf(ends.second) : first;
    if (!first || !last) return std::nullopt;
    for (int day = *first;; day = (day + 1) % kDayCount) {
      days = static_cast<uint8_t>(days | (1 << day));
      if (day == *last) break;
    }
  }
  return days;
}

}  // namespace

absl::Status CheckRate(uint64_t rate) {
  if (rate == 0 || rate >= kLeastRate) return absl::OkStatus();
  return Bad(absl::StrCat(rate), "is less than 1KiB a second; 0 is no limit");
}

absl::StatusOr<uint64_t> ParseRate(absl::string_view text) {
  P2PD_ASSIGN_OR_RETURN(const uint64_t rate, ParseSize(text));
  P2PD_RETURN_IF_ERROR(CheckRate(rate));
  return rate;
}

absl::StatusOr<ScheduleRule> ParseScheduleRule(absl::string_view text) {
  std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  ScheduleRule rule;
  auto word = words.begin();
  if (word != words.end() && absl::ascii_isalpha(static_cast<unsigned char>(word->front()))) {
    const std::optional<uint8_t> days = ParseDays(*word);
    if (!days) return Bad(*word, "is no days, such as mon-fri or sat,sun");
    rule.days = *days;
    ++word;
  }
  if (word == words.end()) return Bad(text, "names no hours, such as 08:00-18:00");
  P2PD_ASSIGN_OR_RETURN(std::tie(rule.from, rule.to), ParseHours(*word));
  for (++word; word != words.end(); ++word) {
    absl::string_view value = *word;
    std::optional<uint64_t>* rate = nullptr;
    if (absl::ConsumePrefix(&value, "up=")) rate = &rule.up;
    if (rate == nullptr && absl::ConsumePrefix(&value, "down=")) rate = &rule.down;
    if (rate == nullptr) return Bad(*word, "is neither up=RATE nor down=RATE");
    if (rate->has_value()) return Bad(*word, "is there twice");
    P2PD_ASSIGN_OR_RETURN(*rate, ParseRate(value));
  }
  if (!rule.up && !rule.down) return Bad(text, "says neither up=RATE nor down=RATE");
  return rule;
}

std::string PrintScheduleRule(const ScheduleRule& rule) {
  std::string out;
  for (int day = 0; day < kDayCount && rule.days != ScheduleRule::kEveryDay; ++day) {
    if (((rule.days >> day) & 1) == 0) continue;
    absl::StrAppend(&out, out.empty() ? "" : ",", kDays[day]);
  }
  absl::StrAppend(&out, out.empty() ? "" : " ", PrintHours(rule.from, rule.to));
  if (rule.up) absl::StrAppend(&out, " up=", PrintSize(*rule.up));
  if (rule.down) absl::StrAppend(&out, " down=", PrintSize(*rule.down));
  return out;
}

}  // namespace p2pd::daemon
