#include "libcore/pki/crypto.h"

#include <openssl/rand.h>

#include "gtest/gtest.h"
#include "libcore/base/bytes.h"

namespace p2pd::pki {
namespace {

// Counts what is drawn.
class CountingRng final : public Rng {
 public:
  void Fill(MutableByteView out) override {
    drawn += out.size();
    inner.Fill(out);
  }
  SeededRng inner{1};
  size_t drawn = 0;
};

Bytes Draw(const Crypto& crypto, size_t size) {
  Bytes out(size);
  EXPECT_EQ(RAND_bytes_ex(crypto.context(), out.data(), size, 0), 1);
  return out;
}

TEST(Crypto, OpenSslDrawsFromTheRng) {
  CountingRng rng;
  const auto crypto = Crypto::Create(rng);
  EXPECT_EQ(rng.drawn, 0u) << "creation draws nothing";
  SeededRng same(1);
  Bytes expected(48);
  same.Fill(absl::MakeSpan(expected));
  EXPECT_EQ(Draw(*crypto, 48), expected);
  EXPECT_EQ(rng.drawn, 48u);
  EXPECT_EQ(&crypto->rng(), &rng);
}

TEST(Crypto, PrivateRandomnessAndLargeRequestsComeFromItToo) {
  CountingRng rng;
  const auto crypto = Crypto::Create(rng);
  Bytes out(200000);
  EXPECT_EQ(RAND_priv_bytes_ex(crypto->context(), out.data(), out.size(), 0), 1);
  EXPECT_EQ(rng.drawn, out.size());
}

TEST(Crypto, TwoAreApart) {
  SeededRng a(1), b(2);
  const auto one = Crypto::Create(a);
  const auto other = Crypto::Create(b);
  EXPECT_NE(Draw(*one, 32), Draw(*other, 32));
}

}  // namespace
}  // namespace p2pd::pki
