#include "tests/sim/p2pd_sim/scenario_found.h"

#include <algorithm>
#include <memory>

#include "libcore/base/status.h"
#include "tests/sim/p2pd_sim/crowd_run.h"

namespace p2pd::sim {

absl::StatusOr<Report> RunCastaway(const RunOptions& options) {
  CrowdOptions defaults;
  defaults.nodes = 32;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("castaway", options, defaults));
  Crowd& crowd = run->crowd;
  crowd.Grow();
  crowd.RunFor(kSettle);
  crowd.SetChurn(options.median_session.value_or(absl::Minutes(3)));
  crowd.CutOff(static_cast<size_t>(run->report.nodes) / 2);
  crowd.RunFor(options.duration.value_or(absl::Minutes(5)));
  crowd.SetChurn(absl::InfiniteDuration());
  crowd.Split(false);
  int seconds = 0;
  for (; seconds < 600 && crowd.WrongNeighbours(8) != 0; ++seconds) crowd.RunFor(absl::Seconds(1));
  run->Add("one ring after the castaway can talk", seconds, "s", AtMost(120));
  return run->Finish();
}

absl::StatusOr<Report> RunCorpses(const RunOptions& options) {
  constexpr int kMostDeaths = 10;
  CrowdOptions defaults;
  defaults.nodes = 40;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("corpses", options, defaults));
  Crowd& crowd = run->crowd;
  crowd.Grow();
  crowd.RunFor(kSettle);
  const int deaths = std::min(kMostDeaths, run->report.nodes / 4);
  int slow = 0;
  for (int death = 0; death < deaths; ++death) {
    crowd.Kill(static_cast<size_t>(1 + 3 * death));
    crowd.RunFor(absl::Seconds(25));
    slow += crowd.WrongNeighbours(8) == 0 ? 0 : 1;
  }
  run->Add("deaths after which somebody was wrong for 25 s", slow, "", AtMost(0));
  return run->Finish();
}

absl::StatusOr<Report> RunVouchers(const RunOptions& options) {
  CrowdOptions defaults;
  defaults.nodes = 40;
  defaults.broken_pairs = 0.05;
  defaults.translated = 0.3;
  P2PD_ASSIGN_OR_RETURN(const std::unique_ptr<CrowdRun> run,
                        BeginCrowdRun("vouchers", options, defaults));
  Crowd& crowd = run->crowd;
  crowd.Grow();
  crowd.SetChurn(options.median_session.value_or(absl::Minutes(3)));
  crowd.RunFor(options.duration.value_or(absl::Minutes(7)));
  run->Rest();
  return run->Finish();
}

}  // namespace p2pd::sim
