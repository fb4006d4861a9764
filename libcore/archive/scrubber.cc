#include "libcore/archive/scrubber.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "libcore/base/codec.h"

namespace p2pd::archive {
namespace {

// Of what Save makes.
constexpr uint32_t kMagic = 0x70326373;
constexpr uint8_t kVersion = 1;

void PutTime(ByteWriter& out, const std::optional<absl::Time>& time) {
  out.U64(time ? static_cast<uint64_t>(absl::ToUnixSeconds(*time)) : 0);
}
std::optional<absl::Time> TakeTime(ByteReader& in) {
  const uint64_t seconds = in.U64();
  if (seconds == 0) return std::nullopt;
  return absl::FromUnixSeconds(static_cast<int64_t>(seconds));
}

}  // namespace

Scrubber::Scrubber(const ScrubOptions& options, Counters& counters, Instant now, absl::Time wall)
    : options_(options), counters_(counters), began_(wall), allowed_at_(now) {}

// magic 4 | version 1 | began 8 | whole 8 | bytes 8 | pieces 8 | rotted 8 | over 1 | inside 1 |
// info-hash 20 | piece 4
Bytes Scrubber::Save() const {
  ByteWriter out;
  out.U32(kMagic).U8(kVersion);
  PutTime(out, began_);
  PutTime(out, whole_);
  out.U64(bytes_).U64(pieces_).U64(rotted_).U8(over_ ? 1 : 0).U8(at_ ? 1 : 0);
  out.Put(at_.value_or(torrent::InfoHash()).view()).U32(piece_);
  return std::move(out).Take();
}

absl::Status Scrubber::Restore(ByteView saved, absl::Time wall) {
  ByteReader in(saved);
  const bool ours = in.U32() == kMagic && in.U8() == kVersion;
  const auto began = TakeTime(in);
  const auto whole = TakeTime(in);
  const uint64_t bytes = in.U64();
  const uint64_t pieces = in.U64();
  const uint64_t rotted = in.U64();
  const uint8_t over = in.U8();
  const uint8_t inside = in.U8();
  const auto hash = in.Fixed<torrent::InfoHash>();
  const uint32_t piece = in.U32();
  if (!ours || !in.AtEnd() || !began || over > 1 || inside > 1) {
    return absl::InvalidArgumentError("not where a scrub was");
  }
  began_ = std::min(*began, wall);
  whole_ = whole;
  bytes_ = bytes;
  pieces_ = pieces;
  rotted_ = rotted;
  over_ = over == 1;
  if (inside == 1) at_ = hash;
  piece_ = piece;
  resumed_ = at_.has_value();
  torrent_.reset();
  return absl::OkStatus();
}

double Scrubber::Due(absl::Time wall, uint64_t all) const {
  const double part = absl::FDivDuration(wall - began_, options_.period);
  // Past its time whatever is left is due.
  if (part >= 1) return std::numeric_limits<double>::infinity();
  return part * static_cast<double>(all);
}

void Scrubber::EndRound(absl::Time wall) {
  began_ = wall;
  bytes_ = 0;
  pieces_ = 0;
  at_.reset();
  piece_ = 0;
  torrent_.reset();
  over_ = false;
}

bool Scrubber::FindPiece() {
  const std::vector<bool>& have = torrent_->have;
  while (piece_ < have.size() && !have[piece_]) ++piece_;
  return piece_ < have.size();
}

std::optional<ScrubOrder> Scrubber::Poll(Instant now, absl::Time wall, uint64_t all, Next next) {
  if (options_.period <= absl::ZeroDuration() || options_.rate == 0) return std::nullopt;
  const double rate = static_cast<double>(options_.rate);
  allowance_ += absl::ToDoubleSeconds(now - allowed_at_) * rate;
  allowance_ = std::min(allowance_, rate * absl::ToDoubleSeconds(kBurst));
  allowed_at_ = now;
  if (asked_ && now - asked_at_ < kPatience) return std::nullopt;
  asked_.reset();
  // The clock was set back.
  if (wall < began_) began_ = wall;
  if (over_) {
    if (wall - began_ < options_.period) return std::nullopt;
    EndRound(wall);
  }
  if (allowance_ <= 0 || Due(wall, all) <= static_cast<double>(bytes_)) return std::nullopt;
  if (std::exchange(resumed_, false)) {
    // The torrent that the last run was in, if it is still there: it stands first behind the hash
    // before its own.
    torrent::InfoHash before = *at_;
    MutableByteView digits = before.mutable_view();
    for (size_t i = digits.size(); i-- > 0;) {
      if (digits[i]-- != 0) break;
    }
    const bool first = before > *at_;
    torrent_ = next(first ? std::nullopt : std::optional(before));
    if (torrent_ && torrent_->hash != *at_) torrent_.reset();
  }
  for (int passed = 0; !torrent_ || !FindPiece(); ++passed) {
    if (passed == kMaxPassed) return std::nullopt;
    torrent_ = next(at_);
    piece_ = 0;
    if (!torrent_) {
      over_ = true;
      whole_ = wall;
      counters_.Add("archive.scrub_rounds");
      return std::nullopt;
    }
    at_ = torrent_->hash;
  }
  asked_ = ScrubOrder{*at_, piece_++};
  asked_at_ = now;
  bytes_ += torrent_->piece_length;
  allowance_ -= torrent_->piece_length;
  return asked_;
}

void Scrubber::OnScrubbed(const ScrubOrder& order, bool rotted) {
  if (rotted) {
    ++rotted_;
    counters_.Add("archive.pieces_rotted");
  }
  if (!asked_ || asked_->hash != order.hash || asked_->piece != order.piece) return;
  asked_.reset();
  ++pieces_;
  counters_.Add("archive.pieces_scrubbed");
}

}  // namespace p2pd::archive
