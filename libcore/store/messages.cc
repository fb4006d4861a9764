#include "libcore/store/messages.h"

#include "libcore/base/codec.h"
#include "libcore/overlay/node_record.h"
#include "libcore/store/account.h"

namespace p2pd::store {
namespace {

bool IsPlace(const std::string& bytes) { return bytes.size() == Key::kSize; }

bool IsDigestOrNone(const std::string& bytes) {
  return bytes.empty() || bytes.size() == pki::Sha256Digest::kSize;
}

template <class Names>
bool RowNamesFit(const Names& names) {
  if (names.size() > kMaxRowNames) return false;
  for (const auto& name : names) {
    if (name.slot().size() > kMaxSlot) return false;
  }
  return true;
}

template <class Tags>
bool TagsFit(const Tags& tags) {
  if (tags.size() > kMaxRowTags) return false;
  for (const auto& tag : tags) {
    if (!IsPlace(tag.place())) return false;
  }
  return true;
}

template <class Replicas>
bool ReplicasFit(const Replicas& replicas) {
  if (replicas.size() > kMaxObjectsPerMessage) return false;
  for (const auto& replica : replicas) {
    if (!IsPlace(replica.place()) || replica.account().size() > kMaxAccount) return false;
  }
  return true;
}

bool Fits(const wire::v1::GetRequest& get) {
  if (!IsPlace(get.place()) || get.kinds_size() > wire::v1::ObjectKind_ARRAYSIZE ||
      get.roots_size() > kMaxRoots || !RowNamesFit(get.have())) {
    return false;
  }
  for (const std::string& root : get.roots()) {
    if (root.size() != pki::CertificateHash::kSize) return false;
  }
  return true;
}

bool Fits(const wire::v1::CompareRequest& compare) {
  if (!IsPlace(compare.from()) || compare.chunks_size() == 0 ||
      compare.chunks_size() > kMaxChunks) {
    return false;
  }
  // Clockwise, once around at most: otherwise one small request would have us read the table often.
  const Key from = PlaceOf(compare.from());
  Key last;
  for (const auto& chunk : compare.chunks()) {
    if (!IsPlace(chunk.to())) return false;
    const Key walked = overlay::Clockwise(from, PlaceOf(chunk.to()));
    if (&chunk != &compare.chunks(0) && walked <= last) return false;
    last = walked;
  }
  return true;
}

bool Fits(const StoreRequest& request) {
  switch (request.request_case()) {
    case StoreRequest::kPut:
      return IsPlace(request.put().place());
    case StoreRequest::kGet:
      return Fits(request.get());
    case StoreRequest::kLocate:
      return IsPlace(request.locate().place()) && IsDigestOrNone(request.locate().digest());
    case StoreRequest::kReplicate:
      return ReplicasFit(request.replicate().replicas());
    case StoreRequest::kCompare:
      return Fits(request.compare());
    case StoreRequest::kPull:
      return TagsFit(request.pull().rows());
    case StoreRequest::kSubscribe:
      return IsPlace(request.subscribe().place()) &&
             request.subscribe().lease() <= kMaxLeaseSeconds;
    case StoreRequest::kWatcher:
      return IsPlace(request.watcher().place()) && request.watcher().lease() <= kMaxLeaseSeconds &&
             request.watcher().watcher().size() <= overlay::NodeRecord::kMaxBytes;
    case StoreRequest::kNotify:
      return IsPlace(request.notify().place());
    case StoreRequest::REQUEST_NOT_SET:
      return false;
  }
  return false;
}

bool Fits(const StoreReply& reply) {
  switch (reply.reply_case()) {
    case StoreReply::kPut:
      return reply.put().holders_size() <= kMaxReplicaRecords;
    case StoreReply::kGet:
      return reply.get().objects_size() <= kMaxObjectsPerMessage &&
             RowNamesFit(reply.get().rows()) && reply.get().replicas_size() <= kMaxReplicaRecords;
    case StoreReply::kReplicate:
      return reply.replicate().statuses_size() <= kMaxObjectsPerMessage;
    case StoreReply::kCompare:
      return reply.compare().differing_size() <= kMaxChunks && TagsFit(reply.compare().rows());
    case StoreReply::kPull:
      return ReplicasFit(reply.pull().replicas());
    case StoreReply::kSubscribe:
      return RowNamesFit(reply.subscribe().rows());
    case StoreReply::kLocate:
    case StoreReply::kWatcher:
    case StoreReply::kNotify:
      return true;
    case StoreReply::REPLY_NOT_SET:
      return false;
  }
  return false;
}

template <class Message>
std::optional<Message> Parse(ByteView payload) {
  Message message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size())) || !Fits(message)) {
    return std::nullopt;
  }
  return message;
}

void WriteRow(ByteWriter& writer, const RowSummary& row) {
  writer.Put(row.place.view()).U32(static_cast<uint32_t>(row.kind)).Put16(row.slot);
  writer.U64(row.sequence.value());
}

uint64_t FirstBytes(const pki::Sha256Digest& digest) { return ByteReader(digest.view()).U64(); }

}  // namespace

std::optional<StoreRequest> ParseRequest(ByteView payload) { return Parse<StoreRequest>(payload); }
std::optional<StoreReply> ParseReply(ByteView payload) { return Parse<StoreReply>(payload); }
Bytes Encode(const StoreRequest& request) { return ToBytes(request.SerializeAsString()); }
Bytes Encode(const StoreReply& reply) { return ToBytes(reply.SerializeAsString()); }

Key PlaceOf(const std::string& bytes) { return Key::FromView(AsBytes(bytes)).value_or(Key()); }

RowSummary SummaryOf(const StoredRow& row) {
  return RowSummary{row.place,
                    row.object.kind(),
                    row.object.slot(),
                    row.object.sequence(),
                    row.object.expires(),
                    row.object.bytes().size()};
}

uint64_t TagOf(const RowSummary& row) {
  ByteWriter writer;
  WriteRow(writer, row);
  return FirstBytes(pki::Sha256(writer.bytes()));
}

uint64_t DigestOf(const std::vector<RowSummary>& rows, size_t begin, size_t end) {
  ByteWriter writer;
  for (size_t i = begin; i < end; ++i) WriteRow(writer, rows[i]);
  return FirstBytes(pki::Sha256(writer.bytes()));
}

}  // namespace p2pd::store
