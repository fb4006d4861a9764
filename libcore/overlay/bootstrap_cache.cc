#include "libcore/overlay/bootstrap_cache.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "libcore/overlay/network_cap.h"
#include "libcore/overlay/wire.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {
namespace {

constexpr uint32_t kCacheVersion = 1;
// What protobuf puts around a record: tag and length; and around the file: the version.
constexpr size_t kPerRecord = 3;
constexpr size_t kPerFile = 2;

}  // namespace

std::vector<NodeRecord> RenewBootstrap(const std::vector<NodeRecord>& before,
                                       const std::vector<NodeRecord>& present) {
  std::map<NodeId, const NodeRecord*> coming;
  for (const NodeRecord& record : present) coming.emplace(record.id(), &record);
  std::vector<const NodeRecord*> order;
  std::vector<const NodeRecord*> absent;
  for (const NodeRecord& record : before) {
    const auto found = coming.extract(record.id());
    (found ? order : absent).push_back(found ? found.mapped() : &record);
  }
  const size_t first = std::min(absent.size(), kMaxBootstrapAbsent);
  order.insert(order.end(), absent.begin(), absent.begin() + static_cast<std::ptrdiff_t>(first));
  for (const auto& [id, record] : coming) order.push_back(record);
  order.insert(order.end(), absent.begin() + static_cast<std::ptrdiff_t>(first), absent.end());

  std::vector<NodeRecord> out;
  NetworkCap cap(kMaxBootstrapFromNetwork);
  for (const NodeRecord* record : order) {
    if (out.size() == kMaxBootstrapRecords) break;
    const std::optional<net::IpAddress> network = record->PublicNetwork();
    if (!network || cap.Admits(*network)) out.push_back(*record);
  }
  return out;
}

Bytes SaveBootstrapCache(const std::vector<NodeRecord>& records) {
  wire::v1::BootstrapCache cache;
  cache.set_version(kCacheVersion);
  size_t size = kPerFile;
  for (const NodeRecord& record : records) {
    size += record.bytes().size() + kPerRecord;
    if (size > kMaxBootstrapCache) break;
    cache.add_records(ToText(record.bytes()));
  }
  return SerializeProto(cache);
}

std::vector<NodeRecord> LoadBootstrapCache(ByteView bytes) {
  std::vector<NodeRecord> out;
  wire::v1::BootstrapCache cache;
  if (bytes.size() > kMaxBootstrapCache || !ParseProto(bytes, cache)) return out;
  if (cache.version() != kCacheVersion) return out;
  for (const std::string& text : cache.records()) {
    std::optional<NodeRecord> record = NodeRecord::Parse(AsBytes(text));
    if (record) out.push_back(*std::move(record));
  }
  return out;
}

}  // namespace p2pd::overlay
