#include "libcore/overlay/bootstrap_cache.h"

#include <optional>

#include "libcore/overlay/wire.h"
#include "p2pd/wire/v1/overlay.pb.h"

namespace p2pd::overlay {
namespace {

constexpr uint32_t kCacheVersion = 1;
// What protobuf puts around a record: tag and length; and around the file: the version.
constexpr size_t kPerRecord = 3;
constexpr size_t kPerFile = 2;

}  // namespace

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
