#include "daemon/convert/torrent.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/convert/certificate.h"
#include "daemon/schedule_rules.h"
#include "libcore/base/bits.h"
#include "libcore/base/hex.h"
#include "libcore/base/status.h"

namespace p2pd::daemon {
namespace {

constexpr absl::string_view kPrefix = "torrents/";
constexpr uint32_t kMostCopies = 255;

}  // namespace

std::string TorrentName(const archive::torrent::InfoHash& hash) {
  return absl::StrCat(kPrefix, archive::torrent::ToHex(hash));
}

std::optional<archive::torrent::InfoHash> ParseTorrentName(const std::string& name) {
  absl::string_view text = name;
  if (!absl::ConsumePrefix(&text, kPrefix)) return std::nullopt;
  return archive::torrent::ParseTorrentHash(text);
}

v1::Torrent::State ToProto(archive::TorrentState state) {
  switch (state) {
    case archive::TorrentState::kKnown:
      return v1::Torrent::KNOWN;
    case archive::TorrentState::kMetadata:
      return v1::Torrent::METADATA;
    case archive::TorrentState::kFetching:
      return v1::Torrent::FETCHING;
    case archive::TorrentState::kArchived:
      return v1::Torrent::ARCHIVED;
    case archive::TorrentState::kThinned:
      return v1::Torrent::THINNED;
    case archive::TorrentState::kDormant:
      return v1::Torrent::DORMANT;
    case archive::TorrentState::kLost:
      return v1::Torrent::LOST;
  }
  return v1::Torrent::STATE_UNSPECIFIED;
}

v1::TorrentPeer::Trust ToProto(archive::Holder::Trust trust) {
  switch (trust) {
    case archive::Holder::Trust::kUnknown:
      return v1::TorrentPeer::NOT_ASKED;
    case archive::Holder::Trust::kVerified:
      return v1::TorrentPeer::VERIFIED;
    case archive::Holder::Trust::kDoubted:
      return v1::TorrentPeer::DOUBTED;
    case archive::Holder::Trust::kLied:
      return v1::TorrentPeer::LIED;
  }
  return v1::TorrentPeer::TRUST_UNSPECIFIED;
}

v1::Torrent ToProto(const archive::TorrentView& view, bool full) {
  const archive::TorrentRow& row = view.row;
  v1::Torrent out;
  out.set_name(TorrentName(row.hashes.Best()));
  out.set_title(row.name);
  if (row.hashes.v1) out.set_info_hash_v1(Hex(row.hashes.v1->view()));
  if (row.hashes.v2) out.set_info_hash_v2(Hex(row.hashes.v2->view()));
  out.set_state(ToProto(row.state));
  out.set_trouble(view.trouble);
  out.set_size(row.size);
  out.set_piece_length(row.piece_length);
  out.set_piece_count(row.pieces);
  out.set_organic_availability(view.organic.value());
  out.set_total_availability(view.total.value());
  out.set_availability_text(archive::ExplainTotal(view.organic, view.total, view.archived > 0));
  out.set_archived_share(view.archived);
  out.set_source(archive::ToString(row.source));
  out.set_pinned(row.pinned);
  out.set_may_lose(row.may_lose);
  out.set_is_private(row.is_private);
  SetTime(row.added, out.mutable_create_time());
  if (row.archived) SetTime(*row.archived, out.mutable_archive_time());
  out.set_uploaded_bytes(row.uploaded);
  out.set_downloaded_bytes(row.downloaded);
  if (!full) return out;
  for (const uint32_t copies : view.copies) {
    out.mutable_piece_copies()->push_back(static_cast<char>(std::min(copies, kMostCopies)));
  }
  out.set_piece_map(ToText(PackBits(view.have)));
  for (const archive::Holder& holder : view.holders) *out.add_peers() = ToProto(holder);
  return out;
}

v1::TorrentPeer ToProto(const archive::Holder& holder) {
  v1::TorrentPeer out;
  out.set_address(holder.at.ToString());
  out.set_member(holder.member);
  out.set_piece_count(holder.pieces);
  out.set_downloaded_bytes(holder.given);
  out.set_uploaded_bytes(holder.taken);
  out.set_incoming(holder.incoming);
  out.set_upload_rate(holder.up_rate);
  out.set_download_rate(holder.down_rate);
  out.set_trust(ToProto(holder.trust));
  return out;
}

v1::ArchiveMember ToProto(const archive::federation::MemberView& view, double quotas) {
  v1::ArchiveMember out;
  out.set_name(absl::StrCat("members/", Hex(view.id.view())));
  if (view.self) {
    out.set_state(v1::ArchiveMember::SELF);
  } else if (view.present) {
    out.set_state(v1::ArchiveMember::PRESENT);
  } else {
    out.set_state(view.lost ? v1::ArchiveMember::LOST : v1::ArchiveMember::FOUND);
  }
  for (const net::Endpoint& at : view.record.endpoints) out.add_peer_addresses(at.ToString());
  for (const std::string& url : view.record.trackers) out.add_trackers(url);
  out.set_domain(view.record.domain);
  out.set_quota_bytes(view.record.quota);
  out.set_used_bytes(view.used);
  if (view.present && quotas > 0) out.set_share(static_cast<double>(view.record.quota) / quotas);
  out.set_torrent_count(static_cast<uint32_t>(view.torrents));
  out.set_group_count(view.groups);
  out.set_full(view.full);
  out.set_proven_count(view.proven);
  out.set_failed_challenge_count(view.failed);
  if (view.heard) *out.mutable_heard_age() = ToProto(*view.heard);
  return out;
}

v1::ArchiveFeed ToProto(const archive::intake::FeedReader::Status& feed, Instant now) {
  v1::ArchiveFeed out;
  out.set_url(feed.url);
  out.set_state(!feed.asked         ? v1::ArchiveFeed::UNASKED
                : feed.failures > 0 ? v1::ArchiveFeed::FAILED
                                    : v1::ArchiveFeed::READ);
  out.set_trouble(feed.trouble);
  if (feed.asked) *out.mutable_asked_age() = ToProto(now - *feed.asked);
  if (feed.due && feed.waiting == 0) {
    *out.mutable_next_delay() = ToProto(std::max(*feed.due - now, absl::ZeroDuration()));
  }
  out.set_item_count(static_cast<uint32_t>(feed.shown));
  out.set_waiting_count(static_cast<uint32_t>(feed.waiting));
  out.set_taken_count(feed.taken);
  out.set_refused_count(feed.refused);
  return out;
}

namespace {

v1::ArchiveLimits::Origin ToProto(archive::LimitOrigin origin) {
  switch (origin) {
    case archive::LimitOrigin::kConfigured:
      return v1::ArchiveLimits::CONFIGURED;
    case archive::LimitOrigin::kSchedule:
      return v1::ArchiveLimits::SCHEDULE;
    case archive::LimitOrigin::kByHand:
      return v1::ArchiveLimits::BY_HAND;
  }
  return v1::ArchiveLimits::ORIGIN_UNSPECIFIED;
}

}  // namespace

v1::ArchiveLimits ToProto(const archive::LimitsInForce& limits) {
  v1::ArchiveLimits out;
  out.set_up_rate(limits.up);
  out.set_down_rate(limits.down);
  out.set_up_origin(ToProto(limits.up_origin));
  out.set_down_origin(ToProto(limits.down_origin));
  out.set_slots(limits.slots);
  out.set_connections(limits.connections);
  out.set_budget_bytes(limits.budget);
  out.set_sent_bytes(limits.sent);
  out.set_budget_used_up(limits.used_up);
  SetTime(limits.renewed, out.mutable_renew_time());
  return out;
}

absl::StatusOr<archive::LimitChange> LimitChangeOf(const v1::SetArchiveLimitsRequest& request) {
  archive::LimitChange out;
  if (request.has_up_rate()) out.up = request.up_rate();
  if (request.has_down_rate()) out.down = request.down_rate();
  P2PD_RETURN_IF_ERROR(CheckRate(out.up.value_or(0)));
  P2PD_RETURN_IF_ERROR(CheckRate(out.down.value_or(0)));
  if (request.slots() > kMaxPeerLimit || request.connections() > kMaxPeerLimit) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxPeerLimit, " peers"));
  }
  if (request.has_slots()) out.slots = request.slots();
  if (request.has_connections()) out.connections = request.connections();
  if (request.has_budget_bytes()) out.budget = request.budget_bytes();
  return out;
}

}  // namespace p2pd::daemon
