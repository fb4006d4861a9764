#include "libcore/media/srtp.h"

#include <gtest/gtest.h>
#include <srtp2/srtp.h>

#include <memory>

#include "libcore/base/hex.h"
#include "libcore/base/rng.h"
#include "libcore/media/rtp_packet.h"

namespace p2pd::media {
namespace {

constexpr uint32_t kSsrc = 0x5501a0b2;
using Verdict = SrtpReceiver::Verdict;

SecretBytes Secret(const char* hex) { return SecretBytes(*FromHex(hex)); }

// --- RFC 7714 §16 and §17 ---

constexpr char kKey128[] = "000102030405060708090a0b0c0d0e0f";
constexpr char kKey256[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr char kSalt[] = "517569642070726f2071756f";
constexpr char kRtp[] =
    "8040f17b8041f8d35501a0b2"
    "47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
constexpr char kRtcp[] =
    "81c8000d4d617273"
    "4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
constexpr uint32_t kRtcpSsrc = 0x4d617273;
constexpr uint32_t kRtcpIndex = 0x5d4;

struct Vector {
  const char* name;
  const char* key;
  const char* srtp;
  const char* srtcp;
};
constexpr Vector kVectors[] = {
    {"AEAD_AES_128_GCM", kKey128,
     "8040f17b8041f8d35501a0b2"
     "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
     "899d7f27beb16a9152cf765ee4390cce",
     "81c8000d4d617273"
     "63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275b"
     "c84aa45896cf4d2fc5abf87245d9eade"
     "800005d4"},
    {"AEAD_AES_256_GCM", kKey256,
     "8040f17b8041f8d35501a0b2"
     "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
     "7aa3db36dfffd6b0f9bb7878d7a76c13",
     "81c8000d4d617273"
     "d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad"
     "1d1eb30c4446839f57ff6f6cb26ac3be"
     "800005d4"},
};

SrtpKeyPair SessionKeys(const char* key) {
  return SrtpKeyPair{{Secret(key), Secret(kSalt)}, {Secret(key), Secret(kSalt)}};
}

class Rfc7714 : public ::testing::TestWithParam<Vector> {};

TEST_P(Rfc7714, ProtectsRtp) {
  SrtpSender sender(SessionKeys(GetParam().key));
  Bytes packet = *FromHex(kRtp);
  const size_t size = packet.size();
  packet.resize(size + kSrtpOverhead);
  ASSERT_EQ(sender.ProtectRtp(absl::MakeSpan(packet), size, kRtpHeaderSize), packet.size());
  EXPECT_EQ(Hex(packet), GetParam().srtp);
}

TEST_P(Rfc7714, OpensRtp) {
  SrtpReceiver receiver(SessionKeys(GetParam().key), kSsrc);
  const Bytes packet = *FromHex(GetParam().srtp);
  Bytes out(packet.size());
  const auto result = receiver.UnprotectRtp(packet, absl::MakeSpan(out));
  ASSERT_EQ(result.verdict, Verdict::kOk);
  EXPECT_EQ(result.index, 0xf17bu);
  EXPECT_EQ(Hex(ByteView(out).first(result.size)), kRtp);
}

TEST_P(Rfc7714, ProtectsRtcp) {
  SrtpSender sender(SessionKeys(GetParam().key));
  Bytes packet;
  for (uint32_t i = 0; i < kRtcpIndex; ++i) {  // up to the vector's index
    packet = *FromHex(kRtcp);
    const size_t size = packet.size();
    packet.resize(size + kSrtcpOverhead);
    ASSERT_EQ(sender.ProtectRtcp(absl::MakeSpan(packet), size), packet.size());
  }
  EXPECT_EQ(Hex(packet), GetParam().srtcp);
}

TEST_P(Rfc7714, OpensRtcp) {
  SrtpReceiver receiver(SessionKeys(GetParam().key), kRtcpSsrc);
  const Bytes packet = *FromHex(GetParam().srtcp);
  Bytes out(packet.size());
  const auto result = receiver.UnprotectRtcp(packet, absl::MakeSpan(out));
  ASSERT_EQ(result.verdict, Verdict::kOk);
  EXPECT_EQ(result.index, kRtcpIndex);
  EXPECT_EQ(Hex(ByteView(out).first(result.size)), kRtcp);
}

INSTANTIATE_TEST_SUITE_P(Suites, Rfc7714, ::testing::ValuesIn(kVectors),
                         [](const auto& row) { return std::string(row.param.name); });

// --- Our own two ends ---

Bytes Rtp(uint16_t sequence, uint32_t ssrc = kSsrc, size_t payload = 80) {
  RtpHeader header;
  header.payload_type = 111;
  header.sequence = sequence;
  header.timestamp = sequence * 960u;
  header.ssrc = ssrc;
  Bytes packet(kRtpHeaderSize + payload, static_cast<uint8_t>(sequence));
  WriteRtpHeader(header, absl::MakeSpan(packet));
  return packet;
}

class Ends : public ::testing::Test {
 protected:
  Bytes Protect(uint16_t sequence) {
    Bytes packet = Rtp(sequence);
    const size_t size = packet.size();
    packet.resize(size + kSrtpOverhead);
    EXPECT_EQ(sender_.ProtectRtp(absl::MakeSpan(packet), size, kRtpHeaderSize), packet.size());
    return packet;
  }
  Verdict Open(const Bytes& packet) {
    Bytes out(packet.size());
    const auto result = receiver_.UnprotectRtp(packet, absl::MakeSpan(out));
    index_ = result.index;
    return result.verdict;
  }
  Bytes ProtectRtcp() {
    Bytes packet = {0x80, 201, 0, 1, 0x55, 0x01, 0xa0, 0xb2};
    packet.resize(8 + kSrtcpOverhead);
    EXPECT_EQ(sender_.ProtectRtcp(absl::MakeSpan(packet), 8), packet.size());
    return packet;
  }
  Verdict OpenRtcp(const Bytes& packet) {
    Bytes out(packet.size());
    return receiver_.UnprotectRtcp(packet, absl::MakeSpan(out)).verdict;
  }

  const Bytes key_ = Bytes(16, 0x11);
  const Bytes salt_ = Bytes(12, 0x22);
  SrtpSender sender_ = *SrtpSender::Create(SrtpSuite::kAeadAes128Gcm, key_, salt_);
  SrtpReceiver receiver_ = *SrtpReceiver::Create(SrtpSuite::kAeadAes128Gcm, key_, salt_, kSsrc);
  uint64_t index_ = 0;
};

TEST_F(Ends, EveryChangedBitIsRefused) {
  const Bytes packet = Protect(100);
  for (size_t bit = 0; bit < packet.size() * 8; ++bit) {
    Bytes changed = packet;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_NE(Open(changed), Verdict::kOk) << bit;
  }
  // None of that spoiled the state.
  EXPECT_EQ(Open(packet), Verdict::kOk);
  const Bytes report = ProtectRtcp();
  for (size_t bit = 0; bit < report.size() * 8; ++bit) {
    Bytes changed = report;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_NE(OpenRtcp(changed), Verdict::kOk) << bit;
  }
  EXPECT_EQ(OpenRtcp(report), Verdict::kOk);
}

TEST_F(Ends, ReplaysAreRefused) {
  const Bytes first = Protect(100);
  const Bytes second = Protect(101);
  EXPECT_EQ(Open(second), Verdict::kOk);
  EXPECT_EQ(Open(first), Verdict::kOk);  // overtaken, not replayed
  EXPECT_EQ(Open(first), Verdict::kReplayed);
  EXPECT_EQ(Open(second), Verdict::kReplayed);
  const Bytes report = ProtectRtcp();
  EXPECT_EQ(OpenRtcp(report), Verdict::kOk);
  EXPECT_EQ(OpenRtcp(report), Verdict::kReplayed);
}

TEST_F(Ends, WhatIsOlderThanTheWindowIsRefused) {
  const Bytes old = Protect(0);
  for (uint16_t s = 1; s <= ReplayWindow::kSize; ++s) {
    const Bytes packet = Protect(s);
    if (s == ReplayWindow::kSize) {
      EXPECT_EQ(Open(packet), Verdict::kOk);
    }
  }
  EXPECT_EQ(Open(old), Verdict::kReplayed);
}

TEST_F(Ends, AnotherSsrcAndAnotherKeyAreRefused) {
  SrtpReceiver stranger =
      *SrtpReceiver::Create(SrtpSuite::kAeadAes128Gcm, Bytes(16, 0x12), salt_, kSsrc);
  SrtpReceiver other = *SrtpReceiver::Create(SrtpSuite::kAeadAes128Gcm, key_, salt_, kSsrc + 1);
  const Bytes packet = Protect(7);
  Bytes out(packet.size());
  EXPECT_EQ(stranger.UnprotectRtp(packet, absl::MakeSpan(out)).verdict, Verdict::kForged);
  EXPECT_EQ(other.UnprotectRtp(packet, absl::MakeSpan(out)).verdict, Verdict::kWrongSsrc);
}

TEST_F(Ends, ShortAndUnencryptedAreMalformed) {
  const Bytes packet = Protect(7);
  for (size_t size = 0; size < kRtpHeaderSize + kSrtpTagSize; ++size) {
    EXPECT_EQ(Open(Bytes(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size))),
              Verdict::kMalformed);
  }
  const Bytes report = ProtectRtcp();
  for (size_t size = 0; size < report.size(); ++size) {
    EXPECT_NE(OpenRtcp(Bytes(report.begin(), report.begin() + static_cast<std::ptrdiff_t>(size))),
              Verdict::kOk);
  }
  Bytes plain = report;
  plain[plain.size() - 4] = static_cast<uint8_t>(plain[plain.size() - 4] & 0x7f);  // E flag off
  EXPECT_EQ(OpenRtcp(plain), Verdict::kMalformed);
}

TEST_F(Ends, TheRolloverCounterOutlivesLossAndSilence) {
  uint16_t sequence = 32'000;
  uint64_t opened = 0;
  // Twice around; 3,000 packets lost about each wrap, as during a hold.
  for (int i = 0; i < 150'000; ++i, ++sequence) {
    const Bytes packet = Protect(sequence);
    if (sequence > 64'000 || sequence < 1'464) continue;
    ASSERT_EQ(Open(packet), Verdict::kOk) << i;
    ++opened;
  }
  EXPECT_GT(opened, 140'000u);
  EXPECT_EQ(index_ >> 16, 2u);
}

TEST_F(Ends, LatePacketsOfTheRoundBeforeAreOpened) {
  const Bytes before = [this] {
    for (uint16_t s = 32'000; s < 65'535; ++s) Protect(s);
    return Protect(65'535);
  }();
  // The receiver starts in the first round and meets the second round's packet first.
  SrtpSender early = *SrtpSender::Create(SrtpSuite::kAeadAes128Gcm, key_, salt_);
  Bytes first = Rtp(65'000);
  const size_t size = first.size();
  first.resize(size + kSrtpOverhead);
  ASSERT_GT(early.ProtectRtp(absl::MakeSpan(first), size, kRtpHeaderSize), 0u);
  ASSERT_EQ(Open(first), Verdict::kOk);
  ASSERT_EQ(Open(Protect(0)), Verdict::kOk);
  EXPECT_EQ(index_, 65'536u);
  EXPECT_EQ(Open(before), Verdict::kOk);
  EXPECT_EQ(index_, 65'535u);
}

TEST_F(Ends, ASenderNeverUsesAnIndexTwice) {
  Protect(5);
  Bytes again = Rtp(5);
  const size_t size = again.size();
  again.resize(size + kSrtpOverhead);
  EXPECT_EQ(sender_.ProtectRtp(absl::MakeSpan(again), size, kRtpHeaderSize), 0u);
  Bytes back = Rtp(4);
  back.resize(size + kSrtpOverhead);
  EXPECT_EQ(sender_.ProtectRtp(absl::MakeSpan(back), size, kRtpHeaderSize), 0u);
}

SrtpKeyPair Epoch(uint8_t epoch) {
  return DeriveSrtpKeys(Bytes(16, epoch), Bytes(12, static_cast<uint8_t>(epoch + 1)));
}

// Two ends whose packets say under which keys they are.
class Epochs : public ::testing::Test {
 protected:
  Bytes Protect(uint16_t sequence) {
    Bytes packet = Rtp(sequence);
    const size_t size = packet.size();
    packet.resize(size + kSrtpOverhead + kSrtpMkiSize);
    EXPECT_EQ(sender_.ProtectRtp(absl::MakeSpan(packet), size, kRtpHeaderSize), packet.size());
    return packet;
  }
  SrtpReceiver::Result Open(const Bytes& packet) {
    Bytes out(packet.size());
    return receiver_.UnprotectRtp(packet, absl::MakeSpan(out));
  }

  SrtpSender sender_{Epoch(0), 0};
  SrtpReceiver receiver_{Epoch(0), kSsrc, 0};
};

TEST_F(Epochs, BothAreOpenedUntilTheOldIsForgotten) {
  const Bytes overtaken = Protect(100);
  const Bytes old = Protect(101);
  receiver_.AddKeys(Epoch(1), 1);
  sender_.Rekey(Epoch(1), 1);
  const auto fresh = Open(Protect(102));
  EXPECT_EQ(fresh.verdict, Verdict::kOk);
  EXPECT_TRUE(fresh.newest_key);
  const auto late = Open(overtaken);
  EXPECT_EQ(late.verdict, Verdict::kOk);
  EXPECT_FALSE(late.newest_key);
  EXPECT_EQ(late.size, overtaken.size() - kSrtpOverhead - kSrtpMkiSize);
  EXPECT_EQ(Open(overtaken).verdict, Verdict::kReplayed);
  receiver_.ForgetOldKeys();
  EXPECT_EQ(Open(old).verdict, Verdict::kUnknownKey);
}

TEST_F(Epochs, AnIdentifierThatWasChangedOpensNothing) {
  receiver_.AddKeys(Epoch(1), 1);
  Bytes packet = Protect(100);
  packet.back() = 1;
  EXPECT_EQ(Open(packet).verdict, Verdict::kForged);
  packet.back() = 7;
  EXPECT_EQ(Open(packet).verdict, Verdict::kUnknownKey);
  packet.back() = 0;
  EXPECT_EQ(Open(packet).verdict, Verdict::kOk);
}

// RFC 3711 §3.3.1: the change falls together with the wrap, and all packets about it are lost.
TEST_F(Epochs, TheRolloverCounterOutlivesTheChange) {
  for (uint16_t s = 32'000; s < 65'530; ++s) ASSERT_EQ(Open(Protect(s)).verdict, Verdict::kOk);
  receiver_.AddKeys(Epoch(1), 1);
  sender_.Rekey(Epoch(1), 1);
  uint16_t sequence = 65'530;
  for (int lost = 0; lost < 100; ++lost) Protect(sequence++);
  const auto opened = Open(Protect(sequence));
  EXPECT_EQ(opened.verdict, Verdict::kOk);
  EXPECT_EQ(opened.index, 65'536u + sequence);
}

TEST_F(Epochs, ReportsGoOnCounting) {
  const auto protect = [&] {
    Bytes packet = {0x80, 201, 0, 1, 0x55, 0x01, 0xa0, 0xb2};
    packet.resize(8 + kSrtcpOverhead + kSrtpMkiSize);
    EXPECT_EQ(sender_.ProtectRtcp(absl::MakeSpan(packet), 8), packet.size());
    return packet;
  };
  SrtpReceiver receiver(Epoch(0), 0x5501a0b2, 0);
  const auto open = [&](Bytes packet) {
    return receiver.UnprotectRtcp(packet, absl::MakeSpan(packet));
  };
  EXPECT_EQ(open(protect()).index, 1u);
  const Bytes old = protect();
  receiver.AddKeys(Epoch(1), 1);
  sender_.Rekey(Epoch(1), 1);
  EXPECT_EQ(open(protect()).index, 3u);
  EXPECT_EQ(open(old).verdict, Verdict::kOk);
  receiver.ForgetOldKeys();
  EXPECT_EQ(open(old).verdict, Verdict::kUnknownKey);
  for (size_t size = 0; size < old.size(); ++size) {
    EXPECT_NE(open(Bytes(old.begin(), old.begin() + static_cast<std::ptrdiff_t>(size))).verdict,
              Verdict::kOk);
  }
}

TEST_F(Ends, WithoutRoomNothingIsDone) {
  Bytes packet = Rtp(5);
  EXPECT_EQ(sender_.ProtectRtp(absl::MakeSpan(packet), packet.size(), kRtpHeaderSize), 0u);
  EXPECT_EQ(sender_.ProtectRtp(absl::MakeSpan(packet), packet.size(), 4), 0u);
  EXPECT_EQ(sender_.ProtectRtcp(absl::MakeSpan(packet), packet.size()), 0u);
  EXPECT_EQ(packet, Rtp(5));
}

TEST(Srtp, KeysOfTheWrongLengthAreRefused) {
  const Bytes salt(12);
  EXPECT_FALSE(SrtpSender::Create(SrtpSuite::kAeadAes128Gcm, Bytes(32), salt).ok());
  EXPECT_FALSE(SrtpSender::Create(SrtpSuite::kAeadAes256Gcm, Bytes(16), salt).ok());
  EXPECT_FALSE(SrtpSender::Create(SrtpSuite::kAeadAes128Gcm, Bytes(16), Bytes(14)).ok());
  EXPECT_FALSE(SrtpReceiver::Create(SrtpSuite::kAeadAes128Gcm, Bytes(0), salt, 1).ok());
}

TEST(ReplayWindow, AgreesWithANaiveModel) {
  SeededRng rng(3);
  ReplayWindow window;
  std::vector<bool> seen(20'000);
  uint64_t highest = 0;
  bool any = false;
  for (int i = 0; i < 50'000; ++i) {
    const uint64_t base = static_cast<uint64_t>(i) / 3;
    const uint64_t index = rng.Below(50) == 0 ? rng.Below(seen.size())
                                              : std::min<uint64_t>(base + rng.Below(300), 19'999);
    const bool expected = !seen[index] && (!any || highest < index + ReplayWindow::kSize);
    ASSERT_EQ(window.MayAccept(index), expected) << i;
    if (expected) {
      window.Mark(index);
      seen[index] = true;
      highest = any ? std::max(highest, index) : index;
      any = true;
    }
  }
}

// --- libsrtp2 as an oracle ---

struct SessionFreer {
  void operator()(srtp_ctx_t_* session) const { srtp_dealloc(session); }
};
using Session = std::unique_ptr<srtp_ctx_t_, SessionFreer>;

Session Oracle(SrtpSuite suite, const Bytes& key, const Bytes& salt, bool inbound) {
  static const bool ready = srtp_init() == srtp_err_status_ok;
  EXPECT_TRUE(ready);
  srtp_policy_t policy{};
  if (suite == SrtpSuite::kAeadAes128Gcm) {
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
  } else {
    srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
    srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
  }
  Bytes both = key;
  Append(both, salt);
  policy.ssrc.type = inbound ? ssrc_any_inbound : ssrc_any_outbound;
  policy.key = both.data();
  policy.window_size = 128;
  srtp_t session = nullptr;
  EXPECT_EQ(srtp_create(&session, &policy), srtp_err_status_ok);
  return Session(session);
}

class Differential : public ::testing::TestWithParam<SrtpSuite> {};

TEST_P(Differential, SameBytesBothWaysOverTheWrap) {
  SeededRng rng(11);
  Bytes key(SrtpKeySize(GetParam()));
  Bytes salt(kSrtpSaltSize);
  rng.Fill(absl::MakeSpan(key));
  rng.Fill(absl::MakeSpan(salt));
  SrtpSender sender = *SrtpSender::Create(GetParam(), key, salt);
  SrtpReceiver receiver = *SrtpReceiver::Create(GetParam(), key, salt, kSsrc);
  const Session out = Oracle(GetParam(), key, salt, false);
  const Session in = Oracle(GetParam(), key, salt, true);
  uint16_t sequence = 64'000;
  for (int i = 0; i < 4'000; ++i, ++sequence) {
    const Bytes plain = Rtp(sequence, kSsrc, rng.Below(300));
    Bytes ours = plain;
    ours.resize(plain.size() + kSrtpOverhead);
    ASSERT_EQ(sender.ProtectRtp(absl::MakeSpan(ours), plain.size(), kRtpHeaderSize), ours.size());
    Bytes theirs = plain;
    theirs.resize(plain.size() + SRTP_MAX_TRAILER_LEN);
    int size = static_cast<int>(plain.size());
    ASSERT_EQ(srtp_protect(out.get(), theirs.data(), &size), srtp_err_status_ok);
    theirs.resize(static_cast<size_t>(size));
    ASSERT_EQ(Hex(ours), Hex(theirs)) << i;
    // Each opens what the other sealed.
    Bytes opened(theirs.size());
    const auto result = receiver.UnprotectRtp(theirs, absl::MakeSpan(opened));
    ASSERT_EQ(result.verdict, Verdict::kOk);
    opened.resize(result.size);
    ASSERT_EQ(opened, plain);
    size = static_cast<int>(ours.size());
    ASSERT_EQ(srtp_unprotect(in.get(), ours.data(), &size), srtp_err_status_ok);
    ASSERT_EQ(size, static_cast<int>(plain.size()));
  }
}

TEST_P(Differential, RtcpToo) {
  SeededRng rng(12);
  Bytes key(SrtpKeySize(GetParam()));
  Bytes salt(kSrtpSaltSize);
  rng.Fill(absl::MakeSpan(key));
  rng.Fill(absl::MakeSpan(salt));
  SrtpSender sender = *SrtpSender::Create(GetParam(), key, salt);
  SrtpReceiver receiver = *SrtpReceiver::Create(GetParam(), key, salt, kSsrc);
  const Session out = Oracle(GetParam(), key, salt, false);
  const Session in = Oracle(GetParam(), key, salt, true);
  for (int i = 0; i < 200; ++i) {
    Bytes plain(8 + 4 * rng.Below(40), static_cast<uint8_t>(i));
    const Bytes head = {0x80, 200, 0,    static_cast<uint8_t>(plain.size() / 4 - 1),
                        0x55, 1,   0xa0, 0xb2};
    std::copy(head.begin(), head.end(), plain.begin());
    Bytes ours = plain;
    ours.resize(plain.size() + kSrtcpOverhead);
    ASSERT_EQ(sender.ProtectRtcp(absl::MakeSpan(ours), plain.size()), ours.size());
    Bytes theirs = plain;
    theirs.resize(plain.size() + SRTP_MAX_TRAILER_LEN + 4);
    int size = static_cast<int>(plain.size());
    ASSERT_EQ(srtp_protect_rtcp(out.get(), theirs.data(), &size), srtp_err_status_ok);
    theirs.resize(static_cast<size_t>(size));
    ASSERT_EQ(Hex(ours), Hex(theirs)) << i;
    Bytes opened(theirs.size());
    const auto result = receiver.UnprotectRtcp(theirs, absl::MakeSpan(opened));
    ASSERT_EQ(result.verdict, Verdict::kOk);
    opened.resize(result.size);
    ASSERT_EQ(opened, plain);
    size = static_cast<int>(ours.size());
    ASSERT_EQ(srtp_unprotect_rtcp(in.get(), ours.data(), &size), srtp_err_status_ok);
  }
}

INSTANTIATE_TEST_SUITE_P(Suites, Differential,
                         ::testing::Values(SrtpSuite::kAeadAes128Gcm, SrtpSuite::kAeadAes256Gcm));

}  // namespace
}  // namespace p2pd::media
