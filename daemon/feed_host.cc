#include "daemon/feed_host.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/config.h"
#include "libcore/archive/lt/address_guard.h"
#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/file.h"
#include "libcore/base/log.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

absl::Status Submit(ArchiveHost& host, const archive::intake::FeedReader::Offer& offer) {
  constexpr auto kSource = archive::Source::kFeed;
  if (!offer.metainfo.empty()) {
    return host.Submit(offer.metainfo, kSource).status();
  }
  P2PD_ASSIGN_OR_RETURN(const auto magnet, archive::torrent::ParseMagnet(offer.item.link));
  return host.Submit(magnet, kSource).status();
}

}  // namespace

FeedHost::FeedHost(const ArchiveConfig& config, std::string file, ArchiveHost& archive)
    : file_(std::move(file)), archive_(archive), reader_(config.feeds, config.feed_period) {
  Restore();
  Publish();
  timer_ = std::make_unique<runtime::Timer>(loop_, [this] { Work(); });
  timer_->Set(loop_.now());
  thread_ = std::make_unique<runtime::Thread>("p2pd-feeds", [this] { loop_.Run(); });
}

void FeedHost::Stop() {
  if (thread_ == nullptr) return;
  client_.Stop();
  loop_.PostAlways([this] {
    // What the archive did not answer is offered again by the next run.
    if (!busy_ && !refused_ && reader_.offers() == 0) Save();
    timer_.reset();
    loop_.Stop();
  });
  thread_.reset();
}

void FeedHost::Restore() {
  const auto content = ReadFile(file_, Reader::kMaxEncoded, FileMode::kSecret);
  if (absl::IsNotFound(content.status())) return;
  const absl::Status status = content.ok() ? reader_.Restore(AsText(*content)) : content.status();
  if (!status.ok()) {
    P2PD_LOG(daemon, kWarn, "archive: all that the feeds show is new: ", file_, ": ",
             status.message());
  }
}

void FeedHost::Save() {
  next_save_ = loop_.now() + kSaveEvery;
  std::string text = reader_.Encode();
  if (text == saved_) return;
  const absl::Status status = WriteFileAtomically(file_, AsBytes(text), FileMode::kSecret);
  if (status.ok()) {
    saved_ = std::move(text);
  } else {
    P2PD_LOG(daemon, kError, "archive: what the feeds showed is not kept: ", status.message());
  }
}

void FeedHost::Configure(std::vector<archive::intake::FeedSettings> feeds, absl::Duration period) {
  loop_.PostAlways([this, feeds = std::move(feeds), period]() mutable {
    reader_.Configure(loop_.now(), std::move(feeds), period);
    Publish();
    timer_->Set(loop_.now());
  });
}

void FeedHost::Work() {
  if (busy_) return;
  auto offer = refused_ ? std::exchange(refused_, std::nullopt) : reader_.PollOffer();
  if (offer) return HandOver(*std::move(offer));
  if (reader_.PollTimeout() != Instant::Min() || loop_.now() >= next_save_) Save();
  // Each question is a task of its own: others have their turn between them.
  if (const auto fetch = reader_.Next(loop_.now())) {
    Ask(*fetch);
    timer_->Set(loop_.now());
  } else {
    timer_->Set(reader_.PollTimeout());
  }
  Publish();
}

void FeedHost::HandOver(Reader::Offer offer) {
  // Owners: the task and its answer, and this as long as the archive may refuse it.
  const auto shared = std::make_shared<Reader::Offer>(std::move(offer));
  busy_ = archive_.Post([this, shared](ArchiveHost& host) {
    loop_.PostAlways([this, shared, status = Submit(host, *shared)] { OnAnswer(*shared, status); });
  });
  if (!busy_) OfferAgain(std::move(*shared), kRetry);
}

void FeedHost::OfferAgain(Reader::Offer offer, absl::Duration wait) {
  refused_ = std::move(offer);
  timer_->Set(loop_.now() + wait);
}

void FeedHost::OnAnswer(Reader::Offer& offer, const absl::Status& status) {
  busy_ = false;
  if (absl::IsFailedPrecondition(status)) return OnUnsaved(std::move(offer), status);
  unsaved_ = false;
  ++(status.ok() ? taken_ : not_taken_);
  if (!status.ok()) {
    P2PD_LOG(daemon, kDebug, "archive: an item of a feed: ", OneLine(status.message()));
  }
  Work();
}

void FeedHost::OnUnsaved(Reader::Offer offer, const absl::Status& status) {
  ++not_saved_;
  // Once until one is saved again.
  if (!std::exchange(unsaved_, true)) {
    P2PD_LOG(daemon, kWarn, "archive: the feeds wait, since what they show cannot be saved: ",
             OneLine(status.message()));
  }
  OfferAgain(std::move(offer), kRetryUnsaved);
  Publish();
}

void FeedHost::Ask(const Reader::Fetch& fetch) {
  auto answer = Get(fetch);
  // The daemon ends: that says nothing of the server.
  const bool stopped = absl::IsCancelled(answer.status());
  const Reader::Status before = reader_.List()[fetch.feed];
  reader_.OnAnswer(loop_.now(), fetch, std::move(answer));
  const Reader::Status after = reader_.List()[fetch.feed];
  if (stopped || (before.failures == 0) == (after.failures == 0)) return;
  P2PD_LOG(daemon, kWarn, "archive: the feed ", after.url,
           after.failures == 0 ? " can be read again"
                               : absl::StrCat(" cannot be read: ", after.trouble));
}

absl::StatusOr<FeedHost::Reader::Answer> FeedHost::Get(const Reader::Fetch& fetch) {
  runtime::HttpRequest request{fetch.url, {}, fetch.most};
  if (!fetch.etag.empty()) request.headers.push_back(absl::StrCat("If-None-Match: ", fetch.etag));
  if (!fetch.modified.empty()) {
    request.headers.push_back(absl::StrCat("If-Modified-Since: ", fetch.modified));
  }
  P2PD_ASSIGN_OR_RETURN(runtime::HttpAnswer got,
                        client_.Get(request, [&fetch](const net::IpAddress& address) {
                          return fetch.may_be_inside || !archive::lt::IsInside(address);
                        }));
  return Reader::Answer{got.status, got.headers["location"], got.headers["etag"],
                        got.headers["last-modified"], std::move(got.body)};
}

void FeedHost::Publish() {
  const MutexLock lock(&mutex_);
  list_ = reader_.List();
  counters_["archive.feed_requests"] = reader_.asked();
  counters_["archive.feed_requests_failed"] = reader_.failed();
  counters_["archive.feed_items_taken"] = taken_;
  counters_["archive.feed_items_refused"] = not_taken_ + reader_.refused();
  counters_["archive.feed_items_not_saved"] = not_saved_;
}

std::vector<archive::intake::FeedReader::Status> FeedHost::List() const {
  const MutexLock lock(&mutex_);
  return list_;
}

void FeedHost::AddCounters(std::map<std::string, uint64_t>& out) const {
  const MutexLock lock(&mutex_);
  for (const auto& [name, value] : counters_) out[name] = value;
}

}  // namespace p2pd::daemon
