// Submission: a torrent that a person hands to an S-tracker over the overlay, signed by the key of
// his certificate, and the answer to it.
//
//   request  1 | body: length 4, bytes | signature: length 2, bytes | certificates 1 | each: length
//            2, DER
//   body     S-tracker's node 20 | made, ms since 1970 8 | nonce 16 | kind 1 = 1 metainfo,
//            2 magnet | bytes
//   answer   129 | info-hash 20
//            130 | text for a person: length 2, UTF-8
//
// Rules: what is signed names the one S-tracker that it is for, so that none can hand it on in the
// person's name. A metainfo that would not fit goes as a magnet; the S-tracker fetches it from the
// swarm. Threads: values. Limits: below; a request fits the overlay's 72 KiB. Source: design §7.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libcore/archive/placement.h"
#include "libcore/archive/torrent/info_hash.h"
#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::submission {

// Under which name S-trackers that take submissions say so in the overlay (design §4, 'service
// record'). Anybody may: whom to trust is the person's choice.
inline constexpr absl::string_view kService = "S-tracker submissions";
// The description of such a record.
Bytes ServiceDescription();
bool IsServiceDescription(ByteView description);

struct NonceTag;
using Nonce = FixedBytes<NonceTag, 16>;

struct Submission {
  // A longer metainfo goes as a magnet.
  static constexpr size_t kMaxMetainfo = 40 * 1024;

  MemberId to;
  absl::Time made;  // ms
  Nonce nonce;
  bool magnet = false;
  Bytes content;  // a metainfo, or a link

  friend bool operator==(const Submission&, const Submission&) = default;
};

// What a person hands over. InvalidArgument or ResourceExhausted as ParseMetainfo and ParseMagnet.
struct Content {
  bool magnet = false;
  Bytes bytes;
};
absl::StatusOr<Content> ContentOf(ByteView metainfo);

Bytes WriteBody(const Submission& submission);
std::optional<Submission> ParseBody(ByteView body);
// What the key signs of a body.
Bytes ToSign(ByteView body);

struct Request {
  static constexpr size_t kMaxBody = 48 * 1024;
  static constexpr size_t kMaxSignature = 1024;  // RSA of 8,192 bits

  Bytes body;
  Bytes signature;
  std::vector<Bytes> certificates;  // the person's first, as pki::CertificateChain has them

  friend bool operator==(const Request&, const Request&) = default;
};
Bytes Write(const Request& request);
std::optional<Request> ParseRequest(ByteView bytes);

struct Refused {
  static constexpr size_t kMaxText = 500;
  std::string text;
  friend bool operator==(const Refused&, const Refused&) = default;
};
// The name under which it was taken, or why it was not.
using Answer = std::variant<torrent::InfoHash, Refused>;
Bytes Write(const Answer& answer);
// Of `text` what is not printable ASCII is a question mark.
std::optional<Answer> ParseAnswer(ByteView bytes);

}  // namespace p2pd::archive::submission
