// Requests of strangers and of neighbours, parsed and carried out by a storing node that holds
// something; and answers to what it asked itself.
#include <cstdint>

#include "absl/time/civil_time.h"
#include "libcore/base/check.h"
#include "libcore/store/anti_entropy.h"
#include "libcore/store/get_operation.h"
#include "libcore/store/memory_table.h"
#include "libcore/store/put_operation.h"
#include "libcore/store/replica_server.h"
#include "libcore/store/subscriptions.h"
#include "tests/unit/store/fake_carrier.h"

namespace {

using namespace p2pd;         // NOLINT(google-build-using-namespace)
using namespace p2pd::store;  // NOLINT(google-build-using-namespace)

void CarryOut(const StoreRequest& request, absl::Time wall) {
  static const Object raw = *MakeRaw(Key(), AsBytes("kept"), {}, wall + absl::Hours(1), wall);
  static FakeCarrier carrier(9);
  carrier.sent.clear();
  carrier.answered.clear();
  MemoryTable table;
  Counters counters;
  LocalStore local({}, table, counters);
  ReplicaServer server(local, counters);
  P2PD_CHECK(local.Keep(raw, {Key(), "N1", false}, wall) == KeepResult::kKept);
  for (const size_t from : {size_t{1}, size_t{0}}) {
    const Asked asked{ReplyTo{overlay::AnswerToken(1), {}}, carrier.nodes()[from],
                      *net::Endpoint::Parse("198.51.100.1:1"), true, request};
    server.OnRequest(Instant(), wall, carrier, asked);
  }
  for (const auto& answered : carrier.answered) {
    P2PD_CHECK(ParseReply(Encode(answered.reply)).has_value());
  }
  for (const auto& sent : carrier.sent) {
    P2PD_CHECK(ParseRequest(Encode(sent.request)).has_value());
  }
}

void Hear(const StoreReply& reply, absl::Time wall) {
  static const Object raw = *MakeRaw(Key(), AsBytes("kept"), {}, wall + absl::Hours(1), wall);
  static FakeCarrier carrier(9);
  Counters counters;
  const auto answer = [&](auto&& hear) {
    for (int i = 0; i < 40 && !carrier.sent.empty(); ++i) {
      const auto sent = carrier.Take();
      hear(ReplyFrom{sent.id, sent.to ? *sent.to : carrier.nodes()[1], 1, reply});
    }
    carrier.sent.clear();
  };
  PutOperation put({Key(), raw, 5});
  put.Start(Instant(), carrier);
  answer([&](const ReplyFrom& from) { put.OnReply(Instant(), carrier, from); });
  GetPlan plan;
  plan.kind = wire::v1::OBJECT_KIND_RAW;
  GetOperation get(plan, counters);
  get.Start(Instant(), carrier);
  answer([&](const ReplyFrom& from) { get.OnReply(Instant(), wall, carrier, from); });
  MemoryTable table;
  LocalStore local({}, table, counters);
  P2PD_CHECK(local.Keep(raw, {Key(), "N1", false}, wall) == KeepResult::kKept);
  ReplicaServer server(local, counters);
  SeededRng rng(1);
  AntiEntropy anti_entropy(local, server, rng, counters);
  anti_entropy.OnLeafSetChanged(Instant(), carrier);
  for (int i = 1; i < 4; ++i) {
    anti_entropy.OnTimeout(Instant() + absl::Minutes(i), wall, carrier);
    answer([&](const ReplyFrom& from) {
      anti_entropy.OnReply(Instant() + absl::Minutes(i), wall, carrier, from);
    });
  }
  Subscriptions subscriptions(rng);
  subscriptions.Add(Instant(), Key(), wire::v1::OBJECT_KIND_RAW, 10);
  subscriptions.OnTimeout(Instant(), carrier);
  answer([&](const ReplyFrom& from) { subscriptions.OnReply(Instant(), from); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const absl::Time wall = absl::FromCivil(absl::CivilDay(2026, 11, 21), absl::UTCTimeZone());
  const ByteView input(data, size);
  if (const auto request = ParseRequest(input)) CarryOut(*request, wall);
  if (const auto reply = ParseReply(input)) Hear(*reply, wall);
  return 0;
}
