// FederationKey: what the members of a federation of S-trackers have in common, made of its name
// and of a secret that its operator gave to each of them.
//
// Rules: whoever knows the secret is a member; a stranger can neither find the place of the
// federation's records in the overlay, nor read, write or repeat one, nor ask a member anything. A
// member cannot speak for another: records are signed by the node that they are of, messages come
// over links that the nodes' keys made, and both are bound to the nodes' ids here. Threads: values.
// Sources: RFC 5869 (HKDF), RFC 2104 (HMAC).
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libcore/archive/placement.h"
#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/pki/hash.h"

namespace p2pd::archive::federation {

class FederationKey {
 public:
  // Bytes of the secret without the blanks around it. 32 are those of `openssl rand -hex 16`.
  static constexpr size_t kMinSecret = 32;
  static constexpr size_t kMaxSecret = 1024;
  static constexpr size_t kMaxName = 64;

  // InvalidArgument for an empty or overlong name and for a secret that is too short or too long.
  static absl::StatusOr<FederationKey> Make(absl::string_view name, ByteView secret);

  // The name of the service under which members are found in the overlay; says nothing to others.
  const std::string& service() const { return service_; }
  // What a member says of itself, readable by members alone and true of this node and sequence
  // alone.
  Bytes SealRecord(const MemberId& of, uint64_t sequence, ByteView plain, Rng& rng) const;
  std::optional<SecretBytes> OpenRecord(const MemberId& of, uint64_t sequence,
                                        ByteView sealed) const;
  // `message` with a tag behind it that only a member can make. `about`: what it answers; empty for
  // a question.
  Bytes Tagged(const MemberId& from, const MemberId& to, ByteView about, ByteView message) const;
  // The message without its tag; nullopt when that is wrong.
  std::optional<ByteView> Untagged(const MemberId& from, const MemberId& to, ByteView about,
                                   ByteView tagged) const;
  // The tag of a tagged message, for its answer.
  static ByteView TagOf(ByteView tagged);

 private:
  FederationKey() = default;
  pki::Sha256Digest TagFor(const MemberId& from, const MemberId& to, ByteView about,
                           ByteView message) const;

  std::string service_;
  SecretBytes seal_key_;
  SecretBytes tag_key_;
};

}  // namespace p2pd::archive::federation
