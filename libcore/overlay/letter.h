// A letter: one request and its answer in one datagram each way, between nodes without a link.
//
//   letter   197 | 1 | ephemeral X25519 32 | AES-128-GCM( length 2, LetterBody, signature 64, zeros
//   ) answer   198 | 1 | name 8 | number 8   | AES-128-GCM( LetterAnswerBody )
//
// Rules: one HKDF-SHA256 of X25519(ephemeral, receiver's sealing key), salted with both
// public keys, gives the letter's key and nonce, the answer's key and IV, and the answer's name.
// The shape is HPKE's base mode (RFC 9180); there is no forward secrecy against who steals the
// receiver's sealing key later, as there is on links: what must have it goes over a link. The
// origin signs the body together with the receiver's sealing key, so that the receiver cannot seal
// it again to somebody else. The answer is not signed: its key is known to the origin and to the
// holder of the sealing key alone, that key stands in the responder's signed record, and nobody
// else is to be convinced of the answer; so a responder saves a signature. An answer's number is
// random, since one letter may be answered twice, and differently. Threads: any. Limits: 384 to
// 1,200 bytes. Sources: design §3; RFC 9180.
#pragma once

#include <algorithm>
#include <optional>

#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/net/endpoint.h"
#include "libcore/overlay/handshake.h"
#include "libcore/overlay/node.h"
#include "libcore/overlay/node_record.h"
#include "libcore/overlay/record_cache.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {

// Type, version, ephemeral key; authenticated with the rest.
inline constexpr size_t kLetterHeader = 34;
// Type, version, name, number.
inline constexpr size_t kLetterAnswerHeader = 18;
// Every letter is at least so long, in bytes, so that a refusal with the largest record is never
// longer: header 18, tag 16, record 3 + 320, cookie 22, size 4, and one to spare.
inline constexpr size_t kMinLetter = 384;

// Parts of an answer to an address that is proved, and bytes of the payload in each: what the
// handshake of a link would cost more than. Sent at once: a new connection's window is ten packets
// (RFC 9002 §7.2).
inline constexpr size_t kMaxAnswerParts = 8;
inline constexpr size_t kAnswerPart = 1140;
// Letters in which one request may be sent at once, and bytes of the payload in each part of the
// answer to them: what fits their largest datagram beside a record, since they prove no address.
inline constexpr size_t kMaxCopies = 3;
inline constexpr size_t kCopyPart = 960;
// In how many parts of `each` bytes a payload goes.
constexpr size_t CountParts(size_t payload, size_t each) { return (payload + each - 1) / each; }

// Which of the copies of a request this is: `number` of `of`, from 1. A letter alone is the first.
struct Copy {
  size_t number = 1;
  size_t of = 1;
};

// Seals and opens the answers to one letter. Copied with the way back of a request, wiped when it
// goes.
class AnswerSeal {
 public:
  static constexpr size_t kSecretSize = 36;  // name 8, key 16, IV 12

  AnswerSeal() = default;
  // `secret` has kSecretSize bytes.
  explicit AnswerSeal(ByteView secret);
  ~AnswerSeal() { Wipe(secret_.mutable_view()); }
  AnswerSeal(const AnswerSeal&) = default;
  AnswerSeal& operator=(const AnswerSeal&) = default;

  // By which the origin finds the letter that a datagram answers; nobody else can guess it.
  uint64_t name() const;
  // The whole datagram.
  Bytes Seal(ByteView plaintext, Rng& rng) const;
  std::optional<Bytes> Open(ByteView datagram) const;

 private:
  struct SecretTag;
  FixedBytes<SecretTag, kSecretSize> secret_;
};

struct SealedLetter {
  Bytes datagram;
  AnswerSeal seal;
};
// Of what the root of a routed request sends straight to its origin. It follows from the origin's
// signature, which nobody can guess and which the origin, the root and the hops between them have
// seen: those who would hand on the answer otherwise, and read it. The answer is signed itself.
AnswerSeal AnswerSealOf(const wire::v1::RouteMessage& request);

// Any plaintext to any key; nullopt when the key is a point of small order. A new plaintext needs a
// new call: key and nonce belong to one.
std::optional<SealedLetter> SealLetter(const pki::X25519Public& to, ByteView plaintext, Rng& rng);

// The origin's side.
struct LetterContent {
  uint64_t message_id = 0;
  Service service = Service::kOverlay;
  Bytes payload;
  size_t answer_bytes = 0;  // as LetterOptions; not padded for with a cookie
  Copy copy;                // one of several has a whole datagram
  std::optional<Cookie> cookie;
  uint64_t known_epoch = 0;
  bool link_wanted = false;
  // A signed routed request: it stands for message id, service and payload.
  std::optional<wire::v1::RouteMessage> route;
};
// Bytes of the datagram before padding; beyond net::kMaxDatagram it cannot be sent.
size_t LetterSize(const LetterContent& content, const NodeRecord& self);
// nullopt when it does not fit, or the target's key is of small order.
std::optional<SealedLetter> WriteLetter(const LetterTarget& to, const LetterContent& content,
                                        const NodeKeys& keys, const NodeRecord& self, Rng& rng);

// The receiver's side: a letter to us whose origin is proved.
struct Letter {
  NodeRecord origin;
  uint64_t message_id = 0;
  uint32_t service = 0;
  Bytes payload;
  std::optional<Cookie> cookie;
  uint64_t known_epoch = 0;
  bool link_wanted = false;
  AnswerSeal seal;
  // Set when it is to the root of a key, whoever that is.
  std::optional<wire::v1::RouteMessage> route;
  Copy copy;
};
std::optional<Letter> OpenLetter(ByteView datagram, const NodeKeys& keys, const NodeRecord& self,
                                 RecordCache& records);

// The way back to an origin.
struct LetterPath {
  net::Endpoint to;
  AnswerSeal seal;
  size_t paid = 0;  // bytes that came from there
  uint64_t known_epoch = 0;
  uint64_t message_id = 0;  // of the request, for which alone a cookie is good
  bool proved = false;      // a cookie came: the origin is where it says
  Copy copy = {};

  // Bytes of all datagrams of the answer.
  size_t room() const { return proved ? kMaxAnswerParts * net::kMaxDatagram : paid; }
  // Bytes of the largest of them.
  size_t room_in_one() const { return std::min(room(), net::kMaxDatagram); }
};
// nullopt when the datagram is larger than the path allows.
std::optional<Bytes> WriteLetterAnswer(const LetterPath& path, const NodeRecord& self,
                                       ByteView payload, wire::v1::AnswerError error, Rng& rng);
// In as many datagrams as it takes; empty when there would be too many, or more than the path has
// room for.
std::vector<Bytes> WriteLetterAnswerParts(const LetterPath& path, const NodeRecord& self,
                                          ByteView payload, wire::v1::AnswerError error, Rng& rng);
// The part that this copy pays for; nullopt when one datagram holds the answer, when it takes more
// than there are copies, or fewer than this one's number, or when the part is larger than the path
// allows.
std::optional<Bytes> WriteLetterAnswerToCopy(const LetterPath& path, const NodeRecord& self,
                                             ByteView payload, wire::v1::AnswerError error,
                                             Rng& rng);
// As WriteLetterAnswer, for somebody else's signed answer to a routed request.
std::optional<Bytes> WriteLetterReply(const LetterPath& path, const NodeRecord& self,
                                      const wire::v1::RouteReply& reply, Rng& rng);
// The root's side of AnswerSealOf; nullopt when it is larger than the path allows.
std::optional<Bytes> WriteStraightReply(const LetterPath& path, const wire::v1::RouteReply& reply,
                                        Rng& rng);
// Never larger than a letter. `payload_bytes` are those of the answer that was too large.
Bytes WriteLetterRefusal(const LetterPath& path, const NodeRecord& self, const Cookie& cookie,
                         std::optional<size_t> payload_bytes, Rng& rng);

// The origin's side again.
std::optional<uint64_t> LetterAnswerNameOf(ByteView datagram);
struct LetterAnswer {
  NodeRecord from;
  Bytes payload;
  wire::v1::AnswerError error = wire::v1::ANSWER_ERROR_NONE;
  std::optional<Cookie> cookie;  // of a refusal
  size_t size = 0;               // of a refusal
  // From beyond the receiver; its signature has not been looked at.
  std::optional<wire::v1::RouteReply> reply;
  size_t part = 0;   // of `parts`
  size_t parts = 1;  // 1..kMaxAnswerParts
};
// `known` is the record whose epoch stood in the letter. nullopt unless the responder's record has
// the sealing key that we sealed to and the head that we asked for.
std::optional<LetterAnswer> OpenLetterAnswer(ByteView datagram, const AnswerSeal& seal,
                                             const LetterTarget& target,
                                             const std::optional<NodeRecord>& known,
                                             RecordCache& records);
// What WriteStraightReply wrote; its signature has not been looked at.
std::optional<wire::v1::RouteReply> OpenStraightReply(ByteView datagram, const AnswerSeal& seal);

}  // namespace p2pd::overlay
