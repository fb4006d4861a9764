// The plaintext of a user environment: whatever decodes is within its limits, encodes to something
// that decodes to the same, and merging it is idempotent and does not depend on the order.
#include <cstddef>
#include <cstdint>

#include "libcore/base/check.h"
#include "libcore/presence/environment.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using p2pd::presence::DecodeConfig;
  using p2pd::presence::EncodeConfig;
  using p2pd::presence::MergeConfigs;
  // The first half against the second, where both decode; else the whole against itself.
  const p2pd::ByteView all(data, size);
  const auto whole = DecodeConfig(all);
  const auto first = DecodeConfig(all.subspan(0, size / 2));
  const auto second = DecodeConfig(all.subspan(size / 2));
  for (const auto* config : {&whole, &first, &second}) {
    if (!*config) continue;
    P2PD_CHECK(static_cast<size_t>((*config)->contacts_size()) <= p2pd::presence::kMaxContacts);
    const p2pd::Bytes encoded = EncodeConfig(**config);
    const auto again = DecodeConfig(encoded);
    if (encoded.size() <= p2pd::presence::kMaxConfigBytes) {
      P2PD_CHECK(again && EncodeConfig(*again) == encoded);
    }
    const absl::Time never = absl::FromUnixMillis(-1);
    P2PD_CHECK(EncodeConfig(MergeConfigs(**config, **config, never)) == encoded);
  }
  if (first && second) {
    const absl::Time never = absl::FromUnixMillis(-1);
    // Salt and unknown fields of the message itself are the first one's.
    const auto contents = [](const p2pd::wire::v1::UserConfig& config) {
      p2pd::wire::v1::UserConfig out;
      *out.mutable_contacts() = config.contacts();
      *out.mutable_settings() = config.settings();
      return EncodeConfig(out);
    };
    P2PD_CHECK(contents(MergeConfigs(*first, *second, never)) ==
               contents(MergeConfigs(*second, *first, never)));
  }
  return 0;
}
