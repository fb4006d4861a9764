#include "libcore/pki/aes_gcm.h"

#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>

#include "gtest/gtest.h"

namespace p2pd::pki {
namespace {

// Counts what OpenSSL allocates; set before OpenSSL's first allocation, else it is refused.
std::atomic<int> allocations{0};
void* CountedMalloc(size_t size, const char*, int) {
  ++allocations;
  return std::malloc(size);
}
void* CountedRealloc(void* old, size_t size, const char*, int) {
  ++allocations;
  return std::realloc(old, size);
}
void CountedFree(void* old, const char*, int) { std::free(old); }
const bool kCounting = CRYPTO_set_mem_functions(CountedMalloc, CountedRealloc, CountedFree) == 1;

// Ciphertext and tag of `text` under the nonce of zeros.
Bytes Sealed(const AesGcm& gcm, ByteView aad, ByteView text) {
  Bytes out(text.size() + AesGcm::kTagSize);
  gcm.SealInto(AeadNonce(), aad, text, absl::MakeSpan(out));
  return out;
}

TEST(AesGcm, RefusesEveryChangedByteAndGivesNothingOut) {
  const AesGcm gcm(Bytes(16, 7));
  const AeadNonce nonce;
  const Bytes sealed = Sealed(gcm, AsBytes("header"), AsBytes("some speech"));
  for (size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 0x80;
    Bytes out(sealed.size() - AesGcm::kTagSize, 0xee);
    EXPECT_FALSE(gcm.OpenInto(nonce, AsBytes("header"), changed, absl::MakeSpan(out))) << i;
    EXPECT_EQ(out, Bytes(out.size(), 0));
  }
  for (size_t size = 0; size < AesGcm::kTagSize; ++size) {
    EXPECT_FALSE(gcm.OpenInto(nonce, AsBytes("header"), ByteView(sealed).first(size), {}));
  }
}

TEST(AesGcm, WorksInPlace) {
  const AesGcm gcm(Bytes(16, 7));
  Bytes buffer = ToBytes("twenty milliseconds");
  const size_t size = buffer.size();
  buffer.resize(size + AesGcm::kTagSize);
  gcm.SealInto(AeadNonce(), {}, ByteView(buffer).first(size), absl::MakeSpan(buffer));
  EXPECT_EQ(buffer, Sealed(gcm, {}, AsBytes("twenty milliseconds")));
  EXPECT_TRUE(gcm.OpenInto(AeadNonce(), {}, buffer, absl::MakeSpan(buffer).first(size)));
  EXPECT_EQ(AsText(ByteView(buffer).first(size)), "twenty milliseconds");
}

TEST(AesGcm, SealIntoAndOpenIntoAllocateNothing) {
  ASSERT_TRUE(kCounting);
  const AesGcm gcm(Bytes(16, 7));
  Bytes packet(160 + AesGcm::kTagSize);
  const auto round_trip = [&](uint8_t sequence) {
    AeadNonce nonce;
    nonce.mutable_view()[11] = sequence;
    const MutableByteView all = absl::MakeSpan(packet);
    gcm.SealInto(nonce, AsBytes("header"), all.first(160), all);
    return gcm.OpenInto(nonce, AsBytes("header"), all, all.first(160));
  };
  EXPECT_TRUE(round_trip(0));
  const int before = allocations;
  EXPECT_GT(before, 0);
  for (uint8_t i = 1; i < 100; ++i) EXPECT_TRUE(round_trip(i));
  EXPECT_EQ(allocations, before);
}

TEST(AesGcm, MovesAndChecksItsKey) {
  AesGcm one(Bytes(16, 1));
  const Bytes sealed = Sealed(one, {}, AsBytes("x"));
  AesGcm other(Bytes(32, 2));
  other = std::move(one);
  uint8_t opened = 0;
  EXPECT_TRUE(other.OpenInto(AeadNonce(), {}, sealed, MutableByteView(&opened, 1)));
  EXPECT_EQ(opened, 'x');
  EXPECT_DEATH(AesGcm(Bytes(24)), "check failed");
}

}  // namespace
}  // namespace p2pd::pki
