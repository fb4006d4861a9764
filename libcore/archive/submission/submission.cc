#include "libcore/archive/submission/submission.h"

#include <algorithm>
#include <utility>

#include "libcore/archive/torrent/metainfo.h"
#include "libcore/base/codec.h"
#include "libcore/base/status.h"
#include "libcore/pki/chain.h"

namespace p2pd::archive::submission {
namespace {

enum Kind : uint8_t { kRequest = 1, kTaken = 129, kRefused = 130 };
enum ContentKind : uint8_t { kMetainfo = 1, kMagnet = 2 };
constexpr uint8_t kVersion = 1;
constexpr absl::string_view kPrefix = "p2pd torrent submission 1\n";

std::string LinkOf(const torrent::Metainfo& metainfo) {
  torrent::Magnet magnet;
  magnet.hashes = metainfo.hashes;
  magnet.name = metainfo.name;
  for (const std::vector<std::string>& tier : metainfo.trackers) {
    for (const std::string& url : tier) {
      if (magnet.trackers.size() < torrent::Magnet::kMaxAddresses) magnet.trackers.push_back(url);
    }
  }
  while (!magnet.trackers.empty() && torrent::ToLink(magnet).size() > torrent::Magnet::kMaxLink) {
    magnet.trackers.pop_back();
  }
  return torrent::ToLink(magnet);
}

// It is shown to a person, and travels on as UTF-8.
std::string Printable(absl::string_view text) {
  std::string out(text);
  std::replace_if(out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return out;
}

}  // namespace

Bytes ServiceDescription() { return {kVersion}; }
bool IsServiceDescription(ByteView description) {
  return !description.empty() && description[0] == kVersion;
}

absl::StatusOr<Content> ContentOf(ByteView metainfo) {
  P2PD_ASSIGN_OR_RETURN(const torrent::Metainfo parsed, torrent::ParseMetainfo(metainfo));
  if (metainfo.size() <= Submission::kMaxMetainfo) return Content{false, ToBytes(metainfo)};
  return Content{true, ToBytes(absl::string_view(LinkOf(parsed)))};
}

Bytes WriteBody(const Submission& submission) {
  ByteWriter out;
  out.Put(submission.to.view()).U64(static_cast<uint64_t>(absl::ToUnixMillis(submission.made)));
  out.Put(submission.nonce.view()).U8(submission.magnet ? kMagnet : kMetainfo);
  out.Put(submission.content);
  return std::move(out).Take();
}

std::optional<Submission> ParseBody(ByteView body) {
  ByteReader in(body);
  Submission out;
  out.to = in.Fixed<MemberId>();
  const uint64_t made = in.U64();
  out.made = absl::FromUnixMillis(static_cast<int64_t>(made));
  out.nonce = in.Fixed<Nonce>();
  const uint8_t kind = in.U8();
  out.magnet = kind == kMagnet;
  out.content = ToBytes(in.TakeRest());
  const size_t most = out.magnet ? torrent::Magnet::kMaxLink : Submission::kMaxMetainfo;
  const bool good = in.ok() && made < uint64_t{1} << 53 && (out.magnet || kind == kMetainfo) &&
                    !out.content.empty() && out.content.size() <= most;
  return good ? std::optional(std::move(out)) : std::nullopt;
}

Bytes ToSign(ByteView body) {
  ByteWriter out(kPrefix.size() + body.size());
  out.Put(AsBytes(kPrefix)).Put(body);
  return std::move(out).Take();
}

Bytes Write(const Request& request) {
  ByteWriter out;
  out.U8(kRequest).U32(static_cast<uint32_t>(request.body.size())).Put(request.body);
  out.Put16(request.signature).U8(static_cast<uint8_t>(request.certificates.size()));
  for (const Bytes& der : request.certificates) out.Put16(der);
  return std::move(out).Take();
}

std::optional<Request> ParseRequest(ByteView bytes) {
  ByteReader in(bytes);
  Request out;
  const uint8_t kind = in.U8();
  const uint32_t size = in.U32();
  if (kind != kRequest || size > Request::kMaxBody) return std::nullopt;
  out.body = ToBytes(in.Take(size));
  out.signature = ToBytes(in.Take16());
  const uint8_t count = in.U8();
  if (out.signature.size() > Request::kMaxSignature || count == 0 ||
      count > pki::CertificateChain::kMaxLength) {
    return std::nullopt;
  }
  for (uint8_t i = 0; i < count; ++i) {
    out.certificates.push_back(ToBytes(in.Take16()));
    if (out.certificates.back().size() > pki::Certificate::kMaxDer) return std::nullopt;
  }
  return in.AtEnd() ? std::optional(std::move(out)) : std::nullopt;
}

Bytes Write(const Answer& answer) {
  ByteWriter out;
  if (const auto* hash = std::get_if<torrent::InfoHash>(&answer)) {
    out.U8(kTaken).Put(hash->view());
  } else if (const auto* refused = std::get_if<Refused>(&answer)) {
    const absl::string_view text = refused->text;
    out.U8(kRefused).Put16(AsBytes(text.substr(0, Refused::kMaxText)));
  }
  return std::move(out).Take();
}

std::optional<Answer> ParseAnswer(ByteView bytes) {
  ByteReader in(bytes);
  const uint8_t kind = in.U8();
  std::optional<Answer> out;
  if (kind == kTaken) {
    out = in.Fixed<torrent::InfoHash>();
  } else if (kind == kRefused) {
    const ByteView text = in.Take16();
    if (text.size() > Refused::kMaxText) return std::nullopt;
    out = Refused{Printable(AsText(text))};
  }
  return in.AtEnd() ? out : std::nullopt;
}

}  // namespace p2pd::archive::submission
