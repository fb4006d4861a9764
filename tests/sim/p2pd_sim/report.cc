#include "tests/sim/p2pd_sim/report.h"

#include <stdio.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace p2pd::sim {
namespace {

std::string Quoted(absl::string_view text) { return absl::StrCat("\"", absl::CEscape(text), "\""); }

}  // namespace

std::string AsTable(const Report& report) {
  std::string out =
      absl::StrFormat("%s, %d nodes, seed %u\n", report.scenario, report.nodes, report.seed);
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&out, "  %-44s %14.6g %s\n", figure.name, figure.value, figure.unit);
  }
  for (const std::string& violation : report.violations) {
    absl::StrAppend(&out, "  VIOLATED: ", violation, "\n");
  }
  return out;
}

std::string AsCsv(const Report& report, bool with_header) {
  std::string out = with_header ? "scenario,seed,nodes,figure,value,unit\n" : "";
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&out, "%s,%u,%d,\"%s\",%.9g,%s\n", report.scenario, report.seed,
                          report.nodes, figure.name, figure.value, figure.unit);
  }
  return out;
}

std::string AsJson(const Report& report) {
  std::vector<std::string> figures;
  for (const Figure& figure : report.figures) {
    figures.push_back(absl::StrFormat("{\"name\": %s, \"value\": %.9g, \"unit\": %s}",
                                      Quoted(figure.name), figure.value, Quoted(figure.unit)));
  }
  std::vector<std::string> violations;
  for (const std::string& text : report.violations) violations.push_back(Quoted(text));
  return absl::StrFormat(
      "{\"scenario\": %s, \"seed\": %u, \"nodes\": %d, \"traceHash\": \"%016x\", "
      "\"figures\": [%s], \"violations\": [%s]}\n",
      Quoted(report.scenario), report.seed, report.nodes, report.trace_hash,
      absl::StrJoin(figures, ", "), absl::StrJoin(violations, ", "));
}

absl::Status Plot(const Report& report, const std::string& path) {
  if (report.latency.count() == 0) {
    return absl::FailedPreconditionError("this scenario has no lookups to draw");
  }
  FILE* const gnuplot = popen("gnuplot 2>/dev/null", "w");
  if (gnuplot == nullptr) return absl::UnavailableError("cannot start gnuplot");
  std::string script = absl::StrFormat(
      "set terminal pngcairo size 900,600\nset output '%s'\nset title '%s, %d nodes, seed %u'\n"
      "set xlabel 'lookup latency, ms'\nset ylabel 'share of lookups'\nset logscale x\nset grid\n"
      "set key off\nplot '-' with lines linewidth 2\n",
      absl::CEscape(path), report.scenario, report.nodes, report.seed);
  constexpr int kPoints = 500;
  for (int i = 1; i <= kPoints; ++i) {
    const double share = static_cast<double>(i) / kPoints;
    absl::StrAppendFormat(&script, "%g %g\n", std::max(0.01, report.latency.Quantile(share)),
                          share);
  }
  absl::StrAppend(&script, "e\n");
  const bool written = fwrite(script.data(), 1, script.size(), gnuplot) == script.size();
  if (pclose(gnuplot) != 0 || !written) {
    return absl::UnavailableError(
        absl::StrCat("gnuplot could not draw ", path,
                     ": is it installed (apt-get install gnuplot-nox), and "
                     "may the file be written?"));
  }
  return absl::OkStatus();
}

}  // namespace p2pd::sim
