#include "tests/sim/p2pd_sim/plot.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace p2pd::sim {
namespace {

constexpr const char* kGnuplot = "gnuplot";

// Runs gnuplot with `script` as its standard input and `out` as its output.
absl::Status RunGnuplot(const std::string& script, int out) {
  const std::unique_ptr<FILE, int (*)(FILE*)> input(std::tmpfile(), std::fclose);
  const bool written = input &&
                       std::fwrite(script.data(), 1, script.size(), input.get()) == script.size() &&
                       std::fflush(input.get()) == 0;
  if (!written) return absl::ErrnoToStatus(errno, "no room for gnuplot's script");
  std::rewind(input.get());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(input.get()), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string name = kGnuplot;
  const std::array<char*, 2> arguments = {name.data(), nullptr};
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, kGnuplot, &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return absl::UnavailableError("gnuplot cannot be started (apt-get install gnuplot-nox)");
  }
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) {
    return absl::UnavailableError("gnuplot failed");
  }
  return absl::OkStatus();
}

absl::Status Draw(const std::string& script, const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  const absl::Status drawn = RunGnuplot(script, file);
  if (close(file) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  return drawn;
}

std::string Terminal(int height) {
  return absl::StrFormat("set terminal pngcairo size %d,%d\nset logscale x\nset grid\n", kPlotWidth,
                         height);
}

// One panel a curve, all protocols in each.
absl::Status PlotCurves(const std::vector<Report>& reports, const std::string& path) {
  const std::vector<Curve>& panels = reports[0].curves;
  const auto count = static_cast<int>(panels.size());
  std::string script = absl::StrCat(
      Terminal(kCurveHeight * count),
      "set xlabel 'nodes'\nset yrange [0:*]\nset key outside top center horizontal\n",
      absl::StrFormat("set multiplot layout %d,1 title '%s'\n", count, reports[0].scenario));
  for (size_t i = 0; i < panels.size(); ++i) {
    absl::StrAppendFormat(&script, "set ylabel '%s'\nplot ", panels[i].name);
    std::vector<std::string> lines;
    std::string data;
    for (const Report& report : reports) {
      if (i >= report.curves.size()) continue;
      lines.push_back(absl::StrFormat("'-' with linespoints linewidth 2 title '%s, seed %u'",
                                      report.protocol, report.seed));
      for (const auto& [x, y] : report.curves[i].points) {
        if (std::isfinite(y)) absl::StrAppendFormat(&data, "%g %g\n", x, y);
      }
      absl::StrAppend(&data, "e\n");
    }
    absl::StrAppend(&script, absl::StrJoin(lines, ", "), "\n", data);
  }
  return Draw(script + "unset multiplot\n", path);
}

}  // namespace

absl::Status CanPlot() {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return absl::ErrnoToStatus(errno, "/dev/null");
  const absl::Status ran = RunGnuplot("exit\n", nowhere);
  close(nowhere);
  return ran;
}

absl::Status Plot(const std::vector<Report>& reports, const std::string& path) {
  if (!reports.empty() && !reports[0].curves.empty()) return PlotCurves(reports, path);
  std::map<std::string, Sample> latencies;  // by protocol
  for (const Report& report : reports) {
    for (const double value : report.latency.Sorted()) latencies[report.protocol].Add(value);
  }
  std::erase_if(latencies, [](const auto& entry) { return entry.second.count() == 0; });
  if (latencies.empty()) return absl::FailedPreconditionError("nothing was asked: nothing to draw");
  std::string script =
      absl::StrCat(Terminal(kPlotHeight),
                   absl::StrFormat("set title '%s, %d nodes'\nset xlabel 'latency of a %s, ms'\n",
                                   reports[0].scenario, reports[0].nodes, reports[0].latency_of),
                   "set ylabel 'share that took no longer'\nset key bottom right\nplot ");
  std::vector<std::string> lines;
  for (const auto& [protocol, latency] : latencies) {
    lines.push_back(absl::StrFormat("'-' with lines linewidth 2 title '%s'", protocol));
  }
  absl::StrAppend(&script, absl::StrJoin(lines, ", "), "\n");
  constexpr int kPoints = 500;
  for (const auto& [protocol, latency] : latencies) {
    for (int i = 1; i <= kPoints; ++i) {
      const double share = static_cast<double>(i) / kPoints;
      absl::StrAppendFormat(&script, "%g %g\n", std::max(0.01, latency.Quantile(share)), share);
    }
    absl::StrAppend(&script, "e\n");
  }
  return Draw(script, path);
}

}  // namespace p2pd::sim
