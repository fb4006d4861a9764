// ModelHash: a fast 128-bit mix from which the model of the cryptography takes all that it needs.
//
// Rules: the same bytes give the same value however they are cut; anybody can compute it, so it
// protects nothing. Threads: one a value. Sources: the multiply-and-fold of wyhash (Wang Yi 2019);
// the finalizer of MurmurHash3 (Appleby 2011).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcore/base/bytes.h"

namespace p2pd::pki::model {

// What a value is for; two uses of the same bytes have nothing in common.
enum class Use : uint64_t {
  kSha256 = 1,
  kHmac,
  kHkdf,
  kAead,
  kAeadTag,
  kEd25519Public,
  kEd25519Signature,
  kX25519Public,
  kX25519Secret
};

class ModelHash {
 public:
  explicit ModelHash(Use use);

  // Takes up `bytes`, as if all that comes were one string.
  ModelHash& Add(ByteView bytes);
  // With its length in front, so that two strings cannot be cut elsewhere.
  ModelHash& AddSized(ByteView bytes);
  ModelHash& AddWord(uint64_t word);
  // Fills `out`, of any size; nothing may be added after it.
  void Finish(MutableByteView out);

 private:
  static constexpr size_t kBlock = 16;
  void Mix(uint64_t first, uint64_t second);

  uint64_t a_;
  uint64_t b_;
  uint64_t size_ = 0;
  std::array<uint8_t, kBlock> rest_{};  // what is not a whole block yet
};

// XORs a stream that follows from the two words to `in`; `out` may be the same bytes.
void XorStream(uint64_t key, uint64_t nonce, ByteView in, MutableByteView out);

}  // namespace p2pd::pki::model
