#include "libcore/metrics/exposition.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "libcore/base/check.h"

namespace p2pd::metrics {
namespace {

bool IsName(absl::string_view name) {
  const auto good = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  return !name.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), good);
}

// Whole numbers whole, up to what a double holds.
std::string Number(double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (std::floor(value) == value && std::fabs(value) <= kExact) {
    return absl::StrCat(static_cast<int64_t>(value));
  }
  return absl::StrFormat("%.10g", value);
}

}  // namespace

void Exposition::Family(absl::string_view name, Type type, absl::string_view help) {
  P2PD_CHECK(IsName(name));
  P2PD_CHECK(families_.insert(std::string(name)).second);
  family_ = std::string(name);
  absl::StrAppend(&text_, "# HELP ", name, " ",
                  absl::StrReplaceAll(help, {{"\\", "\\\\"}, {"\n", "\\n"}}), "\n# TYPE ", name,
                  type == Type::kCounter ? " counter\n" : " gauge\n");
}

void Exposition::Sample(double value) {
  absl::StrAppend(&text_, family_, " ", Number(value), "\n");
}

void Exposition::Sample(absl::string_view label, absl::string_view of, double value) {
  P2PD_CHECK(IsName(label));
  absl::StrAppend(&text_, family_, "{", label, "=\"",
                  absl::StrReplaceAll(of, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}), "\"} ",
                  Number(value), "\n");
}

void Exposition::Single(absl::string_view name, Type type, absl::string_view help, double value) {
  Family(name, type, help);
  Sample(value);
}

std::string GaugeName(absl::string_view name) {
  std::string out = "p2pd_";
  for (const char c : name) {
    out.push_back(absl::ascii_isalnum(static_cast<unsigned char>(c)) ? c : '_');
  }
  return out;
}

std::string CounterName(absl::string_view name) { return absl::StrCat(GaugeName(name), "_total"); }

}  // namespace p2pd::metrics
