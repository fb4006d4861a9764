#include <cstdio>

#include "absl/strings/str_cat.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/progress.h"
#include "clients/cli/torrent/maker.h"
#include "clients/common/files.h"
#include "clients/common/harmless.h"
#include "p2pd/v1/torrent_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

absl::StatusOr<MadeTorrent> Make(const TorrentCreateArgs& args, uint64_t piece_length) {
  MakeOptions options;
  options.path = args.path;
  if (!clients::IsStandardOutput(args.out)) options.out = args.out;
  options.piece_length = piece_length;
  options.hybrid = args.hybrid;
  options.is_private = args.is_private;
  options.trackers = args.trackers;
  options.web_seeds = args.web_seeds;
  options.comment = args.comment;
  ProgressLine progress;
  return MakeTorrent(options, [&](uint32_t done, uint32_t all) {
    progress.Show(static_cast<double>(done) / all, absl::StrCat("hashed ", done, " of ", all));
  });
}

v1::Torrent AsTorrent(const MadeTorrent& made, const TorrentCreateArgs& args) {
  v1::Torrent out;
  out.set_name(absl::StrCat("torrents/", made.hash));
  out.set_title(made.name);
  out.set_info_hash_v1(made.hash_v1);
  out.set_info_hash_v2(made.hash_v2);
  out.set_size(made.bytes);
  out.set_piece_length(made.piece_length);
  out.set_piece_count(made.pieces);
  out.set_is_private(args.is_private);
  return out;
}

}  // namespace

ExitCode TorrentCreate(Session& session, const TorrentCreateArgs& args) {
  uint64_t piece_length = 0;
  if (!args.piece_size.empty()) {
    const auto size = ParseSize(args.piece_size);
    if (!size || *size == 0) {
      return clients::ReportUsage("'" + args.piece_size +
                                  "' is no piece size: such as 256KiB or 1MiB");
    }
    piece_length = *size;
  }
  const absl::Status writable = clients::CheckOutput(args.out);
  if (!writable.ok()) return clients::ReportUsage(std::string(writable.message()));
  const absl::StatusOr<MadeTorrent> made = Make(args, piece_length);
  if (!made.ok()) {
    // Whatever is wrong is wrong with what the caller named.
    return clients::ReportUsage(std::string(made.status().message()));
  }
  const absl::Status written = clients::WriteOutput(args.out, made->metainfo, false);
  if (!written.ok()) return clients::ReportFailure(std::string(written.message()));
  if (clients::IsStandardOutput(args.out) && !args.submit) return ExitCode::kDone;
  if (args.submit) {
    v1::SubmitTorrentRequest request;
    request.set_metainfo(made->metainfo);
    v1::Torrent answer;
    if (!session.Call<v1::TorrentService>(&v1::TorrentService::Stub::SubmitTorrent, request,
                                          &answer)) {
      return session.problem();
    }
    if (clients::IsStandardOutput(args.out)) return ExitCode::kDone;
    if (session.json()) {
      Session::PrintJson(answer);
      return ExitCode::kDone;
    }
  } else if (session.json()) {
    Session::PrintJson(AsTorrent(*made, args));
    return ExitCode::kDone;
  }
  std::printf("torrent      %s\ntitle        %s\nsize         %s in %u pieces of %u KiB\n",
              made->hash.c_str(), clients::Harmless(made->name).c_str(),
              ShowBytes(made->bytes).c_str(), made->pieces, made->piece_length >> 10);
  std::printf("magnet       %s\nwritten to   %s\n", made->magnet.c_str(), args.out.c_str());
  if (args.submit)
    std::printf("submitted    see it with: p2pctl torrent show %s\n", made->hash.c_str());
  return ExitCode::kDone;
}

}  // namespace p2pd::cli
