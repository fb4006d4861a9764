#include "clients/cli/command_line.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "clients/cli/commands/commands.h"
#include "clients/cli/completion.h"
#include "clients/cli/session.h"

namespace p2pd::cli {
namespace {

// What the flags of all commands fill in; one run uses a few of them.
struct Flags {
  clients::ConnectionOptions connection;
  int timeout_seconds = 30;
  std::string output = "table";
  std::string as;

  std::string email;
  std::vector<std::string> emails;
  std::string file;
  std::string word;
  std::vector<std::string> calls;
  bool leave = false;
  std::string availability;
  std::string key;
  std::string digest;
  std::string out;
  bool yes = false;
  bool stay = false;
  bool passphrase = false;
  bool passphrase_stdin = false;
  bool unpin = false;
  bool may_lose = false;
  int limit = 0;
  int peers = 20;
  CallHistoryArgs history;
  bool recording = false;
  ArchiveLimitsArgs limits;
  CreateIdentityArgs create;
  CaInitArgs ca_init;
  CaIssueArgs ca_issue;
  std::string ca_dir;
  VoiceArgs voice;
  OverlayPutArgs put;
  TorrentCreateArgs torrent_create;
  TorrentSubmitArgs submit;
  TorrentDownloadArgs download;
};

using Action = std::function<ExitCode(Session&)>;

// Collects commands: each leaf sets the action that runs after parsing.
class Commands {
 public:
  Commands(CLI::App& app, Flags& flags) : app_(app), flags_(flags) {
    AddNode();
    AddAuthority();
    AddIdentity();
    AddTrust();
    AddPresence();
    AddContacts();
    AddCalls();
    AddOverlay();
    AddTorrent();
    AddCompletion();
  }
  const Action& action() const { return action_; }

 private:
  CLI::App* Group(const std::string& name, const std::string& help) {
    CLI::App* group = app_.add_subcommand(name, help);
    group->require_subcommand(1);
    return group;
  }
  CLI::App* Leaf(CLI::App* parent, const std::string& name, const std::string& help,
                 Action action) {
    CLI::App* leaf = parent->add_subcommand(name, help);
    leaf->callback([this, action = std::move(action)] { action_ = action; });
    return leaf;
  }
  void AddVoice(CLI::App* leaf) {
    leaf->add_option("--play", flags_.voice.play,
                     "WAV file to send, any rate; ends the call when it has been played");
    leaf->add_option("--record", flags_.voice.record,
                     "WAV file to write what is heard to, 48 kHz mono");
    leaf->add_option("--for", flags_.voice.duration,
                     "hang up this long after the call was accepted, such as 10s");
  }

  void AddNode() {
    Leaf(&app_, "status", "what the daemon is and does", [](Session& s) { return Status(s); });
    CLI::App* shutdown =
        Leaf(&app_, "shutdown", "end the daemon: calls are hung up, offline states written",
             [this](Session& s) { return Shutdown(s, flags_.word); });
    shutdown->add_option("--grace", flags_.word, "how long running calls may go on, such as 5s");
    CLI::App* events = Leaf(&app_, "events", "follow what happens in the daemon",
                            [this](Session& s) { return Events(s, flags_.word); });
    events->add_option("--since", flags_.word,
                       "resume token of an earlier run, as --output json shows it");
  }

  void AddAuthority() {
    CLI::App* ca =
        Group("ca", "a certificate authority in a folder (no daemon needed but for publish)");
    CLI::App* init = Leaf(ca, "init", "make DIR/ca.pem and DIR/ca.key",
                          [this](Session&) { return CaInit(flags_.ca_init); });
    init->add_option("DIR", flags_.ca_init.dir, "new or empty folder")->required();
    init->add_option("--name", flags_.ca_init.name, "the authority's name")->required();
    init->add_option("--days", flags_.ca_init.days, "validity of the root in days")
        ->capture_default_str()
        ->check(CLI::Range(1, 36500));
    init->add_flag("--passphrase", flags_.ca_init.passphrase,
                   "keep the key under a passphrase, which is asked for");
    init->add_flag("--passphrase-stdin", flags_.ca_init.passphrase_stdin,
                   "the same, read from standard input");
    CLI::App* issue = Leaf(ca, "issue", "a certificate for a CSR",
                           [this](Session&) { return CaIssue(flags_.ca_issue); });
    issue->add_option("DIR", flags_.ca_issue.dir, "the authority's folder")->required();
    issue->add_option("--csr", flags_.ca_issue.csr, "PEM or DER request")->required();
    issue->add_option("--out", flags_.ca_issue.out, "PEM file for the certificate and its chain")
        ->required();
    issue->add_option("--days", flags_.ca_issue.days, "validity in days")
        ->capture_default_str()
        ->check(CLI::Range(1, 3650));
    issue->add_flag("--passphrase-stdin", flags_.ca_issue.passphrase_stdin,
                    "passphrase of the key from standard input");
    CLI::App* revoke =
        Leaf(ca, "revoke", "revoke all certificates of an e-mail address; writes DIR/crl.pem",
             [this](Session&) {
               return CaRevoke(flags_.ca_dir, flags_.email, flags_.passphrase_stdin);
             });
    revoke->add_option("DIR", flags_.ca_dir, "the authority's folder")->required();
    revoke->add_option("--email", flags_.email, "whose")->required();
    revoke->add_flag("--passphrase-stdin", flags_.passphrase_stdin,
                     "passphrase of the key from standard input");
    CLI::App* publish =
        Leaf(ca, "publish", "put the signed CRL of DIR into the overlay",
             [this](Session& s) { return CaPublish(s, flags_.ca_dir, flags_.passphrase_stdin); });
    publish->add_option("DIR", flags_.ca_dir, "the authority's folder")->required();
    publish->add_flag("--passphrase-stdin", flags_.passphrase_stdin,
                      "passphrase of the key from standard input, where the list is signed anew");
  }

  void AddIdentity() {
    CLI::App* identity = Group("identity", "who you are: keys and certificates");
    CLI::App* create = Leaf(identity, "create", "make a key and a certificate request",
                            [this](Session& s) { return IdentityCreate(s, flags_.create); });
    create->add_option("--email", flags_.create.email, "your e-mail address")->required();
    create->add_option("--name", flags_.create.name, "your name")->required();
    create
        ->add_option("--csr-out", flags_.create.csr_out,
                     "file for the request (PEM), - for standard output")
        ->required();
    create->add_flag("--passphrase", flags_.create.passphrase,
                     "keep the key under a passphrase, which is asked for");
    create->add_flag("--passphrase-stdin", flags_.create.passphrase_stdin,
                     "the same, read from standard input");
    CLI::App* install =
        Leaf(identity, "install", "install the certificate that an authority issued",
             [this](Session& s) {
               return IdentityInstall(s, {flags_.file, flags_.email, false, false});
             });
    install->add_option("FILE", flags_.file, "PEM: certificate and chain")->required();
    install->add_option("--email", flags_.email,
                        "which identity, where the certificate names several");
    CLI::App* import =
        Leaf(identity, "import",
             "take an identity from a key file: PKCS#12, or PEM with or without certificate",
             [this](Session& s) {
               return IdentityImport(
                   s, {flags_.file, flags_.email, flags_.passphrase, flags_.passphrase_stdin});
             });
    import->add_option("FILE", flags_.file, "key file")->required();
    import->add_option("--email", flags_.email,
                       "e-mail address, needed when the file holds a key alone");
    import->add_flag("--passphrase", flags_.passphrase,
                     "the file is under a passphrase, which is asked for");
    import->add_flag("--passphrase-stdin", flags_.passphrase_stdin,
                     "the same, read from standard input");
    CLI::App* export_command = Leaf(
        identity, "export", "write key and certificate to a PKCS#12 file under a new passphrase",
        [this](Session& s) {
          return IdentityExport(s, {flags_.file, flags_.email, true, flags_.passphrase_stdin});
        });
    export_command->add_option("FILE", flags_.file, "file to write, mode 0600")->required();
    export_command->add_option("--email", flags_.email, "which identity; default the first");
    export_command->add_flag("--passphrase-stdin", flags_.passphrase_stdin,
                             "the passphrase from standard input");
    Leaf(identity, "list", "all identities of this daemon",
         [](Session& s) { return IdentityList(s); });
    CLI::App* show = Leaf(identity, "show", "one identity",
                          [this](Session& s) { return IdentityShow(s, flags_.email); });
    show->add_option("EMAIL", flags_.email, "which; default the first");
    CLI::App* remove =
        Leaf(identity, "delete", "forget an identity and destroy its key here",
             [this](Session& s) { return IdentityDelete(s, flags_.email, flags_.yes); });
    remove->add_option("EMAIL", flags_.email, "which")->required();
    remove->add_flag("--yes", flags_.yes, "yes, destroy the key");
    CLI::App* unlock = Leaf(
        identity, "unlock", "give the passphrase of a locked key",
        [this](Session& s) { return IdentityUnlock(s, flags_.email, flags_.passphrase_stdin); });
    unlock->add_option("EMAIL", flags_.email, "which; default the first");
    unlock->add_flag("--passphrase-stdin", flags_.passphrase_stdin,
                     "the passphrase from standard input");
    CLI::App* device = Group("device", "the machines of an identity");
    Leaf(device, "list", "all devices and what they show",
         [](Session& s) { return DeviceList(s); });
    CLI::App* revoke = Leaf(device, "revoke", "a device that was lost counts no more",
                            [this](Session& s) { return DeviceRevoke(s, flags_.word); });
    revoke->add_option("DEVICE", flags_.word, "32 hex digits")->required();
  }

  void AddTrust() {
    CLI::App* trust = Group("trust", "which certificate authorities vouch for people");
    CLI::App* add =
        Leaf(trust, "add", "trust a root", [this](Session& s) { return TrustAdd(s, flags_.file); });
    add->add_option("FILE", flags_.file, "PEM of a self-signed CA certificate")->required();
    Leaf(trust, "list", "the trusted roots", [](Session& s) { return TrustList(s); });
    CLI::App* remove = Leaf(trust, "remove", "trust a root no more",
                            [this](Session& s) { return TrustRemove(s, flags_.word); });
    remove->add_option("FINGERPRINT", flags_.word, "64 hex digits, or the first 8 and more")
        ->required();
  }

  void AddPresence() {
    CLI::App* login =
        Leaf(&app_, "login", "log in: write your state, so that you are found",
             [this](Session& s) { return Login(s, flags_.email, flags_.availability); });
    login->add_option("EMAIL", flags_.email, "which identity; default the first");
    login->add_option("--presence", flags_.availability, "available, away or busy");
    CLI::App* logout = Leaf(&app_, "logout", "log out: write the offline state",
                            [this](Session& s) { return Logout(s, flags_.email); });
    logout->add_option("EMAIL", flags_.email, "which identity; default the first");
    CLI::App* presence = Group("presence", "who is there");
    CLI::App* get = Leaf(presence, "get", "whether somebody is there now, confirmed by a hello",
                         [this](Session& s) { return PresenceGet(s, flags_.email); });
    get->add_option("EMAIL", flags_.email, "who")->required();
    CLI::App* watch = Leaf(presence, "watch", "follow the presence of contacts",
                           [this](Session& s) { return PresenceWatch(s, flags_.emails); });
    watch->add_option("EMAIL", flags_.emails, "which; default all contacts");
    CLI::App* set = Leaf(presence, "set", "what you show",
                         [this](Session& s) { return PresenceSet(s, flags_.word); });
    set->add_option("PRESENCE", flags_.word, "available, away or busy")->required();
  }

  void AddContacts() {
    CLI::App* contact = Group("contact", "the friend list");
    CLI::App* add = Leaf(contact, "add", "add a contact",
                         [this](Session& s) { return ContactAdd(s, flags_.email, flags_.word); });
    add->add_option("EMAIL", flags_.email, "who")->required();
    add->add_option("--name", flags_.word, "what you call this person");
    Leaf(contact, "list", "all contacts with their presence",
         [](Session& s) { return ContactList(s); });
    CLI::App* show = Leaf(contact, "show", "one contact",
                          [this](Session& s) { return ContactShow(s, flags_.email); });
    show->add_option("EMAIL", flags_.email, "who")->required();
    CLI::App* remove = Leaf(contact, "remove", "remove a contact",
                            [this](Session& s) { return ContactRemove(s, flags_.email); });
    remove->add_option("EMAIL", flags_.email, "who")->required();
  }

  void AddCalls() {
    CLI::App* call = Group("call", "calls");
    CLI::App* dial =
        Leaf(call, "dial",
             "call somebody; returns when the call has ended, 0 only if voice flowed both ways",
             [this](Session& s) { return CallDial(s, flags_.email, flags_.voice); });
    dial->add_option("EMAIL", flags_.email, "who")->required();
    AddVoice(dial);
    CLI::App* answer =
        Leaf(call, "answer", "answer the call that rings, or the next one",
             [this](Session& s) { return CallAnswer(s, flags_.word, flags_.stay, flags_.voice); });
    answer->add_option("CALL", flags_.word, "which; returns when it ends");
    answer->add_flag("--auto", flags_.stay, "stay and answer every call until interrupted");
    AddVoice(answer);
    Leaf(call, "list", "calls of the last hour", [](Session& s) { return CallList(s); });
    OneCall(call, "show", "one call with its journey and figures",
            [this](Session& s) { return CallShow(s, flags_.word); });
    CLI::App* watch = Leaf(call, "watch", "follow calls",
                           [this](Session& s) { return CallWatch(s, flags_.word); });
    watch->add_option("CALL", flags_.word, "which; default all");
    OneCall(call, "reject", "refuse a call that rings",
            [this](Session& s) { return CallReject(s, flags_.word); });
    OneCall(call, "hangup", "end a call",
            [this](Session& s) { return CallHangUp(s, flags_.word); });
    OneCall(call, "hold", "put the other side on hold",
            [this](Session& s) { return CallHold(s, flags_.word); });
    OneCall(call, "resume", "take the other side off hold",
            [this](Session& s) { return CallResume(s, flags_.word); });
    CLI::App* mute = OneCall(call, "mute", "send silence", [this](Session& s) {
      return CallMute(s, flags_.word, flags_.out.empty() ? "on" : flags_.out);
    });
    mute->add_option("STATE", flags_.out, "on or off; default on");
    CLI::App* record =
        OneCall(call, "record", "record both sides; the other one is told", [this](Session& s) {
          return CallRecord(s, flags_.word, flags_.out.empty() ? "on" : flags_.out,
                            flags_.key.empty() ? "wav" : flags_.key);
        });
    record->add_option("STATE", flags_.out, "on or off; default on");
    record->add_option("--format", flags_.key, "wav or opus; default wav");
    CLI::App* conference =
        Leaf(call, "conference", "let active calls hear each other",
             [this](Session& s) { return CallConference(s, flags_.calls, flags_.leave); });
    conference
        ->add_option("CALL", flags_.calls, "which: two or more, or one to be added to another's")
        ->required();
    conference->add_flag("--leave", flags_.leave, "take these calls out of their conference");
    CLI::App* transfer =
        OneCall(call, "transfer", "send the other side to somebody else",
                [this](Session& s) { return CallTransfer(s, flags_.word, flags_.out); });
    transfer
        ->add_option("TO", flags_.out,
                     "an e-mail address, which rings; or your active call with that person, which "
                     "does not")
        ->required();
    CLI::App* dtmf = OneCall(call, "dtmf", "press keys", [this](Session& s) {
      return CallDtmf(s, flags_.word, flags_.digest);
    });
    dtmf->add_option("DIGITS", flags_.digest, "0-9 * # A-D")->required();
    AddCallHistory(call);
  }
  void AddCallHistory(CLI::App* call) {
    CallHistoryArgs& args = flags_.history;
    CLI::App* history = Leaf(call, "history", "calls that have ended, the newest first",
                             [this](Session& s) { return CallHistory(s, flags_.history); });
    history->add_option("--with", args.with, "only with this e-mail address");
    history->add_flag("--missed", args.missed, "only who called and was not answered");
    history->add_flag("--voicemail", args.voicemail, "only messages of the answering machine");
    history->add_option("--limit", args.limit, "at most so many; default 100")
        ->check(CLI::Range(1, 10'000));
    CLI::App* recording =
        Leaf(call, "recording", "get a recording, or a message of the answering machine",
             [this](Session& s) { return CallRecording(s, flags_.word, flags_.out); });
    recording->add_option("NUMBER", flags_.word, "as call history shows it")->required();
    recording->add_option("--out", flags_.out, "file to write, - for standard output")->required();
    CLI::App* forget = Leaf(call, "forget", "take calls from the history", [this](Session& s) {
      return CallForget(s, flags_.word, flags_.recording);
    });
    forget->add_option("NUMBER", flags_.word, "as call history shows it, or all")->required();
    forget->add_flag("--recording", flags_.recording, "and delete what was recorded");
  }
  CLI::App* OneCall(CLI::App* parent, const std::string& name, const std::string& help,
                    Action action) {
    CLI::App* leaf = Leaf(parent, name, help, std::move(action));
    leaf->add_option("CALL", flags_.word, "which: the call's id or its first 4 digits and more")
        ->required();
    return leaf;
  }

  void AddOverlay() {
    static constexpr char kKeyHelp[] = "40 hex digits, email:E or name:TEXT";
    CLI::App* overlay = Group("overlay", "the ring underneath");
    Leaf(overlay, "peers", "the nodes that this one knows",
         [](Session& s) { return OverlayPeers(s); });
    CLI::App* lookup = Leaf(overlay, "lookup", "which node is responsible for a key",
                            [this](Session& s) { return OverlayLookup(s, flags_.key); });
    CLI::App* put = Leaf(overlay, "put", "store a file under a key", [this](Session& s) {
      flags_.put.key = flags_.key;
      return OverlayPut(s, flags_.put);
    });
    CLI::App* get = Leaf(overlay, "get", "what is stored under a key",
                         [this](Session& s) { return OverlayGet(s, flags_.key, flags_.out); });
    CLI::App* remove = Leaf(overlay, "remove", "remove a value by its secret", [this](Session& s) {
      return OverlayRemove(s, flags_.key, flags_.digest, flags_.file);
    });
    CLI::App* trace = Leaf(overlay, "trace", "the way of a request to a key",
                           [this](Session& s) { return OverlayTrace(s, flags_.key); });
    for (CLI::App* leaf : {lookup, put, get, remove, trace})
      leaf->add_option("KEY", flags_.key, kKeyHelp)->required();
    put->add_option("FILE", flags_.put.file, "at most 60 KiB, - for standard input")->required();
    put->add_option("--ttl", flags_.put.ttl, "how long it stands, at most 7d; default 1h");
    put->add_option("--secret-file", flags_.put.secret_file,
                    "file with a secret that can remove it again");
    get->add_option("--out", flags_.out, "file for the value, - for standard output");
    remove->add_option("DIGEST", flags_.digest, "digest of the value, as get shows it")->required();
    remove->add_option("--secret-file", flags_.file, "file with the secret")->required();
  }

  void AddTorrent() {
    CLI::App* torrent =
        Group("torrent", "torrents: made, fetched (no daemon needed), and what the archive keeps");
    AddTorrentCreate(torrent);
    AddTorrentDownload(torrent);
    CLI::App* submit =
        Leaf(torrent, "submit", "hand a torrent to the archive, or to S-trackers elsewhere",
             [this](Session& s) { return TorrentSubmit(s, flags_.submit); });
    submit
        ->add_option("TORRENT", flags_.submit.torrent,
                     "a .torrent file, - for standard input, or a magnet")
        ->required();
    CLI::Option* overlay =
        submit->add_flag("--overlay", flags_.submit.overlay,
                         "to S-trackers that are found in the overlay, signed as --as");
    submit
        ->add_option("--copies", flags_.submit.copies, "how many of them shall take it; default 2")
        ->check(CLI::Range(1, 8))
        ->needs(overlay);
    submit->add_option("--to", flags_.submit.nodes, "only this one: a node's id; may be repeated")
        ->needs(overlay);
    CLI::App* list = Leaf(torrent, "list", "torrents, or those whose names have all words",
                          [this](Session& s) { return TorrentList(s, flags_.word); });
    list->add_option("WORDS", flags_.word, "beginnings of words of title and files");
    CLI::App* show = Leaf(torrent, "show", "one torrent with its pieces and peers",
                          [this](Session& s) { return TorrentShow(s, flags_.key); });
    CLI::App* watch =
        Leaf(torrent, "watch", "follow torrents: states, what is here, how available they are",
             [this](Session& s) { return TorrentWatch(s, flags_.key); });
    watch->add_option("HASH", flags_.key, "info-hash, 40 hex digits; default all");
    CLI::App* pin =
        Leaf(torrent, "pin", "keep it whatever comes, or let its last copy go", [this](Session& s) {
          const bool plain = flags_.unpin || flags_.may_lose;
          return TorrentPin(s, flags_.key, !plain, flags_.may_lose);
        });
    pin->add_flag("--off", flags_.unpin, "back to what the keeper decides");
    pin->add_flag("--may-lose", flags_.may_lose, "its last copy may go when room is needed");
    CLI::App* remove = Leaf(torrent, "remove", "forget it and erase its files", [this](Session& s) {
      return TorrentRemove(s, flags_.key, flags_.yes);
    });
    remove->add_flag("--yes", flags_.yes, "yes, erase its files");
    CLI::App* deny = Leaf(torrent, "deny", "forget it and refuse it from now on",
                          [this](Session& s) { return TorrentDeny(s, flags_.key, flags_.word); });
    deny->add_option("--reason", flags_.word, "for whoever reads the list later");
    CLI::App* allow = Leaf(torrent, "allow", "take a denial back",
                           [this](Session& s) { return TorrentAllow(s, flags_.key); });
    for (CLI::App* leaf : {show, pin, remove, deny, allow}) {
      leaf->add_option("HASH", flags_.key, "info-hash, 40 hex digits")->required();
    }
    Leaf(torrent, "denied", "what is refused", [](Session& s) { return TorrentDenied(s); });
    CLI::App* archive = Group("archive", "the archive as a whole");
    CLI::App* status = Leaf(archive, "status",
                            "the paper's counters, what is used of the quota, and who is connected",
                            [this](Session& s) { return ArchiveStatus(s, flags_.peers); });
    status->add_option("--peers", flags_.peers, "at most so many peers; default 20")
        ->check(CLI::Range(0, 1000));
    CLI::App* plan = Leaf(archive, "plan", "what the keeper would do now, and why",
                          [this](Session& s) { return ArchivePlan(s, flags_.limit); });
    plan->add_option("--limit", flags_.limit, "at most so many groups of pieces; default 100")
        ->check(CLI::Range(1, 10'000));
    Leaf(archive, "members", "the S-trackers that share the work, and what each holds",
         [](Session& s) { return ArchiveMembers(s); });
    Leaf(archive, "feeds", "the feeds that torrents are taken from, and what became of them",
         [](Session& s) { return ArchiveFeeds(s); });
    AddArchiveLimits(archive);
  }

  void AddArchiveLimits(CLI::App* archive) {
    ArchiveLimitsArgs& args = flags_.limits;
    CLI::App* limits =
        Leaf(archive, "limits",
             "how fast it gives and takes, and what it may still send; what is named here is set",
             [this](Session& s) { return ArchiveLimits(s, flags_.limits); });
    limits->add_option("--up", args.up, "bytes a second that are sent, such as 4MiB; 0: no limit");
    limits->add_option("--down", args.down, "bytes a second that are fetched; 0: no limit");
    limits->add_option("--slots", args.slots, "peers that are served at a time; 0: all");
    limits->add_option("--connections", args.connections,
                       "peers that it is connected to; 0: no limit");
    limits->add_option("--budget", args.budget,
                       "what is sent in a calendar month, such as 2TiB; 0: no limit");
    limits->add_flag("--configured", args.configured,
                     "first takes back what was set so: the settings and the schedule hold again");
  }

  void AddTorrentCreate(CLI::App* torrent) {
    TorrentCreateArgs& args = flags_.torrent_create;
    CLI::App* create =
        Leaf(torrent, "create", "make a .torrent of a file or folder (no daemon needed)",
             [this](Session& s) { return TorrentCreate(s, flags_.torrent_create); });
    create->add_option("PATH", args.path, "file or folder; links within it are left out")
        ->required();
    create->add_option("--out", args.out, ".torrent file to write, - for standard output")
        ->required();
    create
        ->add_option("--tracker", args.trackers,
                     "announce URL, http(s):// or udp://; again for the next best")
        ->allow_extra_args(false);
    create->add_option("--piece-size", args.piece_size,
                       "16KiB to 128MiB, a power of two; default one that fits");
    create->add_flag("--hybrid,!--v1", args.hybrid,
                     "for clients of BitTorrent v1 and v2; default v1 alone");
    create->add_flag("--private", args.is_private, "peers from its trackers alone (BEP 27)");
    create->add_option("--web-seed", args.web_seeds, "URL that serves the files (BEP 19)")
        ->allow_extra_args(false);
    create->add_option("--comment", args.comment, "for whoever reads the file");
    create->add_flag("--submit", args.submit, "hand it to the daemon's archive, too");
  }

  void AddTorrentDownload(CLI::App* torrent) {
    TorrentDownloadArgs& args = flags_.download;
    CLI::App* download =
        Leaf(torrent, "download",
             "fetch a torrent's files (no daemon needed); goes on where an earlier run ended",
             [this](Session& s) { return TorrentDownload(s, flags_.download); });
    download
        ->add_option("TORRENT", args.torrent, "a .torrent file, - for standard input, or a magnet")
        ->required();
    download->add_option("--dir", args.folder, "folder for the files")->capture_default_str();
    download->add_option("--tracker", args.trackers, "announce URL to ask before the torrent's own")
        ->allow_extra_args(false);
    download->add_option("--peer", args.peers, "ADDR:PORT of somebody who has it")
        ->allow_extra_args(false);
    download->add_option("--listen", args.listen,
                         "ADDR:PORT for peers; default any port of all addresses");
    download->add_option("--seed-for", args.seed_for,
                         "stay so long once it is complete, such as 2h; default ends at once");
    download->add_option("--give-up-after", args.give_up_after,
                         "end (exit code 6) when nothing came for so long; default never");
    download->add_flag("--lan", args.lan,
                       "a network of our own: ask trackers at private addresses, too");
    download->add_flag("--overwrite", args.overwrite,
                       "overwrite files that are there and no earlier part of this download");
    download->add_flag("--no-dht", args.no_dht,
                       "find peers by trackers and --peer alone, not by DHT and local discovery");
  }

  void AddCompletion() {
    CLI::App* completion =
        Leaf(&app_, "completion", "print a completion script for a shell", [this](Session&) {
          return PrintCompletion(app_, flags_.word)
                     ? ExitCode::kDone
                     : clients::ReportUsage("the shells are bash, zsh and fish");
        });
    completion->add_option("SHELL", flags_.word, "bash, zsh or fish")->required();
  }

  CLI::App& app_;
  Flags& flags_;
  Action action_;
};

// The command that was meant and is none, with its group: "call forward". CLI11 keeps what it did
// not understand in the order of the line.
std::string UnknownCommand(const CLI::App& app) {
  std::string name;
  for (const CLI::App* group = &app; !group->get_subcommands().empty();) {
    group = group->get_subcommands().front();
    name += group->get_name() + " ";
  }
  for (const std::string& word : app.remaining(/*recurse=*/true)) {
    if (!word.starts_with("-")) return name + word;
  }
  return "";
}

// What README names as to come: whoever asks for it has not mistyped.
bool IsToCome(const std::string& command) {
  static constexpr const char* kToCome[] = {"message", "group"};
  return std::find(std::begin(kToCome), std::end(kToCome), command) != std::end(kToCome);
}

// One line: what is wrong, and where help is. CLI11 names an unknown command only on request.
std::string WhatIsWrong(const CLI::App& app, const CLI::ParseError& error) {
  std::string what = error.what();
  const std::string unknown = UnknownCommand(app);
  // "archive status": the group is none, and its command is also one of ours.
  const std::vector<std::string> extra = app.remaining();
  if (!extra.empty() && IsToCome(extra.front())) {
    what = "there is no command " + extra.front() + " yet";
  } else if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !unknown.empty()) {
    what = "there is no command " + unknown + (IsToCome(unknown) ? " yet" : "");
  }
  std::replace(what.begin(), what.end(), '\n', ' ');
  return what + "; see p2pctl --help-all";
}

// What was printed has to have arrived: a script must not take half an answer for a whole one.
ExitCode AfterPrinting(ExitCode code) {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const std::string why = errno == 0 ? "" : std::string(": ") + std::strerror(errno);
  std::clearerr(stdout);
  clients::ReportFailure("cannot write the answer to standard output" + why);
  return code == ExitCode::kDone ? ExitCode::kFailed : code;
}

ExitCode Run(int argc, char** argv) {
  Flags flags;
  CLI::App app("p2pctl: talk to a p2pd daemon", "p2pctl");
  app.set_version_flag("--version", P2PD_VERSION);
  app.set_help_all_flag("--help-all", "help of all commands");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Exit codes: 0 done, 1 failed, 2 wrong usage (a flag, a value, a file), 3 the daemon cannot "
      "be "
      "reached,\n4 not allowed, 5 not found, 6 timed out.");
  app.add_option("--control", flags.connection.control,
                 "unix:PATH or ADDR:PORT; default the user's socket, then the system's")
      ->envname("P2PD_CONTROL");
  app.add_option("--token-file", flags.connection.token_file, "TCP: file with the bearer token");
  app.add_option("--tls-ca", flags.connection.tls_ca, "TCP: PEM of the daemon's certificate");
  app.add_option("--output", flags.output,
                 "table, or json: proto3 JSON, one object a line for streams")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  app.add_option("--as", flags.as, "e-mail address of the identity to act as; default the first");
  app.add_option("--timeout", flags.timeout_seconds, "seconds that one request may take")
      ->capture_default_str()
      ->check(CLI::Range(1, 60));
  const Commands commands(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return clients::ReportUsage(WhatIsWrong(app, error));
    app.exit(error);  // prints the help or the version
    return ExitCode::kDone;
  }
  flags.connection.timeout = std::chrono::seconds(flags.timeout_seconds);
  Session session(flags.connection,
                  flags.output == "json" ? OutputFormat::kJson : OutputFormat::kTable, flags.as);
  return commands.action()(session);
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  return static_cast<int>(AfterPrinting(Run(argc, argv)));
}

}  // namespace p2pd::cli
