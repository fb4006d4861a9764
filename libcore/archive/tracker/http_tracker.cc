#include "libcore/archive/tracker/http_tracker.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "libcore/archive/torrent/bencode.h"
#include "libcore/archive/tracker/udp_tracker.h"
#include "libcore/http/query.h"

namespace p2pd::archive::tracker {
namespace {

using torrent::BencodeWriter;

constexpr int kNotFound = 404;

// name=value, both as they came; the value still has its %XX.
using Parameter = std::pair<absl::string_view, absl::string_view>;

std::vector<Parameter> SplitQuery(absl::string_view query) {
  std::vector<Parameter> out;
  for (const absl::string_view part : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    out.push_back(absl::StrSplit(part, absl::MaxSplits('=', 1)));
  }
  return out;
}

// The first of that name.
std::optional<absl::string_view> Find(const std::vector<Parameter>& query, absl::string_view name) {
  for (const Parameter& parameter : query) {
    if (parameter.first == name) return parameter.second;
  }
  return std::nullopt;
}

// Digits only; nullopt for all else, `fallback` when there is none of that name.
std::optional<uint64_t> FindNumber(const std::vector<Parameter>& query, absl::string_view name,
                                   std::optional<uint64_t> fallback) {
  const auto text = Find(query, name);
  if (!text) return fallback;
  uint64_t value = 0;
  const auto is_digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
  if (!std::all_of(text->begin(), text->end(), is_digit) || !absl::SimpleAtoi(*text, &value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<InfoHash> DecodeHash(absl::string_view text) {
  const auto bytes = http::PercentDecode(text);
  return bytes ? InfoHash::FromView(*bytes) : std::nullopt;
}

AnnounceEvent EventOf(absl::string_view name) {
  if (name == "started") return AnnounceEvent::kStarted;
  if (name == "stopped") return AnnounceEvent::kStopped;
  if (name == "completed") return AnnounceEvent::kCompleted;
  return AnnounceEvent::kNone;
}

int64_t Seconds(absl::Duration span) { return absl::ToInt64Seconds(span); }

// BEP 3 'failure reason' with BEP 31 'retry in': never, unless what is wrong may pass.
Bytes Failure(absl::string_view why) {
  BencodeWriter out;
  out.OpenDictionary().String("failure reason").String(why);
  out.String("retry in").String("never").Close();
  return out.Take();
}

void WritePeer(const net::IpAddress& address, const uint8_t* port, BencodeWriter& out) {
  out.OpenDictionary().String("ip").String(address.ToString());
  out.String("port").Integer(port[0] << 8 | port[1]).Close();
}

// BEP 3's form, for compact=0.
void WriteDictionaries(const SwarmReply& swarm, BencodeWriter& out) {
  out.OpenList();
  const ByteView v4 = swarm.v4.view();
  for (size_t at = 0; at < v4.size(); at += PeerV4::kWireBytes) {
    const uint8_t* wire = v4.data() + at;
    WritePeer(net::IpAddress::V4({wire[0], wire[1], wire[2], wire[3]}), wire + 4, out);
  }
  const ByteView v6 = swarm.v6.view();
  for (size_t at = 0; at < v6.size(); at += PeerV6::kWireBytes) {
    std::array<uint8_t, 16> address;
    std::copy_n(v6.begin() + static_cast<std::ptrdiff_t>(at), address.size(), address.begin());
    WritePeer(net::IpAddress::V6(address), v6.data() + at + address.size(), out);
  }
  out.Close();
}

}  // namespace

HttpAnswer HttpTracker::Malformed(absl::string_view why) {
  tracker_.tally().Add(Count::kErrorsMalformed);
  return {.body = Failure(why)};
}

HttpAnswer HttpTracker::Answer(Instant now, const net::IpAddress& from, absl::string_view target) {
  const size_t question = target.find('?');
  const auto path = ParseTrackerPath(target.substr(0, question));
  if (!path) {
    tracker_.tally().Add(Count::kHttpNotFound);
    return {.status = kNotFound, .body = ToBytes("there is /announce and /scrape here\n")};
  }
  const absl::string_view query =
      question == absl::string_view::npos ? absl::string_view() : target.substr(question + 1);
  return path->scrape ? AnswerScrape(path->key, query)
                      : AnswerAnnounce(now, from, path->key, query);
}

HttpAnswer HttpTracker::AnswerAnnounce(Instant now, const net::IpAddress& from,
                                       absl::string_view key, absl::string_view text) {
  const std::vector<Parameter> query = SplitQuery(text);
  const auto hash = DecodeHash(Find(query, "info_hash").value_or(""));
  if (!hash) return Malformed("info_hash is missing or has not 20 bytes");
  const auto port = FindNumber(query, "port", std::nullopt);
  if (!port || *port == 0 || *port > UINT16_MAX) return Malformed("port is missing or is none");
  PeerAnnounce announce;
  announce.hash = *hash;
  announce.peer = {.address = from, .port = static_cast<uint16_t>(*port)};
  announce.event = EventOf(Find(query, "event").value_or(""));
  // What is left is unknown before the metadata came: then it is not nothing.
  announce.seed = FindNumber(query, "left", 1) == uint64_t{0};
  announce.wanted = static_cast<uint32_t>(std::min<uint64_t>(
      FindNumber(query, "numwant", kMaxPeersInReply).value_or(kMaxPeersInReply), kMaxPeersInReply));
  announce.both_families = true;
  const auto refusal = tracker_.Announce(now, announce, key, answer_);
  if (refusal) return {.body = Failure(TextOf(*refusal))};
  tracker_.tally().Add(Count::kHttpAnnounces);
  return {.body = Body(from, Find(query, "compact") != "0")};
}

// The keys are in order, as bencoding wants them.
Bytes HttpTracker::Body(const net::IpAddress& from, bool compact) const {
  const SwarmReply& swarm = answer_.swarm;
  BencodeWriter out;
  out.OpenDictionary();
  out.String("complete").Integer(swarm.counts.complete);
  out.String("downloaded").Integer(swarm.counts.downloaded);
  out.String("external ip").String(from.bytes());  // BEP 24
  out.String("incomplete").Integer(swarm.counts.incomplete);
  out.String("interval").Integer(Seconds(answer_.interval));
  out.String("min interval").Integer(Seconds(answer_.min_interval));
  out.String("peers");
  if (compact) {
    out.String(swarm.v4.view());                                          // BEP 23
    if (swarm.v6.used > 0) out.String("peers6").String(swarm.v6.view());  // BEP 7
  } else {
    WriteDictionaries(swarm, out);
  }
  out.Close();
  return out.Take();
}

HttpAnswer HttpTracker::AnswerScrape(absl::string_view key, absl::string_view text) {
  // In order and once each: they are keys of a dictionary.
  std::set<InfoHash> hashes;
  for (const Parameter& parameter : SplitQuery(text)) {
    if (parameter.first != "info_hash") continue;
    const auto hash = DecodeHash(parameter.second);
    if (!hash) return Malformed("info_hash has not 20 bytes");
    hashes.insert(*hash);
  }
  // A scrape of everything (no hash) would tell strangers what is here, and be of any length.
  if (hashes.empty() || hashes.size() > UdpTracker::kMaxScrape) {
    return Malformed("scrape takes 1 to 74 hashes");
  }
  tracker_.tally().Add(Count::kHttpScrapes);
  BencodeWriter out;
  out.OpenDictionary().String("files").OpenDictionary();
  for (const InfoHash& hash : hashes) {
    if (tracker_.MayScrape(hash, key)) continue;  // what is refused is left out (BEP 48)
    const SwarmCounts counts = tracker_.Scrape(hash);
    out.String(hash.view()).OpenDictionary();
    out.String("complete").Integer(counts.complete);
    out.String("downloaded").Integer(counts.downloaded);
    out.String("incomplete").Integer(counts.incomplete).Close();
  }
  out.Close().Close();
  return {.body = out.Take()};
}

}  // namespace p2pd::archive::tracker
