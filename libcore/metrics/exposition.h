// Exposition: counters and gauges as Prometheus reads them, text format 0.0.4.
//
// Rules: each family has its HELP and TYPE lines once, before its samples; a counter's name ends in
// _total. Names and labels are ours, never a stranger's: what is no name is our own bug, and what
// cannot stand in a label or a help is escaped all the same. Threads: values.
// Source: Prometheus, 'Exposition formats'.
#pragma once

#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace p2pd::metrics {

inline constexpr absl::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

enum class Type { kCounter, kGauge };

class Exposition {
 public:
  // A family; its samples follow. `name` has letters, digits and "_" alone, and comes once.
  void Family(absl::string_view name, Type type, absl::string_view help);
  // Of the last family.
  void Sample(double value);
  void Sample(absl::string_view label, absl::string_view of, double value);
  // A family of one sample.
  void Single(absl::string_view name, Type type, absl::string_view help, double value);

  const std::string& text() const { return text_; }

 private:
  std::set<std::string> families_;
  std::string family_;
  std::string text_;
};

// The name of the counter "module.event" of ours: p2pd_module_event_total.
std::string CounterName(absl::string_view name);
// The same as a gauge: p2pd_module_event.
std::string GaugeName(absl::string_view name);

}  // namespace p2pd::metrics
