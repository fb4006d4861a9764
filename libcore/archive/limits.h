// Limits: how fast and to how many the archive gives and takes at a moment, and what it may still
// send in this month.
//
// Rules: what a person set by hand holds before a rule of the schedule, and that before what is
// configured; of several rules that hold at a time the first one does, for each rate apart. When
// the month's budget is used up, sending goes on for torrents of which nobody else has a whole
// copy, and ends for all others until the next month: an archive that is silent then would let
// them die. Times of day and months are those of the zone that it is given. A clock that jumps
// forward begins a new month; one that jumps back keeps what was counted.
// Threads: one owner. Limits: kMaxRules.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace p2pd::archive {

// A stretch of the week with rates of its own.
struct ScheduleRule {
  static constexpr uint8_t kEveryDay = 0x7f;
  static constexpr int kMinutesOfDay = 24 * 60;

  // Of its beginning: bit 0 is Monday, bit 6 Sunday.
  uint8_t days = kEveryDay;
  // Minutes after midnight, 0..1439; `to` is not in it. Where it is not later than `from` the
  // stretch ends on the next day; the same twice is a whole day.
  int from = 0;
  int to = 0;
  // Bytes a second, 0 is no limit; none: as without the rule.
  std::optional<uint64_t> up{};
  std::optional<uint64_t> down{};

  // At a minute of the week that begins on a Monday.
  bool Holds(int weekday, int minute) const;
};

// 0 is no limit.
struct LimitSettings {
  uint64_t up = 0;     // bytes a second
  uint64_t down = 0;   // bytes a second
  uint32_t slots = 0;  // peers that are served at a time
  uint32_t connections = 4000;
  uint64_t budget = 0;  // bytes that are sent in a calendar month
  std::vector<ScheduleRule> schedule{};
};

// What a person sets by hand; none: as configured.
struct LimitChange {
  std::optional<uint64_t> up{};
  std::optional<uint64_t> down{};
  std::optional<uint32_t> slots{};
  std::optional<uint32_t> connections{};
  std::optional<uint64_t> budget{};
};

// Who says how fast it is.
enum class LimitOrigin : uint8_t { kConfigured, kSchedule, kByHand };

// What holds at a moment; 0 is no limit.
struct LimitsInForce {
  uint64_t up = 0;
  uint64_t down = 0;
  LimitOrigin up_origin = LimitOrigin::kConfigured;
  LimitOrigin down_origin = LimitOrigin::kConfigured;
  uint32_t slots = 0;
  uint32_t connections = 0;
  uint64_t budget = 0;
  uint64_t sent = 0;     // in this month
  bool used_up = false;  // the budget is
  absl::Time renewed{};  // when the next month begins
  friend bool operator==(const LimitsInForce&, const LimitsInForce&) = default;
};

class Limits {
 public:
  static constexpr size_t kMaxRules = 64;
  // Bytes of Encode at the most.
  static constexpr size_t kMaxEncoded = 64;

  Limits(LimitSettings settings, absl::TimeZone zone);

  // The configuration was read again: what was set by hand is forgotten.
  void Configure(LimitSettings settings);
  // Beside what was set by hand before.
  void Change(const LimitChange& change);
  void ForgetChanges() { change_ = {}; }
  // `total` bytes were sent since the process started. One that is lower than the one before is a
  // new count.
  void OnSent(absl::Time wall, uint64_t total);
  LimitsInForce At(absl::Time wall) const;

  // What was sent in which month, as a line of text: "2026-11 123456".
  std::string Encode() const;
  // InvalidArgument when it is no such line; nothing is changed then.
  absl::Status Restore(absl::string_view text);

 private:
  LimitSettings settings_;
  LimitChange change_;
  const absl::TimeZone zone_;
  struct Month {
    absl::CivilMonth month;
    uint64_t sent = 0;
  };
  absl::CivilMonth month_;
  uint64_t sent_ = 0;  // in month_
  Month before_;       // that the clock showed last
  uint64_t total_ = 0;
};

}  // namespace p2pd::archive
