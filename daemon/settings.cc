#include "daemon/settings.h"

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
#include "daemon/quantities.h"
#include "daemon/schedule_rules.h"
#include "libcore/archive/federation/federation_key.h"
#include "libcore/archive/federation/member_record.h"
#include "libcore/base/status.h"
#include "libcore/runtime/resolve.h"
#include "libcore/runtime/udp_fan.h"

namespace p2pd::daemon {
namespace {

using Values = std::vector<std::string>;

// More doors than this are a mistake.
constexpr size_t kMaxDoors = 8;
// More bootstrap nodes than this only make the start slower.
constexpr size_t kMaxBootstrap = 32;

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

absl::Status Bad(absl::string_view value, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", value, "' ", why));
}

absl::StatusOr<net::Endpoint> ParseEndpoint(const std::string& text) {
  const auto endpoint = net::Endpoint::Parse(text);
  if (!endpoint) return Bad(text, "is not ADDR:PORT, such as 0.0.0.0:7464 or [::]:7464");
  return *endpoint;
}

absl::StatusOr<bool> ParseBool(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return Bad(text, "is neither true nor false");
}

absl::StatusOr<absl::Duration> SpanWithin(const std::string& text, absl::Duration least,
                                          absl::Duration most) {
  P2PD_ASSIGN_OR_RETURN(const absl::Duration span, ParseSpan(text));
  if (span < least || span > most) {
    return Bad(text, absl::StrCat("is not within ", PrintSpan(least), " and ", PrintSpan(most)));
  }
  return span;
}

absl::Status ApplyDataDir(Config& config, const Values& values) {
  if (values[0].empty()) return Bad(values[0], "names no folder");
  config.data_dir = std::filesystem::absolute(values[0]).lexically_normal().string();
  return absl::OkStatus();
}

absl::Status ApplyListen(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.listen, ParseEndpoint(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyAdvertise(Config& config, const Values& values) {
  std::vector<net::Endpoint> endpoints;
  for (const std::string& value : values) {
    P2PD_ASSIGN_OR_RETURN(const net::Endpoint endpoint, ParseEndpoint(value));
    if (endpoint.port == 0 || endpoint.address.IsUnspecified() || endpoint.address.IsMulticast()) {
      return Bad(value, "is no address that others could send to");
    }
    endpoints.push_back(endpoint);
  }
  if (endpoints.size() > overlay::NodeRecord::kMaxAddresses) {
    return absl::InvalidArgumentError("has more than 4 addresses");
  }
  config.advertise = std::move(endpoints);
  return absl::OkStatus();
}

absl::Status ApplyBootstrap(Config& config, const Values& values) {
  if (values.size() > kMaxBootstrap) {
    return absl::InvalidArgumentError("has more than 32 nodes");
  }
  for (const std::string& value : values) {
    if (!runtime::ValidHostPort(value)) return Bad(value, "is not HOST:PORT");
  }
  config.bootstrap = values;
  return absl::OkStatus();
}

absl::Status ApplyRole(Config& config, const Values& values) {
  if (values[0] == "peer") {
    config.role = overlay::Role::kPeer;
  } else if (values[0] == "client") {
    config.role = overlay::Role::kClient;
  } else {
    return Bad(values[0], "is neither peer nor client");
  }
  return absl::OkStatus();
}

absl::Status ApplyMaintenance(Config& config, const Values& values) {
  double rate = 0;
  if (!absl::SimpleAtod(values[0], &rate) || !(rate >= 100 && rate <= 4000)) {
    return Bad(values[0], "is not a number within 100 and 4000");
  }
  config.maintenance_bytes_per_second = rate;
  return absl::OkStatus();
}

absl::Status ApplyRelay(Config& config, const Values& values) {
  double rate = 0;
  if (!absl::SimpleAtod(values[0], &rate) || !(rate >= 0 && rate <= 1e9)) {
    return Bad(values[0], "is not a number within 0 and 1000000000");
  }
  config.relay_bytes_per_second = rate;
  return absl::OkStatus();
}

absl::Status ApplyDoors(Config& config, const Values& values) {
  if (values.empty()) return absl::InvalidArgumentError("names no door: nobody could come in");
  if (values.size() > kMaxDoors) return absl::InvalidArgumentError("has more than 8 doors");
  std::vector<Door> doors;
  for (const std::string& value : values) {
    P2PD_ASSIGN_OR_RETURN(Door door, Door::Parse(value));
    doors.push_back(std::move(door));
  }
  config.doors = std::move(doors);
  return absl::OkStatus();
}

absl::Status ApplyLogLevel(Config& config, const Values& values) {
  const auto level = ParseLogLevel(values[0]);
  if (!level) return Bad(values[0], "is none of trace, debug, info, warn, error, off");
  config.log_level = *level;
  return absl::OkStatus();
}

absl::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return "trace";
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      return "off";
  }
  return "";
}

absl::Status ApplyStoreSize(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(const size_t size, ParseSize(values[0]));
  // Below it not even one network's quota fits.
  constexpr size_t kLeast = size_t{8} << 20;
  if (size < kLeast) return Bad(values[0], "is less than 8MiB");
  config.store_max_bytes = size;
  return absl::OkStatus();
}

absl::Status ApplyStateLifetime(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.state_lifetime,
                        SpanWithin(values[0], absl::Seconds(30), absl::Minutes(10)));
  return absl::OkStatus();
}

absl::Status ApplyRingTimeout(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.ring_timeout,
                        SpanWithin(values[0], absl::Seconds(5), absl::Minutes(10)));
  return absl::OkStatus();
}

absl::Status ApplyRekey(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.rekey, SpanWithin(values[0], absl::Seconds(2), absl::Hours(24)));
  return absl::OkStatus();
}

absl::Status ApplyRingFrom(Config& config, const Values& values) {
  if (values[0] != "everybody" && values[0] != "contacts") {
    return Bad(values[0], "is neither everybody nor contacts");
  }
  config.ring_contacts_only = values[0] == "contacts";
  return absl::OkStatus();
}

absl::Status ApplyFollowTransfers(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.follow_transfers, ParseBool(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyStrict(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.strict_revocation, ParseBool(values[0]));
  return absl::OkStatus();
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

// A relative path is that of the one who started the daemon.
std::string WholePath(const std::string& path) {
  return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
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

template <class Value, size_t kSize>
absl::Status ApplyWord(const std::pair<absl::string_view, Value> (&words)[kSize],
                       const std::string& text, Value& to) {
  std::string all;
  for (const auto& [word, value] : words) {
    absl::StrAppend(&all, all.empty() ? "" : ", ", word);
    if (word != text) continue;
    to = value;
    return absl::OkStatus();
  }
  return Bad(text, absl::StrCat("is none of ", all));
}
template <class Value, size_t kSize>
std::string WordOf(const std::pair<absl::string_view, Value> (&words)[kSize], Value of) {
  for (const auto& [word, value] : words) {
    if (value == of) return std::string(word);
  }
  return "";
}

std::string Bool(bool value) { return value ? "true" : "false"; }

constexpr Setting kSettings[] = {
    {"data_dir", "--data-dir", "DIR",
     "Folder of identities, keys and stored objects; one daemon each.", false, false, ApplyDataDir,
     [](const Config& config) { return Values{config.data_dir}; }},
    {"net.listen", "--listen", "ADDR:PORT",
     "The one UDP port of overlay, signalling and media; port 0 takes a free one.", false, false,
     ApplyListen, [](const Config& config) { return Values{config.listen.ToString()}; }},
    {"net.advertise", "--advertise", "ADDR:PORT",
     "Where others are told to reach us, at most 4; none: the machine's own addresses.", true,
     false, ApplyAdvertise,
     [](const Config& config) {
       Values out;
       for (const net::Endpoint& endpoint : config.advertise) out.push_back(endpoint.ToString());
       return out;
     }},
    {"net.bootstrap", "--bootstrap", "HOST:PORT",
     "Nodes to join the overlay through, at most 32; none: an overlay of one.", true, false,
     ApplyBootstrap, [](const Config& config) { return config.bootstrap; }},
    {"net.role", "--role", "ROLE",
     "peer routes and stores while others can reach it; client only asks (on battery).", false,
     false, ApplyRole,
     [](const Config& config) {
       return Values{config.role == overlay::Role::kPeer ? "peer" : "client"};
     }},
    {"net.maintenance_bytes_per_second", "--maintenance-rate", "N",
     "What the overlay may spend on keeping itself right, 100 to 4000 bytes a second.", false,
     false, ApplyMaintenance,
     [](const Config& config) {
       return Values{absl::StrCat(config.maintenance_bytes_per_second)};
     }},
    {"net.relay_bytes_per_second", "--relay-rate", "N",
     "What may be passed on for people whom others cannot reach, in bytes a second; 0 for nothing.",
     false, false, ApplyRelay,
     [](const Config& config) { return Values{absl::StrCat(config.relay_bytes_per_second)}; }},
    {"control.doors", "--control", "DOOR",
     "Where clients come in: unix:PATH, or a loopback ADDR:PORT with TLS and token.", true, false,
     ApplyDoors,
     [](const Config& config) {
       Values out;
       for (const Door& door : config.doors) out.push_back(door.ToString());
       return out;
     }},
    {"log.level", "--log-level", "LEVEL", "trace, debug, info, warn, error or off.", false, true,
     ApplyLogLevel,
     [](const Config& config) { return Values{std::string(LogLevelName(config.log_level))}; }},
    {"store.max_bytes", "--store-max", "SIZE",
     "What objects of others may take on disk, at least 8MiB.", false, false, ApplyStoreSize,
     [](const Config& config) { return Values{PrintSize(config.store_max_bytes)}; }},
    {"presence.state_lifetime", "--state-lifetime", "SPAN",
     "How long an online state holds without refresh, 30s to 10min.", false, false,
     ApplyStateLifetime,
     [](const Config& config) { return Values{PrintSpan(config.state_lifetime)}; }},
    {"calls.ring_timeout", "--ring-timeout", "SPAN",
     "How long a call rings before it counts as not answered, 5s to 10min.", false, false,
     ApplyRingTimeout, [](const Config& config) { return Values{PrintSpan(config.ring_timeout)}; }},
    {"calls.ring_from", "--ring-from", "WHO",
     "Who may make the telephone ring: everybody with a trusted certificate, or contacts.", false,
     false, ApplyRingFrom,
     [](const Config& config) {
       return Values{config.ring_contacts_only ? "contacts" : "everybody"};
     }},
    {"calls.follow_transfers", "--follow-transfers", "BOOL",
     "Dial whom the other side of a call transfers us to.", false, false, ApplyFollowTransfers,
     [](const Config& config) { return Values{Bool(config.follow_transfers)}; }},
    {"calls.rekey", "--rekey", "SPAN",
     "How long a call's voice is encrypted by the same keys, 2s to 24h.", false, false, ApplyRekey,
     [](const Config& config) { return Values{PrintSpan(config.rekey)}; }},
    {"trust.strict_revocation", "--strict-revocation", "BOOL",
     "Refuse a certificate of whose authority no revocation list was ever seen.", false, false,
     ApplyStrict, [](const Config& config) { return Values{Bool(config.strict_revocation)}; }},
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

absl::Span<const Setting> SettingTable() { return kSettings; }

}  // namespace p2pd::daemon
