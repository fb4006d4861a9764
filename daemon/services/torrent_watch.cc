#include "daemon/services/torrent_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/convert/torrent.h"
#include "daemon/errors.h"
#include "libcore/base/resume_token.h"

namespace p2pd::daemon {

using archive::Revision;
using archive::torrent::InfoHash;
using Response = v1::WatchTorrentsResponse;

grpc::ServerWriteReactor<Response>* TorrentWatch::Start(ArchiveHost& host,
                                                        std::optional<InfoHash> one,
                                                        std::string resume_token) {
  auto* stream = new TorrentWatch(host, one, std::move(resume_token));
  stream->BeginLocked([&] { host.PostAlways([stream](ArchiveHost&) { stream->Begin(); }); });
  return stream;
}

void TorrentWatch::OnEmpty() {
  host_.PostAlways([this](ArchiveHost&) { Pull(); });
}

// Behind every task that names the stream, so that none finds it gone.
void TorrentWatch::OnOver() {
  host_.PostAlways([this](ArchiveHost& host) {
    host.RemoveWatcher(this);
    delete this;
  });
}

void TorrentWatch::OnDrain() {
  End(Error(grpc::StatusCode::UNAVAILABLE, "DRAINING", "the daemon is ending"));
}

void TorrentWatch::OnIdle() {
  if (!last_ || Busy()) return;
  Response bookmark;
  bookmark.set_mark(v1::WATCH_MARK_BOOKMARK);
  bookmark.set_resume_token(Token(*last_));
  Write({std::move(bookmark)});
}

void TorrentWatch::Begin() {
  const absl::Status added = host_.AddWatcher(this);
  if (!added.ok()) {
    return End(ToGrpc(added, {{absl::StatusCode::kUnavailable, "DRAINING"},
                              {absl::StatusCode::kResourceExhausted, "TOO_MANY_STREAMS"}}));
  }
  if (resume_token_.empty()) {
    BeginSnapshot(false);
  } else if (!(last_ = ParseToken()) || !host_.archive().changes().Since(*last_, 1)) {
    return End(Error(grpc::StatusCode::OUT_OF_RANGE, "RESUME_TOKEN_EXPIRED",
                     "the token is of another run or too old: start without one"));
  }
  Pull();
}

void TorrentWatch::BeginSnapshot(bool resync) {
  // What changes meanwhile is told behind it.
  last_ = host_.archive().changes().last();
  in_snapshot_ = true;
  resync_ = resync;
  after_.reset();
}

void TorrentWatch::Pull() {
  if (!last_ || Busy()) return;
  if (in_snapshot_ && one_ && !resync_ && !host_.archive().Find(*one_)) {
    return End(Error(grpc::StatusCode::NOT_FOUND, "TORRENT_UNKNOWN",
                     absl::StrCat("no torrent ", archive::torrent::ToHex(*one_))));
  }
  std::vector<Response> batch = in_snapshot_ ? NextOfSnapshot() : NextChanges();
  if (!batch.empty()) Write(std::move(batch));
}

std::vector<Response> TorrentWatch::NextOfSnapshot() {
  std::vector<Response> out;
  if (std::exchange(resync_, false)) out.emplace_back().set_mark(v1::WATCH_MARK_RESYNC);
  std::vector<InfoHash> hashes;
  if (one_) {
    hashes.push_back(*one_);
  } else {
    for (const archive::TorrentSummary& each : host_.archive().Summaries(after_, kBatch)) {
      hashes.push_back(each.hashes.Best());
    }
  }
  for (const InfoHash& hash : hashes) {
    after_ = hash;
    const auto view = host_.archive().Find(hash);
    if (!view) continue;
    Response& message = out.emplace_back();
    message.set_mark(v1::WATCH_MARK_SNAPSHOT);
    *message.mutable_torrent() = ToProto(*view, false);
  }
  if (!one_ && hashes.size() == kBatch) return out;
  in_snapshot_ = false;
  Response& done = out.emplace_back();
  done.set_mark(v1::WATCH_MARK_SNAPSHOT_DONE);
  done.set_resume_token(Token(*last_));
  return out;
}

std::vector<Response> TorrentWatch::NextChanges() {
  std::vector<Response> out;
  // Until there is something for this stream, or nothing at all.
  while (out.empty()) {
    const auto changes = host_.archive().changes().Since(*last_, kBatch);
    if (!changes) {
      BeginSnapshot(true);
      return NextOfSnapshot();
    }
    if (changes->empty()) return out;
    for (const archive::TorrentChange& change : *changes) {
      last_ = change.revision;
      if (one_ && change.hash != *one_) continue;
      auto message = MessageOf(change);
      if (message) out.push_back(*std::move(message));
    }
  }
  return out;
}

std::optional<Response> TorrentWatch::MessageOf(const archive::TorrentChange& change) const {
  Response out;
  out.set_resume_token(Token(change.revision));
  if (change.removed) {
    out.set_mark(v1::WATCH_MARK_REMOVED);
    out.mutable_torrent()->set_name(TorrentName(change.hash));
    return out;
  }
  const auto view = host_.archive().Find(change.hash);
  // Gone meanwhile, which is told behind this.
  if (!view) return std::nullopt;
  out.set_mark(v1::WATCH_MARK_CHANGED);
  *out.mutable_torrent() = ToProto(*view, false);
  if (change.state) out.mutable_torrent()->set_state(ToProto(*change.state));
  return out;
}

std::string TorrentWatch::Token(Revision revision) const {
  return WriteResumeToken(host_.epoch(), revision.value());
}

std::optional<Revision> TorrentWatch::ParseToken() const {
  const std::optional<uint64_t> revision = ReadResumeToken(host_.epoch(), resume_token_);
  return revision ? std::optional(Revision(*revision)) : std::nullopt;
}

}  // namespace p2pd::daemon
