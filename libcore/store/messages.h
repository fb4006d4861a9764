// Store messages out of and into payloads of the overlay, with every limit of store.proto held
// here, so that no handler meets a message that breaks one.
#pragma once

#include <optional>
#include <string>

#include "libcore/base/bytes.h"
#include "libcore/store/object_table.h"
#include "p2pd/wire/v1/store.pb.h"

namespace p2pd::store {

using wire::v1::StoreReply;
using wire::v1::StoreRequest;
using wire::v1::StoreStatus;

// Limits of store.proto; a message beyond one is dropped.
inline constexpr int kMaxObjectsPerMessage = 64;
inline constexpr int kMaxRowNames = 64;
inline constexpr int kMaxRoots = 32;
inline constexpr int kMaxRowTags = 1024;
inline constexpr int kMaxChunks = 64;
inline constexpr int kMaxReplicaRecords = 16;
inline constexpr size_t kMaxSlot = 96;
inline constexpr uint32_t kMaxLeaseSeconds = 48 * 3600;
// Bytes of objects in one message to a single node: one largest object fits the overlay's payload
// with its frame.
inline constexpr size_t kMaxObjectBytes = 66 * 1024;
// Largest object in a routed request, four datagrams at each hop: a user state, a certificate with
// a short chain. What is larger is put at the root directly, past the hops between.
inline constexpr size_t kMaxRoutedBytes = 4096;
// Objects and node records in the answer to a routed get: one user state and seven node records.
inline constexpr size_t kMaxRoutedAnswer = 4096;

// nullopt for anything that is not exactly one message within the limits.
std::optional<StoreRequest> ParseRequest(ByteView payload);
std::optional<StoreReply> ParseReply(ByteView payload);
Bytes Encode(const StoreRequest& request);
Bytes Encode(const StoreReply& reply);

// 20 bytes of the wire as a place; all zero when they are not, which ParseRequest has excluded.
Key PlaceOf(const std::string& bytes);

RowSummary SummaryOf(const StoredRow& row);

// First 8 bytes of SHA-256 over place ‖ kind ‖ slot ‖ sequence: names a row in anti-entropy. A
// second signature over the same contents has the same tag, so that replicas with different ones
// agree.
uint64_t TagOf(const RowSummary& row);
// The same over many rows.
uint64_t DigestOf(const std::vector<RowSummary>& rows, size_t begin, size_t end);

}  // namespace p2pd::store
