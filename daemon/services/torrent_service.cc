#include "daemon/services/torrent_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/convert/certificate.h"
#include "daemon/convert/torrent.h"
#include "daemon/services/archive_unary.h"
#include "daemon/services/page.h"
#include "daemon/services/torrent_offer.h"
#include "daemon/services/torrent_watch.h"

namespace p2pd::daemon {
namespace {

using archive::torrent::InfoHash;

constexpr int kDefaultGroups = 100;
constexpr int kMaxGroups = 10'000;
constexpr int kMaxArchivePeers = 1000;
constexpr size_t kMaxDenied = 10'000;

grpc::Status HashInvalid(const std::string& name) {
  return Error(grpc::StatusCode::INVALID_ARGUMENT, "HASH_INVALID",
               absl::StrCat("'", name, "' is no torrent: torrents/ and 40 hex digits"),
               {{"name", name}});
}

constexpr std::pair<absl::StatusCode, absl::string_view> kUnknown = {absl::StatusCode::kNotFound,
                                                                     "TORRENT_UNKNOWN"};

void Show(ArchiveHost& host, const InfoHash& hash, v1::Torrent* out, Reply reply) {
  const auto view = host.archive().Find(hash);
  if (!view) {
    reply.Fail(absl::NotFoundError(absl::StrCat("no torrent ", archive::torrent::ToHex(hash))),
               {kUnknown});
    return;
  }
  *out = ToProto(*view, true);
  reply.Ok();
}

// Hashes of a list: all, or those that the search finds.
std::vector<InfoHash> Wanted(ArchiveHost& host, const std::string& query) {
  if (query.empty()) return host.archive().List();
  return host.library().Search(query, archive::Library::kMaxFound);
}

}  // namespace

grpc::ServerUnaryReactor* TorrentService::GetTorrent(grpc::CallbackServerContext* context,
                                                     const v1::GetTorrentRequest* request,
                                                     v1::Torrent* torrent) {
  const auto hash = ParseTorrentName(request->name());
  if (!hash) return Refuse(context, HashInvalid(request->name()));
  return OnArchive(host_, context, [hash = *hash, torrent](ArchiveHost& host, Reply reply) {
    Show(host, hash, torrent, std::move(reply));
  });
}

grpc::ServerUnaryReactor* TorrentService::ListTorrents(grpc::CallbackServerContext* context,
                                                       const v1::ListTorrentsRequest* request,
                                                       v1::ListTorrentsResponse* response) {
  return OnArchive(host_, context, [request, response](ArchiveHost& host, Reply reply) {
    auto page = PageOf(Wanted(host, request->query()), request->page_size(), request->page_token());
    if (!page.ok()) {
      reply.Fail(page.status(), {{absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID"}});
      return;
    }
    for (const InfoHash& hash : page->items) {
      const auto view = host.archive().Find(hash);
      if (view) *response->add_torrents() = ToProto(*view, false);
    }
    response->set_next_page_token(page->next_token);
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* TorrentService::SubmitTorrent(grpc::CallbackServerContext* context,
                                                        const v1::SubmitTorrentRequest* request,
                                                        v1::Torrent* torrent) {
  return OnArchive(host_, context, [request, torrent](ArchiveHost& host, Reply reply) {
    absl::StatusOr<InfoHash> hash;
    const bool magnet = request->has_magnet();
    if (magnet) {
      const auto link = archive::torrent::ParseMagnet(request->magnet());
      hash = link.ok() ? host.Submit(*link, archive::Source::kSubmitted)
                       : absl::StatusOr<InfoHash>(link.status());
    } else {
      hash = host.Submit(AsBytes(request->metainfo()), archive::Source::kSubmitted);
    }
    if (!hash.ok()) {
      reply.Fail(hash.status(), {{absl::StatusCode::kInvalidArgument,
                                  magnet ? "MAGNET_INVALID" : "METAINFO_INVALID"},
                                 {absl::StatusCode::kResourceExhausted, "TORRENT_TOO_LARGE"},
                                 {absl::StatusCode::kFailedPrecondition, "NOT_SAVED"},
                                 {absl::StatusCode::kPermissionDenied, "TORRENT_DENIED"},
                                 {absl::StatusCode::kAlreadyExists, "NAME_TAKEN"}});
      return;
    }
    Show(host, *hash, torrent, std::move(reply));
  });
}

grpc::ServerUnaryReactor* TorrentService::OfferTorrent(grpc::CallbackServerContext* context,
                                                       const v1::OfferTorrentRequest* request,
                                                       v1::OfferTorrentResponse* response) {
  return OnCore(node_, context, [request, response](NodeHost& node, Reply reply) {
    TorrentOffer::Start(node, *request, *response, std::move(reply));
  });
}

grpc::ServerWriteReactor<v1::WatchTorrentsResponse>* TorrentService::WatchTorrents(
    grpc::CallbackServerContext*, const v1::WatchTorrentsRequest* request) {
  if (host_ == nullptr) return TorrentWatch::Refuse(ArchiveOff());
  std::optional<InfoHash> one;
  if (!request->name().empty()) {
    one = ParseTorrentName(request->name());
    if (!one) return TorrentWatch::Refuse(HashInvalid(request->name()));
  }
  return TorrentWatch::Start(*host_, one, request->resume_token());
}

grpc::ServerUnaryReactor* TorrentService::SetTorrentPolicy(
    grpc::CallbackServerContext* context, const v1::SetTorrentPolicyRequest* request,
    v1::Torrent* torrent) {
  const auto hash = ParseTorrentName(request->name());
  if (!hash) return Refuse(context, HashInvalid(request->name()));
  return OnArchive(
      host_, context, [hash = *hash, request, torrent](ArchiveHost& host, Reply reply) {
        const absl::Status status =
            host.archive().SetPolicy(host.now(), hash, request->pinned(), request->may_lose());
        if (!status.ok()) return reply.Fail(status, {kUnknown});
        Show(host, hash, torrent, std::move(reply));
      });
}

grpc::ServerUnaryReactor* TorrentService::DeleteTorrent(grpc::CallbackServerContext* context,
                                                        const v1::DeleteTorrentRequest* request,
                                                        v1::DeleteTorrentResponse*) {
  const auto hash = ParseTorrentName(request->name());
  if (!hash) return Refuse(context, HashInvalid(request->name()));
  return OnArchive(host_, context, [hash = *hash](ArchiveHost& host, Reply reply) {
    reply.Fail(host.archive().Dismiss(host.now(), host.wall(), hash), {kUnknown});
  });
}

grpc::ServerUnaryReactor* TorrentService::DenyTorrent(grpc::CallbackServerContext* context,
                                                      const v1::DenyTorrentRequest* request,
                                                      v1::DenyTorrentResponse*) {
  const auto hash = ParseTorrentName(request->name());
  if (!hash) return Refuse(context, HashInvalid(request->name()));
  return OnArchive(host_, context, [hash = *hash, request](ArchiveHost& host, Reply reply) {
    reply.Fail(host.archive().Deny(host.now(), host.wall(), hash, request->reason()));
  });
}

grpc::ServerUnaryReactor* TorrentService::AllowTorrent(grpc::CallbackServerContext* context,
                                                       const v1::AllowTorrentRequest* request,
                                                       v1::AllowTorrentResponse*) {
  const auto hash = ParseTorrentName(request->name());
  if (!hash) return Refuse(context, HashInvalid(request->name()));
  return OnArchive(host_, context, [hash = *hash](ArchiveHost& host, Reply reply) {
    reply.Fail(host.archive().Allow(hash),
               {{absl::StatusCode::kNotFound, "TORRENT_NOT_DENIED"},
                {absl::StatusCode::kFailedPrecondition, "TORRENT_DENIED_BY_LIST"}});
  });
}

grpc::ServerUnaryReactor* TorrentService::ListDeniedTorrents(
    grpc::CallbackServerContext* context, const v1::ListDeniedTorrentsRequest*,
    v1::ListDeniedTorrentsResponse* response) {
  return OnArchive(host_, context, [response](ArchiveHost& host, Reply reply) {
    std::vector<archive::Denial> denied = host.library().Denied();
    if (denied.size() > kMaxDenied) {
      denied.erase(denied.begin(), denied.end() - static_cast<std::ptrdiff_t>(kMaxDenied));
    }
    for (const archive::Denial& denial : denied) {
      v1::DeniedTorrent& out = *response->add_denied();
      out.set_name(TorrentName(denial.hash));
      out.set_reason(denial.reason);
      SetTime(denial.at, out.mutable_deny_time());
    }
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* ArchiveService::GetArchive(grpc::CallbackServerContext* context,
                                                     const v1::GetArchiveRequest* request,
                                                     v1::Archive* out) {
  const auto peers = static_cast<size_t>(std::clamp(request->peer_limit(), 0, kMaxArchivePeers));
  return OnArchive(host_, context, [peers, out](ArchiveHost& host, Reply reply) {
    const archive::ArchiveCounts counts = host.archive().Counts(host.now());
    out->set_name("archive");
    out->set_received(static_cast<uint32_t>(counts.received));
    out->set_downloading(static_cast<uint32_t>(counts.downloading));
    out->set_seeding(static_cast<uint32_t>(counts.seeding));
    out->set_uploading(static_cast<uint32_t>(counts.uploading));
    out->set_used_bytes(counts.bytes);
    out->set_quota_bytes(counts.quota);
    const archive::ScrubView scrub = host.scrub();
    SetTime(scrub.began, out->mutable_scrub()->mutable_begin_time());
    if (scrub.whole) SetTime(*scrub.whole, out->mutable_scrub()->mutable_complete_time());
    out->mutable_scrub()->set_piece_count(scrub.pieces);
    out->mutable_scrub()->set_hashed_bytes(scrub.bytes);
    out->mutable_scrub()->set_rotted_count(scrub.rotted);
    for (const net::Endpoint& at : host.peer_endpoints()) out->add_peer_addresses(at.ToString());
    *out->mutable_limits() = ToProto(host.ApplyLimits());
    out->set_peer_count(static_cast<uint32_t>(host.archive().PeerCount()));
    for (const archive::Archive::Peer& connected : host.archive().Peers(peers)) {
      v1::ArchivePeer& peer = *out->add_peers();
      peer.set_torrent(TorrentName(connected.hash));
      *peer.mutable_peer() = ToProto(connected.holder);
    }
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* ArchiveService::SetArchiveLimits(
    grpc::CallbackServerContext* context, const v1::SetArchiveLimitsRequest* request,
    v1::ArchiveLimits* limits) {
  const auto change = LimitChangeOf(*request);
  if (!change.ok()) {
    return Refuse(context, Error(grpc::StatusCode::INVALID_ARGUMENT, "LIMIT_INVALID",
                                 std::string(change.status().message())));
  }
  return OnArchive(
      host_, context,
      [change = *change, all = request->configured(), limits](ArchiveHost& host, Reply reply) {
        if (all) host.limits().ForgetChanges();
        host.limits().Change(change);
        *limits = ToProto(host.ApplyLimits());
        reply.Ok();
      });
}

grpc::ServerUnaryReactor* ArchiveService::PlanArchive(grpc::CallbackServerContext* context,
                                                      const v1::PlanArchiveRequest* request,
                                                      v1::PlanArchiveResponse* response) {
  return OnArchive(host_, context, [request, response](ArchiveHost& host, Reply reply) {
    archive::Plan plan = host.archive().DryRun(host.now());
    response->set_fetch_bytes(plan.fetch_bytes);
    response->set_drop_bytes(plan.drop_bytes);
    std::stable_sort(plan.verdicts.begin(), plan.verdicts.end(), [](const auto& a, const auto& b) {
      const auto idle = [](const archive::Verdict& verdict) {
        return verdict.decision == archive::Decision::kKeep ||
               verdict.decision == archive::Decision::kWait;
      };
      return idle(a) < idle(b);
    });
    const auto needed = static_cast<uint32_t>(host.archive().options().keeper.verified);
    const int limit =
        request->limit() <= 0 ? kDefaultGroups : std::min(request->limit(), kMaxGroups);
    for (const archive::Verdict& verdict : plan.verdicts) {
      if (response->groups_size() >= limit) break;
      const auto view = host.archive().Find(verdict.id.torrent);
      if (!view) continue;
      const uint32_t each = archive::PiecesInGroup(view->row.piece_length);
      v1::PlannedGroup& group = *response->add_groups();
      group.set_torrent(TorrentName(verdict.id.torrent));
      group.set_first_piece(verdict.id.index * each);
      group.set_piece_count(std::min(each, view->row.pieces - verdict.id.index * each));
      group.set_decision(archive::ToString(verdict.decision));
      group.set_reason(archive::ToString(verdict.why));
      group.set_verified_holders(static_cast<uint32_t>(verdict.verified));
      group.set_needed_holders(needed);
      group.set_value(verdict.value);
    }
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* ArchiveService::ListMembers(grpc::CallbackServerContext* context,
                                                      const v1::ListMembersRequest*,
                                                      v1::ListMembersResponse* response) {
  return OnArchive(host_, context, [response](ArchiveHost& host, Reply reply) {
    if (host.federation() != nullptr) {
      double all = 0;
      const auto members = host.federation()->List(host.now());
      for (const auto& member : members) {
        all += member.present ? static_cast<double>(member.record.quota) : 0;
      }
      for (const auto& member : members) *response->add_members() = ToProto(member, all);
    }
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* ArchiveService::ListFeeds(grpc::CallbackServerContext* context,
                                                    const v1::ListFeedsRequest*,
                                                    v1::ListFeedsResponse* response) {
  return OnArchive(host_, context, [feeds = feeds_, response](ArchiveHost& host, Reply reply) {
    for (const auto& feed : feeds->List()) {
      v1::ArchiveFeed& out = *response->add_feeds();
      out = ToProto(feed, host.now());
      out.set_name(absl::StrCat("feeds/", response->feeds_size()));
    }
    reply.Ok();
  });
}

}  // namespace p2pd::daemon
