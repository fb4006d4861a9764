// AudioStream: one StreamAudio call, and AudioPump, the thread that moves samples between all of
// them and the media thread.
//
// Rules: the media thread never waits for a client and never calls gRPC: it reads and writes rings
// (media::PcmStreamSource, PcmStreamSink), and the pump looks at them every few milliseconds. Input
// is paced: what does not fit into the ring stays here, nothing more is read from the client
// meanwhile, and HTTP/2's flow control holds the client back; a live client's is never held, the
// oldest goes. Output that the client does not fetch is lost in whole frames and counted, since
// voice cannot wait. Threads: gRPC's callbacks, the pump and the core thread each come in; one
// mutex per stream. Limits: one second in each ring, one request and one response under way.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "daemon/node_host.h"
#include "grpcpp/grpcpp.h"
#include "libcore/base/mutex.h"
#include "libcore/media/pcm_stream.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/thread.h"
#include "p2pd/v1/call_service.grpc.pb.h"

namespace p2pd::daemon {

class AudioStream;

// Rests while there is no stream.
class AudioPump {
 public:
  AudioPump();
  // All streams have ended.
  ~AudioPump();
  // Any thread.
  void Add(AudioStream* stream);
  // Any thread; `gone` runs on the pump's thread when the stream is no longer looked at.
  void Remove(AudioStream* stream, absl::AnyInvocable<void()> gone);

 private:
  void OnTimer();
  runtime::Loop loop_;
  runtime::Timer timer_;
  std::set<AudioStream*> streams_;  // pump's thread
  std::unique_ptr<runtime::Thread> thread_;
};

class AudioStream final
    : public grpc::ServerBidiReactor<v1::StreamAudioRequest, v1::StreamAudioResponse>,
      public Watcher {
 public:
  // Deletes itself when gRPC is done with it.
  static AudioStream* Start(NodeHost& host, AudioPump& pump);

  // --- gRPC's threads ---
  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnDone() override ABSL_LOCKS_EXCLUDED(mutex_);

  // --- the pump's thread ---
  void OnPump() ABSL_LOCKS_EXCLUDED(mutex_);

  // --- core thread ---
  void OnChange() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnIdle() override {}
  void OnDrain() override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  AudioStream(NodeHost& host, AudioPump& pump) : host_(host), pump_(pump) {}
  void Begin(const v1::AudioStart& start) ABSL_LOCKS_EXCLUDED(mutex_);
  void Attach(const std::string& call, v1::AudioStart::Direction direction)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Detach() ABSL_LOCKS_EXCLUDED(mutex_);
  bool TakeFrame() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PushInput() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool FillFrame() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Over() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndWith(const grpc::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  NodeHost& host_;
  AudioPump& pump_;
  // Core thread.
  std::optional<session::CallId> call_;
  CallAudio attached_;
  bool watching_ = false;

  Mutex mutex_;
  v1::StreamAudioRequest request_;    // gRPC's while reading_
  v1::StreamAudioResponse response_;  // gRPC's while writing_
  std::shared_ptr<media::PcmStreamSource> source_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<media::PcmStreamSink> sink_ ABSL_GUARDED_BY(mutex_);
  // Of the frame that was read last: what did not fit into the ring yet.
  std::vector<int16_t> input_ ABSL_GUARDED_BY(mutex_);
  size_t input_taken_ ABSL_GUARDED_BY(mutex_) = 0;
  bool live_ ABSL_GUARDED_BY(mutex_) = false;
  std::string call_name_ ABSL_GUARDED_BY(mutex_);
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;       // attached to the call
  bool said_started_ ABSL_GUARDED_BY(mutex_) = false;  // and told so
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool input_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool call_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool said_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mutex_);
  uint64_t dropped_samples_told_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace p2pd::daemon
