// The settings of the S-tracker: tracker, archive, catalogue, metrics.
#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "daemon/schedule_rules.h"
#include "daemon/setting_values.h"
#include "libcore/archive/federation/federation_key.h"
#include "libcore/archive/federation/member_record.h"
#include "libcore/runtime/udp_fan.h"

namespace p2pd::daemon {
namespace {

using archive::tracker::AccessMode;

absl::string_view ModeName(AccessMode mode) {
  switch (mode) {
    case AccessMode::kPublic:
      return "public";
    case AccessMode::kAllowList:
      return "allow-list";
    case AccessMode::kKeys:
      return "keys";
  }
  return "";
}
absl::Status ApplyTracker(Config& config, const Values& values) {
  config.tracker.listen.reset();
  if (values[0].empty()) return absl::OkStatus();
  P2PD_ASSIGN_OR_RETURN(config.tracker.listen, ParseEndpoint(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyTrackerMode(Config& config, const Values& values) {
  for (const AccessMode mode : {AccessMode::kPublic, AccessMode::kAllowList, AccessMode::kKeys}) {
    if (values[0] != ModeName(mode)) continue;
    config.tracker.mode = mode;
    return absl::OkStatus();
  }
  return Bad(values[0], "is none of public, allow-list, keys");
}

absl::Status ApplyTrackerMemory(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(const size_t size, ParseSize(values[0]));
  // Below it a few thousand torrents push each other out.
  constexpr size_t kLeast = size_t{16} << 20;
  if (size < kLeast) return Bad(values[0], "is less than 16MiB");
  config.tracker.max_memory = size;
  return absl::OkStatus();
}

absl::Status ApplyTrackerWorkers(Config& config, const Values& values) {
  uint32_t workers = 0;
  if (!AllDigits(values[0]) || !absl::SimpleAtoi(values[0], &workers) ||
      workers > runtime::UdpFan::kMaxWorkers) {
    return Bad(values[0], "is not a number within 0 and 64");
  }
  config.tracker.workers = workers;
  return absl::OkStatus();
}

absl::Status ApplyTrackerInterval(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.tracker.interval,
                        SpanWithin(values[0], absl::Minutes(1), absl::Hours(4)));
  return absl::OkStatus();
}

absl::Status ApplyArchive(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.on, ParseBool(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyArchiveQuota(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.quota, ParseSize(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyPeer(Config& config, const Values& values) {
  config.archive.peer.reset();
  if (values[0].empty()) return absl::OkStatus();
  P2PD_ASSIGN_OR_RETURN(config.archive.peer, ParseEndpoint(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyCatalogue(Config& config, const Values& values) {
  config.catalogue.listen.reset();
  if (values[0].empty()) return absl::OkStatus();
  P2PD_ASSIGN_OR_RETURN(config.catalogue.listen, ParseEndpoint(values[0]));
  return absl::OkStatus();
}

// Begins as one of `schemes`, and is of characters that a URL has (RFC 3986 §2).
absl::Status CheckUrl(absl::string_view text, std::initializer_list<absl::string_view> schemes) {
  constexpr size_t kMaxUrl = 500;
  if (text.empty()) return absl::OkStatus();
  const bool known = std::any_of(schemes.begin(), schemes.end(), [text](absl::string_view scheme) {
    return absl::StartsWith(text, scheme) && text.size() > scheme.size();
  });
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("-._~:/?#[]@!$&'()*+,;=%", c);
  });
  if (known && plain && text.size() <= kMaxUrl) return absl::OkStatus();
  return Bad(text, absl::StrCat("is no address that begins with ", absl::StrJoin(schemes, " or ")));
}

absl::Status ApplyCatalogueUrl(Config& config, const Values& values) {
  P2PD_RETURN_IF_ERROR(CheckUrl(values[0], {"http://", "https://"}));
  config.catalogue.url = std::string(absl::StripSuffix(values[0], "/"));
  return absl::OkStatus();
}

absl::Status ApplyCatalogueAnnounce(Config& config, const Values& values) {
  P2PD_RETURN_IF_ERROR(CheckUrl(values[0], {"http://", "https://", "udp://"}));
  config.catalogue.announce = values[0];
  return absl::OkStatus();
}

absl::Status ApplyCataloguePrivate(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.catalogue.list_private, ParseBool(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyMetrics(Config& config, const Values& values) {
  config.metrics.reset();
  if (values[0].empty()) return absl::OkStatus();
  P2PD_ASSIGN_OR_RETURN(config.metrics, ParseEndpoint(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyFederation(Config& config, const Values& values) {
  if (values[0].size() > archive::federation::FederationKey::kMaxName) {
    return Bad(values[0], "has more than 64 bytes");
  }
  config.archive.federation = values[0];
  return absl::OkStatus();
}

absl::Status ApplyDomain(Config& config, const Values& values) {
  if (values[0].size() > archive::federation::MemberRecord::kMaxDomain) {
    return Bad(values[0], "has more than 32 bytes");
  }
  config.archive.domain = values[0];
  return absl::OkStatus();
}

absl::Status ApplyCopies(Config& config, const Values& values) {
  constexpr int kMost = 8;
  int copies = 0;
  if (!AllDigits(values[0]) || !absl::SimpleAtoi(values[0], &copies) || copies < 1 ||
      copies > kMost) {
    return Bad(values[0], "is not a number within 1 and 8");
  }
  config.archive.copies = copies;
  return absl::OkStatus();
}

absl::Status ApplyHoldingTime(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.holding_time,
                        SpanWithin(values[0], absl::Seconds(1), absl::Hours(24 * 365)));
  return absl::OkStatus();
}

absl::Status ApplyScrubPeriod(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.scrub.period,
                        SpanWithin(values[0], absl::ZeroDuration(), absl::Hours(24 * 3650)));
  return absl::OkStatus();
}

absl::Status ApplyScrubRate(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.scrub.rate, ParseSize(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyGrace(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.grace,
                        SpanWithin(values[0], absl::Seconds(2), absl::Hours(24 * 7)));
  return absl::OkStatus();
}

absl::Status ApplyArchiveLan(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.lan, ParseBool(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyIdle(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.idle,
                        SpanWithin(values[0], absl::Seconds(1), absl::Hours(24)));
  return absl::OkStatus();
}

absl::Status ApplyFeeds(Config& config, const Values& values) {
  using archive::intake::FeedReader;
  using archive::intake::FeedSettings;
  if (values.size() > FeedReader::kMaxFeeds) {
    return absl::InvalidArgumentError(
        absl::StrCat("has more than ", FeedReader::kMaxFeeds, " feeds"));
  }
  std::vector<FeedSettings> feeds;
  for (const std::string& value : values) {
    P2PD_ASSIGN_OR_RETURN(FeedSettings feed, FeedSettings::Parse(value));
    const bool twice = std::any_of(feeds.begin(), feeds.end(), [&feed](const FeedSettings& other) {
      return other.url == feed.url;
    });
    if (twice) return Bad(feed.url, "is named twice; a filter says ubuntu|debian for one of them");
    feeds.push_back(std::move(feed));
  }
  config.archive.feeds = std::move(feeds);
  return absl::OkStatus();
}

absl::Status ApplyFeedPeriod(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.feed_period,
                        SpanWithin(values[0], absl::Seconds(1), absl::Hours(24 * 7)));
  return absl::OkStatus();
}

absl::Status ApplyRate(const Values& values, uint64_t& rate) {
  P2PD_ASSIGN_OR_RETURN(rate, ParseRate(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyCount(const Values& values, uint32_t& count) {
  uint32_t number = 0;
  if (!AllDigits(values[0]) || !absl::SimpleAtoi(values[0], &number) || number > kMaxPeerLimit) {
    return Bad(values[0], absl::StrCat("is not a number within 0 and ", kMaxPeerLimit));
  }
  count = number;
  return absl::OkStatus();
}

absl::Status ApplySchedule(Config& config, const Values& values) {
  if (values.size() > archive::Limits::kMaxRules) {
    return absl::InvalidArgumentError(
        absl::StrCat("has more than ", archive::Limits::kMaxRules, " rules"));
  }
  std::vector<archive::ScheduleRule> rules;
  for (const std::string& value : values) {
    P2PD_ASSIGN_OR_RETURN(const archive::ScheduleRule rule, ParseScheduleRule(value));
    rules.push_back(rule);
  }
  config.archive.limits.schedule = std::move(rules);
  return absl::OkStatus();
}

absl::Status ApplyBudget(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.archive.limits.budget, ParseSize(values[0]));
  return absl::OkStatus();
}

constexpr std::pair<absl::string_view, archive::SameName> kSameNames[] = {
    {"keep_both", archive::SameName::kKeepBoth},
    {"supersede", archive::SameName::kSupersede},
    {"reject", archive::SameName::kReject}};
constexpr std::pair<absl::string_view, archive::Announced> kAnnounced[] = {
    {"nobodys", archive::Announced::kNobodys},
    {"allowed", archive::Announced::kAllowed},
    {"anybodys", archive::Announced::kAnybodys}};
constexpr std::pair<absl::string_view, Submissions> kSubmissions[] = {
    {"nobody", Submissions::kNobody}, {"certified", Submissions::kCertified}};

constexpr Setting kSettings[] = {
    {"tracker.listen", "--tracker", "ADDR:PORT",
     "Serves BitTorrent announces over HTTP and UDP on that port; empty: not at all.", false, false,
     ApplyTracker,
     [](const Config& config) {
       return Values{config.tracker.listen ? config.tracker.listen->ToString() : ""};
     }},
    {"tracker.mode", "--tracker-mode", "MODE",
     "Whom the tracker serves: public, allow-list (torrents of a file) or keys (people of a file).",
     false, true, ApplyTrackerMode,
     [](const Config& config) { return Values{std::string(ModeName(config.tracker.mode))}; }},
    {"tracker.allow", "--tracker-allow", "FILE",
     "Info-hashes that the allow-list mode serves, one a line; read again at SIGHUP.", false, true,
     [](Config& config, const Values& values) {
       config.tracker.allow = WholePath(values[0]);
       return absl::OkStatus();
     },
     [](const Config& config) { return Values{config.tracker.allow}; }},
    {"tracker.deny", "--tracker-deny", "FILE",
     "Info-hashes that are never served, and erased from the archive, one a line; read again at "
     "SIGHUP.",
     false, true,
     [](Config& config, const Values& values) {
       config.tracker.deny = WholePath(values[0]);
       return absl::OkStatus();
     },
     [](const Config& config) { return Values{config.tracker.deny}; }},
    {"tracker.keys", "--tracker-keys", "FILE",
     "Keys for /KEY/announce in the mode keys, one a line; read again at SIGHUP.", false, true,
     [](Config& config, const Values& values) {
       config.tracker.keys = WholePath(values[0]);
       return absl::OkStatus();
     },
     [](const Config& config) { return Values{config.tracker.keys}; }},
    {"tracker.max_memory", "--tracker-max-memory", "SIZE",
     "What swarms and peers may take, at least 16MiB; beyond it the quietest swarms go.", false,
     false, ApplyTrackerMemory,
     [](const Config& config) { return Values{PrintSize(config.tracker.max_memory)}; }},
    {"tracker.workers", "--tracker-workers", "N",
     "Threads that answer UDP announces, at most 64; 0: one for each core.", false, false,
     ApplyTrackerWorkers,
     [](const Config& config) { return Values{absl::StrCat(config.tracker.workers)}; }},
    {"tracker.interval", "--tracker-interval", "SPAN",
     "When clients are to announce again, 1min to 4h; sooner where copies are few.", false, false,
     ApplyTrackerInterval,
     [](const Config& config) { return Values{PrintSpan(config.tracker.interval)}; }},
    {"archive.on", "--archive", "BOOL",
     "Archives torrents and stays in their swarms as a peer, so that no file dies.", false, false,
     ApplyArchive, [](const Config& config) { return Values{Bool(config.archive.on)}; }, true},
    {"archive.quota", "--archive-quota", "SIZE", "What the archive may take on disk.", false, false,
     ApplyArchiveQuota,
     [](const Config& config) { return Values{PrintSize(config.archive.quota)}; }},
    {"archive.folder", "--archive-folder", "DIR",
     "Where the archive's Torrents and Files are; empty: below the data folder.", false, false,
     [](Config& config, const Values& values) {
       config.archive.folder = WholePath(values[0]);
       return absl::OkStatus();
     },
     [](const Config& config) { return Values{config.archive.folder}; }},
    {"archive.peer", "--peer", "ADDR:PORT",
     "BitTorrent's own port; empty: 6881 on all addresses, or any port if that is taken.", false,
     false, ApplyPeer,
     [](const Config& config) {
       return Values{config.archive.peer ? config.archive.peer->ToString() : ""};
     }},
    {"archive.lan", "--archive-lan", "BOOL",
     "Trackers and web seeds that torrents name may stand in our own network; else such addresses "
     "are refused, and counted.",
     false, false, ApplyArchiveLan,
     [](const Config& config) { return Values{Bool(config.archive.lan)}; }, true},
    {"archive.same_name", "--archive-same-name", "POLICY",
     "Of torrents of one name: keep_both, supersede (the newer), or reject (the paper's rule).",
     false, false,
     [](Config& config, const Values& values) {
       return ApplyWord(kSameNames, values[0], config.archive.same_name);
     },
     [](const Config& config) { return Values{WordOf(kSameNames, config.archive.same_name)}; }},
    {"archive.announced", "--archive-announced", "WHOSE",
     "Which unknown torrents are archived when a seed announces them: nobodys, allowed (those of "
     "tracker.allow), or anybodys.",
     false, false,
     [](Config& config, const Values& values) {
       return ApplyWord(kAnnounced, values[0], config.archive.announced);
     },
     [](const Config& config) { return Values{WordOf(kAnnounced, config.archive.announced)}; }},
    {"archive.submissions", "--archive-submissions", "WHO",
     "Who may hand torrents to the archive over the overlay: nobody, or certified (whoever has a "
     "certificate of an authority that 'p2pctl trust' knows here).",
     false, false,
     [](Config& config, const Values& values) {
       return ApplyWord(kSubmissions, values[0], config.archive.submissions);
     },
     [](const Config& config) { return Values{WordOf(kSubmissions, config.archive.submissions)}; }},
    {"archive.idle", "--archive-idle", "SPAN",
     "After how long without a peer a torrent sleeps until somebody asks for it, 1s to 24h.", false,
     false, ApplyIdle, [](const Config& config) { return Values{PrintSpan(config.archive.idle)}; }},
    {"archive.holding_time", "--holding-time", "SPAN",
     "How long enough others must have had what is dropped for want of room, 1s to 365d.", false,
     false, ApplyHoldingTime,
     [](const Config& config) { return Values{PrintSpan(config.archive.holding_time)}; }},
    {"archive.scrub_period", "--scrub-period", "SPAN",
     "In which time all that is kept is read and hashed once, up to 3650d; 0s: never.", false,
     false, ApplyScrubPeriod,
     [](const Config& config) { return Values{PrintSpan(config.archive.scrub.period)}; }},
    {"archive.scrub_rate", "--scrub-rate", "SIZE", "What that may read each second at most.", false,
     false, ApplyScrubRate,
     [](const Config& config) { return Values{PrintSize(config.archive.scrub.rate)}; }},
    {"archive.federation", "--federation", "NAME",
     "S-trackers of this name and key find each other in the overlay and share the work; empty: "
     "alone.",
     false, false, ApplyFederation,
     [](const Config& config) { return Values{config.archive.federation}; }},
    {"archive.federation_key", "--federation-key", "FILE",
     "The federation's secret, the same at each member and readable by its owner only; openssl "
     "rand "
     "-hex 32 makes one.",
     false, false,
     [](Config& config, const Values& values) {
       config.archive.federation_key = WholePath(values[0]);
       return absl::OkStatus();
     },
     [](const Config& config) { return Values{config.archive.federation_key}; }},
    {"archive.domain", "--domain", "NAME",
     "What fails together with this member, such as a rack; copies stand in different ones.", false,
     false, ApplyDomain, [](const Config& config) { return Values{config.archive.domain}; }},
    {"archive.copies", "--copies", "N",
     "Members that keep each group of pieces, 1 to 8, as many as there are at most.", false, false,
     ApplyCopies, [](const Config& config) { return Values{absl::StrCat(config.archive.copies)}; }},
    {"archive.grace", "--member-grace", "SPAN",
     "How long a member may be silent before others take its share, 2s to 7d.", false, false,
     ApplyGrace, [](const Config& config) { return Values{PrintSpan(config.archive.grace)}; }},
    {"archive.watch_folder", "--archive-watch", "DIR",
     "Torrents (.torrent, or .magnet with a link a line) that are dropped there are archived; "
     "empty: none is.",
     false, false,
     [](Config& config, const Values& values) {
       config.archive.watch_folder = WholePath(values[0]);
       return absl::OkStatus();
     },
     [](const Config& config) { return Values{config.archive.watch_folder}; }},
    {"archive.feeds", "--archive-feed", "FEED",
     "RSS, Torznab or Atom feed whose torrents are archived: its address, then words that a title "
     "must have or, with a - before them, must not, a|b for one of them, >SIZE and <SIZE.",
     true, true, ApplyFeeds,
     [](const Config& config) {
       Values out;
       for (const auto& feed : config.archive.feeds) out.push_back(feed.text);
       return out;
     }},
    {"archive.feed_period", "--archive-feed-period", "SPAN",
     "From question to question of a feed, 1s to 7d; longer after one that failed.", false, true,
     ApplyFeedPeriod,
     [](const Config& config) { return Values{PrintSpan(config.archive.feed_period)}; }},
    {"archive.up", "--archive-up", "RATE",
     "Bytes a second that the archive sends at most, such as 4MiB; 0: no limit.", false, true,
     [](Config& config, const Values& values) {
       return ApplyRate(values, config.archive.limits.up);
     },
     [](const Config& config) { return Values{PrintSize(config.archive.limits.up)}; }},
    {"archive.down", "--archive-down", "RATE",
     "Bytes a second that the archive fetches at most; 0: no limit.", false, true,
     [](Config& config, const Values& values) {
       return ApplyRate(values, config.archive.limits.down);
     },
     [](const Config& config) { return Values{PrintSize(config.archive.limits.down)}; }},
    {"archive.slots", "--archive-slots", "N",
     "Peers that the archive serves at a time; 0: all of them.", false, true,
     [](Config& config, const Values& values) {
       return ApplyCount(values, config.archive.limits.slots);
     },
     [](const Config& config) { return Values{absl::StrCat(config.archive.limits.slots)}; }},
    {"archive.connections", "--archive-connections", "N",
     "Peers that the archive is connected to at most; 0: no limit.", false, true,
     [](Config& config, const Values& values) {
       return ApplyCount(values, config.archive.limits.connections);
     },
     [](const Config& config) { return Values{absl::StrCat(config.archive.limits.connections)}; }},
    {"archive.schedule", "--archive-schedule", "RULE",
     "Rates at times of the week, such as 'mon-fri 08:00-18:00 up=64KiB down=1MiB', days and one "
     "of the rates may be left out; the first that holds does.",
     true, true, ApplySchedule,
     [](const Config& config) {
       Values out;
       for (const auto& rule : config.archive.limits.schedule) {
         out.push_back(PrintScheduleRule(rule));
       }
       return out;
     }},
    {"archive.budget", "--archive-budget", "SIZE",
     "What the archive sends in a calendar month; then only what nobody else has whole is sent on; "
     "0: no limit.",
     false, true, ApplyBudget,
     [](const Config& config) { return Values{PrintSize(config.archive.limits.budget)}; }},
    {"catalogue.listen", "--catalogue", "ADDR:PORT",
     "Serves the archive's pages, feeds and JSON over HTTP on this port; empty: not at all.", false,
     false, ApplyCatalogue,
     [](const Config& config) {
       return Values{config.catalogue.listen ? config.catalogue.listen->ToString() : ""};
     }},
    {"catalogue.url", "--catalogue-url", "URL",
     "How others call the catalogue, for its feeds; empty: http:// and what each request calls it.",
     false, false, ApplyCatalogueUrl,
     [](const Config& config) { return Values{config.catalogue.url}; }},
    {"catalogue.announce", "--catalogue-announce", "URL",
     "Our tracker's announce address, for magnet links; torrents that name it alone may sleep.",
     false, false, ApplyCatalogueAnnounce,
     [](const Config& config) { return Values{config.catalogue.announce}; }},
    {"catalogue.private", "--catalogue-private", "BOOL",
     "Shows private torrents (BEP 27) to everybody too, with their .torrent files.", false, false,
     ApplyCataloguePrivate,
     [](const Config& config) { return Values{Bool(config.catalogue.list_private)}; }},
    {"metrics.listen", "--metrics", "ADDR:PORT",
     "Serves figures for Prometheus at /metrics, to whoever reaches the address; empty: not at "
     "all.",
     false, false, ApplyMetrics,
     [](const Config& config) { return Values{config.metrics ? config.metrics->ToString() : ""}; }},
};

}  // namespace

absl::Span<const Setting> TrackerSettings() { return kSettings; }

}  // namespace p2pd::daemon
