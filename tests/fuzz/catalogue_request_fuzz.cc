// A stranger's request to the catalogue, and a stranger's torrent in its answer: whatever both say,
// no page, feed or JSON has markup, a control character or a header line of theirs, and an answer
// is as long as its lists may be.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "libcore/archive/catalogue/catalogue.h"
#include "libcore/archive/catalogue/escape.h"
#include "libcore/base/check.h"

namespace {

using namespace p2pd::archive::catalogue;  // NOLINT(google-build-using-namespace)
using p2pd::archive::TorrentState;
using p2pd::archive::TorrentSummary;
using p2pd::archive::torrent::InfoHash;
namespace http = p2pd::http;

constexpr size_t kMaxAnswer = 1 << 20;

// What the targets of the corpus name.
InfoHash Hash() { return *p2pd::archive::torrent::ParseInfoHash(std::string(40, 'a')); }

TorrentSummary MakeSummary(const std::string& name) {
  TorrentSummary out;
  out.hashes.v1 = Hash();
  out.name = name;
  out.pieces = 3;
  out.held = 2;
  out.state = TorrentState::kFetching;
  return out;
}

Detail MakeDetail(const std::string& name) {
  Detail out;
  out.summary = MakeSummary(name);
  out.row.hashes = out.summary.hashes;
  out.row.name = name;
  out.row.pieces = out.summary.pieces;
  out.copies = {0, 1, 2};
  out.have = {false, true, true};
  out.files = {{name, 1}};
  out.file_count = 1;
  out.trackers = {name};
  out.comment = name;
  out.trouble = name;
  out.metainfo = p2pd::ToBytes("de");
  return out;
}

void Check(const http::Response& response) {
  P2PD_CHECK(response.body.size() <= kMaxAnswer);
  const absl::string_view body = p2pd::AsText(response.body);
  P2PD_CHECK(response.type == "application/x-bittorrent" || IsPlainText(body));
  // The input says this; no page of ours does.
  P2PD_CHECK(!absl::StrContains(absl::AsciiStrToLower(body), "<evil"));
  for (const auto& [name, value] : response.headers) {
    // Not the only guard: Conversation leaves out what could end a line.
    P2PD_CHECK(!absl::StrContains(value, '\n'));
  }
}

}  // namespace

// The first line is the target, the second the Host, the rest what a torrent calls itself.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t first = std::min(input.find('\n'), input.size());
  const size_t second = std::min(input.find('\n', std::min(first + 1, input.size())), input.size());
  http::Request request;
  request.target = input.substr(0, first);
  request.host = second > first ? input.substr(first + 1, second - first - 1) : "";
  // Names of torrents come through the parser of metainfo, which bounds them.
  constexpr size_t kMaxName = 1000;
  const std::string name = second < input.size() ? input.substr(second + 1, kMaxName) : "";
  Catalogue catalogue({.announce = "http://tracker.example/announce", .fallback_host = "x"});
  catalogue.SetIndex({MakeSummary(name)});
  const auto answer =
      catalogue.Answer(request, [](const std::string&) { return std::vector<InfoHash>{Hash()}; });
  if (const auto* response = std::get_if<http::Response>(&answer)) {
    Check(*response);
  } else {
    const auto& wanted = std::get<Catalogue::Wanted>(answer);
    Check(catalogue.Answer(wanted, MakeDetail(name)));
    P2PD_CHECK(catalogue.Answer(wanted, std::nullopt).status == http::kNotFound);
  }
  return 0;
}
