// Two nodes that know of each other, for the tests of letters.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "libcore/base/codec.h"
#include "libcore/overlay/letter.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {

inline LetterTarget TargetOf(const NodeRecord& record) {
  return LetterTarget{Head(record.id()), record.addresses().front(), record.sealing_key()};
}

// A letter's plaintext, signed by `signer` for the holder of `receiver`.
inline Bytes LetterPlaintext(const wire::v1::LetterBody& body, const pki::Ed25519Key& signer,
                             const pki::X25519Public& receiver) {
  const std::string encoded = body.SerializeAsString();
  Bytes covered = ToBytes(absl::string_view("p2pd overlay letter\0", 20));
  Append(covered, receiver.view());
  Append(covered, AsBytes(encoded));
  ByteWriter writer;
  writer.Put16(AsBytes(encoded)).Put(signer.Sign(covered).view());
  Bytes out = std::move(writer).Take();
  if (out.size() < kMinLetter) out.resize(kMinLetter);
  return out;
}

// Counters whose name begins so, added up.
inline uint64_t SumOf(const Counters& counters, absl::string_view prefix) {
  uint64_t sum = 0;
  for (const auto& [name, value] : counters.Snapshot()) {
    if (absl::string_view(name).substr(0, prefix.size()) == prefix) sum += value;
  }
  return sum;
}

}  // namespace p2pd::overlay
