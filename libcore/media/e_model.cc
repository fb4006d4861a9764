#include "libcore/media/e_model.h"

#include <algorithm>

namespace p2pd::media {

double DelayImpairment(double delay_ms) {
  // Cole and Rosenbluth 2001, eq. 2: conversation suffers faster beyond 177.3 ms.
  const double delay = std::max(delay_ms, 0.0);
  return 0.024 * delay + 0.11 * std::max(delay - 177.3, 0.0);
}

double LossImpairment(double loss_percent) {
  // G.107 §7.5 for random loss (BurstR 1), without what the equipment itself costs.
  const double loss = std::clamp(loss_percent, 0.0, 100.0);
  return (95.0 - kOpusIe) * loss / (loss + kOpusBpl);
}

double RFactor(double delay_ms, double loss_percent) {
  const double r = kBestR - DelayImpairment(delay_ms) - kOpusIe - LossImpairment(loss_percent);
  return std::clamp(r, 0.0, kBestR);
}

double MosFromR(double r) {
  // G.107 Annex B.
  if (r <= 0.0) return 1.0;
  if (r >= 100.0) return 4.5;
  return std::clamp(1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r), 1.0, 4.5);
}

}  // namespace p2pd::media
