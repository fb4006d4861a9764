// p2pd-sim: runs a scenario of many overlay nodes in one process and prints what was seen.
//
// Exit codes: 0 done, 1 a check failed or a file could not be written, 2 wrong usage.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/plot.h"
#include "tests/sim/p2pd_sim/scenario.h"

namespace p2pd::sim {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Arguments {
  std::string scenario;
  bool list = false;
  bool trace_hash = false;
  std::string protocol = "p2pd";
  std::string seed;
  std::string seeds;
  std::string csv;
  std::string json;
  std::string plot;
  std::string median_session;
  std::string duration;
  std::string jitter;
  std::string sessions;
  RunOptions run;
};

// A range of seeds and who plays each of them.
struct Plan {
  std::vector<Protocol> protocols;
  uint64_t first = 1;
  uint64_t last = 1;
};

int Complain(const std::string& what) {
  std::fprintf(stderr, "p2pd-sim: %s\n", what.c_str());
  return kUsage;
}

// "47min", "1h", "90s", "1h30min": more than nothing and at most `most`. Nothing when left out.
absl::Status ReadDuration(absl::string_view option, const std::string& text, absl::Duration most,
                          std::optional<absl::Duration>& out) {
  if (text.empty()) return absl::OkStatus();
  absl::Duration value;
  const std::string units = absl::StrReplaceAll(text, {{"min", "m"}});
  if (!absl::ParseDuration(units, &value) || value <= absl::ZeroDuration() || value > most) {
    return absl::InvalidArgumentError(absl::StrCat(option, " ", text,
                                                   ": a time such as 47min or 1h30min, at most ",
                                                   absl::FormatDuration(most)));
  }
  out = value;
  return absl::OkStatus();
}

// "7" and "1..200". All reports of a range are kept.
absl::Status ReadSeeds(const Arguments& arguments, Plan& plan) {
  constexpr uint64_t kMostSeeds = 1'000'000;
  if (!arguments.seed.empty() && !arguments.seeds.empty()) {
    return absl::InvalidArgumentError("--seed or --seeds, not both");
  }
  if (!arguments.seed.empty() && !absl::SimpleAtoi(arguments.seed, &plan.first)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seed ", arguments.seed, ": a number from 0 to 2^64 - 1"));
  }
  plan.last = plan.first;
  if (arguments.seeds.empty()) return absl::OkStatus();
  const std::vector<std::string> ends = absl::StrSplit(arguments.seeds, "..");
  if (ends.size() != 2 || !absl::SimpleAtoi(ends[0], &plan.first) ||
      !absl::SimpleAtoi(ends[1], &plan.last) || plan.first > plan.last ||
      plan.last - plan.first >= kMostSeeds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--seeds ", arguments.seeds, ": FIRST..LAST, such as 1..200, at most ", kMostSeeds));
  }
  return absl::OkStatus();
}

std::optional<Protocol> ParseProtocol(const std::string& name) {
  for (const Protocol protocol :
       {Protocol::kP2pd, Protocol::kBamboo2004, Protocol::kBamboo2004FirstRto}) {
    if (NameOf(protocol) == name) return protocol;
  }
  return std::nullopt;
}

absl::Status ReadProtocols(const std::string& text, Plan& plan) {
  const std::vector<std::string> names = absl::StrSplit(text, ',');
  for (const std::string& name : names) {
    const std::optional<Protocol> protocol = ParseProtocol(name);
    if (!protocol) {
      return absl::InvalidArgumentError(
          absl::StrCat("--protocol ", name, ": p2pd, bamboo-2004 or bamboo-2004-rto"));
    }
    if (std::count(plan.protocols.begin(), plan.protocols.end(), *protocol) != 0) {
      return absl::InvalidArgumentError(absl::StrCat("--protocol: ", name, " twice"));
    }
    plan.protocols.push_back(*protocol);
  }
  return absl::OkStatus();
}

// What is written at the end can be written, or it is said before a long run. What stands in the
// file stays until then.
absl::Status CheckOutputs(const Arguments& arguments) {
  for (const std::string& path : {arguments.csv, arguments.json, arguments.plot}) {
    if (path.empty()) continue;
    const bool was_there = access(path.c_str(), F_OK) == 0;
    if (!std::ofstream(path, std::ios::binary | std::ios::app)) {
      return absl::InvalidArgumentError(absl::StrCat("cannot write ", path));
    }
    if (!was_there) unlink(path.c_str());
  }
  return arguments.plot.empty() ? absl::OkStatus() : CanPlot();
}

bool Write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file) return true;
  std::fprintf(stderr, "p2pd-sim: cannot write %s\n", path.c_str());
  return false;
}

bool WriteFiles(const std::vector<Report>& reports, const Arguments& arguments) {
  std::string csv;
  std::string json;
  for (const Report& report : reports) {
    csv += AsCsv(report, csv.empty());
    json += AsJson(report);
  }
  bool written = arguments.csv.empty() || Write(arguments.csv, csv);
  written = (arguments.json.empty() || Write(arguments.json, json)) && written;
  if (arguments.plot.empty()) return written;
  const absl::Status drawn = Plot(reports, arguments.plot);
  if (drawn.ok()) return written;
  std::fprintf(stderr, "p2pd-sim: %s\n", std::string(drawn.message()).c_str());
  return false;
}

// CLI::Range lets what is not a number pass.
CLI::Validator Within(double low, double high) {
  const std::string range = absl::StrCat("[", low, " - ", high, "]");
  return CLI::Validator(
      [low, high, range](const std::string& text) {
        double value = 0;
        const bool within = absl::SimpleAtod(text, &value) && value >= low && value <= high;
        return within ? std::string() : absl::StrCat(text, " is not in ", range);
      },
      absl::StrCat("in ", range));
}

void Define(CLI::App& app, Arguments& arguments) {
  app.add_option("SCENARIO", arguments.scenario, "what to run, see --list");
  app.add_flag("--list", arguments.list, "names the scenarios");
  app.add_option("--nodes", arguments.run.nodes, "how many nodes")->check(CLI::Range(2, 60'000));
  app.add_option("--seed", arguments.seed, "the same seed gives the same run; default 1");
  app.add_option("--seeds", arguments.seeds,
                 "FIRST..LAST: one run each; mean, least and most, and what failed");
  app.add_option("--median-session", arguments.median_session, "how long half of the nodes stay");
  app.add_option("--sessions", arguments.sessions,
                 "exponential, weibull or pareto; else the scenario's");
  app.add_option("--churn", arguments.run.churn,
                 "a file of stays, 'machine comes goes' in seconds: who is up when, for the "
                 "scenarios churn, large and broken-pairs");
  app.add_option("--duration", arguments.duration, "simulated time of the measurement");
  app.add_option("--latency", arguments.run.latency, "synthetic, or a matrix of round trips (TSV)");
  app.add_option("--loss", arguments.run.loss, "share of datagrams lost")->check(Within(0., .5));
  app.add_option("--duplication", arguments.run.duplication, "share of datagrams that come twice")
      ->check(Within(0., .5));
  app.add_option("--reordering", arguments.run.reordering,
                 "share of datagrams that come up to 100 ms late")
      ->check(Within(0., .5));
  app.add_option("--bandwidth", arguments.run.bandwidth,
                 "bytes a second of each machine's line, each way")
      ->check(Within(1000., 1e9));
  app.add_option("--mtu", arguments.run.mtu, "bytes of the largest datagram that passes")
      ->check(CLI::Range(500, 65'507));
  app.add_option("--jitter", arguments.jitter,
                 "datagrams come later by up to this time, such as 10ms; default 2ms");
  app.add_option("--drift", arguments.run.drift,
                 "share by which each machine's clock is fast or slow at most")
      ->check(Within(0., .01));
  app.add_option("--broken-pairs", arguments.run.broken_pairs,
                 "share of pairs of machines that cannot talk")
      ->check(Within(0., .5));
  app.add_option("--nat", arguments.run.translated,
                 "share of the machines behind address translators, as many of each kind")
      ->check(Within(0., .9));
  app.add_option("--attackers", arguments.run.attackers, "share of the nodes that attack")
      ->check(Within(0., .9));
  app.add_option("--lookups", arguments.run.lookups_per_second, "lookups a node and second")
      ->check(Within(0.0001, 100.));
  app.add_option(
      "--protocol", arguments.protocol,
      "one or several, commas between: p2pd; bamboo-2004, the baseline; bamboo-2004-rto, "
      "its variant that gives a hop up at the first timeout");
  app.add_option("--csv", arguments.csv, "writes the figures there, a line each");
  app.add_option("--json", arguments.json, "writes the figures there, a line a run");
  app.add_option("--plot", arguments.plot, "draws latency, or growth, there: PNG (needs gnuplot)");
  app.add_flag("--trace-hash", arguments.trace_hash,
               "prints the hash of all that was delivered, and nothing else");
}

// The hashes alone on standard output, what failed on the other.
void PrintHashes(const std::vector<Report>& reports) {
  for (const Report& report : reports) {
    std::printf("%016lx\n", static_cast<unsigned long>(report.trace_hash));
    for (const std::string& text : report.violations) {
      std::fprintf(stderr, "VIOLATED by %s, seed %lu: %s\n", report.protocol.c_str(),
                   static_cast<unsigned long>(report.seed), text.c_str());
    }
  }
}

void PrintComparison(const std::vector<Report>& reports, const Plan& plan, uint64_t failed) {
  std::printf("%s", AsComparison(reports).c_str());
  if (plan.first == plan.last) return;
  std::printf("%s: seeds %lu to %lu, %lu failed\n", reports[0].scenario.c_str(),
              static_cast<unsigned long>(plan.first), static_cast<unsigned long>(plan.last),
              static_cast<unsigned long>(failed));
}

// Every protocol with every seed. With many seeds it says which failed as it finds them.
int Run(const Scenario& scenario, Arguments& arguments, const Plan& plan) {
  const bool many = plan.first != plan.last;
  std::vector<Report> reports;
  uint64_t failed = 0;
  for (uint64_t seed = plan.first;; ++seed) {
    arguments.run.seed = seed;
    for (const Protocol protocol : plan.protocols) {
      arguments.run.protocol = protocol;
      absl::StatusOr<Report> report = scenario.run(arguments.run);
      if (!report.ok()) return Complain(std::string(report.status().message()));
      if (!report->violations.empty()) ++failed;
      if (!report->violations.empty() && many && !arguments.trace_hash) {
        std::printf("%s", AsTable(*report).c_str());
        std::fflush(stdout);
      }
      reports.push_back(*std::move(report));
    }
    if ((seed - plan.first + 1) % 100 == 0) {
      std::fprintf(stderr, "%lu of %lu seeds\n", static_cast<unsigned long>(seed - plan.first + 1),
                   static_cast<unsigned long>(plan.last - plan.first + 1));
    }
    if (seed == plan.last) break;  // which may be the largest there is
  }
  if (arguments.trace_hash) {
    PrintHashes(reports);
  } else {
    PrintComparison(reports, plan, failed);
  }
  return WriteFiles(reports, arguments) && failed == 0 ? 0 : kFailed;
}

int List() {
  for (const Scenario& scenario : Scenarios()) {
    std::printf("%-20s%s\n", std::string(scenario.name).c_str(),
                std::string(scenario.about).c_str());
  }
  return 0;
}

// What the texts of the command line say, and whether all of it can be done.
absl::StatusOr<Plan> Prepare(const Scenario& scenario, Arguments& arguments) {
  constexpr absl::Duration kYear = absl::Hours(24 * 365);
  Plan plan;
  RunOptions& run = arguments.run;
  P2PD_RETURN_IF_ERROR(ReadProtocols(arguments.protocol, plan));
  P2PD_RETURN_IF_ERROR(ReadSeeds(arguments, plan));
  P2PD_RETURN_IF_ERROR(
      ReadDuration("--median-session", arguments.median_session, kYear, run.median_session));
  P2PD_RETURN_IF_ERROR(ReadDuration("--duration", arguments.duration, kYear, run.duration));
  P2PD_RETURN_IF_ERROR(ReadDuration("--jitter", arguments.jitter, absl::Seconds(10), run.jitter));
  run.sessions = ParseSessionKind(arguments.sessions);
  if (!arguments.sessions.empty() && !run.sessions) {
    return absl::InvalidArgumentError(
        absl::StrCat("--sessions ", arguments.sessions, ": exponential, weibull or pareto"));
  }
  for (const Protocol protocol : plan.protocols) {
    run.protocol = protocol;
    P2PD_RETURN_IF_ERROR(CheckOptions(scenario, run, !arguments.plot.empty()));
  }
  P2PD_RETURN_IF_ERROR(CheckOutputs(arguments));
  return plan;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Runs many nodes of the overlay in one process, on a clock that jumps.", "p2pd-sim");
  Define(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    return Complain(error.what());
  }
  if (arguments.list) return argc == 2 ? List() : Complain("--list stands alone");
  if (arguments.scenario.empty()) {
    std::fprintf(stderr, "%s", app.help().c_str());
    return kUsage;
  }
  const Scenario* scenario = FindScenario(arguments.scenario);
  if (scenario == nullptr) {
    return Complain(absl::StrCat("no scenario '", arguments.scenario, "': see p2pd-sim --list"));
  }
  const absl::StatusOr<Plan> plan = Prepare(*scenario, arguments);
  if (!plan.ok()) return Complain(std::string(plan.status().message()));
  return Run(*scenario, arguments, *plan);
}

}  // namespace
}  // namespace p2pd::sim

// Ten thousand nodes lie all over the memory, and a third of the time goes for finding where. With
// large pages it does not; glibc's allocator takes that wish from the environment only, at the
// start.
static void WishForLargePages(char** argv) {
  constexpr const char* kTunables = "GLIBC_TUNABLES";
  if (std::getenv(kTunables) != nullptr) return;
  setenv(kTunables, "glibc.malloc.hugetlb=1", 1);
  execv("/proc/self/exe", argv);
  // Where that does not work it is only slower.
}

int main(int argc, char** argv) {
  WishForLargePages(argv);
  return p2pd::sim::Main(argc, argv);
}
