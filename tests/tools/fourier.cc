#include "tests/tools/fourier.h"

#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "libcore/base/check.h"

namespace p2pd::tools {
namespace {

void Run(Spectrum& values, double sign) {
  const size_t n = values.size();
  P2PD_CHECK(std::has_single_bit(n));
  for (size_t i = 1, j = 0; i < n; ++i) {
    size_t bit = n >> 1;
    for (; (j & bit) != 0; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  for (size_t length = 2; length <= n; length <<= 1) {
    const double angle = sign * 2.0 * std::numbers::pi / static_cast<double>(length);
    std::vector<std::complex<double>> roots(length / 2);
    for (size_t i = 0; i < roots.size(); ++i) {
      roots[i] = std::polar(1.0, angle * static_cast<double>(i));
    }
    for (size_t start = 0; start < n; start += length) {
      for (size_t i = 0; i < length / 2; ++i) {
        const std::complex<double> even = values[start + i];
        const std::complex<double> odd = values[start + i + length / 2] * roots[i];
        values[start + i] = even + odd;
        values[start + i + length / 2] = even - odd;
      }
    }
  }
}

}  // namespace

void Transform(Spectrum& values) { Run(values, -1.0); }

void InverseTransform(Spectrum& values) {
  Run(values, 1.0);
  for (auto& value : values) value /= static_cast<double>(values.size());
}

std::vector<double> CrossCorrelate(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return {};
  const size_t count = a.size() + b.size() - 1;
  const size_t n = std::bit_ceil(count);
  Spectrum first(n);
  Spectrum second(n);
  for (size_t i = 0; i < a.size(); ++i) first[i] = a[i];
  for (size_t i = 0; i < b.size(); ++i) second[i] = b[i];
  Transform(first);
  Transform(second);
  for (size_t i = 0; i < n; ++i) first[i] = std::conj(first[i]) * second[i];
  InverseTransform(first);
  std::vector<double> out(count);
  // Negative lags stand at the end of the circle.
  for (size_t i = 0; i < count; ++i) {
    const size_t at = i + 1 >= a.size() ? i + 1 - a.size() : n + i + 1 - a.size();
    out[i] = first[at].real();
  }
  return out;
}

}  // namespace p2pd::tools
