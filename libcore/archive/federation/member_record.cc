#include "libcore/archive/federation/member_record.h"

#include <algorithm>

#include "libcore/base/codec.h"

namespace p2pd::archive::federation {
namespace {

constexpr uint8_t kVersion = 1;

}  // namespace

Bytes WriteMemberRecord(const MemberRecord& record) {
  ByteWriter out;
  out.U8(kVersion).U64(record.quota);
  out.Put16(AsBytes(record.domain.substr(0, MemberRecord::kMaxDomain)));
  const size_t endpoints = std::min(record.endpoints.size(), MemberRecord::kMaxEndpoints);
  out.U8(static_cast<uint8_t>(endpoints));
  for (size_t i = 0; i < endpoints; ++i) record.endpoints[i].Write(out);
  std::vector<std::string> trackers;
  for (const std::string& url : record.trackers) {
    const bool fits = !url.empty() && url.size() <= MemberRecord::kMaxTracker;
    if (fits && trackers.size() < MemberRecord::kMaxTrackers) trackers.push_back(url);
  }
  out.U8(static_cast<uint8_t>(trackers.size()));
  for (const std::string& url : trackers) out.Put16(AsBytes(url));
  return std::move(out).Take();
}

std::optional<MemberRecord> ParseMemberRecord(ByteView bytes) {
  ByteReader in(bytes);
  MemberRecord out;
  if (in.U8() != kVersion) return std::nullopt;
  out.quota = in.U64();
  out.domain = ToText(in.Take16());
  if (out.domain.size() > MemberRecord::kMaxDomain) return std::nullopt;
  const size_t endpoints = in.U8();
  if (endpoints > MemberRecord::kMaxEndpoints) return std::nullopt;
  for (size_t i = 0; i < endpoints; ++i) {
    const auto endpoint = net::Endpoint::Read(in);
    if (!endpoint || endpoint->port == 0) return std::nullopt;
    out.endpoints.push_back(*endpoint);
  }
  const size_t trackers = in.U8();
  if (trackers > MemberRecord::kMaxTrackers) return std::nullopt;
  for (size_t i = 0; i < trackers; ++i) {
    out.trackers.push_back(ToText(in.Take16()));
    const size_t size = out.trackers.back().size();
    if (size == 0 || size > MemberRecord::kMaxTracker) return std::nullopt;
  }
  if (!in.AtEnd()) return std::nullopt;
  return out;
}

}  // namespace p2pd::archive::federation
