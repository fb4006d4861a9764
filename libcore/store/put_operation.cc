#include "libcore/store/put_operation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/store/doubt.h"

namespace p2pd::store {
namespace {

// One attempt's share of the time: a route of 4 s at most, then the root's gathering.
constexpr absl::Duration kRouteTimeout = absl::Seconds(4);
constexpr absl::Duration kAskTimeout = absl::Seconds(4);
// First pause between attempts; doubles. Long enough for a ring to notice a dead root's silence.
constexpr absl::Duration kFirstPause = absl::Milliseconds(300);
// The design's replica range; what a root claims beyond it does not raise our expectations.
constexpr size_t kReplicas = 8;

// nullopt: worth another attempt.
std::optional<absl::Status> Refusal(StoreStatus status) {
  switch (status) {
    case wire::v1::STORE_STATUS_STALE:
      return absl::FailedPreconditionError("a newer version is kept already");
    case wire::v1::STORE_STATUS_CONFLICT:
      return absl::AbortedError("another version with the same sequence is kept");
    case wire::v1::STORE_STATUS_REVOKED:
      return absl::PermissionDeniedError("the user revoked this device");
    case wire::v1::STORE_STATUS_REMOVED:
      return absl::FailedPreconditionError("the value was removed by its secret");
    case wire::v1::STORE_STATUS_QUOTA:
      return absl::ResourceExhaustedError("the storing nodes keep no more for this account or key");
    case wire::v1::STORE_STATUS_INVALID:
      return absl::InvalidArgumentError("the storing node found the object invalid");
    case wire::v1::STORE_STATUS_NOT_FOUND:
      return absl::NotFoundError("no value with this digest and secret is kept");
    case wire::v1::STORE_STATUS_UNSPECIFIED:
    case wire::v1::STORE_STATUS_OK:
    case wire::v1::STORE_STATUS_NOT_HERE:
    case wire::v1::STORE_STATUS_BUSY:
    case wire::v1::STORE_STATUS_FAILED:
    case wire::v1::StoreStatus_INT_MIN_SENTINEL_DO_NOT_USE_:
    case wire::v1::StoreStatus_INT_MAX_SENTINEL_DO_NOT_USE_:
      return std::nullopt;
  }
  return std::nullopt;
}

// Of an answer that is worth another attempt: what a person reads when there was none left.
absl::string_view WhyNot(StoreStatus status) {
  if (status == wire::v1::STORE_STATUS_FAILED) {
    return "a disk of the nodes that are to keep it is full or fails, and too few others keep it";
  }
  if (status == wire::v1::STORE_STATUS_BUSY) return "the node that is to keep it is too busy";
  return "the node that was asked is not the one that is to keep it";
}

}  // namespace

StoreRequest PutOperation::Request() const {
  StoreRequest request;
  request.mutable_put()->set_place(plan_.place.ToString());
  request.mutable_put()->set_object(ToText(plan_.object.bytes()));
  request.mutable_put()->set_wanted(static_cast<uint32_t>(plan_.wanted));
  return request;
}

void PutOperation::Start(Instant now, Carrier& carrier) {
  deadline_ = now + kPutTimeout;
  hedge_ = now + kPatience;
  Attempt(now, carrier);
}

void PutOperation::Attempt(Instant now, Carrier& carrier) {
  ++attempts_;
  next_attempt_.reset();
  overlay::RouteOptions options;
  options.timeout = std::min(kRouteTimeout, deadline_ - now);
  // The root answers when others have their copies.
  options.prompt = false;
  options.way = static_cast<size_t>(attempts_ - 1);
  if (!plan_.refresh && plan_.object.bytes().size() <= kMaxRoutedBytes) {
    pending_ = carrier.Route(now, plan_.place, Request(), options);
    // Who was in doubt once waits for nobody.
    if (!hedge_) GoDirect(now, carrier);
    return;
  }
  StoreRequest locate;
  locate.mutable_locate()->set_place(plan_.place.ToString());
  if (plan_.refresh) locate.mutable_locate()->set_digest(ToText(plan_.object.digest().view()));
  pending_ = carrier.Route(now, plan_.place, locate, options);
  if (!hedge_) GoDirect(now, carrier);
}

void PutOperation::OnReply(Instant now, Carrier& carrier, const ReplyFrom& reply) {
  if (result_) return;
  if (direct_ && direct_->OnReply(now, carrier, reply)) return JudgeDirect(now, carrier);
  if (reply.id != pending_) return;
  pending_.reset();
  OnRootReply(now, carrier, reply);
}

void PutOperation::OnRootReply(Instant now, Carrier& carrier, const ReplyFrom& reply) {
  if (reply.reply.has_locate()) {
    if (!MayKeep(carrier, plan_.place, reply.from.id())) return GoDirect(now, carrier);
    if (plan_.refresh && reply.reply.locate().holds()) {
      return Finish(absl::OkStatus(), wire::v1::STORE_STATUS_OK);
    }
    const absl::Duration left = deadline_ - now;
    pending_ = carrier.Ask(now, reply.from, Request(), std::min(kAskTimeout, left));
  } else if (reply.reply.has_put()) {
    OnPutReply(now, carrier, reply);
  } else {
    TryAgain(now, absl::UnavailableError("the root of the key gave an answer to another question"));
  }
}

// Who says that it is kept names nodes that cannot be the nearest ones.
bool PutOperation::Doubtful(const Carrier& carrier,
                            const std::vector<overlay::NodeId>& holders) const {
  const double times = rounds_ < 2 ? overlay::kSparse : kSparseAtLast;
  return FarApart(carrier, plan_.place, holders, times) ||
         MostMissing(carrier, plan_.place, holders);
}

void PutOperation::NoteReplicas(const Carrier& carrier, size_t claimed) {
  const size_t known = KnownKeepers(carrier, plan_.place).size();
  const size_t replicas = std::max(claimed, known);
  if (replicas > 0) replicas_ = static_cast<int>(std::min<size_t>(replicas, kReplicas));
}

int PutOperation::Needed() const { return std::min(plan_.wanted, replicas_); }

void PutOperation::OnPutReply(Instant now, Carrier& carrier, const ReplyFrom& from) {
  const wire::v1::PutReply& reply = from.reply.put();
  if (const auto refusal = Refusal(reply.status())) {
    if (!MayKeep(carrier, plan_.place, from.from.id())) return GoDirect(now, carrier);
    // What came by others is charged to them, whose share may be full; ours is another.
    if (reply.status() == wire::v1::STORE_STATUS_QUOTA && rounds_ == 0) {
      refused_ = reply.status();
      last_ = *refusal;
      return GoDirect(now, carrier);
    }
    return Finish(*refusal, reply.status());
  }
  std::set<overlay::NodeId> holders;
  for (const std::string& bytes : reply.holders()) {
    const auto id = overlay::NodeId::FromView(AsBytes(bytes));
    if (id) holders.insert(*id);
  }
  if (Doubtful(carrier, {holders.begin(), holders.end()})) {
    last_ = absl::UnavailableError("nodes that are not near the key say they keep it");
    return GoDirect(now, carrier);
  }
  best_acks_ = std::max(best_acks_, static_cast<int>(holders.size()));
  NoteReplicas(carrier, reply.replicas());
  if (reply.status() != wire::v1::STORE_STATUS_OK) {
    TryAgain(now, absl::UnavailableError(WhyNot(reply.status())),
             reply.status() == wire::v1::STORE_STATUS_FAILED);
    return;
  }
  if (static_cast<int>(holders.size()) >= Needed()) {
    Finish(absl::OkStatus(), wire::v1::STORE_STATUS_OK);
    return;
  }
  TryAgain(now, absl::UnavailableError(absl::StrCat("only ", holders.size(), " of ", Needed(),
                                                    " wanted copies stand")));
}

void PutOperation::GoDirect(Instant now, Carrier& carrier) {
  hedge_.reset();
  if (direct_) return;
  direct_.emplace(plan_.place, plan_.object, static_cast<size_t>(std::max(0, plan_.wanted)),
                  1 + rounds_++ * Survey::kWays);
  direct_->Start(now, carrier);
  JudgeDirect(now, carrier);
}

void PutOperation::JudgeDirect(Instant now, const Carrier& carrier) {
  if (!direct_->done()) return;
  if (const auto status = direct_->Refusal()) {
    if (const auto refusal = Refusal(*status)) return Finish(*refusal, *status);
  }
  const std::vector<overlay::NodeId> holders = direct_->Holders();
  const size_t replicas = direct_->Replicas();
  direct_.reset();
  if (Doubtful(carrier, holders)) {
    return TryAgain(now, absl::UnavailableError("nobody near the key says that he keeps it"));
  }
  best_acks_ = std::max(best_acks_, static_cast<int>(holders.size()));
  NoteReplicas(carrier, replicas);
  if (!holders.empty() && static_cast<int>(holders.size()) >= Needed()) {
    return Finish(absl::OkStatus(), wire::v1::STORE_STATUS_OK);
  }
  if (!last_.ok()) return TryAgain(now, last_, disk_failed_);
  TryAgain(now, absl::UnavailableError("too few of those near the key keep it"));
}

void PutOperation::OnFailed(Instant now, Carrier& carrier, overlay::RequestId id,
                            const absl::Status& status) {
  if (result_) return;
  if (direct_ && direct_->OnFailed(now, carrier, id)) return JudgeDirect(now, carrier);
  if (id != pending_) return;
  pending_.reset();
  TryAgain(now, status);
}

void PutOperation::TryAgain(Instant now, const absl::Status& why, bool disk_failed) {
  last_ = why;
  disk_failed_ = disk_failed;
  // Our own copies may still do.
  if (direct_) return;
  pending_.reset();
  const Instant next = now + kFirstPause * (1 << (attempts_ - 1));
  if (attempts_ >= kAttempts || next >= deadline_) {
    Finish(last_, wire::v1::STORE_STATUS_OK);
    return;
  }
  next_attempt_ = next;
}

void PutOperation::OnTimeout(Instant now, Carrier& carrier) {
  if (result_) return;
  if (now >= deadline_) {
    Finish(last_.ok() ? absl::DeadlineExceededError("nobody answered in time") : last_,
           wire::v1::STORE_STATUS_OK);
    return;
  }
  if (direct_) {
    direct_->OnTimeout(now, carrier);
    JudgeDirect(now, carrier);
  }
  if (result_) return;
  if (next_attempt_ && now >= *next_attempt_) Attempt(now, carrier);
  if (!result_ && hedge_ && now >= *hedge_) GoDirect(now, carrier);
}

std::optional<Instant> PutOperation::PollTimeout() const {
  if (result_) return std::nullopt;
  std::optional<Instant> next = Earliest(Earliest(deadline_, next_attempt_), hedge_);
  if (direct_) next = Earliest(next, direct_->PollTimeout());
  return next;
}

void PutOperation::Finish(absl::Status status, StoreStatus refusal) {
  pending_.reset();
  next_attempt_.reset();
  hedge_.reset();
  if (!status.ok() && refusal == wire::v1::STORE_STATUS_OK) refusal = refused_;
  result_ = PutResult{std::move(status), best_acks_, replicas_, refusal, disk_failed_};
}

}  // namespace p2pd::store
