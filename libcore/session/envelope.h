// The outer form of session datagrams: what a stranger's bytes must look like before anything else
// is done with them.
//
//   hello     | 200 | version | 1 | index | count | nonce 16 | hint 4 | n | cookie n | part … |
//   ack       | 200 | version | 2 | index | count | nonce 16 | part … |
//   cookie    | 200 | version | 3 | nonce 16 | cookie 17 |
//   not here  | 200 | version | 4 | nonce 16 |
//   packet    | 201 | receiver id 8 | packet number 8 | AES-256-GCM …, tag 16 |
//
// The parts of a hello together are an X25519 sealed box to the callee's device, those of an ack
// are an ephemeral key and what is under the handshake's key (handshake.h). `hint` is the beginning
// of SHA-256 of the sealing key, so that a daemon with several identities knows which to try. The
// nonce names the attempt; whoever answers repeats it, so only who saw the hello can. Threads: any.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "libcore/base/bytes.h"
#include "libcore/net/transmit.h"
#include "libcore/pki/x25519.h"

namespace p2pd::session {

inline constexpr uint8_t kVersion = 1;
// A hello or an ack has at most this many datagrams (design §5).
inline constexpr size_t kMaxFragments = 4;
// A hello is padded to at least this many full datagrams, so that the ack to it is not larger and
// its length says nothing of the caller.
inline constexpr size_t kMinHelloFragments = 2;

struct HelloNonceTag;
using HelloNonce = FixedBytes<HelloNonceTag, 16>;
struct ReceiverHintTag;
using ReceiverHint = FixedBytes<ReceiverHintTag, 4>;
struct CookieTag;
using Cookie = FixedBytes<CookieTag, 17>;

ReceiverHint HintOf(const pki::X25519Public& sealing_key);

struct HelloFragment {
  size_t index = 0;
  size_t count = 0;
  HelloNonce nonce;
  ReceiverHint hint;
  std::optional<Cookie> cookie;
  ByteView part;  // into the datagram
};
struct AckFragment {
  size_t index = 0;
  size_t count = 0;
  HelloNonce nonce;
  ByteView part;
};
struct CookieReply {
  HelloNonce nonce;
  Cookie cookie;
};
struct NotHereReply {
  HelloNonce nonce;
};
struct PacketFrame {
  uint64_t receiver_id = 0;
  uint64_t number = 0;
  ByteView header;  // what is authenticated beside the sealed bytes
  ByteView sealed;
};
using Envelope = std::variant<HelloFragment, AckFragment, CookieReply, NotHereReply, PacketFrame>;

// nullopt for anything that is not exactly one of the five, of our version and at most
// net::kMaxDatagram long.
std::optional<Envelope> ParseEnvelope(ByteView datagram);

inline constexpr size_t kPacketHeader = 17;
Bytes PacketHeader(uint64_t receiver_id, uint64_t number);
Bytes EncodeCookieReply(const CookieReply& reply);
Bytes EncodeNotHere(const HelloNonce& nonce);

// How many bytes of a sealed hello (with or without cookie) or of an ack fit in `fragments`
// datagrams.
size_t HelloCapacity(size_t fragments, bool with_cookie);
size_t AckCapacity(size_t fragments);
// Empty when `sealed` does not fit in kMaxFragments datagrams.
std::vector<Bytes> SplitHello(const HelloNonce& nonce, const ReceiverHint& hint,
                              const std::optional<Cookie>& cookie, ByteView sealed);
std::vector<Bytes> SplitAck(const HelloNonce& nonce, ByteView ack);

// What the sealing of hello and ack authenticates of the envelope.
Bytes HelloAad(const HelloNonce& nonce, const ReceiverHint& hint,
               const std::optional<Cookie>& cookie);
Bytes AckAad(const HelloNonce& nonce);

}  // namespace p2pd::session
