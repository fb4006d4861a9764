#include "libcore/pki/aes_ctr.h"

#include <gtest/gtest.h>

#include "libcore/base/hex.h"

namespace p2pd::pki {
namespace {

TEST(AesCtr, Rfc3711AppendixB2) {
  // RFC 3711 §B.2: the AES-CM test vector; session key and offset block there.
  const Bytes key = {0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6,
                     0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C};
  const std::array<uint8_t, 16> counter = {0xF0, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7,
                                           0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFD, 0x00, 0x00};
  const SecretBytes stream = AesCtrKeystream(key, counter, 48);
  EXPECT_EQ(Hex(stream.view()),
            "e03ead0935c95e80e166b16dd92b4eb4"
            "d23513162b02d0f72a43a2fe4a5f97ab"
            "41e95b3bb0a2e8dd477901e4fca894c0");
}

TEST(AesCtr, ShorterOutputIsAPrefix) {
  const Bytes key(32, 7);
  const SecretBytes whole = AesCtrKeystream(key, {}, 40);
  const SecretBytes part = AesCtrKeystream(key, {}, 17);
  EXPECT_EQ(part.view(), whole.view().first(17));
}

}  // namespace
}  // namespace p2pd::pki
