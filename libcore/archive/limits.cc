#include "libcore/archive/limits.h"

#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace p2pd::archive {
namespace {

// absl counts them from Monday, too.
int DayOfWeek(absl::CivilDay day) { return static_cast<int>(absl::GetWeekday(day)); }

constexpr int kDays = 7;

void Take(const std::optional<uint64_t>& rate, uint64_t& value, LimitOrigin& origin,
          LimitOrigin from) {
  if (!rate) return;
  value = *rate;
  origin = from;
}

uint64_t Sum(uint64_t a, uint64_t b) {
  return b > std::numeric_limits<uint64_t>::max() - a ? std::numeric_limits<uint64_t>::max()
                                                      : a + b;
}

}  // namespace

bool ScheduleRule::Holds(int weekday, int minute) const {
  const auto begins = [this](int day) { return ((days >> ((day + kDays) % kDays)) & 1) != 0; };
  if (from < to) return begins(weekday) && minute >= from && minute < to;
  return (begins(weekday) && minute >= from) || (begins(weekday - 1) && minute < to);
}

Limits::Limits(LimitSettings settings, absl::TimeZone zone)
    : settings_(std::move(settings)), zone_(zone) {}

void Limits::Configure(LimitSettings settings) {
  settings_ = std::move(settings);
  change_ = {};
}

void Limits::Change(const LimitChange& change) {
  if (change.up) change_.up = change.up;
  if (change.down) change_.down = change.down;
  if (change.slots) change_.slots = change.slots;
  if (change.connections) change_.connections = change.connections;
  if (change.budget) change_.budget = change.budget;
}

void Limits::OnSent(absl::Time wall, uint64_t total) {
  const uint64_t more = total >= total_ ? total - total_ : total;
  total_ = total;
  const absl::CivilMonth now = absl::ToCivilMonth(wall, zone_);
  if (now != month_) {
    const Month was{month_, sent_};
    // A clock that jumped, and comes back to what was counted before, from behind or from ahead.
    if (now == before_.month) {
      sent_ = now > month_ ? std::max(before_.sent, sent_) : Sum(before_.sent, sent_);
    } else if (now > month_) {
      sent_ = 0;
    }
    month_ = now;
    before_ = was;
  }
  sent_ = Sum(sent_, more);
}

LimitsInForce Limits::At(absl::Time wall) const {
  LimitsInForce out;
  out.up = settings_.up;
  out.down = settings_.down;
  const absl::CivilMinute now = absl::ToCivilMinute(wall, zone_);
  const int weekday = DayOfWeek(absl::CivilDay(now));
  const int minute = now.hour() * 60 + now.minute();
  // From the last to the first, which so has the last word.
  for (auto rule = settings_.schedule.rbegin(); rule != settings_.schedule.rend(); ++rule) {
    if (!rule->Holds(weekday, minute)) continue;
    Take(rule->up, out.up, out.up_origin, LimitOrigin::kSchedule);
    Take(rule->down, out.down, out.down_origin, LimitOrigin::kSchedule);
  }
  Take(change_.up, out.up, out.up_origin, LimitOrigin::kByHand);
  Take(change_.down, out.down, out.down_origin, LimitOrigin::kByHand);
  out.slots = change_.slots.value_or(settings_.slots);
  out.connections = change_.connections.value_or(settings_.connections);
  out.budget = change_.budget.value_or(settings_.budget);
  const absl::CivilMonth month(now);
  out.sent = month > month_ ? 0 : sent_;
  out.used_up = out.budget != 0 && out.sent >= out.budget;
  out.renewed = absl::FromCivil(month + 1, zone_);
  return out;
}

std::string Limits::Encode() const {
  return absl::StrFormat("%04d-%02d %u\n", month_.year(), month_.month(), sent_);
}

absl::Status Limits::Restore(absl::string_view text) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::StripTrailingAsciiWhitespace(text), ' ');
  absl::CivilMonth month;
  uint64_t sent = 0;
  const bool good = text.size() <= kMaxEncoded && words.size() == 2 &&
                    absl::ParseCivilTime(words[0], &month) && absl::SimpleAtoi(words[1], &sent);
  if (!good) return absl::InvalidArgumentError("is no month and count of bytes");
  month_ = month;
  sent_ = sent;
  return absl::OkStatus();
}

}  // namespace p2pd::archive
