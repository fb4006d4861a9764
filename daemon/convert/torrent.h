// Torrents as messages of the API.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "libcore/archive/archive.h"
#include "libcore/archive/federation/federation.h"
#include "libcore/archive/intake/feed_reader.h"
#include "libcore/archive/limits.h"
#include "p2pd/v1/archive_service.pb.h"
#include "p2pd/v1/torrent_service.pb.h"

namespace p2pd::daemon {

std::string TorrentName(const archive::torrent::InfoHash& hash);
// "torrents/{40 hex digits}"; nullopt for anything else.
std::optional<archive::torrent::InfoHash> ParseTorrentName(const std::string& name);

// With `full` the pieces and peers, too.
v1::Torrent::State ToProto(archive::TorrentState state);
v1::Torrent ToProto(const archive::TorrentView& view, bool full);
v1::TorrentPeer ToProto(const archive::Holder& holder);

// `quotas`: of all members that are there, bytes.
v1::ArchiveMember ToProto(const archive::federation::MemberView& view, double quotas);

// Without its name.
v1::ArchiveFeed ToProto(const archive::intake::FeedReader::Status& feed, Instant now);

v1::ArchiveLimits ToProto(const archive::LimitsInForce& limits);
// InvalidArgument names what is out of its range.
absl::StatusOr<archive::LimitChange> LimitChangeOf(const v1::SetArchiveLimitsRequest& request);

}  // namespace p2pd::daemon
