// Byte strings: views, owners, fixed-length values that cannot be mixed up, and secrets that wipe
// themselves.
//
// Rules: a parser takes ByteView; who keeps bytes takes Bytes by value; a key or an id is a
// FixedBytes with a tag of its own, so that a nonce is never passed where a key belongs.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace p2pd {

using Bytes = std::vector<uint8_t>;
using ByteView = absl::Span<const uint8_t>;
using MutableByteView = absl::Span<uint8_t>;

inline ByteView AsBytes(absl::string_view text) {
  return ByteView(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}
inline absl::string_view AsText(ByteView bytes) {
  return absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}
inline Bytes ToBytes(ByteView bytes) { return Bytes(bytes.begin(), bytes.end()); }
inline Bytes ToBytes(absl::string_view text) { return ToBytes(AsBytes(text)); }
inline std::string ToText(ByteView bytes) { return std::string(AsText(bytes)); }
inline void Append(Bytes& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

// Overwrites `bytes` with zeros in a way that the compiler keeps.
void Wipe(MutableByteView bytes);
inline void Wipe(std::string& text) {
  Wipe(MutableByteView(reinterpret_cast<uint8_t*>(text.data()), text.size()));
  text.clear();
}

// The 8 bytes at `from` as a number, the first one the most significant.
inline uint64_t LoadBigEndian64(const uint8_t* from) {
  uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

inline void StoreBigEndian64(uint64_t value, uint8_t* to) {
  if (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
  std::memcpy(to, &value, sizeof value);
}

// Compares without a branch on the contents; lengths are no secret.
bool ConstantTimeEqual(ByteView a, ByteView b);

// A value of exactly N bytes; Tag keeps two kinds of the same length apart. Ordered as unsigned
// big-endian.
template <class Tag, size_t N>
class FixedBytes {
 public:
  static constexpr size_t kSize = N;

  constexpr FixedBytes() = default;
  constexpr explicit FixedBytes(const std::array<uint8_t, N>& bytes) : bytes_(bytes) {}

  // nullopt unless `bytes` has exactly N bytes.
  static std::optional<FixedBytes> FromView(ByteView bytes) {
    if (bytes.size() != N) return std::nullopt;
    FixedBytes out;
    std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
    return out;
  }
  static std::optional<FixedBytes> FromView(absl::string_view bytes) {
    return FromView(AsBytes(bytes));
  }

  ByteView view() const { return ByteView(bytes_.data(), N); }
  MutableByteView mutable_view() { return MutableByteView(bytes_.data(), N); }
  absl::string_view text() const { return AsText(view()); }
  std::string ToString() const { return std::string(text()); }
  uint8_t operator[](size_t i) const { return bytes_[i]; }
  const std::array<uint8_t, N>& array() const { return bytes_; }

  // Ids are keys of maps everywhere: no call for them, and the first words differ almost always.
  friend bool operator==(const FixedBytes& a, const FixedBytes& b) {
    uint64_t difference = 0;
    size_t i = 0;
    for (; i + sizeof(uint64_t) <= N; i += sizeof(uint64_t)) {
      difference |= LoadBigEndian64(a.bytes_.data() + i) ^ LoadBigEndian64(b.bytes_.data() + i);
    }
    for (; i < N; ++i) difference |= uint64_t{a.bytes_[i]} ^ b.bytes_[i];
    return difference == 0;
  }
  friend std::strong_ordering operator<=>(const FixedBytes& a, const FixedBytes& b) {
    if constexpr (N >= sizeof(uint64_t)) {
      const uint64_t x = LoadBigEndian64(a.bytes_.data());
      const uint64_t y = LoadBigEndian64(b.bytes_.data());
      if (x != y) return x <=> y;
    }
    return std::memcmp(a.bytes_.data(), b.bytes_.data(), N) <=> 0;
  }

  template <class H>
  friend H AbslHashValue(H h, const FixedBytes& value) {
    return H::combine(std::move(h), value.bytes_);
  }

 private:
  std::array<uint8_t, N> bytes_{};
};

// Bytes that are wiped when they go: keys, passphrases, decrypted settings. Movable, not copyable
// by accident.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(Bytes bytes) : bytes_(std::move(bytes)) {}
  explicit SecretBytes(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
  }
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { Wipe(MutableByteView(bytes_.data(), bytes_.size())); }

  SecretBytes Clone() const { return SecretBytes(view()); }
  ByteView view() const { return ByteView(bytes_.data(), bytes_.size()); }
  MutableByteView mutable_view() { return MutableByteView(bytes_.data(), bytes_.size()); }
  bool empty() const { return bytes_.empty(); }
  size_t size() const { return bytes_.size(); }

 private:
  Bytes bytes_;
};

}  // namespace p2pd
