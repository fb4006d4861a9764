#include "libcore/media/srtp.h"

#include <algorithm>
#include <cstring>

#include "libcore/base/check.h"
#include "libcore/media/rtp_packet.h"
#include "libcore/pki/aes_ctr.h"

namespace p2pd::media {
namespace {

// RFC 3711 §4.3.2 labels; those of the authentication keys have no use in AEAD.
constexpr uint8_t kRtpKeyLabel = 0x00;
constexpr uint8_t kRtpSaltLabel = 0x02;
constexpr uint8_t kRtcpKeyLabel = 0x03;
constexpr uint8_t kRtcpSaltLabel = 0x05;

// RFC 7714 §8.1: at most 2^48 SRTP packets a key; §9.1: 2^31 SRTCP packets.
constexpr uint32_t kMaxRtcpIndex = 0x7fff'ffff;
constexpr uint32_t kEncryptedFlag = 0x8000'0000;
// Header and SSRC of the first RTCP packet stay readable (RFC 7714 §9.2).
constexpr size_t kRtcpClearSize = 8;
constexpr size_t kRtcpTrailerSize = 4;

void PutU32(uint32_t value, uint8_t* out) {
  for (int i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}
uint32_t GetU32(const uint8_t* in) {
  return uint32_t{in[0]} << 24 | uint32_t{in[1]} << 16 | uint32_t{in[2]} << 8 | uint32_t{in[3]};
}
uint16_t GetU16(const uint8_t* in) { return static_cast<uint16_t>(in[0] << 8 | in[1]); }

SecretBytes Derive(ByteView master_key, ByteView master_salt, uint8_t label, size_t size) {
  // RFC 3711 §4.3.1 and §4.3.3: x = (label ‖ 0^48) XOR salt, IV = x · 2^16. The salt has 14 bytes
  // there; RFC 7714 §11 fills its 12 up with two zeros. The label meets byte 7.
  std::array<uint8_t, 16> block{};
  std::copy(master_salt.begin(), master_salt.end(), block.begin());
  block[7] ^= label;
  return pki::AesCtrKeystream(master_key, block, size);
}

// RFC 7714 §8.1:  0x0000 ‖ SSRC ‖ ROC ‖ SEQ, XOR salt.
pki::AeadNonce RtpNonce(ByteView salt, uint32_t ssrc, uint64_t index) {
  pki::AeadNonce nonce;
  uint8_t* const bytes = nonce.mutable_view().data();
  PutU32(ssrc, bytes + 2);
  PutU32(static_cast<uint32_t>(index >> 16), bytes + 6);
  bytes[10] = static_cast<uint8_t>(index >> 8);
  bytes[11] = static_cast<uint8_t>(index);
  for (size_t i = 0; i < kSrtpSaltSize; ++i) bytes[i] ^= salt[i];
  return nonce;
}

// RFC 7714 §9.1:  0x0000 ‖ SSRC ‖ 0x0000 ‖ index, XOR salt.
pki::AeadNonce RtcpNonce(ByteView salt, uint32_t ssrc, uint32_t index) {
  pki::AeadNonce nonce;
  uint8_t* const bytes = nonce.mutable_view().data();
  PutU32(ssrc, bytes + 2);
  PutU32(index, bytes + 8);
  for (size_t i = 0; i < kSrtpSaltSize; ++i) bytes[i] ^= salt[i];
  return nonce;
}

// RFC 7714 §9.2: header and SSRC ‖ E and index.
std::array<uint8_t, kRtcpClearSize + kRtcpTrailerSize> RtcpAad(ByteView packet, uint32_t trailer) {
  std::array<uint8_t, kRtcpClearSize + kRtcpTrailerSize> aad;
  std::copy_n(packet.begin(), kRtcpClearSize, aad.begin());
  PutU32(trailer, aad.data() + kRtcpClearSize);
  return aad;
}

bool LengthsFit(SrtpSuite suite, ByteView key, ByteView salt) {
  return key.size() == SrtpKeySize(suite) && salt.size() == kSrtpSaltSize;
}

absl::Status WrongLengths() {
  return absl::InvalidArgumentError("SRTP master key or salt has the wrong length");
}

}  // namespace

size_t SrtpKeySize(SrtpSuite suite) {
  switch (suite) {
    case SrtpSuite::kAeadAes128Gcm:
      return 16;
    case SrtpSuite::kAeadAes256Gcm:
      return 32;
  }
  P2PD_CHECK(false);
}

SrtpKeyPair DeriveSrtpKeys(ByteView master_key, ByteView master_salt) {
  P2PD_CHECK(master_salt.size() == kSrtpSaltSize);
  const size_t size = master_key.size();
  return SrtpKeyPair{{Derive(master_key, master_salt, kRtpKeyLabel, size),
                      Derive(master_key, master_salt, kRtpSaltLabel, kSrtpSaltSize)},
                     {Derive(master_key, master_salt, kRtcpKeyLabel, size),
                      Derive(master_key, master_salt, kRtcpSaltLabel, kSrtpSaltSize)}};
}

bool ReplayWindow::MayAccept(uint64_t index) const {
  if (!any_ || index > highest_) return true;
  if (highest_ - index >= kSize) return false;
  return (bits_[(index % kSize) / 64] >> (index % 64) & 1) == 0;
}

void ReplayWindow::Mark(uint64_t index) {
  if (!any_ || index > highest_) {
    // Forget the places between the old highest and the new one.
    const uint64_t from = any_ ? highest_ + 1 : index;
    if (!any_ || index - from >= kSize) {
      bits_.fill(0);
    } else {
      for (uint64_t i = from; i <= index; ++i) {
        bits_[(i % kSize) / 64] &= ~(uint64_t{1} << (i % 64));
      }
    }
    highest_ = index;
    any_ = true;
  }
  bits_[(index % kSize) / 64] |= uint64_t{1} << (index % 64);
}

absl::StatusOr<SrtpSender> SrtpSender::Create(SrtpSuite suite, ByteView master_key,
                                              ByteView master_salt, std::optional<uint8_t> mki) {
  if (!LengthsFit(suite, master_key, master_salt)) return WrongLengths();
  return SrtpSender(DeriveSrtpKeys(master_key, master_salt), mki);
}

SrtpSender::SrtpSender(SrtpKeyPair keys, std::optional<uint8_t> mki)
    : rtp_(keys.rtp.key.view()),
      rtcp_(keys.rtcp.key.view()),
      rtp_salt_(std::move(keys.rtp.salt)),
      rtcp_salt_(std::move(keys.rtcp.salt)),
      mki_(mki) {}

void SrtpSender::Rekey(const SrtpKeyPair& keys, uint8_t mki) {
  rtp_ = pki::Aead(keys.rtp.key.view());
  rtcp_ = pki::Aead(keys.rtcp.key.view());
  rtp_salt_ = SecretBytes(keys.rtp.salt.view());
  rtcp_salt_ = SecretBytes(keys.rtcp.salt.view());
  mki_ = mki;
}

size_t SrtpSender::ProtectRtp(MutableByteView buffer, size_t size, size_t header_size) {
  const size_t overhead = kSrtpOverhead + mki_size();
  if (header_size < kRtpHeaderSize || size < header_size || buffer.size() < size + overhead) {
    return 0;
  }
  const uint16_t sequence = GetU16(buffer.data() + 2);
  if (started_ && sequence != static_cast<uint16_t>(last_sequence_ + 1)) return 0;
  uint32_t roc = roc_;
  if (started_ && sequence == 0) {
    if (roc == UINT32_MAX) return 0;
    ++roc;
  }
  const uint64_t index = uint64_t{roc} << 16 | sequence;
  const uint32_t ssrc = GetU32(buffer.data() + 8);
  rtp_.SealInto(RtpNonce(rtp_salt_.view(), ssrc, index), buffer.first(header_size),
                buffer.subspan(header_size, size - header_size),
                buffer.subspan(header_size, size - header_size + kSrtpTagSize));
  roc_ = roc;
  last_sequence_ = sequence;
  started_ = true;
  if (mki_) buffer[size + kSrtpOverhead] = *mki_;
  return size + overhead;
}

size_t SrtpSender::ProtectRtcp(MutableByteView buffer, size_t size) {
  const size_t overhead = kSrtcpOverhead + mki_size();
  if (size < kRtcpClearSize || buffer.size() < size + overhead) return 0;
  if (rtcp_index_ == kMaxRtcpIndex) return 0;
  const uint32_t index = ++rtcp_index_;
  const uint32_t ssrc = GetU32(buffer.data() + 4);
  const auto aad = RtcpAad(buffer, kEncryptedFlag | index);
  const size_t body = size - kRtcpClearSize;
  rtcp_.SealInto(RtcpNonce(rtcp_salt_.view(), ssrc, index), aad,
                 buffer.subspan(kRtcpClearSize, body),
                 buffer.subspan(kRtcpClearSize, body + kSrtpTagSize));
  PutU32(kEncryptedFlag | index, buffer.data() + size + kSrtpTagSize);
  if (mki_) buffer[size + kSrtcpOverhead] = *mki_;
  return size + overhead;
}

absl::StatusOr<SrtpReceiver> SrtpReceiver::Create(SrtpSuite suite, ByteView master_key,
                                                  ByteView master_salt, uint32_t remote_ssrc,
                                                  std::optional<uint8_t> mki) {
  if (!LengthsFit(suite, master_key, master_salt)) return WrongLengths();
  return SrtpReceiver(DeriveSrtpKeys(master_key, master_salt), remote_ssrc, mki);
}

SrtpReceiver::SrtpReceiver(SrtpKeyPair keys, uint32_t remote_ssrc, std::optional<uint8_t> mki)
    : remote_ssrc_(remote_ssrc) {
  keys_[0].emplace(keys, mki);
}

SrtpReceiver::Keys::Keys(const SrtpKeyPair& pair, std::optional<uint8_t> identifier)
    : mki(identifier),
      rtp(pair.rtp.key.view()),
      rtcp(pair.rtcp.key.view()),
      rtp_salt(pair.rtp.salt.view()),
      rtcp_salt(pair.rtcp.salt.view()) {}

void SrtpReceiver::AddKeys(const SrtpKeyPair& keys, uint8_t mki) {
  P2PD_CHECK(keys_[0]->mki.has_value());
  keys_[1] = std::move(keys_[0]);
  keys_[0].emplace(keys, mki);
}

SrtpReceiver::Keys* SrtpReceiver::Select(ByteView& packet) {
  if (!keys_[0]->mki) return &*keys_[0];
  const uint8_t mki = packet.back();
  packet.remove_suffix(kSrtpMkiSize);
  for (std::optional<Keys>& keys : keys_) {
    if (keys && keys->mki == mki) return &*keys;
  }
  return nullptr;
}

// RFC 3711 §3.3.1 and Appendix A: the index nearest to the highest seen.
uint64_t SrtpReceiver::GuessIndex(uint16_t sequence) const {
  if (!started_) return sequence;
  const uint64_t roc = highest_index_ >> 16;
  const auto highest = static_cast<uint16_t>(highest_index_);
  uint64_t guess = roc;
  if (highest < 0x8000) {
    if (sequence - highest > 0x8000 && roc > 0) guess = roc - 1;
  } else if (highest - 0x8000 > sequence) {
    guess = roc + 1;
  }
  return (guess & UINT32_MAX) << 16 | sequence;
}

SrtpReceiver::Result SrtpReceiver::UnprotectRtp(ByteView packet, MutableByteView out) {
  Result result;
  const auto header = ParseRtpHeader(packet);
  const size_t least = kSrtpTagSize + (keys_[0]->mki ? kSrtpMkiSize : 0);
  if (!header || packet.size() < header->size + least || out.size() < packet.size()) {
    return result;
  }
  if (header->ssrc != remote_ssrc_) {
    result.verdict = Verdict::kWrongSsrc;
    return result;
  }
  Keys* const keys = Select(packet);
  if (keys == nullptr) {
    result.verdict = Verdict::kUnknownKey;
    return result;
  }
  result.index = GuessIndex(header->sequence);
  if (!keys->rtp_window.MayAccept(result.index)) {
    result.verdict = Verdict::kReplayed;
    return result;
  }
  const ByteView sealed = packet.subspan(header->size);
  if (out.data() != packet.data()) std::copy_n(packet.begin(), header->size, out.begin());
  if (!keys->rtp.OpenInto(RtpNonce(keys->rtp_salt.view(), header->ssrc, result.index),
                          packet.first(header->size), sealed,
                          out.subspan(header->size, sealed.size() - kSrtpTagSize))) {
    result.verdict = Verdict::kForged;
    return result;
  }
  keys->rtp_window.Mark(result.index);
  highest_index_ = started_ ? std::max(highest_index_, result.index) : result.index;
  started_ = true;
  result.verdict = Verdict::kOk;
  result.newest_key = keys == &*keys_[0];
  result.size = packet.size() - kSrtpTagSize;
  return result;
}

SrtpReceiver::Result SrtpReceiver::UnprotectRtcp(ByteView packet, MutableByteView out) {
  Result result;
  const size_t overhead = kSrtcpOverhead + (keys_[0]->mki ? kSrtpMkiSize : 0);
  if (packet.size() < kRtcpClearSize + overhead || out.size() < packet.size() ||
      packet[0] >> 6 != 2) {
    return result;
  }
  const uint32_t ssrc = GetU32(packet.data() + 4);
  if (ssrc != remote_ssrc_) {
    result.verdict = Verdict::kWrongSsrc;
    return result;
  }
  Keys* const keys = Select(packet);
  if (keys == nullptr) {
    result.verdict = Verdict::kUnknownKey;
    return result;
  }
  const uint32_t trailer = GetU32(packet.data() + packet.size() - kRtcpTrailerSize);
  // Unencrypted SRTCP is possible in RFC 7714 §9.3; our offers never ask for it.
  if ((trailer & kEncryptedFlag) == 0) return result;
  const uint32_t index = trailer & ~kEncryptedFlag;
  result.index = index;
  if (!keys->rtcp_window.MayAccept(index)) {
    result.verdict = Verdict::kReplayed;
    return result;
  }
  const auto aad = RtcpAad(packet, trailer);
  const ByteView sealed =
      packet.subspan(kRtcpClearSize, packet.size() - kRtcpClearSize - kRtcpTrailerSize);
  if (out.data() != packet.data()) std::copy_n(packet.begin(), kRtcpClearSize, out.begin());
  if (!keys->rtcp.OpenInto(RtcpNonce(keys->rtcp_salt.view(), ssrc, index), aad, sealed,
                           out.subspan(kRtcpClearSize, sealed.size() - kSrtpTagSize))) {
    result.verdict = Verdict::kForged;
    return result;
  }
  keys->rtcp_window.Mark(index);
  result.verdict = Verdict::kOk;
  result.newest_key = keys == &*keys_[0];
  result.size = packet.size() - kSrtcpOverhead;
  return result;
}

}  // namespace p2pd::media
