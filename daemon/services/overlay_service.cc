#include "daemon/services/overlay_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/convert/certificate.h"
#include "daemon/convert/overlay.h"
#include "daemon/services/page.h"
#include "daemon/services/unary.h"
#include "libcore/base/hex.h"
#include "libcore/pki/hash.h"
#include "libcore/store/key.h"

namespace p2pd::daemon {
namespace {

// As node::Node::PutRaw takes it.
constexpr size_t kMaxValue = 60 * 1024;
constexpr size_t kMaxSecret = 64;
constexpr size_t kMadeSecret = 16;
constexpr absl::Duration kDefaultTtl = absl::Hours(1);
constexpr absl::Duration kMinTtl = absl::Minutes(1);
constexpr absl::Duration kMaxTtl = absl::Hours(7 * 24);
// An answer stays below the server's message limit.
constexpr size_t kMaxValues = 64;
constexpr size_t kMaxValueBytes = 900 * 1024;

grpc::Status KeyInvalid(const std::string& key) {
  return Error(grpc::StatusCode::INVALID_ARGUMENT, "KEY_INVALID",
               absl::StrCat("'", key, "' is no key: 40 hex digits, email:ADDRESS or name:TEXT"),
               {{"key", key}});
}

grpc::Status Invalid(absl::string_view reason, absl::string_view message) {
  return Error(grpc::StatusCode::INVALID_ARGUMENT, reason, message);
}

constexpr std::pair<absl::StatusCode, absl::string_view> kTimedOut = {
    absl::StatusCode::kDeadlineExceeded, "LOOKUP_TIMED_OUT"};
constexpr std::pair<absl::StatusCode, absl::string_view> kNotAcknowledged = {
    absl::StatusCode::kUnavailable, "NOT_ACKNOWLEDGED"};
constexpr std::pair<absl::StatusCode, absl::string_view> kUnknownValue = {
    absl::StatusCode::kNotFound, "VALUE_UNKNOWN"};

std::optional<pki::Sha256Digest> ParseDigest(const std::string& hex) {
  const auto bytes = FromHex(hex);
  if (!bytes) return std::nullopt;
  return pki::Sha256Digest::FromView(ByteView(*bytes));
}

void FillPut(const store::PutDone& done, v1::PutResponse& out) {
  out.set_acknowledged_count(done.acks);
  out.set_replica_count(done.replicas);
}

void FillGet(const store::GetDone& done, v1::GetResponse& out) {
  size_t bytes = 0;
  for (const store::Object& object : done.objects) {
    bytes += object.bytes().size();
    if (out.values_size() >= static_cast<int>(kMaxValues) || bytes > kMaxValueBytes) break;
    *out.add_values() = ToProto(object);
  }
  if (done.from) *out.mutable_holder() = ToProto(*done.from);
  out.set_hop_count(done.hops);
}

}  // namespace

grpc::ServerUnaryReactor* OverlayService::ListPeers(grpc::CallbackServerContext* context,
                                                    const v1::ListPeersRequest* request,
                                                    v1::ListPeersResponse* response) {
  return OnCore(host_, context, [request, response](NodeHost& host, Reply reply) {
    std::vector<overlay::PeerInfo> peers = host.node().overlay().Peers(host.now());
    std::stable_sort(peers.begin(), peers.end(),
                     [](const auto& a, const auto& b) { return a.leaf > b.leaf; });
    auto page = PageOf(std::move(peers), request->page_size(), request->page_token());
    if (!page.ok()) {
      reply.Fail(page.status(), {{absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID"}});
      return;
    }
    for (const overlay::PeerInfo& peer : page->items) {
      *response->add_peers() = ToProto(peer, host.wall());
    }
    response->set_next_page_token(page->next_token);
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* OverlayService::Lookup(grpc::CallbackServerContext* context,
                                                 const v1::LookupRequest* request,
                                                 v1::LookupResponse* response) {
  const auto key = store::ParseKey(request->key());
  if (!key) return Refuse(context, KeyInvalid(request->key()));
  return OnCore(
      host_, context,
      [key = *key, response, patience = PatienceOf(*context)](NodeHost& host, Reply reply) {
        const Instant begun = host.now();
        const node::OperationId id = host.node().Lookup(begun, key, false);
        host.Await(id, patience,
                   [&host, key, begun, response,
                    reply = std::move(reply)](const node::Completed& done) mutable {
                     if (!done.status.ok() || !done.route) {
                       reply.Fail(done.status.ok() ? absl::InternalError("no route") : done.status,
                                  {kTimedOut});
                       return;
                     }
                     response->set_key(overlay::ToHex(key));
                     *response->mutable_root() = ToProto(done.route->from);
                     response->set_hop_count(done.route->hops);
                     *response->mutable_duration() = ToProto(host.now() - begun);
                     if (const auto replicas = host.node().overlay().ReplicaSet(key)) {
                       for (const overlay::NodeRecord& node : *replicas)
                         *response->add_replicas() = ToProto(node);
                     }
                     reply.Ok();
                   });
      });
}

grpc::ServerUnaryReactor* OverlayService::Put(grpc::CallbackServerContext* context,
                                              const v1::PutRequest* request,
                                              v1::PutResponse* response) {
  const auto key = store::ParseKey(request->key());
  if (!key) return Refuse(context, KeyInvalid(request->key()));
  if (request->value().empty() || request->value().size() > kMaxValue) {
    return Refuse(context, Invalid("VALUE_TOO_LARGE", "a value has 1 to 61,440 bytes"));
  }
  const absl::Duration ttl = request->has_ttl() ? FromProto(request->ttl()) : kDefaultTtl;
  if (ttl < kMinTtl || ttl > kMaxTtl) {
    return Refuse(context, Invalid("TTL_INVALID", "ttl is 1 minute to 7 days"));
  }
  if (request->remove_secret().size() > kMaxSecret) {
    return Refuse(context, Invalid("SECRET_TOO_LARGE", "remove_secret has at most 64 bytes"));
  }
  return OnCore(
      host_, context,
      [key = *key, ttl, request, response, patience = PatienceOf(*context)](NodeHost& host,
                                                                            Reply reply) {
        Bytes secret = ToBytes(absl::string_view(request->remove_secret()));
        if (secret.empty()) {
          secret.resize(kMadeSecret);
          host.rng().Fill(MutableByteView(secret.data(), secret.size()));
        }
        const Instant begun = host.now();
        const auto id = host.node().PutRaw(begun, key, AsBytes(request->value()), ttl, secret);
        if (!id.ok()) {
          reply.Fail(id.status(), {{absl::StatusCode::kInvalidArgument, "VALUE_TOO_LARGE"}});
          return;
        }
        response->set_key(overlay::ToHex(key));
        response->set_digest(Hex(pki::Sha256(AsBytes(request->value())).view()));
        response->set_remove_secret(ToText(secret));
        SetTime(host.wall() + ttl, response->mutable_expire_time());
        host.Await(*id, patience,
                   [&host, begun, response,
                    reply = std::move(reply)](const node::Completed& done) mutable {
                     if (done.put) FillPut(*done.put, *response);
                     *response->mutable_duration() = ToProto(host.now() - begun);
                     reply.Fail(done.status,
                                {kNotAcknowledged,
                                 {absl::StatusCode::kDeadlineExceeded, "NOT_ACKNOWLEDGED"},
                                 {absl::StatusCode::kResourceExhausted, "QUOTA_EXCEEDED"}});
                   });
      });
}

grpc::ServerUnaryReactor* OverlayService::Get(grpc::CallbackServerContext* context,
                                              const v1::GetRequest* request,
                                              v1::GetResponse* response) {
  const auto key = store::ParseKey(request->key());
  if (!key) return Refuse(context, KeyInvalid(request->key()));
  return OnCore(
      host_, context,
      [key = *key, response, patience = PatienceOf(*context)](NodeHost& host, Reply reply) {
        const Instant begun = host.now();
        host.Await(host.node().Get(begun, key), patience,
                   [&host, key, begun, response,
                    reply = std::move(reply)](const node::Completed& done) mutable {
                     if (!done.status.ok() || !done.get || done.get->objects.empty()) {
                       reply.Fail(done.status.ok()
                                      ? absl::NotFoundError("nothing is stored under this key")
                                      : done.status,
                                  {kTimedOut, kUnknownValue});
                       return;
                     }
                     response->set_key(overlay::ToHex(key));
                     FillGet(*done.get, *response);
                     *response->mutable_duration() = ToProto(host.now() - begun);
                     reply.Ok();
                   });
      });
}

grpc::ServerUnaryReactor* OverlayService::RemoveValue(grpc::CallbackServerContext* context,
                                                      const v1::RemoveValueRequest* request,
                                                      v1::RemoveValueResponse*) {
  const auto key = store::ParseKey(request->key());
  if (!key) return Refuse(context, KeyInvalid(request->key()));
  const auto digest = ParseDigest(request->digest());
  if (!digest) {
    return Refuse(context, Invalid("DIGEST_INVALID", "digest is the SHA-256 of the value in hex"));
  }
  if (request->remove_secret().empty() || request->remove_secret().size() > kMaxSecret) {
    return Refuse(context, Invalid("SECRET_TOO_LARGE", "remove_secret has 1 to 64 bytes"));
  }
  return OnCore(
      host_, context,
      [key = *key, digest = *digest, request, patience = PatienceOf(*context)](NodeHost& host,
                                                                               Reply reply) {
        const node::OperationId id =
            host.node().RemoveRaw(host.now(), key, digest, AsBytes(request->remove_secret()));
        host.Await(id, patience, [reply = std::move(reply)](const node::Completed& done) mutable {
          reply.Fail(done.status, {kUnknownValue,
                                   kNotAcknowledged,
                                   {absl::StatusCode::kPermissionDenied, "SECRET_WRONG"},
                                   {absl::StatusCode::kDeadlineExceeded, "NOT_ACKNOWLEDGED"}});
        });
      });
}

grpc::ServerUnaryReactor* OverlayService::Trace(grpc::CallbackServerContext* context,
                                                const v1::TraceRequest* request,
                                                v1::TraceResponse* response) {
  const auto key = store::ParseKey(request->key());
  if (!key) return Refuse(context, KeyInvalid(request->key()));
  return OnCore(
      host_, context,
      [key = *key, response, patience = PatienceOf(*context)](NodeHost& host, Reply reply) {
        const Instant begun = host.now();
        host.Await(host.node().Lookup(begun, key, true), patience,
                   [&host, key, begun, response,
                    reply = std::move(reply)](const node::Completed& done) mutable {
                     if (!done.status.ok()) {
                       reply.Fail(done.status, {kTimedOut});
                       return;
                     }
                     response->set_key(overlay::ToHex(key));
                     for (const overlay::TraceHop& hop : done.trace)
                       *response->add_hops() = ToProto(hop, key);
                     *response->mutable_duration() = ToProto(host.now() - begun);
                     reply.Ok();
                   });
      });
}

}  // namespace p2pd::daemon
