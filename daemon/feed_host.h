// FeedHost: the feeds that the archive reads, on a thread of their own.
//
// Rules: one question at a time, and the thread waits for its answer; what a feed offers is handed
// to the archive one by one, and asked for again by the next run where the archive did not answer.
// What the archive could not save (the disk is full) is handed over again after kRetryUnsaved or by
// Configure, and all else waits for it: nothing of that could be saved, either. What was seen is
// written after each turn, and each kSaveEvery of a long one. Feeds are named in the log, what
// stands in them is not. Threads: Start, Stop, the destructor and Configure from main's; List and
// AddCounters from any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/archive_host.h"
#include "libcore/archive/intake/feed_reader.h"
#include "libcore/base/mutex.h"
#include "libcore/runtime/http_client.h"
#include "libcore/runtime/loop.h"
#include "libcore/runtime/thread.h"

namespace p2pd::daemon {

class FeedHost {
 public:
  static constexpr absl::Duration kSaveEvery = absl::Seconds(10);
  // Until an archive that had too much to do is given an item again.
  static constexpr absl::Duration kRetry = absl::Seconds(1);
  // Until an archive that could not save an item is given it again: somebody has to make room.
  static constexpr absl::Duration kRetryUnsaved = absl::Minutes(1);

  // What was seen is kept in `file`; one that does not read is said in the log, and all is new.
  // `archive` outlives Stop, and this outlives `archive`, whose answers come back here.
  FeedHost(const ArchiveConfig& config, std::string file, ArchiveHost& archive);
  ~FeedHost() { Stop(); }
  // Hands nothing over any more, and waits for no server.
  void Stop();
  // Other feeds, or another period, from now on; one that failed is asked at once.
  void Configure(std::vector<archive::intake::FeedSettings> feeds, absl::Duration period);
  // In the order of the settings.
  std::vector<archive::intake::FeedReader::Status> List() const;
  // "archive.feed…".
  void AddCounters(std::map<std::string, uint64_t>& out) const;

 private:
  using Reader = archive::intake::FeedReader;

  void Restore();
  void Save();
  // Hands over what is there, else asks the next server, and sets the timer.
  void Work();
  void HandOver(Reader::Offer offer);
  // What PollOffer gives next comes after this one.
  void OfferAgain(Reader::Offer offer, absl::Duration wait);
  void OnAnswer(Reader::Offer& offer, const absl::Status& status);
  void OnUnsaved(Reader::Offer offer, const absl::Status& status);
  void Ask(const Reader::Fetch& fetch);
  absl::StatusOr<Reader::Answer> Get(const Reader::Fetch& fetch);
  // For List and AddCounters.
  void Publish();

  const std::string file_;
  ArchiveHost& archive_;
  runtime::HttpClient client_;
  runtime::Loop loop_;
  std::unique_ptr<runtime::Timer> timer_;
  Reader reader_;
  std::optional<Reader::Offer> refused_;  // by an archive with too much to do, or no room
  bool unsaved_ = false;                  // the last one that the archive answered
  bool busy_ = false;                     // one is with the archive
  std::string saved_;
  Instant next_save_;
  // Of what the archive said.
  uint64_t taken_ = 0;
  uint64_t not_taken_ = 0;
  uint64_t not_saved_ = 0;  // each time

  mutable Mutex mutex_;
  std::vector<Reader::Status> list_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> counters_ ABSL_GUARDED_BY(mutex_);

  std::unique_ptr<runtime::Thread> thread_;
};

}  // namespace p2pd::daemon
