// CallService of proto/p2pd/v1/call_service.proto.
#pragma once

#include "daemon/node_host.h"
#include "daemon/services/audio_stream.h"
#include "grpcpp/grpcpp.h"
#include "p2pd/v1/call_service.grpc.pb.h"

namespace p2pd::daemon {

class CallService final : public v1::CallService::CallbackService {
 public:
  explicit CallService(NodeHost& host) : host_(host) {}

  grpc::ServerUnaryReactor* GetCall(grpc::CallbackServerContext* context,
                                    const v1::GetCallRequest* request, v1::Call* call) override;
  grpc::ServerUnaryReactor* ListCalls(grpc::CallbackServerContext* context,
                                      const v1::ListCallsRequest* request,
                                      v1::ListCallsResponse* response) override;
  grpc::ServerUnaryReactor* CreateCall(grpc::CallbackServerContext* context,
                                       const v1::CreateCallRequest* request,
                                       v1::Call* call) override;
  grpc::ServerWriteReactor<v1::WatchCallsResponse>* WatchCalls(
      grpc::CallbackServerContext* context, const v1::WatchCallsRequest* request) override;
  grpc::ServerUnaryReactor* AnswerCall(grpc::CallbackServerContext* context,
                                       const v1::AnswerCallRequest* request,
                                       v1::Call* call) override;
  grpc::ServerUnaryReactor* RejectCall(grpc::CallbackServerContext* context,
                                       const v1::RejectCallRequest* request,
                                       v1::Call* call) override;
  grpc::ServerUnaryReactor* HangUpCall(grpc::CallbackServerContext* context,
                                       const v1::HangUpCallRequest* request,
                                       v1::Call* call) override;
  grpc::ServerUnaryReactor* HoldCall(grpc::CallbackServerContext* context,
                                     const v1::HoldCallRequest* request, v1::Call* call) override;
  grpc::ServerUnaryReactor* ResumeCall(grpc::CallbackServerContext* context,
                                       const v1::ResumeCallRequest* request,
                                       v1::Call* call) override;
  grpc::ServerUnaryReactor* MuteCall(grpc::CallbackServerContext* context,
                                     const v1::MuteCallRequest* request, v1::Call* call) override;
  grpc::ServerUnaryReactor* SendDtmf(grpc::CallbackServerContext* context,
                                     const v1::SendDtmfRequest* request,
                                     v1::SendDtmfResponse* response) override;
  grpc::ServerUnaryReactor* RecordCall(grpc::CallbackServerContext* context,
                                       const v1::RecordCallRequest* request,
                                       v1::Call* call) override;
  grpc::ServerUnaryReactor* ConferCalls(grpc::CallbackServerContext* context,
                                        const v1::ConferCallsRequest* request,
                                        v1::ConferCallsResponse* response) override;
  grpc::ServerUnaryReactor* LeaveConference(grpc::CallbackServerContext* context,
                                            const v1::LeaveConferenceRequest* request,
                                            v1::Call* call) override;
  grpc::ServerUnaryReactor* TransferCall(grpc::CallbackServerContext* context,
                                         const v1::TransferCallRequest* request,
                                         v1::Call* call) override;
  // call_records.cc
  grpc::ServerUnaryReactor* ListCallRecords(grpc::CallbackServerContext* context,
                                            const v1::ListCallRecordsRequest* request,
                                            v1::ListCallRecordsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteCallRecords(grpc::CallbackServerContext* context,
                                              const v1::DeleteCallRecordsRequest* request,
                                              v1::DeleteCallRecordsResponse* response) override;
  grpc::ServerWriteReactor<v1::ReadRecordingResponse>* ReadRecording(
      grpc::CallbackServerContext* context, const v1::ReadRecordingRequest* request) override;
  grpc::ServerBidiReactor<v1::StreamAudioRequest, v1::StreamAudioResponse>* StreamAudio(
      grpc::CallbackServerContext* context) override;

 private:
  NodeHost& host_;
  AudioPump pump_;
};

}  // namespace p2pd::daemon
