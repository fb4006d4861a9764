// TorrentService and ArchiveService of proto/p2pd/v1/torrent_service.proto, archive_service.proto.
#pragma once

#include "daemon/archive_host.h"
#include "daemon/feed_host.h"
#include "daemon/node_host.h"
#include "grpcpp/grpcpp.h"
#include "p2pd/v1/archive_service.grpc.pb.h"
#include "p2pd/v1/torrent_service.grpc.pb.h"

namespace p2pd::daemon {

class TorrentService final : public v1::TorrentService::CallbackService {
 public:
  // `host` is nullptr where nothing is archived.
  TorrentService(ArchiveHost* host, NodeHost& node) : host_(host), node_(node) {}

  grpc::ServerUnaryReactor* GetTorrent(grpc::CallbackServerContext* context,
                                       const v1::GetTorrentRequest* request,
                                       v1::Torrent* torrent) override;
  grpc::ServerUnaryReactor* ListTorrents(grpc::CallbackServerContext* context,
                                         const v1::ListTorrentsRequest* request,
                                         v1::ListTorrentsResponse* response) override;
  grpc::ServerUnaryReactor* SubmitTorrent(grpc::CallbackServerContext* context,
                                          const v1::SubmitTorrentRequest* request,
                                          v1::Torrent* torrent) override;
  grpc::ServerUnaryReactor* OfferTorrent(grpc::CallbackServerContext* context,
                                         const v1::OfferTorrentRequest* request,
                                         v1::OfferTorrentResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchTorrentsResponse>* WatchTorrents(
      grpc::CallbackServerContext* context, const v1::WatchTorrentsRequest* request) override;
  grpc::ServerUnaryReactor* SetTorrentPolicy(grpc::CallbackServerContext* context,
                                             const v1::SetTorrentPolicyRequest* request,
                                             v1::Torrent* torrent) override;
  grpc::ServerUnaryReactor* DeleteTorrent(grpc::CallbackServerContext* context,
                                          const v1::DeleteTorrentRequest* request,
                                          v1::DeleteTorrentResponse* response) override;
  grpc::ServerUnaryReactor* DenyTorrent(grpc::CallbackServerContext* context,
                                        const v1::DenyTorrentRequest* request,
                                        v1::DenyTorrentResponse* response) override;
  grpc::ServerUnaryReactor* AllowTorrent(grpc::CallbackServerContext* context,
                                         const v1::AllowTorrentRequest* request,
                                         v1::AllowTorrentResponse* response) override;
  grpc::ServerUnaryReactor* ListDeniedTorrents(grpc::CallbackServerContext* context,
                                               const v1::ListDeniedTorrentsRequest* request,
                                               v1::ListDeniedTorrentsResponse* response) override;

 private:
  ArchiveHost* const host_;
  NodeHost& node_;
};

class ArchiveService final : public v1::ArchiveService::CallbackService {
 public:
  // As TorrentService; `feeds` is there where `host` is.
  ArchiveService(ArchiveHost* host, const FeedHost* feeds) : host_(host), feeds_(feeds) {}

  grpc::ServerUnaryReactor* GetArchive(grpc::CallbackServerContext* context,
                                       const v1::GetArchiveRequest* request,
                                       v1::Archive* archive) override;
  grpc::ServerUnaryReactor* PlanArchive(grpc::CallbackServerContext* context,
                                        const v1::PlanArchiveRequest* request,
                                        v1::PlanArchiveResponse* response) override;
  grpc::ServerUnaryReactor* SetArchiveLimits(grpc::CallbackServerContext* context,
                                             const v1::SetArchiveLimitsRequest* request,
                                             v1::ArchiveLimits* limits) override;
  grpc::ServerUnaryReactor* ListMembers(grpc::CallbackServerContext* context,
                                        const v1::ListMembersRequest* request,
                                        v1::ListMembersResponse* response) override;
  grpc::ServerUnaryReactor* ListFeeds(grpc::CallbackServerContext* context,
                                      const v1::ListFeedsRequest* request,
                                      v1::ListFeedsResponse* response) override;

 private:
  ArchiveHost* const host_;
  const FeedHost* const feeds_;
};

}  // namespace p2pd::daemon
