// Availability as the S-tracker paper counts it: whole copies, plus the share of pieces of which
// there is one more (2.4: two whole copies, and a third of two pieces in five).
//
// Rules: counted are those whom we are connected to and who said which pieces they have, since what
// trackers and peers say of others is hearsay; ourselves only where the caller adds us. Threads:
// values. Source: 'S-tracker' (2017), tables 1 to 3.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace p2pd::archive {

struct Availability {
  uint32_t whole = 0;
  // Of all pieces, in 1/10,000: those that are there once more than `whole`. Below 10,000.
  uint32_t fraction = 0;

  double value() const { return whole + fraction / 10'000.0; }
  friend auto operator<=>(const Availability&, const Availability&) = default;
};

// Of a torrent whose piece i has `copies[i]` holders; none of a torrent without pieces. The
// fraction is rounded down, so that no copy is whole before it is.
Availability Count(absl::Span<const uint32_t> copies);
// The same where somebody more has the pieces in `held`, which is as long.
Availability CountWith(absl::Span<const uint32_t> copies, const std::vector<bool>& held);
// In words for a person: "1.8: one whole copy, and 80 % of the pieces once more".
std::string Explain(const Availability& availability);
// The same of the copies in all. Where neither we nor another S-tracker have anything of it (`here`
// is about us) it says that peers claim them: who says to have everything cannot be asked for a
// piece that we know.
std::string ExplainTotal(const Availability& organic, const Availability& total, bool here);

}  // namespace p2pd::archive
