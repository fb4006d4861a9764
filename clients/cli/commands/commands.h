// One function a command of p2pctl. Each asks the daemon, prints the answer, and returns the exit
// code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/session.h"

namespace p2pd::cli {

// node.cc
ExitCode Status(Session& session);
ExitCode Shutdown(Session& session, const std::string& grace);
ExitCode Events(Session& session, const std::string& since);

// identity.cc
struct CreateIdentityArgs {
  std::string email;
  std::string name;
  std::string csr_out;
  bool passphrase = false;
  bool passphrase_stdin = false;
};
ExitCode IdentityCreate(Session& session, const CreateIdentityArgs& args);
struct IdentityFileArgs {
  std::string file;
  std::string email;
  bool passphrase = false;  // the file is under one
  bool passphrase_stdin = false;
};
ExitCode IdentityInstall(Session& session, const IdentityFileArgs& args);
ExitCode IdentityImport(Session& session, const IdentityFileArgs& args);
ExitCode IdentityExport(Session& session, const IdentityFileArgs& args);
ExitCode IdentityList(Session& session);
ExitCode IdentityShow(Session& session, const std::string& email);
ExitCode IdentityDelete(Session& session, const std::string& email, bool yes);
ExitCode IdentityUnlock(Session& session, const std::string& email, bool passphrase_stdin);
ExitCode Login(Session& session, const std::string& email, const std::string& availability);
ExitCode Logout(Session& session, const std::string& email);
ExitCode DeviceList(Session& session);
ExitCode DeviceRevoke(Session& session, const std::string& device);

// trust.cc
ExitCode TrustAdd(Session& session, const std::string& file);
ExitCode TrustList(Session& session);
ExitCode TrustRemove(Session& session, const std::string& fingerprint);

// ca.cc
struct CaInitArgs {
  std::string dir;
  std::string name;
  int days = 3650;
  bool passphrase = false;
  bool passphrase_stdin = false;
};
ExitCode CaInit(const CaInitArgs& args);
struct CaIssueArgs {
  std::string dir;
  std::string csr;
  std::string out;
  int days = 365;
  bool passphrase_stdin = false;
};
ExitCode CaIssue(const CaIssueArgs& args);
ExitCode CaRevoke(const std::string& dir, const std::string& email, bool passphrase_stdin);
ExitCode CaPublish(Session& session, const std::string& dir, bool passphrase_stdin);

// contact.cc
ExitCode ContactAdd(Session& session, const std::string& email, const std::string& name);
ExitCode ContactList(Session& session);
ExitCode ContactShow(Session& session, const std::string& email);
ExitCode ContactRemove(Session& session, const std::string& email);
ExitCode PresenceGet(Session& session, const std::string& email);
ExitCode PresenceWatch(Session& session, const std::vector<std::string>& emails);
ExitCode PresenceSet(Session& session, const std::string& availability);

// call.cc
struct VoiceArgs {
  std::string play;      // WAV to send
  std::string record;    // WAV to write
  std::string duration;  // --for
};
ExitCode CallDial(Session& session, const std::string& email, const VoiceArgs& voice);
ExitCode CallAnswer(Session& session, const std::string& call, bool stay, const VoiceArgs& voice);
ExitCode CallList(Session& session);
ExitCode CallShow(Session& session, const std::string& call);
ExitCode CallWatch(Session& session, const std::string& call);
ExitCode CallReject(Session& session, const std::string& call);
ExitCode CallHangUp(Session& session, const std::string& call);
ExitCode CallHold(Session& session, const std::string& call);
ExitCode CallResume(Session& session, const std::string& call);
ExitCode CallRecord(Session& session, const std::string& call, const std::string& on_off,
                    const std::string& format);
// `to`: an e-mail address, or another call.
ExitCode CallTransfer(Session& session, const std::string& call, const std::string& to);
ExitCode CallConference(Session& session, const std::vector<std::string>& calls, bool leave);
ExitCode CallMute(Session& session, const std::string& call, const std::string& on_off);
ExitCode CallDtmf(Session& session, const std::string& call, const std::string& digits);

// call_history.cc
struct CallHistoryArgs {
  std::string with;
  bool missed = false;
  bool voicemail = false;
  int limit = 100;
};
ExitCode CallHistory(Session& session, const CallHistoryArgs& args);
// `record`: a number, or "all".
ExitCode CallForget(Session& session, const std::string& record, bool recording);
ExitCode CallRecording(Session& session, const std::string& record, const std::string& out);

// overlay.cc
ExitCode OverlayPeers(Session& session);
ExitCode OverlayLookup(Session& session, const std::string& key);
struct OverlayPutArgs {
  std::string key;
  std::string file;
  std::string ttl;
  std::string secret_file;
};
ExitCode OverlayPut(Session& session, const OverlayPutArgs& args);
ExitCode OverlayGet(Session& session, const std::string& key, const std::string& out);
ExitCode OverlayRemove(Session& session, const std::string& key, const std::string& digest,
                       const std::string& secret_file);
ExitCode OverlayTrace(Session& session, const std::string& key);

// torrent.cc
// A .torrent file, "-" for standard input, or a magnet link.
struct TorrentSubmitArgs {
  std::string torrent;  // a file, - or a magnet link
  bool overlay = false;
  int copies = 0;  // 0: the daemon's own
  std::vector<std::string> nodes;
};
ExitCode TorrentSubmit(Session& session, const TorrentSubmitArgs& args);
ExitCode TorrentList(Session& session, const std::string& query);
ExitCode TorrentShow(Session& session, const std::string& hash);
// Of one torrent, or of all.
ExitCode TorrentWatch(Session& session, const std::string& hash);
ExitCode TorrentPin(Session& session, const std::string& hash, bool pinned, bool may_lose);
ExitCode TorrentRemove(Session& session, const std::string& hash, bool yes);
ExitCode TorrentDeny(Session& session, const std::string& hash, const std::string& reason);
ExitCode TorrentAllow(Session& session, const std::string& hash);
ExitCode TorrentDenied(Session& session);
ExitCode ArchiveStatus(Session& session, int peers);
ExitCode ArchivePlan(Session& session, int limit);
ExitCode ArchiveMembers(Session& session);
ExitCode ArchiveFeeds(Session& session);
struct ArchiveLimitsArgs {
  // Sizes such as 4MiB, 0 for no limit; empty: as it is.
  std::string up;
  std::string down;
  std::string budget;
  std::optional<uint32_t> slots;
  std::optional<uint32_t> connections;
  bool configured = false;
};
// Sets what the arguments name, and shows what holds.
ExitCode ArchiveLimits(Session& session, const ArchiveLimitsArgs& args);

// torrent_create.cc
struct TorrentCreateArgs {
  std::string path;
  std::string out;
  std::string piece_size;  // such as 256KiB; empty: one that fits
  bool hybrid = false;
  bool is_private = false;
  std::vector<std::string> trackers;
  std::vector<std::string> web_seeds;
  std::string comment;
  bool submit = false;
};
ExitCode TorrentCreate(Session& session, const TorrentCreateArgs& args);

// torrent_download.cc
struct TorrentDownloadArgs {
  std::string torrent;  // as TorrentSubmit
  std::string folder = ".";
  std::vector<std::string> trackers;
  std::vector<std::string> peers;
  std::string listen;
  std::string seed_for;
  std::string give_up_after;
  bool overwrite = false;
  bool lan = false;
  bool no_dht = false;
};
ExitCode TorrentDownload(Session& session, const TorrentDownloadArgs& args);

}  // namespace p2pd::cli
