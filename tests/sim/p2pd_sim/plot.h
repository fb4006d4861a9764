// Plot: reports as a picture, drawn by gnuplot: the distribution of latency, one line a protocol,
// or curves over the number of nodes where a scenario has them.
//
// Rules: the name of the picture never reaches gnuplot, whose names can run programs; it draws to
// its standard output, which is the file. Threads: one.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/sim/p2pd_sim/report.h"

namespace p2pd::sim {

// Pixels of a distribution; curves have kCurveHeight each, one below the other.
inline constexpr int kPlotWidth = 900;
inline constexpr int kPlotHeight = 600;
inline constexpr int kCurveHeight = 400;

// Unavailable when gnuplot cannot be started: to be asked before a long run.
absl::Status CanPlot();
// A PNG at `path`. Unavailable when gnuplot fails; FailedPrecondition when there is nothing to
// draw; the status of the file when it cannot be written.
absl::Status Plot(const std::vector<Report>& reports, const std::string& path);

}  // namespace p2pd::sim
