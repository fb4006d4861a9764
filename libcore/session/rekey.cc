#include "libcore/session/rekey.h"

#include <array>
#include <utility>

#include "libcore/base/check.h"
#include "libcore/pki/hash.h"

namespace p2pd::session {
namespace {

constexpr absl::string_view kRekeyPrefix{"p2pd rekey 1\0", 13};
constexpr absl::string_view kKeyLabel = "p2pd rekey";

void AppendU32(Bytes& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

}  // namespace

Rekey::Rekey(Instant now, Options options)
    : options_(std::move(options)), secret_(std::move(options_.secret)), changed_at_(now) {
  P2PD_CHECK(secret_.size() == kSecretSize && options_.every > absl::ZeroDuration());
  due_ = now + (options_.caller ? options_.every : options_.every * 1.25);
}

Bytes Rekey::ToSign(bool by_caller, uint32_t epoch, ByteView half, ByteView answered) const {
  Bytes out = ToBytes(kRekeyPrefix);
  Append(out, options_.binding.view());
  out.push_back(by_caller ? 1 : 2);
  AppendU32(out, epoch);
  Append(out, half);
  Append(out, answered);
  return out;
}

Rekey::Half Rekey::Sign(const pki::Ed25519Key& ours, const pki::X25519Public& half,
                        ByteView answered) const {
  Half out;
  out.set_epoch(epoch_ + 1);
  out.set_ephemeral(half.ToString());
  out.set_signature(
      ours.Sign(ToSign(options_.caller, epoch_ + 1, half.view(), answered)).ToString());
  return out;
}

std::optional<pki::X25519Public> Rekey::Verified(const Half& half, ByteView answered) const {
  const auto theirs = pki::X25519Public::FromView(AsBytes(half.ephemeral()));
  if (!theirs || half.epoch() != epoch_ + 1) return std::nullopt;
  const Bytes said = ToSign(!options_.caller, epoch_ + 1, theirs->view(), answered);
  if (!pki::Ed25519Verify(options_.peer, said, AsBytes(half.signature()))) return std::nullopt;
  return theirs;
}

bool Rekey::Advance(Instant now, const pki::X25519Key& ours, const pki::X25519Public& theirs) {
  const std::optional<SecretBytes> shared = ours.Agree(theirs);
  if (!shared) return false;  // a point of small order
  Bytes info = ToBytes(kKeyLabel);
  AppendU32(info, epoch_ + 1);
  Append(info, (options_.caller ? ours.public_key() : theirs).view());
  Append(info, (options_.caller ? theirs : ours.public_key()).view());
  secret_ = pki::HkdfSha256(shared->view(), secret_.view(), info, kSecretSize);
  ++epoch_;
  changed_at_ = now;
  due_ = now + (options_.caller ? options_.every : options_.every * 1.25);
  return true;
}

std::optional<Rekey::Half> Rekey::OnTimeout(Instant now, const pki::Ed25519Key& ours, Rng& rng) {
  if (now < due_) return std::nullopt;
  if (!open_) open_ = pki::X25519Key::Generate(rng);
  due_ = now + kRepeat;
  return Sign(ours, open_->public_key(), ByteView());
}

Rekey::Begun Rekey::OnHalf(Instant now, const Half& half, const pki::Ed25519Key& ours, Rng& rng) {
  const bool again = answer_ && half.epoch() == epoch_ && half.ephemeral() == answered_.text();
  if (again) return {.answer = answer_, .fresh = false};
  // Both began: the caller's counts, and its answer is on the way.
  if (open_ && options_.caller) return {};
  if (now - changed_at_ < kLeastInterval) return {};
  const std::optional<pki::X25519Public> theirs = Verified(half, ByteView());
  if (!theirs) return {};
  const pki::X25519Key key = pki::X25519Key::Generate(rng);
  Half answer = Sign(ours, key.public_key(), theirs->view());
  if (!Advance(now, key, *theirs)) return {};
  open_.reset();
  answered_ = *theirs;
  answer_ = std::move(answer);
  return {.answer = answer_, .fresh = true};
}

bool Rekey::OnAnswer(Instant now, const Half& half) {
  if (!open_) return false;
  const std::optional<pki::X25519Public> theirs = Verified(half, open_->public_key().view());
  if (!theirs || !Advance(now, *open_, *theirs)) return false;
  open_.reset();
  answer_.reset();
  return true;
}

}  // namespace p2pd::session
