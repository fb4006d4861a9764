// p2pd-sim: runs a scenario of many overlay nodes in one process and prints what was seen.
//
// Exit codes: 0 done, 1 a check failed or a file could not be written, 2 wrong usage.
#include <unistd.h>

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
  std::string seeds;
  std::string csv;
  std::string json;
  std::string plot;
  std::string median_session;
  std::string duration;
  std::string sessions;
  RunOptions run;
};

int Complain(const std::string& what) {
  std::fprintf(stderr, "p2pd-sim: %s\n", what.c_str());
  return kUsage;
}

// "47min", "1h", "90s", "1h30min".
bool ReadDuration(const std::string& text, std::optional<absl::Duration>& out) {
  absl::Duration value;
  const std::string units = absl::StrReplaceAll(text, {{"min", "m"}});
  if (!absl::ParseDuration(units, &value) || value <= absl::ZeroDuration()) return false;
  out = value;
  return true;
}

// "1..200".
bool ReadSeeds(const std::string& text, uint64_t& first, uint64_t& last) {
  const std::vector<std::string> ends = absl::StrSplit(text, "..");
  return ends.size() == 2 && absl::SimpleAtoi(ends[0], &first) &&
         absl::SimpleAtoi(ends[1], &last) && first <= last;
}

std::optional<Protocol> ParseProtocol(const std::string& name) {
  for (const Protocol protocol :
       {Protocol::kP2pd, Protocol::kBamboo2004, Protocol::kBamboo2004FirstRto}) {
    if (NameOf(protocol) == name) return protocol;
  }
  return std::nullopt;
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

void Define(CLI::App& app, Arguments& arguments) {
  app.add_option("SCENARIO", arguments.scenario, "what to run, see --list");
  app.add_flag("--list", arguments.list, "names the scenarios");
  app.add_option("--nodes", arguments.run.nodes, "how many nodes")->check(CLI::Range(2, 60'000));
  app.add_option("--seed", arguments.run.seed, "the same seed gives the same run; default 1");
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
  app.add_option("--loss", arguments.run.loss, "share of datagrams lost")
      ->check(CLI::Range(0., .5));
  app.add_option("--duplication", arguments.run.duplication, "share of datagrams that come twice")
      ->check(CLI::Range(0., .5));
  app.add_option("--reordering", arguments.run.reordering,
                 "share of datagrams that come up to 100 ms late")
      ->check(CLI::Range(0., .5));
  app.add_option("--bandwidth", arguments.run.bandwidth,
                 "bytes a second of each machine's line, each way")
      ->check(CLI::Range(1000., 1e9));
  app.add_option("--mtu", arguments.run.mtu, "bytes of the largest datagram that passes")
      ->check(CLI::Range(500, 65'507));
  app.add_option("--drift", arguments.run.drift,
                 "share by which each machine's clock is fast or slow at most")
      ->check(CLI::Range(0., .01));
  app.add_option("--broken-pairs", arguments.run.broken_pairs,
                 "share of pairs of machines that cannot talk")
      ->check(CLI::Range(0., .5));
  app.add_option("--nat", arguments.run.translated,
                 "share of the machines behind address translators, as many of each kind")
      ->check(CLI::Range(0., .9));
  app.add_option("--attackers", arguments.run.attackers, "share of the nodes that attack")
      ->check(CLI::Range(0., .9));
  app.add_option("--lookups", arguments.run.lookups_per_second, "lookups a node and second")
      ->check(CLI::Range(0.0001, 100.));
  app.add_option(
      "--protocol", arguments.protocol,
      "one or several, commas between: p2pd; bamboo-2004, the baseline; bamboo-2004-rto, "
      "its variant that gives a hop up at the first timeout");
  app.add_option("--csv", arguments.csv, "writes the figures there, a line each");
  app.add_option("--json", arguments.json, "writes the figures there, a line a run");
  app.add_option("--plot", arguments.plot, "draws lookup latency there, PNG (needs gnuplot)");
  app.add_flag("--trace-hash", arguments.trace_hash,
               "prints the hash of all that was delivered, and nothing else");
}

// Every protocol with every seed. With many seeds it says which failed as it finds them.
int Run(const Scenario& scenario, Arguments& arguments, const std::vector<Protocol>& protocols,
        uint64_t first, uint64_t last) {
  std::vector<Report> reports;
  uint64_t failed = 0;
  for (uint64_t seed = first; seed <= last; ++seed) {
    arguments.run.seed = seed;
    for (const Protocol protocol : protocols) {
      arguments.run.protocol = protocol;
      absl::StatusOr<Report> report = scenario.run(arguments.run);
      if (!report.ok()) return Complain(std::string(report.status().message()));
      if (!report->violations.empty()) ++failed;
      if (!report->violations.empty() && first != last) {
        std::printf("%s", AsTable(*report).c_str());
        std::fflush(stdout);
      }
      reports.push_back(*std::move(report));
    }
    if ((seed - first + 1) % 100 == 0) {
      std::fprintf(stderr, "%lu of %lu seeds\n", static_cast<unsigned long>(seed - first + 1),
                   static_cast<unsigned long>(last - first + 1));
    }
  }
  if (arguments.trace_hash) {
    for (const Report& report : reports) {
      std::printf("%016lx\n", static_cast<unsigned long>(report.trace_hash));
    }
  } else {
    std::printf("%s", AsComparison(reports).c_str());
  }
  if (first != last) {
    std::printf("%s: seeds %lu to %lu, %lu failed\n", arguments.scenario.c_str(),
                static_cast<unsigned long>(first), static_cast<unsigned long>(last),
                static_cast<unsigned long>(failed));
  }
  return WriteFiles(reports, arguments) && failed == 0 ? 0 : kFailed;
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
  if (arguments.list) {
    for (const Scenario& scenario : Scenarios()) {
      std::printf("%-20s%s\n", std::string(scenario.name).c_str(),
                  std::string(scenario.about).c_str());
    }
    return 0;
  }
  const Scenario* scenario = FindScenario(arguments.scenario);
  if (scenario == nullptr) {
    return Complain(absl::StrCat("no scenario '", arguments.scenario, "': see p2pd-sim --list"));
  }
  std::vector<Protocol> protocols;
  const std::vector<std::string> names = absl::StrSplit(arguments.protocol, ',');
  for (const std::string& name : names) {
    const std::optional<Protocol> protocol = ParseProtocol(name);
    if (!protocol) {
      return Complain(absl::StrCat("--protocol ", name, ": p2pd, bamboo-2004 or bamboo-2004-rto"));
    }
    protocols.push_back(*protocol);
  }
  if (!arguments.median_session.empty() &&
      !ReadDuration(arguments.median_session, arguments.run.median_session)) {
    return Complain(absl::StrCat("--median-session ", arguments.median_session,
                                 ": a time such as 47min or 1h"));
  }
  if (!arguments.duration.empty() && !ReadDuration(arguments.duration, arguments.run.duration)) {
    return Complain(
        absl::StrCat("--duration ", arguments.duration, ": a time such as 10min or 1h"));
  }
  const std::optional<SessionKind> sessions = ParseSessionKind(arguments.sessions);
  if (!arguments.sessions.empty() && !sessions) {
    return Complain(
        absl::StrCat("--sessions ", arguments.sessions, ": exponential, weibull or pareto"));
  }
  arguments.run.sessions = sessions;
  uint64_t first = arguments.run.seed;
  uint64_t last = first;
  if (!arguments.seeds.empty() && !ReadSeeds(arguments.seeds, first, last)) {
    return Complain(absl::StrCat("--seeds ", arguments.seeds, ": FIRST..LAST, such as 1..200"));
  }
  return Run(*scenario, arguments, protocols, first, last);
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
