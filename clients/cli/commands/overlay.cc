#include <algorithm>
#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/format.h"
#include "clients/common/files.h"
#include "p2pd/v1/overlay_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

using Stub = v1::OverlayService::Stub;

constexpr size_t kMaxValueFile = 60 * 1024;
constexpr size_t kMaxSecret = 1024;

}  // namespace

ExitCode OverlayPeers(Session& session) {
  v1::ListPeersRequest request;
  request.set_page_size(1000);
  return session.CallAndPrint<v1::OverlayService>(
      &Stub::ListPeers, request, [](const v1::ListPeersResponse& response) {
        Table table({"NODE", "ADDRESS", "ROLE", "IN", "ROUND TRIP"});
        for (const v1::Peer& peer : response.peers()) {
          table.Row({peer.node_id(), peer.address(),
                     peer.role() == v1::PEER_ROLE_CLIENT ? "client" : "peer",
                     absl::StrCat(peer.leaf() ? "leaf " : "", peer.table() ? "table" : ""),
                     peer.has_round_trip_time() ? Show(peer.round_trip_time()) : "-"});
        }
        table.Print();
      });
}

ExitCode OverlayLookup(Session& session, const std::string& key) {
  v1::LookupRequest request;
  request.set_key(key);
  return session.CallAndPrint<v1::OverlayService>(
      &Stub::Lookup, request, [](const v1::LookupResponse& response) {
        std::printf("root %s at %s, %d hops, %s\n", response.root().node_id().c_str(),
                    response.root().address().c_str(), response.hop_count(),
                    Show(response.duration()).c_str());
      });
}

ExitCode OverlayPut(Session& session, const OverlayPutArgs& args) {
  std::string problem;
  v1::PutRequest request;
  request.set_key(args.key);
  const auto value = clients::ReadInput(args.file, kMaxValueFile, &problem);
  if (!value) return clients::ReportUsage(problem);
  request.set_value(*value);
  if (!args.ttl.empty()) {
    const auto ttl = ParseDuration(args.ttl);
    if (!ttl) return clients::ReportUsage("--ttl " + args.ttl + " is no duration from 1min to 7d");
    *request.mutable_ttl() = *ttl;
  }
  if (!args.secret_file.empty()) {
    const auto secret = clients::ReadInput(args.secret_file, kMaxSecret, &problem);
    if (!secret) return clients::ReportUsage(problem);
    request.set_remove_secret(*secret);
  }
  return session.CallAndPrint<v1::OverlayService>(
      &Stub::Put, request, [](const v1::PutResponse& response) {
        std::printf("%s stands in %d of %d copies until %s (%s)\n", response.key().c_str(),
                    response.acknowledged_count(), response.replica_count(),
                    Show(response.expire_time()).c_str(), Show(response.duration()).c_str());
      });
}

ExitCode OverlayGet(Session& session, const std::string& key, const std::string& out) {
  if (const absl::Status place = clients::CheckOutput(out); !out.empty() && !place.ok()) {
    return clients::ReportUsage(std::string(place.message()));
  }
  v1::GetRequest request;
  request.set_key(key);
  v1::GetResponse response;
  if (!session.Call<v1::OverlayService>(&Stub::Get, request, &response)) return session.problem();
  if (!out.empty()) {
    if (response.values_size() != 1) {
      return clients::ReportFailure(absl::StrCat("the key holds ", response.values_size(),
                                                 " values; --out writes one: use --output json"));
    }
    const absl::Status written =
        clients::WriteOutput(out, response.values(0).value(), /*secret=*/false);
    if (!written.ok()) return clients::ReportFailure(std::string(written.message()));
    if (clients::IsStandardOutput(out)) return ExitCode::kDone;
  }
  if (session.json()) {
    Session::PrintJson(response);
    return ExitCode::kDone;
  }
  Table table({"KIND", "BYTES", "EXPIRES", "DIGEST"});
  for (const v1::StoredValue& value : response.values()) {
    table.Row({value.kind(), absl::StrCat(value.value().size()), Show(value.expire_time()),
               value.digest()});
  }
  table.Print();
  std::printf("from %s after %d hops, %s\n", response.holder().node_id().c_str(),
              response.hop_count(), Show(response.duration()).c_str());
  return ExitCode::kDone;
}

ExitCode OverlayRemove(Session& session, const std::string& key, const std::string& digest,
                       const std::string& secret_file) {
  std::string problem;
  v1::RemoveValueRequest request;
  request.set_key(key);
  request.set_digest(digest);
  const auto secret = clients::ReadInput(secret_file, kMaxSecret, &problem);
  if (!secret) return clients::ReportUsage(problem);
  request.set_remove_secret(*secret);
  return session.CallAndPrint<v1::OverlayService>(
      &Stub::RemoveValue, request, [](const v1::RemoveValueResponse&) { std::puts("removed"); });
}

ExitCode OverlayTrace(Session& session, const std::string& key) {
  v1::TraceRequest request;
  request.set_key(key);
  return session.CallAndPrint<
      v1::OverlayService>(&Stub::Trace, request, [](const v1::TraceResponse& response) {
    // The digits that a hop has in common with the key stand before the bar.
    std::printf("key %s\n", response.key().c_str());
    int number = 0;
    for (const v1::TracedHop& hop : response.hops()) {
      const std::string& id = hop.hop().node_id();
      const size_t matching = std::min(static_cast<size_t>(hop.matching_digits()), id.size());
      std::printf("%3d %s|%s  %-21s at %s, kept %s\n", number++, id.substr(0, matching).c_str(),
                  id.substr(matching).c_str(), hop.hop().address().c_str(),
                  Show(hop.elapsed()).c_str(), Show(hop.waited()).c_str());
      for (const std::string& silent : hop.silent_node_ids()) {
        std::printf("    %s  silent\n", silent.c_str());
      }
    }
    std::printf("there and back: %s\n", Show(response.duration()).c_str());
    std::puts(
        "How long it was kept, each node measured; the ways there are half of the rest of there\n"
        "and back, divided among the links as their round trips are.");
  });
}

}  // namespace p2pd::cli
