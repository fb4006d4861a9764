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

// A string of JSON (RFC 8259 §7).
std::string Quoted(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    }
  }
  return out + '"';
}

// "<= 60", or nothing.
std::string MustBe(const std::optional<Limit>& limit) {
  if (!limit) return "";
  const bool most = limit->kind == Limit::Kind::kAtMost;
  return absl::StrFormat("%s %.9g", most ? "<=" : ">=", limit->bound);
}

absl::Status Draw(const std::string& script, const std::string& path) {
  FILE* const gnuplot = popen("gnuplot 2>/dev/null", "w");
  if (gnuplot == nullptr) return absl::UnavailableError("cannot start gnuplot");
  const bool written = fwrite(script.data(), 1, script.size(), gnuplot) == script.size();
  if (pclose(gnuplot) != 0 || !written) {
    return absl::UnavailableError(
        absl::StrCat("gnuplot could not draw ", path,
                     ": is it installed (apt-get install gnuplot-nox), and "
                     "may the file be written?"));
  }
  return absl::OkStatus();
}

// One panel a curve, all protocols in each.
absl::Status PlotCurves(const std::vector<Report>& reports, const std::string& path) {
  std::string script = absl::StrFormat(
      "set terminal pngcairo size 900,%d\nset output '%s'\nset logscale x\nset grid\n"
      "set xlabel 'nodes'\nset yrange [0:*]\nset key top left\nset multiplot layout %d,1 title "
      "'%s'\n",
      400 * reports[0].curves.size(), absl::CEscape(path), reports[0].curves.size(),
      reports[0].scenario);
  for (size_t i = 0; i < reports[0].curves.size(); ++i) {
    absl::StrAppendFormat(&script, "set ylabel '%s'\nplot ", reports[0].curves[i].name);
    std::vector<std::string> lines;
    std::string data;
    for (const Report& report : reports) {
      if (i >= report.curves.size()) continue;
      lines.push_back(absl::StrFormat("'-' with linespoints title '%s, seed %u'", report.protocol,
                                      report.seed));
      for (const auto& [x, y] : report.curves[i].points)
        absl::StrAppendFormat(&data, "%g %g\n", x, y);
      absl::StrAppend(&data, "e\n");
    }
    absl::StrAppend(&script, absl::StrJoin(lines, ", "), "\n", data);
  }
  return Draw(script + "unset multiplot\n", path);
}

}  // namespace

void Report::Add(absl::string_view name_of_it, double value, absl::string_view unit,
                 std::optional<Limit> must_be) {
  figures.push_back(Figure{std::string(name_of_it.data(), name_of_it.size()), value,
                           std::string(unit.data(), unit.size()), must_be});
  if (must_be && !baseline && !must_be->Holds(value)) {
    violations.push_back(absl::StrFormat("%s: %.9g, must be %s%s%s", figures.back().name, value,
                                         MustBe(must_be), unit.empty() ? "" : " ",
                                         figures.back().unit));
  }
}

std::string AsTable(const Report& report) {
  std::string out = absl::StrFormat("%s, %s, %d nodes, seed %u\n", report.scenario, report.protocol,
                                    report.nodes, report.seed);
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&out, "  %-44s %14.6g %s", figure.name, figure.value, figure.unit);
    if (figure.must_be) absl::StrAppend(&out, "  (must be ", MustBe(figure.must_be), ")");
    absl::StrAppend(&out, "\n");
  }
  for (const std::string& violation : report.violations) {
    absl::StrAppend(&out, "  VIOLATED: ", violation, "\n");
  }
  return out;
}

std::string AsCsv(const Report& report, bool with_header) {
  std::string out = with_header ? "scenario,protocol,seed,nodes,figure,value,unit,must be\n" : "";
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&out, "%s,%s,%u,%d,\"%s\",%.9g,%s,%s\n", report.scenario, report.protocol,
                          report.seed, report.nodes, figure.name, figure.value, figure.unit,
                          MustBe(figure.must_be));
  }
  return out;
}

std::string AsJson(const Report& report) {
  std::vector<std::string> figures;
  for (const Figure& figure : report.figures) {
    const std::string must =
        figure.must_be ? absl::StrCat(", \"mustBe\": ", Quoted(MustBe(figure.must_be))) : "";
    figures.push_back(absl::StrFormat("{\"name\": %s, \"value\": %.9g, \"unit\": %s%s}",
                                      Quoted(figure.name), figure.value, Quoted(figure.unit),
                                      must));
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
  std::map<std::string, std::string> limits;
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
      if (figure.must_be) limits[figure.name] = MustBe(figure.must_be);
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
    const auto limit = limits.find(name);
    if (limit != limits.end()) absl::StrAppend(&out, "  must be ", limit->second);
  }
  return absl::StrCat(out, "\n", violations);
}

absl::Status Plot(const std::vector<Report>& reports, const std::string& path) {
  if (!reports.empty() && !reports[0].curves.empty()) return PlotCurves(reports, path);
  std::map<std::string, Sample> latencies;  // by protocol
  for (const Report& report : reports) {
    for (const double value : report.latency.Sorted()) latencies[report.protocol].Add(value);
  }
  std::erase_if(latencies, [](const auto& entry) { return entry.second.count() == 0; });
  if (latencies.empty()) {
    return absl::FailedPreconditionError("this scenario has no lookups to draw");
  }
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
  return Draw(script, path);
}

}  // namespace p2pd::sim
