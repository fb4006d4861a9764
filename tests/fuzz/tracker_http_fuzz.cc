// A client of the HTTP tracker: however its bytes are cut into pieces, the answers are the same;
// and the body of each announce and scrape is bencoded.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "libcore/archive/torrent/bencode.h"
#include "libcore/archive/tracker/http_conversation.h"
#include "libcore/base/check.h"
#include "libcore/base/rng.h"

namespace {

using namespace p2pd::archive::tracker;  // NOLINT(google-build-using-namespace)
using p2pd::Append;
using p2pd::Bytes;
using p2pd::ByteView;
using p2pd::Instant;

constexpr int kOk = 200;

struct Server {
  Server() {
    // Somebody is there already, for the answers to be of some length.
    for (uint16_t port = 1; port < 6; ++port) {
      for (const char* address : {"10.0.0.9", "2001:db8::9"}) {
        http.Answer(now, p2pd::net::IpAddress::Parse(address).value(),
                    "/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&left=1&port=" + std::to_string(port));
      }
    }
  }
  const Instant now = Instant::FromNanos(1'000'000'000'000);
  p2pd::SeededRng rng{1};
  SwarmTable table{{}, now, rng};
  const AccessBoard board{Access()};
  Tracker tracker{{}, table, board, nullptr, rng};
  HttpTracker http{tracker};
};

// All that comes back when the input comes in pieces of `piece` bytes.
Bytes Talk(ByteView input, size_t piece) {
  Server server;
  HttpConversation conversation(server.http, p2pd::net::IpAddress::Parse("10.0.0.1").value());
  Bytes out;
  const auto drain = [&] {
    while (!conversation.pending().empty()) {
      Append(out, conversation.pending());
      conversation.OnSent(server.now, conversation.pending().size());
    }
  };
  for (size_t at = 0; at < input.size() && !conversation.ended(); at += piece) {
    P2PD_CHECK(conversation.wants_bytes());
    conversation.OnBytes(server.now, input.subspan(at, piece));
    P2PD_CHECK(conversation.pending().size() < 2 * HttpConversation::kMaxPending);
    drain();
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView input(data + 1, size - 1);
  Server server;
  const HttpAnswer answer =
      server.http.Answer(server.now, p2pd::net::IpAddress(), p2pd::AsText(input));
  P2PD_CHECK(answer.status != kOk ||
             p2pd::archive::torrent::Bencoded::Parse(answer.body).has_value());
  // Beyond it the place where a head was found too long may differ.
  if (input.size() > HttpConversation::kMaxHeader / 2) return 0;
  // What is wrong in a head that never ends may be seen or not.
  Bytes ended(input.begin(), input.end());
  Append(ended, p2pd::AsBytes("\r\n\r\n"));
  P2PD_CHECK(Talk(ended, ended.size()) == Talk(ended, 1 + data[0] % 64));
  return 0;
}
