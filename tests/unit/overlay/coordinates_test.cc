#include "libcore/overlay/coordinates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "libcore/base/rng.h"

namespace p2pd::overlay {
namespace {

// Nodes in a plane with access lines, 16 neighbours each.
class Plane {
 public:
  explicit Plane(size_t nodes) : rng_(5) {
    for (size_t i = 0; i < nodes; ++i) {
      Coordinate place;
      place.x = 120 * rng_.Unit();
      place.y = 60 * rng_.Unit();
      place.height = 0.5 + 8 * rng_.Unit();
      places_.push_back(place);
      nodes_.emplace_back(rng_);
      for (int k = 0; k < 16; ++k) neighbours_[i].push_back(rng_.Below(nodes));
    }
  }
  absl::Duration RoundTrip(size_t a, size_t b) const {
    return PredictRoundTrip(places_[a], places_[b]);
  }
  void Pass() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      for (const size_t j : neighbours_[i]) {
        if (i != j) nodes_[i].OnSample(nodes_[j].own(), RoundTrip(i, j));
      }
    }
  }
  double MedianError() const {
    std::vector<double> errors;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const double real = absl::ToDoubleMilliseconds(RoundTrip(i, j));
        errors.push_back(std::abs(DistanceBetween(nodes_[i].own(), nodes_[j].own()) - real) / real);
      }
    }
    std::nth_element(errors.begin(),
                     errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2), errors.end());
    return errors[errors.size() / 2];
  }
  std::vector<Vivaldi>& nodes() { return nodes_; }
  Rng& rng() { return rng_; }

 private:
  SeededRng rng_;
  std::vector<Coordinate> places_;
  std::vector<Vivaldi> nodes_;
  std::map<size_t, std::vector<size_t>> neighbours_;
};

TEST(Coordinates, LearnWhatThePlaneIs) {
  Plane plane(60);
  for (int i = 0; i < 40; ++i) plane.Pass();
  EXPECT_LT(plane.MedianError(), 0.05);
  for (const Vivaldi& node : plane.nodes()) EXPECT_LT(node.own().error, 0.25);
}

TEST(Coordinates, ANewcomerIsPlacedByItsFirstSamples) {
  Plane plane(60);
  for (int i = 0; i < 40; ++i) plane.Pass();
  Vivaldi fresh(plane.rng());
  // It stands where node 7 does.
  for (size_t i = 8; i < 40; ++i) fresh.OnSample(plane.nodes()[i].own(), plane.RoundTrip(7, i));
  std::vector<double> errors;
  for (size_t i = 40; i < 60; ++i) {
    const double real = absl::ToDoubleMilliseconds(plane.RoundTrip(7, i));
    errors.push_back(std::abs(DistanceBetween(fresh.own(), plane.nodes()[i].own()) - real) / real);
  }
  std::sort(errors.begin(), errors.end());
  EXPECT_LT(errors[10], 0.3);
}

TEST(Coordinates, OneLiarAmongManyMovesUsLittle) {
  Plane plane(60);
  for (int i = 0; i < 40; ++i) plane.Pass();
  Vivaldi& node = plane.nodes()[3];
  const Coordinate before = node.own();
  Coordinate lie;
  lie.x = 2000;
  lie.y = -2000;
  lie.height = 0;
  lie.error = 0;
  node.OnSample(lie, absl::Milliseconds(20));
  const double jump = std::hypot(node.own().x - before.x, node.own().y - before.y);
  EXPECT_LE(jump, Vivaldi::kMaxStep * before.error + 0.1) << "cut";
  // As one of sixteen, again and again.
  for (int i = 0; i < 200; ++i) {
    node.OnSample(lie, absl::Milliseconds(20));
    for (size_t j = 10; j < 25; ++j) node.OnSample(plane.nodes()[j].own(), plane.RoundTrip(3, j));
  }
  EXPECT_LT(std::hypot(node.own().x - before.x, node.own().y - before.y), 20);
}

TEST(Coordinates, AbsurdSamplesAreNone) {
  SeededRng rng(1);
  Vivaldi node(rng);
  const Coordinate there;
  EXPECT_FALSE(node.OnSample(there, absl::ZeroDuration()));
  EXPECT_FALSE(node.OnSample(there, absl::Milliseconds(-3)));
  EXPECT_FALSE(node.OnSample(there, absl::Seconds(5)));
  EXPECT_FALSE(node.OnSample(there, absl::InfiniteDuration()));
  EXPECT_EQ(node.samples(), 0u);
}

TEST(Coordinates, TwoAtTheOriginGoApart) {
  SeededRng rng(1);
  Vivaldi a(rng);
  Vivaldi b(rng);
  for (int i = 0; i < 60; ++i) {
    a.OnSample(b.own(), absl::Milliseconds(80));
    b.OnSample(a.own(), absl::Milliseconds(80));
  }
  EXPECT_NEAR(DistanceBetween(a.own(), b.own()), 80, 8);
}

TEST(Coordinates, TravelInSixtyFourBits) {
  Coordinate place;
  place.x = -123.4;
  place.y = 56.78;
  place.height = 3.2;
  place.error = 0.25;
  const auto back = Coordinate::Unpack(place.Pack());
  ASSERT_TRUE(back);
  EXPECT_NEAR(back->x, place.x, 0.05);
  EXPECT_NEAR(back->y, place.y, 0.05);
  EXPECT_NEAR(back->height, place.height, 0.05);
  EXPECT_NEAR(back->error, place.error, 0.001);
  place.x = 1e9;
  place.y = -1e9;
  place.error = 0;
  EXPECT_NEAR(Coordinate::Unpack(place.Pack())->x, 2048, 1);
  EXPECT_NEAR(Coordinate::Unpack(place.Pack())->y, -2048, 1);
  EXPECT_EQ(Coordinate::Unpack(place.Pack())->error, Vivaldi::kMinError);
  EXPECT_NE(Coordinate().Pack(), 0u);
  EXPECT_FALSE(Coordinate::Unpack(0));
}

}  // namespace
}  // namespace p2pd::overlay
