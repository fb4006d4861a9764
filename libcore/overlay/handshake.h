// The handshake that makes a link: hello, welcome; where the responder is busy, or only a look is
// wanted, a cookie first. Both sides prove their Ed25519 node keys and agree on fresh AES-GCM keys;
// forward secret.
//
//   initiator                                responder
//   knock(index, nonce, padding)       ->    no state, no signature: 48 bytes in, 34 out
//                                      <-    cookie(index, nonce, cookie)
//   hello(index, cookie or none,       ->    cookie first, then record and signature;
//         ephemeral, record, expected;       a half-open link
//         signature)
//                                      <-    cookie(index, start of the hello's hash, cookie), or
//                                            welcome(indices, ephemeral, record, observed;
//                                            signature over the hello too)
//   first packet                       ->    proves the initiator's ephemeral: the link is open
//
// Rules: a cookie binds the sender's address and 30..60 s of time. A hello without one is answered
// as long as there are few of them, with no more bytes than it has (as RFC 9000 and WireGuard do:
// cookies under load); beyond that a spoofed source costs us one HMAC and gets less than it sent.
// The initiator signs its ephemeral key, so that a replayed hello
// yields keys that the replayer does not have; no link counts before the first packet. The
// responder signs the hello's hash with its own part, so nobody can put his name under somebody
// else's hello. Threads: one owner. Sources: RFC 9000 §8.1 (address validation), SIGMA (Krawczyk
// 2003), Donenfeld, 'WireGuard' (2017) §5.3.
#pragma once

#include <memory>
#include <optional>

#include "libcore/base/bytes.h"
#include "libcore/base/rng.h"
#include "libcore/base/time.h"
#include "libcore/net/endpoint.h"
#include "libcore/overlay/node_record.h"
#include "libcore/overlay/record_cache.h"
#include "libcore/pki/hash.h"

namespace p2pd::overlay {

struct CookieTag;
using Cookie = FixedBytes<CookieTag, 20>;

// Makes and judges cookies without state but one secret.
class CookieJar {
 public:
  // How long one slot lasts; a cookie lives one to two slots.
  static constexpr absl::Duration kSlot = absl::Seconds(30);

  explicit CookieJar(Rng& rng);
  // `purpose`: a cookie for one is worth nothing for another.
  Cookie Make(Instant now, const net::Endpoint& to, uint64_t purpose = 0) const;
  bool Check(Instant now, const net::Endpoint& from, const Cookie& cookie,
             uint64_t purpose = 0) const;
  // Grows with time; the cookies of one slot die together.
  static uint32_t SlotAt(Instant now) { return static_cast<uint32_t>((now - Instant()) / kSlot); }

 private:
  Cookie MakeFor(uint32_t slot, const net::Endpoint& to, uint64_t purpose) const;
  SecretBytes secret_;
};

// Bytes of a knock; the cookie datagram is smaller.
inline constexpr size_t kKnockSize = 48;

struct Knock {
  uint32_t index = 0;
  uint64_t nonce = 0;
};
Bytes MakeKnock(const Knock& knock);
std::optional<Knock> ParseKnock(ByteView datagram);
Bytes MakeCookieDatagram(const Knock& knock, const Cookie& cookie);
// What a cookie that answers a hello repeats.
Knock KnockOfHello(uint32_t index, const pki::Sha256Digest& hello);

// What both sides have after the handshake; `send` and `receive` are seen from the holder.
struct LinkSecrets {
  uint32_t local_index = 0;
  uint32_t remote_index = 0;
  SecretBytes send_key;
  SecretBytes receive_key;
  Bytes send_iv;     // 12 bytes
  Bytes receive_iv;  // 12 bytes
};

// A hello whose form is right; record and signature are judged by Respond().
struct Hello {
  uint32_t index = 0;
  std::optional<Cookie> cookie;
  pki::X25519Public ephemeral;
  Bytes record;
  std::optional<NodeId> expected;
  pki::Sha256Digest digest;  // of the whole datagram
  Bytes body;
  Bytes signature;
};
std::optional<Hello> ParseHello(ByteView datagram);

// The responder's part.
struct Responded {
  Bytes welcome;
  LinkSecrets secrets;
  NodeRecord initiator;
};
// nullopt when record, signature or key share is not right. `hello`'s cookie must have been checked
// before.
std::optional<Responded> Respond(const Hello& hello, const net::Endpoint& from,
                                 const NodeKeys& keys, const NodeRecord& self, uint32_t index,
                                 RecordCache& records, Rng& rng);

// The initiator's part, one per attempt to reach a node.
class Initiator {
 public:
  // `expected` is empty when only an address is known.
  Initiator(uint32_t index, std::optional<NodeId> expected, Rng& rng);

  // What is to be sent now, and again when nothing came: the knock, after the cookie the hello.
  const Bytes& datagram() const { return datagram_; }
  bool has_cookie() const { return has_cookie_; }
  // datagram() is a hello without a cookie; with GoBackToKnock() the knock again, where nothing
  // came: 48 bytes are enough to learn whether anybody is there. A welcome to the hello still
  // counts.
  void SayHello(const NodeKeys& keys, const NodeRecord& self, Rng& rng);
  void GoBackToKnock();
  // True when the cookie answers our knock or hello; datagram() is the hello with it then.
  bool OnCookie(ByteView datagram, const NodeKeys& keys, const NodeRecord& self, Rng& rng);

  struct Opened {
    LinkSecrets secrets;
    NodeRecord responder;
    net::Endpoint observed;
  };
  // nullopt when anything is wrong; the attempt goes on then, since anybody may send nonsense.
  std::optional<Opened> OnWelcome(ByteView datagram, RecordCache& records);

 private:
  void MakeHello(absl::string_view cookie, const NodeKeys& keys, const NodeRecord& self, Rng& rng);

  Knock knock_;
  std::optional<NodeId> expected_;
  std::optional<pki::X25519Key> ephemeral_;
  bool has_cookie_ = false;
  Bytes datagram_;
  std::optional<pki::Sha256Digest> hello_;  // of the last one
};

// The index that a cookie or welcome datagram is addressed to.
std::optional<uint32_t> InitiatorIndexOf(ByteView datagram);

}  // namespace p2pd::overlay
