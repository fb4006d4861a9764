// CallKeeper: what becomes of calls beside the talk: each is written into the call book, and the
// answering machine takes those that nobody takes.
//
// Rules: it follows the node's log of events and does nothing within the turn in which something
// changed. Messages are Ogg/Opus in the folder of recordings; when kMaxMessages
// of them are kept the machine takes no call before somebody forgets some. Threads: core.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/call_book.h"
#include "daemon/config.h"
#include "libcore/media/audio.h"
#include "libcore/node/answering_machine.h"
#include "libcore/node/event_log.h"
#include "libcore/runtime/loop.h"

namespace p2pd::daemon {

class NodeHost;

class CallKeeper {
 public:
  static constexpr int kMaxMessages = 100;
  // The first words of a greeting are not lost to a path that is being found.
  static constexpr absl::Duration kBreath = absl::Milliseconds(500);

  // 48 kHz, ready to play: a breath, the configured greeting if there is one, and the tone. Errors
  // as media::ReadWav; InvalidArgument for one of more than a minute.
  static absl::StatusOr<std::vector<int16_t>> ReadGreeting(const CallsConfig& config);

  // The host outlives it.
  CallKeeper(NodeHost& host, std::unique_ptr<CallBook> book, std::vector<int16_t> greeting);

  CallBook& book() { return *book_; }
  // Deletes the file, if it is one of ours; false: there is none.
  bool DeleteRecording(const v1::Call& call) const;

  // The node's log has grown.
  void OnChange();

 private:
  void Run();
  void Follow();
  void Consider(const node::CallView& view);
  void Write(const node::CallView& view);
  void Obey(const node::AnsweringMachine::Order& order);
  void Take(const session::CallId& call);
  void Release(const session::CallId& call);
  void Expire();

  NodeHost& host_;
  std::unique_ptr<CallBook> book_;
  const std::vector<int16_t> greeting_;
  node::AnsweringMachine machine_;
  node::Revision last_;
  // What was written last of each call that is under way.
  std::map<session::CallId, std::string> written_;
  // What the machine plays.
  std::map<session::CallId, std::shared_ptr<media::AudioSource>> playing_;
  runtime::Timer timer_;
  Instant expire_at_;
};

}  // namespace p2pd::daemon
