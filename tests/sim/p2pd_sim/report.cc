#include "tests/sim/p2pd_sim/report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

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

// Or `nothing`, where there is none.
std::string Number(double value, int digits, absl::string_view nothing) {
  if (!std::isfinite(value)) return std::string(nothing.data(), nothing.size());
  return absl::StrFormat("%.*g", digits, value);
}

// "<= 60", or nothing.
std::string MustBe(const std::optional<Limit>& limit) {
  if (!limit) return "";
  const bool most = limit->kind == Limit::Kind::kAtMost;
  return absl::StrFormat("%s %.9g", most ? "<=" : ">=", limit->bound);
}

// Of a row of a comparison: the values of its seeds, and their trials where it is a share.
struct Cell {
  Sample values;
  Proportion trials;
  bool share = false;
  bool bound = false;

  void Add(const Figure& figure) {
    if (std::isfinite(figure.value)) values.Add(figure.value);
    share = share || figure.trials.has_value();
    bound = bound || figure.bound;
    if (figure.trials) trials += *figure.trials;
  }
  std::string Text() const {
    if (values.count() == 0) return "-";
    // One bound of all trials: the mean of bounds is none.
    if (bound) return absl::StrFormat("%.6g", 100 * trials.AtLeast());
    const double middle = share ? 100 * trials.Rate() : values.Mean();
    if (values.count() == 1) return absl::StrFormat("%.6g", middle);
    return absl::StrFormat("%.6g (%.5g, %.5g)", middle, values.Quantile(0), values.Quantile(1));
  }
};

}  // namespace

void Report::Add(absl::string_view name_of_it, double value, absl::string_view unit,
                 std::optional<Limit> must_be) {
  figures.push_back(Figure{std::string(name_of_it.data(), name_of_it.size()), value,
                           std::string(unit.data(), unit.size()), must_be});
  if (must_be && !baseline && !must_be->Holds(value)) {
    const std::string seen = std::isfinite(value) ? absl::StrFormat("%.9g", value)
                                                  : "nothing was seen that it could rest on";
    violations.push_back(absl::StrFormat("%s: %s, must be %s%s%s", figures.back().name, seen,
                                         MustBe(must_be), unit.empty() ? "" : " ",
                                         figures.back().unit));
  }
}

void Report::AddShare(absl::string_view name_of_it, const Proportion& share,
                      std::optional<Limit> must_be) {
  Add(name_of_it, 100 * share.Rate(), "%", must_be);
  figures.back().trials = share;
}

void Report::AddProportion(absl::string_view name_of_it, const Proportion& share) {
  AddShare(name_of_it, share);
  const double bound = share.total == 0 ? share.Rate() : share.AtLeast();
  Add(absl::StrCat(name_of_it, ", at least (95 %)"), 100 * bound, "%");
  figures.back().trials = share;
  figures.back().bound = true;
}

void Report::Require(bool holds, absl::string_view what) {
  if (!holds) (baseline ? misses : violations).emplace_back(what.data(), what.size());
}

std::string AsTable(const Report& report) {
  std::string out = absl::StrFormat("%s, %s, %d nodes, seed %u\n", report.scenario, report.protocol,
                                    report.nodes, report.seed);
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&out, "  %-44s %14s %s", figure.name, Number(figure.value, 6, "-"),
                          figure.unit);
    if (figure.must_be) absl::StrAppend(&out, "  (must be ", MustBe(figure.must_be), ")");
    absl::StrAppend(&out, "\n");
  }
  for (const std::string& violation : report.violations) {
    absl::StrAppend(&out, "  VIOLATED: ", violation, "\n");
  }
  for (const std::string& miss : report.misses) {
    absl::StrAppend(&out, "  does not hold: ", miss, "\n");
  }
  return out;
}

std::string AsCsv(const Report& report, bool with_header) {
  std::string out = with_header ? "scenario,protocol,seed,nodes,figure,value,unit,must be\n" : "";
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&out, "%s,%s,%u,%d,\"%s\",%s,%s,%s\n", report.scenario, report.protocol,
                          report.seed, report.nodes, figure.name, Number(figure.value, 9, ""),
                          figure.unit, MustBe(figure.must_be));
  }
  return out;
}

std::string AsJson(const Report& report) {
  std::vector<std::string> figures;
  for (const Figure& figure : report.figures) {
    const std::string must =
        figure.must_be ? absl::StrCat(", \"mustBe\": ", Quoted(MustBe(figure.must_be))) : "";
    const std::string trials =
        figure.trials
            ? absl::StrFormat(", \"good\": %u, \"total\": %u%s", figure.trials->good,
                              figure.trials->total, figure.bound ? ", \"bound\": true" : "")
            : "";
    figures.push_back(absl::StrFormat("{\"name\": %s, \"value\": %s, \"unit\": %s%s%s}",
                                      Quoted(figure.name), Number(figure.value, 9, "null"),
                                      Quoted(figure.unit), must, trials));
  }
  const auto all = [](const std::vector<std::string>& texts) {
    std::vector<std::string> quoted;
    for (const std::string& text : texts) quoted.push_back(Quoted(text));
    return absl::StrJoin(quoted, ", ");
  };
  return absl::StrFormat(
      "{\"scenario\": %s, \"protocol\": %s, \"seed\": %u, \"nodes\": %d, \"traceHash\": \"%016x\", "
      "\"figures\": [%s], \"violations\": [%s], \"misses\": [%s]}\n",
      Quoted(report.scenario), Quoted(report.protocol), report.seed, report.nodes,
      report.trace_hash, absl::StrJoin(figures, ", "), all(report.violations), all(report.misses));
}

std::string AsComparison(const std::vector<Report>& reports) {
  if (reports.empty()) return "";
  // Rows in the order of the first report that has them, columns in the order of the protocols.
  std::vector<std::string> protocols;
  std::vector<std::pair<std::string, std::string>> rows;
  std::map<std::pair<std::string, std::string>, Cell> cells;
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
      cells[{report.protocol, figure.name}].Add(figure);
      if (figure.must_be) limits[figure.name] = MustBe(figure.must_be);
    }
    for (const std::string& text : report.violations) {
      absl::StrAppendFormat(&violations, "  VIOLATED by %s, seed %u: %s\n", report.protocol,
                            report.seed, text);
    }
    for (const std::string& text : report.misses) {
      absl::StrAppendFormat(&violations, "  does not hold of %s, seed %u: %s\n", report.protocol,
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
      absl::StrAppendFormat(&out, " %32s", cells[{protocol, name}].Text());
    }
    if (!unit.empty()) absl::StrAppend(&out, "  ", unit);
    const auto limit = limits.find(name);
    if (limit != limits.end()) absl::StrAppend(&out, "  must be ", limit->second);
  }
  return absl::StrCat(out, "\n", violations);
}

}  // namespace p2pd::sim
