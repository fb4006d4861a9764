#include "libcore/archive/availability.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libcore/base/check.h"

namespace p2pd::archive {
namespace {

constexpr uint64_t kWhole = 10'000;

template <class CopiesOf>
Availability CountPieces(size_t pieces, const CopiesOf& copies_of) {
  if (pieces == 0) return {};
  uint32_t least = copies_of(0);
  for (size_t i = 1; i < pieces; ++i) least = std::min(least, copies_of(i));
  uint64_t more = 0;
  for (size_t i = 0; i < pieces; ++i) more += copies_of(i) > least ? 1 : 0;
  return Availability{least, static_cast<uint32_t>(more * kWhole / pieces)};
}

}  // namespace

Availability Count(absl::Span<const uint32_t> copies) {
  return CountPieces(copies.size(), [copies](size_t i) { return copies[i]; });
}

Availability CountWith(absl::Span<const uint32_t> copies, const std::vector<bool>& held) {
  P2PD_CHECK(copies.size() == held.size());
  return CountPieces(copies.size(),
                     [&](size_t i) { return copies[i] + (held[i] ? uint32_t{1} : 0); });
}

std::string Explain(const Availability& availability) {
  const std::string value = absl::StrFormat("%.4g", availability.value());
  const double share = availability.fraction * 100.0 / kWhole;
  if (availability.whole == 0) {
    return availability.fraction == 0
               ? "0: no piece is there"
               : absl::StrFormat("%s: no whole copy; %.4g %% of the pieces are there", value,
                                 share);
  }
  const std::string copies = availability.whole == 1
                                 ? std::string("one whole copy")
                                 : absl::StrFormat("%d whole copies", availability.whole);
  if (availability.fraction == 0) return absl::StrFormat("%s: %s", value, copies);
  return absl::StrFormat("%s: %s, and %.4g %% of the pieces once more", value, copies, share);
}

std::string ExplainTotal(const Availability& organic, const Availability& total, bool here) {
  const bool claimed = !here && organic == total && total != Availability();
  return absl::StrCat(Explain(total), claimed ? ", as peers claim; nothing is archived yet" : "");
}

}  // namespace p2pd::archive
