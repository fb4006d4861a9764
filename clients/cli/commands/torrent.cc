#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/commands/stream.h"
#include "clients/cli/format.h"
#include "clients/common/files.h"
#include "clients/common/harmless.h"
#include "p2pd/v1/archive_service.grpc.pb.h"
#include "p2pd/v1/torrent_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

using Torrents = v1::TorrentService::Stub;
using Archive = v1::ArchiveService::Stub;

// What a request may have, less what goes around it.
// The archive's own limit.
constexpr size_t kMaxMetainfo = size_t{10} << 20;
constexpr int kPage = 1000;
constexpr int kMapColumns = 64;

std::string NameOf(const std::string& hash) { return absl::StrCat("torrents/", hash); }

std::string StateWord(v1::Torrent::State state) {
  return absl::AsciiStrToLower(v1::Torrent::State_Name(state));
}
std::string StateWord(v1::ArchiveMember::State state) {
  return absl::AsciiStrToLower(v1::ArchiveMember::State_Name(state));
}

// How fast, and who says so.
std::string RateText(uint64_t rate, v1::ArchiveLimits::Origin origin) {
  const std::string text = rate == 0 ? "no limit" : absl::StrCat(ShowBytes(rate), "/s");
  if (origin == v1::ArchiveLimits::SCHEDULE) return absl::StrCat(text, ", by the schedule");
  if (origin == v1::ArchiveLimits::BY_HAND) return absl::StrCat(text, ", set by hand");
  return text;
}

std::string BudgetText(const v1::ArchiveLimits& limits) {
  const std::string sent = absl::StrCat(ShowBytes(limits.sent_bytes()), " sent in this month");
  if (limits.budget_bytes() == 0) return sent;
  const std::string of = absl::StrCat(sent, " of ", ShowBytes(limits.budget_bytes()));
  if (!limits.budget_used_up()) return of;
  return absl::StrCat(of, ": used up until ", Show(limits.renew_time()),
                      ", only what nobody else has whole is sent");
}

void PrintLimits(const v1::ArchiveLimits& limits) {
  const auto count = [](uint32_t most) {
    return most == 0 ? std::string("no limit") : absl::StrCat(most);
  };
  std::printf("up           %s\n", RateText(limits.up_rate(), limits.up_origin()).c_str());
  std::printf("down         %s\n", RateText(limits.down_rate(), limits.down_origin()).c_str());
  std::printf("slots        %s\n", count(limits.slots()).c_str());
  std::printf("connections  %s\n", count(limits.connections()).c_str());
  std::printf("budget       %s\n", BudgetText(limits).c_str());
}

// False, and said, when it is none.
bool ReadLimit(const char* flag, const std::string& text, uint64_t* out) {
  const auto size = ParseSize(text);
  if (size) *out = *size;
  if (!size) clients::ReportUsage(absl::StrCat(flag, ": '", text, "' is no size, such as 4MiB"));
  return size.has_value();
}

std::string Percent(double share) { return absl::StrFormat("%.1f %%", 100 * share); }
std::string Available(double value) { return absl::StrFormat("%.3f", value); }

// A digit for the least copies of a stretch of pieces, + for ten and more.
std::string PieceMap(const v1::Torrent& torrent) {
  const std::string& copies = torrent.piece_copies();
  std::string out;
  const size_t columns = std::min<size_t>(kMapColumns, copies.size());
  for (size_t i = 0; i < columns; ++i) {
    const size_t from = i * copies.size() / columns;
    const size_t to = (i + 1) * copies.size() / columns;
    int least = 255;
    for (size_t k = from; k < to; ++k) {
      least = std::min(least, static_cast<int>(static_cast<unsigned char>(copies[k])));
    }
    out.push_back(least > 9 ? '+' : static_cast<char>('0' + least));
  }
  return out;
}

std::string Direction(const v1::TorrentPeer& peer) { return peer.incoming() ? "in" : "out"; }

std::string Speed(const v1::TorrentPeer& peer) {
  return absl::StrCat(ShowBytes(peer.upload_rate()), "/s up, ", ShowBytes(peer.download_rate()),
                      "/s down");
}

void PrintTorrent(const v1::Torrent& torrent) {
  const auto line = [](const char* word, const std::string& value) {
    if (!value.empty()) std::printf("%-13s%s\n", word, clients::Harmless(value).c_str());
  };
  line("torrent", LastWord(torrent.name()));
  line("title", torrent.title());
  line("state", StateWord(torrent.state()));
  line("trouble", torrent.trouble());
  line("size", absl::StrCat(torrent.size(), " bytes in ", torrent.piece_count(), " pieces"));
  line("archived", Percent(torrent.archived_share()));
  line("available", torrent.availability_text());
  line("without us", Available(torrent.organic_availability()));
  line("copies", PieceMap(torrent));
  line("source", torrent.source());
  line("policy", torrent.pinned() ? "pinned" : (torrent.may_lose() ? "may be lost" : ""));
  line("came", Show(torrent.create_time()));
  if (torrent.has_archive_time()) line("archived at", Show(torrent.archive_time()));
  line("transferred",
       absl::StrCat(torrent.uploaded_bytes(), " bytes out, ", torrent.downloaded_bytes(), " in"));
  for (const v1::TorrentPeer& peer : torrent.peers()) {
    line("peer", absl::StrCat(peer.address(), " ", Direction(peer), ", ", peer.piece_count(),
                              " pieces", peer.member() ? ", S-tracker" : "", ", ", Speed(peer)));
  }
}

void PrintPeers(const v1::Archive& archive) {
  std::printf("connected    %u peers\n", archive.peer_count());
  if (archive.peers().empty()) return;
  Table table({"PEER", "", "SPEED", "PIECES", "TORRENT"});
  for (const v1::ArchivePeer& connected : archive.peers()) {
    const v1::TorrentPeer& peer = connected.peer();
    table.Row({peer.address(), Direction(peer), Speed(peer), absl::StrCat(peer.piece_count()),
               LastWord(connected.torrent())});
  }
  table.Print();
}

// One line of a watch, which a reader wants when it happens.
void PrintLine(const v1::WatchTorrentsResponse& response) {
  const v1::Torrent& torrent = response.torrent();
  const std::string hash = LastWord(torrent.name());
  if (response.mark() == v1::WATCH_MARK_REMOVED) {
    std::printf("%s  removed\n", hash.c_str());
  } else {
    std::printf("%s  %-8s  %7s  %s  %s%s\n", hash.c_str(), StateWord(torrent.state()).c_str(),
                Percent(torrent.archived_share()).c_str(),
                Available(torrent.total_availability()).c_str(),
                clients::Harmless(torrent.title()).c_str(),
                torrent.trouble().empty()
                    ? ""
                    : absl::StrCat(" (", clients::Harmless(torrent.trouble()), ")").c_str());
  }
  std::fflush(stdout);
}

// Into a request of either kind; empty, or why not.
template <class Request>
std::string ReadTorrent(const std::string& torrent, Request& request) {
  if (absl::StartsWith(torrent, "magnet:")) {
    request.set_magnet(torrent);
    return "";
  }
  std::string problem;
  auto metainfo = clients::ReadInput(torrent, kMaxMetainfo, &problem);
  if (metainfo) request.set_metainfo(*std::move(metainfo));
  return problem;
}

ExitCode TorrentOffer(Session& session, const TorrentSubmitArgs& args) {
  v1::OfferTorrentRequest request;
  const std::string problem = ReadTorrent(args.torrent, request);
  if (!problem.empty()) return clients::ReportUsage(problem);
  request.set_identity(session.Identity());
  request.set_copies(args.copies);
  for (const std::string& node : args.nodes) request.add_node_ids(node);
  return session.CallAndPrint<v1::TorrentService>(
      &Torrents::OfferTorrent, request, [](const v1::OfferTorrentResponse& answer) {
        std::printf("%s\n", LastWord(answer.name()).c_str());
        Table table({"S-TRACKER", "AT", "TOOK IT", "WHY NOT"});
        for (const v1::TorrentOffer& offer : answer.offers()) {
          table.Row(
              {offer.node_id(), offer.address(), offer.taken() ? "yes" : "no", offer.problem()});
        }
        table.Print();
      });
}

}  // namespace

ExitCode TorrentSubmit(Session& session, const TorrentSubmitArgs& args) {
  if (args.overlay) return TorrentOffer(session, args);
  v1::SubmitTorrentRequest request;
  const std::string problem = ReadTorrent(args.torrent, request);
  if (!problem.empty()) return clients::ReportUsage(problem);
  return session.CallAndPrint<v1::TorrentService>(
      &Torrents::SubmitTorrent, request, [](const v1::Torrent& answer) {
        std::printf("%s %s\n", LastWord(answer.name()).c_str(), StateWord(answer.state()).c_str());
      });
}

ExitCode TorrentList(Session& session, const std::string& query) {
  v1::ListTorrentsRequest request;
  request.set_query(query);
  request.set_page_size(kPage);
  v1::ListTorrentsResponse all;
  grpc::Status status;
  do {
    v1::ListTorrentsResponse page;
    status = session.Ask<v1::TorrentService>(&Torrents::ListTorrents, request, &page);
    request.set_page_token(page.next_page_token());
    all.mutable_torrents()->MergeFrom(page.torrents());
  } while (status.ok() && !request.page_token().empty());
  return session.Answer(status, all, [](const v1::ListTorrentsResponse& response) {
    Table table({"TORRENT", "STATE", "HERE", "AVAILABLE", "WITHOUT US", "TITLE"});
    for (const v1::Torrent& torrent : response.torrents()) {
      table.Row({LastWord(torrent.name()), StateWord(torrent.state()),
                 Percent(torrent.archived_share()), Available(torrent.total_availability()),
                 Available(torrent.organic_availability()), torrent.title()});
    }
    table.Print();
  });
}

ExitCode TorrentShow(Session& session, const std::string& hash) {
  v1::GetTorrentRequest request;
  request.set_name(NameOf(hash));
  return session.CallAndPrint<v1::TorrentService>(&Torrents::GetTorrent, request, PrintTorrent);
}

ExitCode TorrentWatch(Session& session, const std::string& hash) {
  v1::WatchTorrentsRequest request;
  if (!hash.empty()) request.set_name(NameOf(hash));
  return ReadStream<v1::TorrentService, v1::WatchTorrentsResponse>(
      session,
      [&](Torrents& stub, grpc::ClientContext* context) {
        return stub.WatchTorrents(context, request);
      },
      [&](const v1::WatchTorrentsResponse& response) {
        if (session.json()) {
          Session::PrintJson(response);
        } else if (response.has_torrent()) {
          PrintLine(response);
        }
        return true;
      });
}

ExitCode TorrentPin(Session& session, const std::string& hash, bool pinned, bool may_lose) {
  v1::SetTorrentPolicyRequest request;
  request.set_name(NameOf(hash));
  request.set_pinned(pinned);
  request.set_may_lose(may_lose);
  return session.CallAndPrint<v1::TorrentService>(&Torrents::SetTorrentPolicy, request,
                                                  PrintTorrent);
}

ExitCode TorrentRemove(Session& session, const std::string& hash, bool yes) {
  if (!yes) {
    return clients::ReportUsage("this erases the files of " + hash +
                                ", which may be the last copy: add --yes");
  }
  v1::DeleteTorrentRequest request;
  request.set_name(NameOf(hash));
  return session.CallAndPrint<v1::TorrentService>(
      &Torrents::DeleteTorrent, request, [](const v1::DeleteTorrentResponse&) {
        std::printf("removed; it comes back when it is submitted here again\n");
      });
}

ExitCode TorrentDeny(Session& session, const std::string& hash, const std::string& reason) {
  v1::DenyTorrentRequest request;
  request.set_name(NameOf(hash));
  request.set_reason(reason);
  return session.CallAndPrint<v1::TorrentService>(
      &Torrents::DenyTorrent, request,
      [](const v1::DenyTorrentResponse&) { std::printf("denied\n"); });
}

ExitCode TorrentAllow(Session& session, const std::string& hash) {
  v1::AllowTorrentRequest request;
  request.set_name(NameOf(hash));
  return session.CallAndPrint<v1::TorrentService>(
      &Torrents::AllowTorrent, request,
      [](const v1::AllowTorrentResponse&) { std::printf("allowed\n"); });
}

ExitCode TorrentDenied(Session& session) {
  return session.CallAndPrint<v1::TorrentService>(
      &Torrents::ListDeniedTorrents, v1::ListDeniedTorrentsRequest(),
      [](const v1::ListDeniedTorrentsResponse& response) {
        Table table({"TORRENT", "SINCE", "REASON"});
        for (const v1::DeniedTorrent& denied : response.denied()) {
          table.Row({LastWord(denied.name()), Show(denied.deny_time()), denied.reason()});
        }
        table.Print();
      });
}

ExitCode ArchiveStatus(Session& session, int peers) {
  v1::GetArchiveRequest request;
  request.set_peer_limit(peers);
  return session.CallAndPrint<v1::ArchiveService>(
      &Archive::GetArchive, request, [](const v1::Archive& archive) {
        std::printf("received     %u\ndownloading  %u\nseeding      %u\nuploading    %u\n",
                    archive.received(), archive.downloading(), archive.seeding(),
                    archive.uploading());
        std::printf("used         %s of %s bytes\n", absl::StrCat(archive.used_bytes()).c_str(),
                    absl::StrCat(archive.quota_bytes()).c_str());
        for (const std::string& at : archive.peer_addresses()) {
          std::printf("peers at     %s\n", clients::Harmless(at).c_str());
        }
        const v1::ArchiveScrub& scrub = archive.scrub();
        std::printf("scrubbed     %s pieces since %s, last complete %s, %s rotted so far\n",
                    absl::StrCat(scrub.piece_count()).c_str(), Show(scrub.begin_time()).c_str(),
                    scrub.has_complete_time() ? Show(scrub.complete_time()).c_str() : "never",
                    absl::StrCat(scrub.rotted_count()).c_str());
        PrintLimits(archive.limits());
        PrintPeers(archive);
      });
}

ExitCode ArchiveLimits(Session& session, const ArchiveLimitsArgs& args) {
  v1::SetArchiveLimitsRequest request;
  request.set_configured(args.configured);
  uint64_t size = 0;
  if (!args.up.empty()) {
    if (!ReadLimit("--up", args.up, &size)) return ExitCode::kUsage;
    request.set_up_rate(size);
  }
  if (!args.down.empty()) {
    if (!ReadLimit("--down", args.down, &size)) return ExitCode::kUsage;
    request.set_down_rate(size);
  }
  if (!args.budget.empty()) {
    if (!ReadLimit("--budget", args.budget, &size)) return ExitCode::kUsage;
    request.set_budget_bytes(size);
  }
  if (args.slots) request.set_slots(*args.slots);
  if (args.connections) request.set_connections(*args.connections);
  return session.CallAndPrint<v1::ArchiveService>(&Archive::SetArchiveLimits, request, PrintLimits);
}

ExitCode ArchivePlan(Session& session, int limit) {
  v1::PlanArchiveRequest request;
  request.set_limit(limit);
  return session.CallAndPrint<v1::ArchiveService>(
      &Archive::PlanArchive, request, [](const v1::PlanArchiveResponse& response) {
        std::printf("would fetch %s bytes and drop %s\n",
                    absl::StrCat(response.fetch_bytes()).c_str(),
                    absl::StrCat(response.drop_bytes()).c_str());
        Table table({"TORRENT", "PIECES", "WOULD", "HOLDERS", "BECAUSE"});
        for (const v1::PlannedGroup& group : response.groups()) {
          table.Row(
              {LastWord(group.torrent()),
               absl::StrCat(group.first_piece(), "..",
                            group.first_piece() + group.piece_count() - 1),
               group.decision(),
               absl::StrCat(group.verified_holders(), " verified, needs ", group.needed_holders()),
               group.reason()});
        }
        table.Print();
      });
}

ExitCode ArchiveMembers(Session& session) {
  return session.CallAndPrint<v1::ArchiveService>(
      &Archive::ListMembers, v1::ListMembersRequest(), [](const v1::ListMembersResponse& response) {
        Table table({"MEMBER", "STATE", "HEARD", "PEERS AT", "DOMAIN", "SHARE", "USED", "QUOTA",
                     "TORRENTS", "GROUPS", "SHOWN", "FAILED"});
        for (const v1::ArchiveMember& member : response.members()) {
          const bool heard = member.has_heard_age() && member.state() != v1::ArchiveMember::SELF;
          table.Row({LastWord(member.name()),
                     absl::StrCat(StateWord(member.state()), member.full() ? ", full" : ""),
                     heard ? absl::StrCat(Show(member.heard_age()), " ago") : "",
                     member.peer_addresses().empty() ? "" : member.peer_addresses(0),
                     member.domain(), Percent(member.share()), absl::StrCat(member.used_bytes()),
                     absl::StrCat(member.quota_bytes()), absl::StrCat(member.torrent_count()),
                     absl::StrCat(member.group_count()), absl::StrCat(member.proven_count()),
                     absl::StrCat(member.failed_challenge_count())});
        }
        table.Print();
      });
}

ExitCode ArchiveFeeds(Session& session) {
  return session.CallAndPrint<v1::ArchiveService>(
      &Archive::ListFeeds, v1::ListFeedsRequest(), [](const v1::ListFeedsResponse& response) {
        Table table({"FEED", "STATE", "ASKED", "AGAIN IN", "SHOWN", "WAITING", "TAKEN", "REFUSED",
                     "TROUBLE"});
        for (const v1::ArchiveFeed& feed : response.feeds()) {
          table.Row({feed.url(), absl::AsciiStrToLower(v1::ArchiveFeed::State_Name(feed.state())),
                     feed.has_asked_age() ? absl::StrCat(Show(feed.asked_age()), " ago") : "",
                     feed.has_next_delay() ? Show(feed.next_delay()) : "",
                     absl::StrCat(feed.item_count()), absl::StrCat(feed.waiting_count()),
                     absl::StrCat(feed.taken_count()), absl::StrCat(feed.refused_count()),
                     feed.trouble()});
        }
        table.Print();
      });
}

}  // namespace p2pd::cli
