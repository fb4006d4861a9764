// FakeDaemon: a gRPC server in this process that keeps what it was asked and answers what the test
// says, so that the commands are tested down to the wire without a daemon. Run() is p2pctl with
// these arguments.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "clients/cli/command_line.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "p2pd/v1/archive_service.grpc.pb.h"
#include "p2pd/v1/call_service.grpc.pb.h"
#include "p2pd/v1/contact_service.grpc.pb.h"
#include "p2pd/v1/identity_service.grpc.pb.h"
#include "p2pd/v1/node_service.grpc.pb.h"
#include "p2pd/v1/overlay_service.grpc.pb.h"
#include "p2pd/v1/torrent_service.grpc.pb.h"

namespace p2pd::cli {

// One method: its last request, what it answers.
template <class Request, class Response>
struct Canned {
  Request request;
  Response response;
  grpc::Status status;
  int calls = 0;
  grpc::Status Serve(const Request* asked, Response* answer) {
    request = *asked;
    *answer = response;
    ++calls;
    return status;
  }
};

#define P2PD_FAKE(Method, Request, Response)                                                \
  grpc::Status Method(grpc::ServerContext*, const v1::Request* asked, v1::Response* answer) \
      override {                                                                            \
    return Method##_.Serve(asked, answer);                                                  \
  }                                                                                         \
  Canned<v1::Request, v1::Response> Method##_;

struct FakeNode final : v1::NodeService::Service {
  P2PD_FAKE(GetNode, GetNodeRequest, Node)
  P2PD_FAKE(Shutdown, ShutdownRequest, ShutdownResponse)
  grpc::Status WatchEvents(grpc::ServerContext*, const v1::WatchEventsRequest* asked,
                           grpc::ServerWriter<v1::WatchEventsResponse>* writer) override {
    watch_request = *asked;
    for (const v1::WatchEventsResponse& event : events) writer->Write(event);
    return grpc::Status::OK;
  }
  v1::WatchEventsRequest watch_request;
  std::vector<v1::WatchEventsResponse> events;
};

struct FakeIdentity final : v1::IdentityService::Service {
  P2PD_FAKE(GetIdentity, GetIdentityRequest, Identity)
  P2PD_FAKE(ListIdentities, ListIdentitiesRequest, ListIdentitiesResponse)
  P2PD_FAKE(CreateIdentity, CreateIdentityRequest, Identity)
  P2PD_FAKE(DeleteIdentity, DeleteIdentityRequest, DeleteIdentityResponse)
  P2PD_FAKE(InstallCertificate, InstallCertificateRequest, Identity)
  P2PD_FAKE(ImportIdentity, ImportIdentityRequest, Identity)
  P2PD_FAKE(ExportIdentity, ExportIdentityRequest, ExportIdentityResponse)
  P2PD_FAKE(UnlockIdentity, UnlockIdentityRequest, Identity)
  P2PD_FAKE(Login, LoginRequest, Identity)
  P2PD_FAKE(Logout, LogoutRequest, Identity)
  P2PD_FAKE(SetPresence, SetPresenceRequest, Identity)
  P2PD_FAKE(ListDevices, ListDevicesRequest, ListDevicesResponse)
  P2PD_FAKE(RevokeDevice, RevokeDeviceRequest, RevokeDeviceResponse)
  P2PD_FAKE(CreateTrustRoot, CreateTrustRootRequest, TrustRoot)
  P2PD_FAKE(ListTrustRoots, ListTrustRootsRequest, ListTrustRootsResponse)
  P2PD_FAKE(DeleteTrustRoot, DeleteTrustRootRequest, DeleteTrustRootResponse)
  P2PD_FAKE(PublishCrl, PublishCrlRequest, PublishCrlResponse)
};

struct FakeContact final : v1::ContactService::Service {
  P2PD_FAKE(GetContact, GetContactRequest, Contact)
  P2PD_FAKE(ListContacts, ListContactsRequest, ListContactsResponse)
  P2PD_FAKE(CreateContact, CreateContactRequest, Contact)
  P2PD_FAKE(DeleteContact, DeleteContactRequest, DeleteContactResponse)
  P2PD_FAKE(GetPresence, GetPresenceRequest, Presence)
  grpc::Status WatchPresence(grpc::ServerContext*, const v1::WatchPresenceRequest* asked,
                             grpc::ServerWriter<v1::WatchPresenceResponse>* writer) override {
    watch_request = *asked;
    for (const v1::WatchPresenceResponse& seen : seen_) writer->Write(seen);
    return grpc::Status::OK;
  }
  v1::WatchPresenceRequest watch_request;
  std::vector<v1::WatchPresenceResponse> seen_;
};

struct FakeOverlay final : v1::OverlayService::Service {
  P2PD_FAKE(ListPeers, ListPeersRequest, ListPeersResponse)
  P2PD_FAKE(Lookup, LookupRequest, LookupResponse)
  P2PD_FAKE(Put, PutRequest, PutResponse)
  P2PD_FAKE(Get, GetRequest, GetResponse)
  P2PD_FAKE(RemoveValue, RemoveValueRequest, RemoveValueResponse)
  P2PD_FAKE(Trace, TraceRequest, TraceResponse)
};

struct FakeCalls final : v1::CallService::Service {
  P2PD_FAKE(GetCall, GetCallRequest, Call)
  P2PD_FAKE(ListCalls, ListCallsRequest, ListCallsResponse)
  P2PD_FAKE(CreateCall, CreateCallRequest, Call)
  P2PD_FAKE(AnswerCall, AnswerCallRequest, Call)
  P2PD_FAKE(RejectCall, RejectCallRequest, Call)
  P2PD_FAKE(HangUpCall, HangUpCallRequest, Call)
  P2PD_FAKE(HoldCall, HoldCallRequest, Call)
  P2PD_FAKE(ResumeCall, ResumeCallRequest, Call)
  P2PD_FAKE(MuteCall, MuteCallRequest, Call)
  P2PD_FAKE(SendDtmf, SendDtmfRequest, SendDtmfResponse)
  P2PD_FAKE(ListCallRecords, ListCallRecordsRequest, ListCallRecordsResponse)
  P2PD_FAKE(DeleteCallRecords, DeleteCallRecordsRequest, DeleteCallRecordsResponse)
  grpc::Status ReadRecording(grpc::ServerContext*, const v1::ReadRecordingRequest* asked,
                             grpc::ServerWriter<v1::ReadRecordingResponse>* writer) override {
    recording_request = *asked;
    for (const v1::ReadRecordingResponse& piece : recording) writer->Write(piece);
    return recording_status;
  }
  grpc::Status WatchCalls(grpc::ServerContext*, const v1::WatchCallsRequest* asked,
                          grpc::ServerWriter<v1::WatchCallsResponse>* writer) override {
    watch_request = *asked;
    for (const v1::WatchCallsResponse& change : changes) writer->Write(change);
    return watch_status;
  }
  // Echoes all voice back, then ends.
  grpc::Status StreamAudio(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::StreamAudioResponse, v1::StreamAudioRequest>* stream) override {
    v1::StreamAudioRequest in;
    v1::StreamAudioResponse out;
    while (stream->Read(&in)) {
      if (in.has_start()) {
        const std::lock_guard lock(mutex);
        start = in.start();
      } else {
        *out.mutable_frame() = in.frame();
        stream->Write(out);
        const std::lock_guard lock(mutex);
        voice_bytes += in.frame().pcm().size();
      }
    }
    return voice_status;
  }
  v1::ReadRecordingRequest recording_request;
  std::vector<v1::ReadRecordingResponse> recording;
  grpc::Status recording_status;
  v1::WatchCallsRequest watch_request;
  std::vector<v1::WatchCallsResponse> changes;
  grpc::Status watch_status;
  grpc::Status voice_status;
  std::mutex mutex;
  v1::AudioStart start;
  size_t voice_bytes = 0;
};

struct FakeTorrents final : v1::TorrentService::Service {
  P2PD_FAKE(GetTorrent, GetTorrentRequest, Torrent)
  P2PD_FAKE(ListTorrents, ListTorrentsRequest, ListTorrentsResponse)
  P2PD_FAKE(SubmitTorrent, SubmitTorrentRequest, Torrent)
  P2PD_FAKE(SetTorrentPolicy, SetTorrentPolicyRequest, Torrent)
  P2PD_FAKE(DeleteTorrent, DeleteTorrentRequest, DeleteTorrentResponse)
  P2PD_FAKE(DenyTorrent, DenyTorrentRequest, DenyTorrentResponse)
  P2PD_FAKE(AllowTorrent, AllowTorrentRequest, AllowTorrentResponse)
  P2PD_FAKE(ListDeniedTorrents, ListDeniedTorrentsRequest, ListDeniedTorrentsResponse)
  grpc::Status WatchTorrents(grpc::ServerContext*, const v1::WatchTorrentsRequest* asked,
                             grpc::ServerWriter<v1::WatchTorrentsResponse>* writer) override {
    watch_request = *asked;
    for (const v1::WatchTorrentsResponse& seen : seen_) writer->Write(seen);
    return grpc::Status::OK;
  }
  v1::WatchTorrentsRequest watch_request;
  std::vector<v1::WatchTorrentsResponse> seen_;
};

struct FakeArchive final : v1::ArchiveService::Service {
  P2PD_FAKE(GetArchive, GetArchiveRequest, Archive)
  P2PD_FAKE(PlanArchive, PlanArchiveRequest, PlanArchiveResponse)
  P2PD_FAKE(ListMembers, ListMembersRequest, ListMembersResponse)
  P2PD_FAKE(ListFeeds, ListFeedsRequest, ListFeedsResponse)
};

#undef P2PD_FAKE

struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

inline Outcome RunTool(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "p2pctl");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Outcome outcome;
  outcome.code = RunCommandLine(static_cast<int>(argv.size()), argv.data());
  outcome.out = ::testing::internal::GetCapturedStdout();
  outcome.err = ::testing::internal::GetCapturedStderr();
  return outcome;
}

// A test with a fake daemon on a socket and a folder of its own.
class WithFakeDaemon : public ::testing::Test {
 protected:
  WithFakeDaemon() {
    char pattern[] = "/tmp/p2pctl-test-XXXXXX";
    folder_ = mkdtemp(pattern);
    control_ = "unix:" + folder_ + "/control.sock";
    grpc::ServerBuilder builder;
    builder.AddListeningPort(control_, grpc::InsecureServerCredentials());
    for (grpc::Service* service : std::initializer_list<grpc::Service*>{
             &node_, &identity_, &contact_, &overlay_, &calls_, &torrents_, &archive_}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
  }
  ~WithFakeDaemon() override {
    server_->Shutdown();
    const std::string command = "rm -rf '" + folder_ + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
  Outcome Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--control", control_});
    return RunTool(std::move(arguments));
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
  std::string control_;
  FakeNode node_;
  FakeIdentity identity_;
  FakeContact contact_;
  FakeOverlay overlay_;
  FakeCalls calls_;
  FakeTorrents torrents_;
  FakeArchive archive_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace p2pd::cli
