#include "tests/sim/p2pd_sim/report.h"

#include <stdio.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace p2pd::sim {
namespace {

std::string Quoted(absl::string_view text) { return absl::StrCat("\"", absl::CEscape(text), "\""); }

}  // namespace

std::string AsTable(const Report& report) {
  std::string out = absl::StrFormat("%s, %s, %d nodes, seed %u\n", report.scenario, report.protocol,
                                    report.nodes, report.seed);
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&out, "  %-44s %14.6g %s\n", figure.name, figure.value, figure.unit);
  }
  for (const std::string& violation : report.violations) {
    absl::StrAppend(&out, "  VIOLATED: ", violation, "\n");
  }
  return out;
}

std::string AsCsv(const Report& report, bool with_header) {
  std::string out = with_header ? "scenario,protocol,seed,nodes,figure,value,unit\n" : "";
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&out, "%s,%s,%u,%d,\"%s\",%.9g,%s\n", report.scenario, report.protocol,
                          report.seed, report.nodes, figure.name, figure.value, figure.unit);
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
      "{\"scenario\": %s, \"protocol\": %s, \"seed\": %u, \"nodes\": %d, \"traceHash\": \"%016x\", "
      "\"figures\": [%s], \"violations\": [%s]}\n",
      Quoted(report.scenario), Quoted(report.protocol), report.seed, report.nodes,
      report.trace_hash, absl::StrJoin(figures, ", "), absl::StrJoin(violations, ", "));
}

std::string AsComparison(const std::vector<Report>& reports) {
  if (reports.empty()) return "";
  // Rows in the order of the first report that has them, columns in the order of the protocols.
  std::vector<std::string> protocols;
  std::vector<std::pair<std::string, std::string>> rows;
  std::map<std::pair<std::string, std::string>, Sample> cells;
  std::set<uint64_t> seeds;
  std::string violations;
  for (const Report& report : reports) {
    if (std::count(protocols.begin(), protocols.end(), report.protocol) == 0) {
      protocols.push_back(report.protocol);
    }
    seeds.insert(report.seed);
    for (const Figure& figure : report.figures) {
      const std::pair row(figure.name, figure.unit);
      if (std::count(rows.begin(), rows.end(), row) == 0) rows.push_back(row);
      cells[{report.protocol, figure.name}].Add(figure.value);
    }
    for (const std::string& text : report.violations) {
      absl::StrAppendFormat(&violations, "  VIOLATED by %s, seed %u: %s\n", report.protocol,
                            report.seed, text);
    }
  }
  std::string out =
      absl::StrFormat("%s, %d nodes, %s\n", reports[0].scenario, reports[0].nodes,
                      seeds.size() == 1 ? absl::StrCat("seed ", *seeds.begin())
                                        : absl::StrCat(seeds.size(), " seeds: mean (least, most)"));
  absl::StrAppendFormat(&out, "  %-44s", "");
  for (const std::string& protocol : protocols) absl::StrAppendFormat(&out, " %32s", protocol);
  for (const auto& [name, unit] : rows) {
    absl::StrAppendFormat(&out, "\n  %-44s", name);
    for (const std::string& protocol : protocols) {
      const Sample& cell = cells[{protocol, name}];
      std::string text = cell.count() == 0 ? "-" : absl::StrFormat("%.6g", cell.Mean());
      if (cell.count() > 1) {
        absl::StrAppendFormat(&text, " (%.5g, %.5g)", cell.Quantile(0), cell.Quantile(1));
      }
      absl::StrAppendFormat(&out, " %32s", text);
    }
    if (!unit.empty()) absl::StrAppend(&out, "  ", unit);
  }
  return absl::StrCat(out, "\n", violations);
}

absl::Status Plot(const std::vector<Report>& reports, const std::string& path) {
  std::map<std::string, Sample> latencies;  // by protocol
  for (const Report& report : reports) {
    for (const double value : report.latency.Sorted()) latencies[report.protocol].Add(value);
  }
  std::erase_if(latencies, [](const auto& entry) { return entry.second.count() == 0; });
  if (latencies.empty()) {
    return absl::FailedPreconditionError("this scenario has no lookups to draw");
  }
  FILE* const gnuplot = popen("gnuplot 2>/dev/null", "w");
  if (gnuplot == nullptr) return absl::UnavailableError("cannot start gnuplot");
  std::string script = absl::StrFormat(
      "set terminal pngcairo size 900,600\nset output '%s'\nset title '%s, %d nodes'\n"
      "set xlabel 'lookup latency, ms'\nset ylabel 'share of lookups'\nset logscale x\nset grid\n"
      "set key bottom right\nplot ",
      absl::CEscape(path), reports[0].scenario, reports[0].nodes);
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
