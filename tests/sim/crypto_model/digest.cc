#include "tests/sim/crypto_model/digest.h"

#include <bit>
#include <cstring>

#include "absl/numeric/int128.h"
#include "libcore/base/check.h"

namespace p2pd::pki::model {
namespace {

// Odd numbers with as many ones as zeros: wyhash's secret.
constexpr uint64_t kFirst = 0xa0761d6478bd642f;
constexpr uint64_t kSecond = 0xe7037ed1a0b428db;
constexpr uint64_t kThird = 0x8ebc6af09c88c6e3;
constexpr uint64_t kFourth = 0x589965cc75374cc3;

uint64_t Load(const uint8_t* from) {
  uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

uint64_t Fold(uint64_t x, uint64_t y) {
  const absl::uint128 product = absl::uint128(x) * y;
  return absl::Uint128Low64(product) ^ absl::Uint128High64(product);
}

uint64_t Scatter(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}

}  // namespace

ModelHash::ModelHash(Use use)
    : a_(kFirst * static_cast<uint64_t>(use)), b_(kSecond + static_cast<uint64_t>(use)) {}

void ModelHash::Mix(uint64_t first, uint64_t second) {
  const uint64_t folded = Fold(first ^ a_ ^ kThird, second ^ b_ ^ kFourth);
  a_ = std::rotl(a_, 29) * kSecond + folded + second;
  b_ = std::rotl(b_ ^ folded, 31) * kFirst + first;
}

ModelHash& ModelHash::Add(ByteView bytes) {
  if (bytes.empty()) return *this;
  const size_t held = size_ % kBlock;
  size_ += bytes.size();
  if (held != 0) {
    const size_t take = std::min(kBlock - held, bytes.size());
    std::memcpy(rest_.data() + held, bytes.data(), take);
    bytes.remove_prefix(take);
    if (held + take < kBlock) return *this;
    Mix(Load(rest_.data()), Load(rest_.data() + 8));
  }
  for (; bytes.size() >= kBlock; bytes.remove_prefix(kBlock)) {
    Mix(Load(bytes.data()), Load(bytes.data() + 8));
  }
  if (!bytes.empty()) std::memcpy(rest_.data(), bytes.data(), bytes.size());
  return *this;
}

ModelHash& ModelHash::AddWord(uint64_t word) {
  std::array<uint8_t, sizeof word> bytes;
  std::memcpy(bytes.data(), &word, sizeof word);
  return Add(bytes);
}

ModelHash& ModelHash::AddSized(ByteView bytes) { return AddWord(bytes.size()).Add(bytes); }

void ModelHash::Finish(MutableByteView out) {
  const size_t held = size_ % kBlock;
  if (held != 0) {
    std::memset(rest_.data() + held, 0, kBlock - held);
    Mix(Load(rest_.data()), Load(rest_.data() + 8));
  }
  Mix(size_, kFourth);
  Mix(b_, a_);
  for (uint64_t i = 0; !out.empty(); ++i) {
    const uint64_t word = Scatter(i % 2 == 0 ? a_ + i * kThird : b_ + i * kFourth);
    const size_t take = std::min(sizeof word, out.size());
    std::memcpy(out.data(), &word, take);
    out.remove_prefix(take);
  }
}

void XorStream(uint64_t key, uint64_t nonce, ByteView in, MutableByteView out) {
  P2PD_CHECK(in.size() == out.size());
  uint64_t counter = Scatter(key ^ nonce);
  for (size_t i = 0; i < in.size(); i += sizeof counter) {
    counter += kFirst;
    const uint64_t stream = Fold(counter, key ^ kSecond);
    if (in.size() - i >= sizeof stream) {
      const uint64_t word = Load(in.data() + i) ^ stream;
      std::memcpy(out.data() + i, &word, sizeof word);
      continue;
    }
    std::array<uint8_t, sizeof stream> last{};
    std::memcpy(last.data(), &stream, sizeof stream);
    for (size_t j = i; j < in.size(); ++j) out[j] = static_cast<uint8_t>(in[j] ^ last[j - i]);
  }
}

}  // namespace p2pd::pki::model
