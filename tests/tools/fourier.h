// A radix-2 Fourier transform and the cross-correlation made of it, for judging sound. Not for
// speed.
#pragma once

#include <complex>
#include <cstddef>
#include <vector>

namespace p2pd::tools {

using Spectrum = std::vector<std::complex<double>>;

// In place; the size is a power of two.
void Transform(Spectrum& values);
void InverseTransform(Spectrum& values);

// sum over n of a[n] · b[n + lag] for each lag in [-(a.size()-1), b.size()-1]; the first element is
// that of the least lag.
std::vector<double> CrossCorrelate(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace p2pd::tools
