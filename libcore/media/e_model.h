// The E-model's estimate of how a conversation feels, from delay and loss: R (0..93.2) and MOS
// (1..4.5).
//
// It is an estimate. The ITU has published no Ie and Bpl for Opus; kOpusIe and kOpusBpl are
// assumed, as others do, and whoever shows R or MOS says 'estimated'. Sources: ITU-T G.107 in the
// simplified form of Cole and Rosenbluth 2001; G.114 for the delay ranges.
#pragma once

namespace p2pd::media {

// R of a perfect narrow-band call with default parameters (G.107).
inline constexpr double kBestR = 93.2;
// Equipment impairment of Opus at 32 kbit/s without loss: assumed, none published.
inline constexpr double kOpusIe = 0.0;
// Robustness of Opus with in-band FEC to random loss, percent: assumed, none published.
inline constexpr double kOpusBpl = 25.0;

// Impairment by one-way mouth-to-ear delay, in R. `delay_ms` >= 0.
double DelayImpairment(double delay_ms);
// Impairment by loss, in R. `loss_percent` 0..100 of random loss after recovery.
double LossImpairment(double loss_percent);
// 0..kBestR.
double RFactor(double delay_ms, double loss_percent);
// 1..4.5.
double MosFromR(double r);

}  // namespace p2pd::media
