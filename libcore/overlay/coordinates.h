// Coordinate and Vivaldi: places in a plane with a height, whose distances predict round trips
// between nodes that never met.
//
// Each sample (a neighbour's coordinate and our round trip to it) moves us a part of the way to
// where the prediction would be right: far while our error is large, little once it is small. Rules
// against liars and odd samples: one sample moves us by at most kMaxStep times our own error, a
// round trip outside what the Internet has is no sample, nobody may claim to be surer than
// kMinError, and a weak pull to the origin keeps the whole network from drifting (Ledlie et al.).
// Threads: one owner. Sources: Dabek et al., 'Vivaldi', SIGCOMM 2004, §2.6 and §5.4 (height);
// Ledlie et al., 'Network coordinates in the wild', NSDI 2007, §4.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "libcore/base/rng.h"

namespace p2pd::overlay {

struct Coordinate {
  double x = 0;       // ms
  double y = 0;       // ms
  double height = 0;  // ms: the access line, counted once for each end
  double error = 1;   // relative, of its predictions: 0.02..1

  // On the wire 4 x 16 bits: x and y in 1/16 ms (±2,047 ms), height in 1/32 ms, error in 1/65,535;
  // beyond these bounds the nearest that can be said. Never 0.
  uint64_t Pack() const;
  // nullopt for 0, which stands for 'none'.
  static std::optional<Coordinate> Unpack(uint64_t packed);
};
// ms
double DistanceBetween(const Coordinate& a, const Coordinate& b);
absl::Duration PredictRoundTrip(const Coordinate& a, const Coordinate& b);

class Vivaldi {
 public:
  // Gains of error and place (Dabek et al. 2004 §2.5: c_e and c_c).
  static constexpr double kErrorGain = 0.25;
  static constexpr double kPlaceGain = 0.25;
  // Nobody is surer than that: measured on PlanetLab, predictions are not.
  static constexpr double kMinError = 0.02;
  // ms, for one sample at error 1. Beyond it a step is cut.
  static constexpr double kMaxStep = 60;
  // No round trip between two machines is shorter or, while somebody can work with it, longer.
  static constexpr absl::Duration kMinRoundTrip = absl::Microseconds(10);
  static constexpr absl::Duration kMaxRoundTrip = absl::Seconds(4);
  // ms, of the shortest access line.
  static constexpr double kMinHeight = 0.05;
  // ms: at this distance from the origin the pull towards it is 1 ms a sample.
  static constexpr double kGravity = 1024;

  explicit Vivaldi(Rng& rng) : rng_(rng) { own_.height = kMinHeight; }

  // False when the sample was rejected.
  bool OnSample(const Coordinate& remote, absl::Duration round_trip);
  const Coordinate& own() const { return own_; }
  uint64_t samples() const { return samples_; }

 private:
  Rng& rng_;
  Coordinate own_;
  uint64_t samples_ = 0;
};

}  // namespace p2pd::overlay
