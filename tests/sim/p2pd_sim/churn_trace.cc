#include "tests/sim/p2pd_sim/churn_trace.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace p2pd::sim {
namespace {

std::optional<Stay> ParseStay(const std::string& line) {
  std::istringstream words(line);
  int64_t machine = -1;
  double comes = -1;
  double goes = -1;
  std::string more;
  if (!(words >> machine >> comes >> goes) || words >> more) return std::nullopt;
  const bool right = machine >= 0 && machine < int64_t{ChurnTrace::kMaxMachines} && comes >= 0 &&
                     goes > comes && goes < 1e9;
  if (!right) return std::nullopt;
  return Stay{static_cast<size_t>(machine), absl::Seconds(comes), absl::Seconds(goes)};
}

}  // namespace

absl::StatusOr<ChurnTrace> ReadChurnTrace(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  ChurnTrace out;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string::npos || line[first] == '#') continue;
    const std::optional<Stay> stay = ParseStay(line);
    if (out.stays.size() == ChurnTrace::kMaxStays) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": more than ", ChurnTrace::kMaxStays, " stays"));
    }
    if (!stay) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ":", number, ": must be 'machine comes goes', times in seconds, comes < goes"));
    }
    out.machines = std::max(out.machines, stay->machine + 1);
    out.ends = std::max(out.ends, stay->goes);
    out.stays.push_back(*stay);
  }
  if (out.stays.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": no stays in it"));
  std::sort(out.stays.begin(), out.stays.end(), [](const Stay& a, const Stay& b) {
    return std::tie(a.machine, a.comes) < std::tie(b.machine, b.comes);
  });
  for (size_t i = 1; i < out.stays.size(); ++i) {
    if (out.stays[i].machine == out.stays[i - 1].machine &&
        out.stays[i].comes < out.stays[i - 1].goes) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": machine ", out.stays[i].machine, " comes at ",
          absl::ToDoubleSeconds(out.stays[i].comes), " s, and its stay before goes on until ",
          absl::ToDoubleSeconds(out.stays[i - 1].goes), " s"));
    }
  }
  if (out.stays.front().machine == out.stays.back().machine) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": all stays are of one machine, ", out.stays.front().machine, ", which is no ring"));
  }
  return out;
}

}  // namespace p2pd::sim
