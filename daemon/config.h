// Config: what the daemon runs with. Every setting exists once, in SettingTable() of
// settings.h, so a flag and a key cannot drift apart, and every error names where the value came
// from.
//
// Rules: default < file < flag. An unknown key is an error, since a misspelt one would otherwise be
// silently nothing. Errors are one line: "FILE:LINE: KEY: why" or "--flag: why".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libcore/archive/archive.h"
#include "libcore/archive/intake/feed_reader.h"
#include "libcore/archive/limits.h"
#include "libcore/archive/scrubber.h"
#include "libcore/archive/tracker/access.h"
#include "libcore/base/log.h"
#include "libcore/net/endpoint.h"
#include "libcore/node/ring_policy.h"
#include "libcore/overlay/node_record.h"

namespace p2pd::daemon {

// What the defaults depend on; taken from the process by ProcessEnvironment().
struct Environment {
  bool root = false;                // effective uid 0
  std::string home{};               // HOME
  std::string xdg_data_home{};      // XDG_DATA_HOME
  std::string xdg_config_home{};    // XDG_CONFIG_HOME
  std::string xdg_runtime_dir{};    // XDG_RUNTIME_DIR
  std::string state_directory{};    // STATE_DIRECTORY, set by systemd
  std::string runtime_directory{};  // RUNTIME_DIRECTORY, set by systemd
};
Environment ProcessEnvironment();

// Where clients come in: a Unix socket or a loopback TCP port.
struct Door {
  std::string unix_path;   // empty: TCP
  net::Endpoint endpoint;  // TCP only

  // "unix:PATH" (made absolute, at most 107 bytes), or "ADDR:PORT" with a loopback address;
  // InvalidArgument says why not.
  static absl::StatusOr<Door> Parse(absl::string_view text);
  std::string ToString() const;
};

// Calls, and who rings.
struct CallsConfig {
  absl::Duration ring_timeout = absl::Seconds(60);
  absl::Duration rekey = absl::Hours(1);  // between two changes of a call's media keys
  bool dtx = false;                       // nothing is sent while nobody speaks
  node::RingRules::From ring_from = node::RingRules::From::kEverybody;
  bool waiting = true;  // rings during a call, too
  std::optional<node::QuietHours> quiet_hours;
  bool follow_transfers = true;
  // Of ringing, until the answering machine takes the call; zero: never.
  absl::Duration voicemail = absl::ZeroDuration();
  std::string voicemail_greeting;  // WAV file; empty: the tone alone
  absl::Duration voicemail_length = absl::Minutes(3);
  absl::Duration history = absl::Hours(24) * 90;  // zero: nothing is written down
};

// The BitTorrent tracker.
struct TrackerConfig {
  std::optional<net::Endpoint> listen;  // UDP and TCP; none: not opened
  archive::tracker::AccessMode mode = archive::tracker::AccessMode::kPublic;
  std::string allow;                      // file of info-hashes; empty: none
  std::string deny;                       // the same
  std::string keys;                       // file of keys
  size_t max_memory = size_t{512} << 20;  // of swarms and peers
  size_t workers = 0;                     // UDP threads; 0: one a core
  absl::Duration interval = absl::Minutes(30);
};

// Who may hand torrents to the archive over the overlay: nobody, or whoever has a certificate of an
// authority that is trusted here.
enum class Submissions : uint8_t { kNobody, kCertified };

// The S-tracker's archive.
struct ArchiveConfig {
  bool on = false;
  size_t quota = size_t{20} << 30;
  std::string folder;                 // of Torrents and Files; empty: below data_dir
  std::optional<net::Endpoint> peer;  // BitTorrent's own port; none: 6881, or any if that is taken
  bool lan = false;                   // trackers and web seeds of our own network may be asked
  archive::SameName same_name = archive::SameName::kKeepBoth;
  archive::Announced announced = archive::Announced::kAllowed;
  Submissions submissions = Submissions::kNobody;
  absl::Duration idle = absl::Minutes(10);  // until a torrent without peers sleeps
  // How long enough others have to hold what is to go.
  absl::Duration holding_time = absl::Minutes(30);
  // How what is kept is read and hashed again.
  archive::ScrubOptions scrub;
  // The S-trackers that share the work; empty: none.
  std::string federation;
  std::string federation_key;                // file of its secret
  std::string domain;                        // what fails together: a rack, a site
  int copies = 2;                            // of each group of pieces, in the federation
  absl::Duration grace = absl::Minutes(10);  // until a silent member is lost
  archive::LimitSettings limits;
  std::string watch_folder;  // torrents that are dropped there are taken; empty: none
  std::vector<archive::intake::FeedSettings> feeds;
  absl::Duration feed_period = absl::Minutes(15);
};

// The page of the archive.
struct CatalogueConfig {
  std::optional<net::Endpoint> listen;  // none: not opened
  std::string url;                      // how others call it; empty: as each request does
  std::string announce;                 // our tracker's, for magnet links; empty: none
  bool list_private = false;
};

struct Config {
  std::string file;  // the one that was read; empty: none
  std::string data_dir;
  net::Endpoint listen;
  std::vector<net::Endpoint> advertise;  // empty: the machine's own addresses
  std::vector<std::string> bootstrap;    // HOST:PORT
  overlay::Role role = overlay::Role::kPeer;
  double maintenance_bytes_per_second = 400;
  double relay_bytes_per_second = 256 << 10;
  std::vector<Door> doors;
  LogLevel log_level = LogLevel::kInfo;
  size_t store_max_bytes = size_t{256} << 20;
  absl::Duration state_lifetime = absl::Minutes(10);
  CallsConfig calls;
  bool strict_revocation = false;
  TrackerConfig tracker;
  ArchiveConfig archive;
  CatalogueConfig catalogue;
  std::optional<net::Endpoint> metrics;  // none: not opened
};

// InvalidArgument where settings that are each right are not together.
absl::Status CheckTogether(const Config& config);

// With control characters escaped: what a person wrote stays one line in an error.
std::string OneLine(absl::string_view text);

// What holds without file and flags. InvalidArgument when a default cannot be told (no HOME, no
// XDG_RUNTIME_DIR) and `given(key)` is false for it.
absl::StatusOr<Config> DefaultConfig(const Environment& environment,
                                     absl::FunctionRef<bool(absl::string_view)> given);
// The file that is read when none is named: empty when it does not exist.
std::string DefaultConfigFile(const Environment& environment);

// Applies `content`, read from `file`, to `config`.
absl::Status ApplyToml(absl::string_view content, const std::string& file, Config& config);

// The whole configuration as TOML that ApplyToml reads back to the same.
std::string PrintToml(const Config& config);

}  // namespace p2pd::daemon
