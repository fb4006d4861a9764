#include "libcore/archive/tracker/udp_tracker.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace p2pd::archive::tracker {
namespace {

// BEP 15. All numbers are big-endian.
//
//   connect    protocol id 8 | action 4 | transaction id 4
//   announce   connection id 8 | action 4 | transaction id 4 | info_hash 20 | peer_id 20 |
//              downloaded 8 | left 8 | uploaded 8 | event 4 | IP address 4 | key 4 | num_want 4 |
//              port 2 | options (BEP 41)
//   scrape     connection id 8 | action 4 | transaction id 4 | info_hash 20 …
constexpr uint64_t kProtocolId = 0x41727101980;
constexpr size_t kHeader = 16;
constexpr size_t kAnnounceSize = 98;
constexpr size_t kHashAt = 16;
constexpr size_t kLeftAt = 64;
constexpr size_t kEventAt = 80;
constexpr size_t kWantedAt = 92;
constexpr size_t kPortAt = 96;
// Of the replies: action 4 | transaction id 4, before all else.
constexpr size_t kReplyHeader = 8;
constexpr size_t kAnnounceReplyHeader = 20;
constexpr size_t kScrapeEntry = 12;

enum Action : uint32_t { kConnect = 0, kAnnounce = 1, kScrape = 2, kError = 3 };

// Longer paths are none of ours: "/KEY/announce" and some query.
constexpr size_t kMaxUrlData = 512;

uint32_t Load32(const uint8_t* from) {
  uint32_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return std::endian::native == std::endian::little ? __builtin_bswap32(value) : value;
}

void Store32(uint32_t value, uint8_t* to) {
  if (std::endian::native == std::endian::little) value = __builtin_bswap32(value);
  std::memcpy(to, &value, sizeof value);
}

void Begin(Action action, ByteView datagram, MutableByteView out) {
  Store32(action, out.data());
  std::memcpy(out.data() + 4, datagram.data() + 12, 4);
}

size_t Error(absl::string_view text, ByteView datagram, MutableByteView out) {
  Begin(kError, datagram, out);
  const size_t size = std::min(text.size(), out.size() - kReplyHeader);
  std::memcpy(out.data() + kReplyHeader, text.data(), size);
  return kReplyHeader + size;
}

AnnounceEvent EventOf(uint32_t number) {
  return number <= static_cast<uint32_t>(AnnounceEvent::kStopped)
             ? static_cast<AnnounceEvent>(number)
             : AnnounceEvent::kNone;
}

}  // namespace

uint64_t UdpTracker::IdOfEpoch(int64_t epoch, const net::IpAddress& address) const {
  std::array<uint8_t, 24> text{};
  StoreBigEndian64(static_cast<uint64_t>(epoch), text.data());
  const ByteView bytes = address.bytes();
  std::memcpy(text.data() + 8, bytes.data(), bytes.size());
  return SipHash24(tracker_.options().connection_key, ByteView(text.data(), 8 + bytes.size()));
}

uint64_t UdpTracker::ConnectionIdFor(Instant now, const net::IpAddress& address) const {
  return IdOfEpoch(now.nanos() / absl::ToInt64Nanoseconds(kEpoch), address);
}

bool UdpTracker::IsConnected(Instant now, const net::IpAddress& address, uint64_t id) const {
  const int64_t epoch = now.nanos() / absl::ToInt64Nanoseconds(kEpoch);
  return id == IdOfEpoch(epoch, address) || id == IdOfEpoch(epoch - 1, address);
}

size_t UdpTracker::Answer(Instant now, const net::Endpoint& from, ByteView datagram,
                          MutableByteView out) {
  if (datagram.size() < kHeader || out.size() < kMaxReply) {
    tracker_.tally().Add(Count::kDroppedMalformed);
    return 0;
  }
  const uint64_t id = LoadBigEndian64(datagram.data());
  const uint32_t action = Load32(datagram.data() + 8);
  if (action == kConnect && id == kProtocolId) {
    // action 4 | transaction id 4 | connection id 8: as long as the shortest request.
    Begin(kConnect, datagram, out);
    StoreBigEndian64(ConnectionIdFor(now, from.address), out.data() + kReplyHeader);
    tracker_.tally().Add(Count::kUdpConnects);
    return kReplyHeader + sizeof(uint64_t);
  }
  if (action != kAnnounce && action != kScrape) {
    tracker_.tally().Add(Count::kDroppedMalformed);
    return 0;
  }
  if (!IsConnected(now, from.address, id)) {
    tracker_.tally().Add(Count::kDroppedNotConnected);
    return 0;
  }
  return action == kAnnounce ? AnswerAnnounce(now, from, datagram, out)
                             : AnswerScrape(datagram, out);
}

size_t UdpTracker::AnswerAnnounce(Instant now, const net::Endpoint& from, ByteView datagram,
                                  MutableByteView out) {
  const auto malformed = [&](absl::string_view why) {
    tracker_.tally().Add(Count::kErrorsMalformed);
    return Error(why, datagram, out);
  };
  if (datagram.size() < kAnnounceSize) return malformed("announce is too short");
  PeerAnnounce announce;
  announce.hash = *InfoHash::FromView(datagram.subspan(kHashAt, InfoHash::kSize));
  announce.peer.address = from.address;
  announce.peer.port = static_cast<uint16_t>(datagram[kPortAt] << 8 | datagram[kPortAt + 1]);
  announce.event = EventOf(Load32(datagram.data() + kEventAt));
  announce.seed = LoadBigEndian64(datagram.data() + kLeftAt) == 0;
  // -1, the default, is as large as a number can be.
  announce.wanted = std::min(Load32(datagram.data() + kWantedAt), kMaxPeersInReply);
  if (announce.peer.port == 0) return malformed("port is 0");
  std::optional<std::string> path;
  absl::string_view key;
  if (datagram.size() > kAnnounceSize) {
    path = ReadUrlData(datagram.subspan(kAnnounceSize));
    if (!path) return malformed("options are broken");
    const auto parsed = ParseTrackerPath(absl::string_view(*path).substr(0, path->find('?')));
    if (parsed) key = parsed->key;
  }
  const auto refusal = tracker_.Announce(now, announce, key, answer_);
  if (refusal) return Error(TextOf(*refusal), datagram, out);
  tracker_.tally().Add(Count::kUdpAnnounces);
  // action 4 | transaction id 4 | interval 4 | leechers 4 | seeders 4 | peers of 6 or 18
  Begin(kAnnounce, datagram, out);
  Store32(static_cast<uint32_t>(absl::ToInt64Seconds(answer_.interval)), out.data() + 8);
  Store32(answer_.swarm.counts.incomplete, out.data() + 12);
  Store32(answer_.swarm.counts.complete, out.data() + 16);
  const ByteView peers = from.address.is_v4() ? answer_.swarm.v4.view() : answer_.swarm.v6.view();
  std::memcpy(out.data() + kAnnounceReplyHeader, peers.data(), peers.size());
  return kAnnounceReplyHeader + peers.size();
}

size_t UdpTracker::AnswerScrape(ByteView datagram, MutableByteView out) {
  const size_t hashes = (datagram.size() - kHeader) / InfoHash::kSize;
  if (hashes == 0 || hashes > kMaxScrape) {
    tracker_.tally().Add(Count::kErrorsMalformed);
    return Error("scrape takes 1 to 74 hashes", datagram, out);
  }
  tracker_.tally().Add(Count::kUdpScrapes);
  // action 4 | transaction id 4 | for each hash: seeders 4 | completed 4 | leechers 4
  Begin(kScrape, datagram, out);
  uint8_t* to = out.data() + kReplyHeader;
  for (size_t i = 0; i < hashes; ++i, to += kScrapeEntry) {
    const InfoHash hash =
        *InfoHash::FromView(datagram.subspan(kHeader + i * InfoHash::kSize, InfoHash::kSize));
    // A scrape has no place for a key (BEP 41 is of announces), and no error for one of many: what
    // is refused counts as empty.
    const SwarmCounts counts = tracker_.MayScrape(hash, "") ? SwarmCounts() : tracker_.Scrape(hash);
    Store32(counts.complete, to);
    Store32(counts.downloaded, to + 4);
    Store32(counts.incomplete, to + 8);
  }
  return kReplyHeader + hashes * kScrapeEntry;
}

// BEP 41: option type 1, then for all but 0 (end) and 1 (nothing) a length of 1 and the value. URL
// data in several options is one path.
std::optional<std::string> ReadUrlData(ByteView options) {
  constexpr uint8_t kEnd = 0;
  constexpr uint8_t kNothing = 1;
  constexpr uint8_t kUrlData = 2;
  std::string out;
  size_t at = 0;
  while (at < options.size() && options[at] != kEnd) {
    const uint8_t type = options[at++];
    if (type == kNothing) continue;
    if (at == options.size()) return std::nullopt;
    const size_t size = options[at++];
    if (size > options.size() - at) return std::nullopt;
    if (type == kUrlData) absl::StrAppend(&out, AsText(options.subspan(at, size)));
    if (out.size() > kMaxUrlData) return std::nullopt;
    at += size;
  }
  return out;
}

std::optional<TrackerPath> ParseTrackerPath(absl::string_view path) {
  TrackerPath out;
  out.scrape = absl::ConsumeSuffix(&path, "/scrape");
  if (!out.scrape && !absl::ConsumeSuffix(&path, "/announce")) return std::nullopt;
  if (path.empty()) return out;
  out.key = path.substr(1);
  if (path[0] != '/' || out.key.empty() || out.key.find('/') != absl::string_view::npos) {
    return std::nullopt;
  }
  return out;
}

}  // namespace p2pd::archive::tracker
