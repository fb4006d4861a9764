#include "daemon/settings.h"

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/setting_values.h"
#include "libcore/runtime/resolve.h"

namespace p2pd::daemon {
namespace {

// More doors than this are a mistake.
constexpr size_t kMaxDoors = 8;
// More bootstrap nodes than this only make the start slower.
constexpr size_t kMaxBootstrap = 32;
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
  P2PD_ASSIGN_OR_RETURN(config.calls.ring_timeout,
                        SpanWithin(values[0], absl::Seconds(5), absl::Minutes(10)));
  return absl::OkStatus();
}

absl::Status ApplyRekey(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.calls.rekey,
                        SpanWithin(values[0], absl::Seconds(2), absl::Hours(24)));
  return absl::OkStatus();
}

constexpr std::pair<absl::string_view, node::RingRules::From> kRingFrom[] = {
    {"everybody", node::RingRules::From::kEverybody},
    {"contacts", node::RingRules::From::kContacts},
    {"nobody", node::RingRules::From::kNobody}};

absl::Status ApplyRingFrom(Config& config, const Values& values) {
  return ApplyWord(kRingFrom, values[0], config.calls.ring_from);
}

absl::Status ApplyWaiting(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.calls.waiting, ParseBool(values[0]));
  return absl::OkStatus();
}

// "22:00-07:00"; empty: none.
absl::Status ApplyQuietHours(Config& config, const Values& values) {
  config.calls.quiet_hours.reset();
  if (values[0].empty()) return absl::OkStatus();
  P2PD_ASSIGN_OR_RETURN(const auto stretch, ParseHours(values[0]));
  config.calls.quiet_hours = node::QuietHours{stretch.first, stretch.second};
  return absl::OkStatus();
}

std::string PrintQuietHours(const std::optional<node::QuietHours>& quiet) {
  return quiet ? PrintHours(quiet->from, quiet->to) : "";
}

absl::Status ApplyDtx(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.calls.dtx, ParseBool(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyVoicemail(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.calls.voicemail,
                        SpanWithin(values[0], absl::ZeroDuration(), absl::Minutes(10)));
  return absl::OkStatus();
}

absl::Status ApplyVoicemailGreeting(Config& config, const Values& values) {
  config.calls.voicemail_greeting = WholePath(values[0]);
  return absl::OkStatus();
}

absl::Status ApplyVoicemailLength(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.calls.voicemail_length,
                        SpanWithin(values[0], absl::Seconds(5), absl::Hours(1)));
  return absl::OkStatus();
}

absl::Status ApplyHistory(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.calls.history,
                        SpanWithin(values[0], absl::ZeroDuration(), absl::Hours(24) * 400));
  return absl::OkStatus();
}

absl::Status ApplyFollowTransfers(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.calls.follow_transfers, ParseBool(values[0]));
  return absl::OkStatus();
}

absl::Status ApplyStrict(Config& config, const Values& values) {
  P2PD_ASSIGN_OR_RETURN(config.strict_revocation, ParseBool(values[0]));
  return absl::OkStatus();
}

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
     ApplyRingTimeout,
     [](const Config& config) { return Values{PrintSpan(config.calls.ring_timeout)}; }},
    {"calls.ring_from", "--ring-from", "WHO",
     "Who may make the telephone ring: everybody with a trusted certificate, contacts, or nobody.",
     false, false, ApplyRingFrom,
     [](const Config& config) { return Values{WordOf(kRingFrom, config.calls.ring_from)}; }},
    {"calls.waiting", "--call-waiting", "BOOL",
     "Ring during a call, too; else who calls then hears the answering machine, or that the line "
     "is busy.",
     false, false, ApplyWaiting,
     [](const Config& config) { return Values{Bool(config.calls.waiting)}; }},
    {"calls.quiet_hours", "--quiet-hours", "HH:MM-HH:MM",
     "When nobody rings, by this machine's clock; who calls then hears the answering machine, or "
     "that the line is busy. Empty: never.",
     false, false, ApplyQuietHours,
     [](const Config& config) { return Values{PrintQuietHours(config.calls.quiet_hours)}; }},
    {"calls.follow_transfers", "--follow-transfers", "BOOL",
     "Go on with whom the other side of a call transfers us to, or to us.", false, false,
     ApplyFollowTransfers,
     [](const Config& config) { return Values{Bool(config.calls.follow_transfers)}; }},
    {"calls.voicemail", "--voicemail", "SPAN",
     "How long a call rings before the answering machine takes it; 0s: it takes none.", false,
     false, ApplyVoicemail,
     [](const Config& config) { return Values{PrintSpan(config.calls.voicemail)}; }},
    {"calls.voicemail_greeting", "--voicemail-greeting", "FILE",
     "WAV file that the answering machine plays, at most a minute; none: only the tone.", false,
     false, ApplyVoicemailGreeting,
     [](const Config& config) { return Values{config.calls.voicemail_greeting}; }},
    {"calls.voicemail_length", "--voicemail-length", "SPAN",
     "How long a message may be, 5s to 1h; 100 messages are kept.", false, false,
     ApplyVoicemailLength,
     [](const Config& config) { return Values{PrintSpan(config.calls.voicemail_length)}; }},
    {"calls.history", "--call-history", "SPAN",
     "How long it is known who called and who was called, at most 400d; 0s: nothing is written.",
     false, false, ApplyHistory,
     [](const Config& config) { return Values{PrintSpan(config.calls.history)}; }},
    {"calls.dtx", "--dtx", "BOOL",
     "Send next to nothing while nobody speaks; who looks on at the network sees when you do.",
     false, false, ApplyDtx, [](const Config& config) { return Values{Bool(config.calls.dtx)}; }},
    {"calls.rekey", "--rekey", "SPAN",
     "How long a call's voice is encrypted by the same keys, 2s to 24h.", false, false, ApplyRekey,
     [](const Config& config) { return Values{PrintSpan(config.calls.rekey)}; }},
    {"trust.strict_revocation", "--strict-revocation", "BOOL",
     "Refuse a certificate of whose authority no revocation list was ever seen.", false, false,
     ApplyStrict, [](const Config& config) { return Values{Bool(config.strict_revocation)}; }},
};

}  // namespace

absl::Span<const Setting> SettingTable() {
  static const std::vector<Setting> all = [] {
    std::vector<Setting> out(std::begin(kSettings), std::end(kSettings));
    const absl::Span<const Setting> tracker = TrackerSettings();
    out.insert(out.end(), tracker.begin(), tracker.end());
    return out;
  }();
  return all;
}

}  // namespace p2pd::daemon
