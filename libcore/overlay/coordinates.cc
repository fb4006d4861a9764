#include "libcore/overlay/coordinates.h"

#include <algorithm>
#include <cmath>

namespace p2pd::overlay {
namespace {

constexpr double kPlaceUnits = 16;   // a ms
constexpr double kHeightUnits = 32;  // a ms
constexpr double kErrorUnits = 65'535;
// Two places nearer than that have no direction.
constexpr double kSamePlace = 1e-3;  // ms

uint64_t Field(double value, double least, double most) {
  // Two's complement for what is negative.
  return static_cast<uint64_t>(std::llround(std::clamp(value, least, most))) & 0xffff;
}
double Signed16(uint64_t field) { return static_cast<int16_t>(static_cast<uint16_t>(field)); }

}  // namespace

uint64_t Coordinate::Pack() const {
  return Field(x * kPlaceUnits, -32'767, 32'767) << 48 |
         Field(y * kPlaceUnits, -32'767, 32'767) << 32 |
         Field(height * kHeightUnits, 0, 65'535) << 16 | Field(error * kErrorUnits, 1, 65'535);
}

std::optional<Coordinate> Coordinate::Unpack(uint64_t packed) {
  if (packed == 0) return std::nullopt;
  Coordinate out;
  out.x = Signed16(packed >> 48) / kPlaceUnits;
  out.y = Signed16(packed >> 32) / kPlaceUnits;
  out.height =
      std::max(static_cast<double>((packed >> 16) & 0xffff) / kHeightUnits, Vivaldi::kMinHeight);
  out.error =
      std::clamp(static_cast<double>(packed & 0xffff) / kErrorUnits, Vivaldi::kMinError, 1.0);
  return out;
}

double DistanceBetween(const Coordinate& a, const Coordinate& b) {
  const double dx = a.x - b.x;
  const double dy = a.y - b.y;
  // Not hypot: sqrt is the same to the last bit with every compiler and library.
  return std::sqrt(dx * dx + dy * dy) + a.height + b.height;
}

absl::Duration PredictRoundTrip(const Coordinate& a, const Coordinate& b) {
  return absl::Milliseconds(1) * DistanceBetween(a, b);
}

bool Vivaldi::OnSample(const Coordinate& remote, absl::Duration round_trip) {
  if (round_trip < kMinRoundTrip || round_trip > kMaxRoundTrip) return false;
  ++samples_;
  const double measured = absl::ToDoubleMilliseconds(round_trip);
  const double predicted = DistanceBetween(own_, remote);
  const double weight = own_.error / (own_.error + std::max(remote.error, kMinError));
  const double reach = kMaxStep * own_.error;
  const double relative = std::min(std::abs(predicted - measured) / measured, 1.0);
  own_.error += kErrorGain * weight * (relative - own_.error);
  own_.error = std::clamp(own_.error, kMinError, 1.0);

  const double step = std::clamp(kPlaceGain * weight * (measured - predicted), -reach, reach);
  double dx = own_.x - remote.x;
  double dy = own_.y - remote.y;
  if (dx * dx + dy * dy < kSamePlace * kSamePlace) {
    dx = rng_.Unit() - 0.5;
    dy = rng_.Unit() - 0.5;
  }
  const double heights = own_.height + remote.height;
  const double length = std::sqrt(dx * dx + dy * dy) + heights;
  own_.x += step * dx / length;
  own_.y += step * dy / length;
  own_.height = std::max(own_.height + step * heights / length, kMinHeight);
  const double pull = std::sqrt(own_.x * own_.x + own_.y * own_.y) / (kGravity * kGravity);
  own_.x -= own_.x * pull;
  own_.y -= own_.y * pull;
  return true;
}

}  // namespace p2pd::overlay
