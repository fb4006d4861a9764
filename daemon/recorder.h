// Recorder: the thread that writes the recordings of calls into files of the daemon's folder.
//
// Rules: the media thread fills a tap, this one empties it a few times a second, so that no disk is
// waited for in a call. A recording ends when its tap is closed, or when the disk takes no more;
// the call goes on in either case. Threads: all methods from the core thread; `ended` is called on
// the recorder's, at its end on the one that ends it. Limits: one recording a call.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/base/mutex.h"
#include "libcore/media/recording.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/thread.h"
#include "libcore/session/session.h"

namespace p2pd::daemon {

class Recorder {
 public:
  // What is behind it is at most so much of a call.
  static constexpr absl::Duration kPeriod = absl::Milliseconds(200);
  using Ended = absl::AnyInvocable<void(const session::CallId&, const std::string& path,
                                        const absl::Status&)>;

  // `folder` is made, mode 0700, with the first recording.
  Recorder(std::string folder, Ended ended);
  // Closes the files with what their taps have.
  ~Recorder();

  struct Started {
    std::string path;
    std::shared_ptr<media::RecordingTap> tap;  // for the media thread
  };
  // A new file, named by time, e-mail address and call. Errors as RecordingFile::Create.
  absl::StatusOr<Started> Start(const session::CallId& call, absl::string_view with, absl::Time at,
                                media::RecordingFormat format);

 private:
  struct Recording {
    session::CallId call;
    std::string path;
    std::shared_ptr<media::RecordingTap> tap;
    std::unique_ptr<media::RecordingFile> file;
  };
  void OnTimer() ABSL_LOCKS_EXCLUDED(mutex_);
  // True when it is over.
  bool Write(Recording& recording) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string folder_;
  Mutex mutex_;
  Ended ended_ ABSL_GUARDED_BY(mutex_);
  std::vector<Recording> recordings_ ABSL_GUARDED_BY(mutex_);
  std::vector<int16_t> scratch_ ABSL_GUARDED_BY(mutex_);
  runtime::Loop loop_;
  runtime::Timer timer_;
  std::unique_ptr<runtime::Thread> thread_;
};

}  // namespace p2pd::daemon
