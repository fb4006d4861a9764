#include "libcore/archive/catalogue/feeds.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libcore/archive/catalogue/drawings.h"
#include "libcore/archive/catalogue/escape.h"
#include "libcore/archive/catalogue/json_writer.h"
#include "libcore/archive/catalogue/words.h"
#include "libcore/archive/torrent/magnet.h"
#include "libcore/base/hex.h"

namespace p2pd::archive::catalogue {
namespace {

constexpr absl::string_view kXmlHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
// Torznab's "Other": what a torrent is about nobody has told us.
constexpr int kCategory = 8000;
constexpr size_t kMaxReadings = 500;

std::string TitleOf(const TorrentSummary& summary) {
  return summary.name.empty() ? torrent::ToHex(summary.hashes.Best()) : summary.name;
}

std::string Element(absl::string_view name, absl::string_view text) {
  return absl::StrCat("<", name, ">", Markup(text), "</", name, ">");
}

std::string Attribute(absl::string_view name, absl::string_view value) {
  return absl::StrCat("<torznab:attr name=\"", name, "\" value=\"", Markup(value), "\"/>");
}

// What both kinds of feed say of a torrent. `length` is what the enclosure is said to have.
std::string ItemHead(const FeedOptions& options, const TorrentSummary& summary, uint64_t length) {
  const std::string page = absl::StrCat(options.base, TorrentPath(summary));
  return absl::StrCat(
      Element("title", TitleOf(summary)), Element("link", page),
      "<guid isPermaLink=\"false\">urn:btih:", torrent::ToHex(summary.hashes.Best()), "</guid>",
      Element("pubDate", MailTime(summary.added)), "<enclosure url=\"",
      Markup(absl::StrCat(page, ".torrent")), "\" length=\"", length,
      "\" type=\"application/x-bittorrent\"/>");
}

std::string Channel(absl::string_view title, absl::string_view link, absl::string_view self,
                    absl::string_view items) {
  return absl::StrCat(Element("title", title), Element("link", link),
                      Element("description", "What an S-tracker keeps alive."),
                      "<atom:link rel=\"self\" type=\"application/rss+xml\" href=\"", Markup(self),
                      "\"/>\n", items);
}

void WriteSummary(const FeedOptions& options, const TorrentSummary& summary,
                  const std::vector<std::string>& trackers, JsonWriter& out) {
  const torrent::InfoHashes& hashes = summary.hashes;
  out.Key("hash").String(torrent::ToHex(hashes.Best()));
  if (hashes.v1) out.Key("info_hash_v1").String(torrent::ToHex(*hashes.v1));
  if (hashes.v2) out.Key("info_hash_v2").String(Hex(hashes.v2->view()));
  out.Key("name").String(summary.name);
  out.Key("size").Number(summary.size);
  out.Key("pieces").Number(uint64_t{summary.pieces});
  out.Key("state").String(ToString(summary.state));
  out.Key("health").String(HealthText(HealthOf(summary)));
  out.Key("total_availability").Number(summary.total.value());
  out.Key("organic_availability").Number(summary.organic.value());
  out.Key("pieces_here").Number(uint64_t{summary.held});
  out.Key("peers").Number(uint64_t{summary.peers});
  out.Key("seeds").Number(uint64_t{summary.seeds});
  out.Key("private").Bool(summary.is_private);
  out.Key("added").String(MachineTime(summary.added));
  out.Key("magnet").String(MagnetOf(summary, options.announce, trackers));
  if (summary.pieces > 0) {
    out.Key("torrent").String(absl::StrCat(options.base, TorrentPath(summary), ".torrent"));
  }
}

void WriteHistory(const std::vector<Reading>& history, JsonWriter& out) {
  // The newest of them.
  const size_t from = history.size() - std::min(history.size(), kMaxReadings);
  out.Key("history").OpenArray();
  for (size_t i = from; i < history.size(); ++i) {
    out.OpenObject().Key("at").String(MachineTime(history[i].at));
    out.Key("total").Number(history[i].total.value());
    out.Key("organic").Number(history[i].organic.value()).CloseObject();
  }
  out.CloseArray();
}

}  // namespace

std::string MagnetOf(const TorrentSummary& summary, absl::string_view announce,
                     const std::vector<std::string>& trackers) {
  torrent::Magnet magnet;
  magnet.hashes = summary.hashes;
  magnet.name = summary.name;
  if (!announce.empty() && !summary.is_private) magnet.trackers.emplace_back(announce);
  for (const std::string& url : trackers) {
    if (url != announce) magnet.trackers.push_back(url);
  }
  return torrent::ToLink(magnet);
}

std::string RssFeed(const FeedOptions& options, const Search& search, const Found& found) {
  std::string items;
  for (const TorrentSummary* summary : found.shown) {
    // Without metainfo there is nothing to enclose yet.
    if (summary->pieces == 0) continue;
    absl::StrAppend(&items, "<item>", ItemHead(options, *summary, 0),
                    Element("description", absl::StrCat(SizeText(summary->size), ", availability ",
                                                        NumberText(summary->total), ", ",
                                                        HealthText(HealthOf(*summary)))),
                    "</item>\n");
  }
  const std::string title =
      search.text.empty() ? "Archive" : absl::StrCat("Archive: ", search.text);
  return absl::StrCat(
      kXmlHead, "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\"><channel>",
      Channel(title, absl::StrCat(options.base, "/"), absl::StrCat(options.base, "/rss"), items),
      "</channel></rss>\n");
}

std::string TorznabCaps(const FeedOptions& options) {
  return absl::StrCat(
      kXmlHead, "<caps><server title=\"p2pd archive\" url=\"", Markup(options.base),
      "/\"/><limits max=\"", kMaxLimit, "\" default=\"", kPageSize,
      "\"/><searching><search available=\"yes\" supportedParams=\"q\"/>"
      "<tv-search available=\"no\" supportedParams=\"q\"/>"
      "<movie-search available=\"no\" supportedParams=\"q\"/></searching><categories>"
      "<category id=\"",
      kCategory, "\" name=\"Other\"/></categories></caps>\n");
}

std::string TorznabFeed(const FeedOptions& options, const Search& search, const Found& found) {
  std::string items = absl::StrCat("<newznab:response offset=\"", search.offset, "\" total=\"",
                                   found.total, "\"/>\n");
  for (const TorrentSummary* summary : found.shown) {
    // This archive is one of the seeds when it has everything.
    const bool whole = summary->pieces > 0 && summary->held == summary->pieces;
    const uint32_t seeders = summary->seeds + (whole ? 1 : 0);
    absl::StrAppend(
        &items, "<item>", ItemHead(options, *summary, summary->size),
        Element("comments", absl::StrCat(options.base, TorrentPath(*summary))),
        Element("size", absl::StrCat(summary->size)), Element("category", absl::StrCat(kCategory)),
        Attribute("category", absl::StrCat(kCategory)),
        Attribute("size", absl::StrCat(summary->size)), Attribute("seeders", absl::StrCat(seeders)),
        Attribute("peers", absl::StrCat(summary->peers + (whole ? 1 : 0))),
        Attribute("infohash", torrent::ToHex(summary->hashes.Best())),
        Attribute("magneturl", MagnetOf(*summary, options.announce, {})),
        Attribute("downloadvolumefactor", "0"), Attribute("uploadvolumefactor", "1"), "</item>\n");
  }
  return absl::StrCat(
      kXmlHead,
      "<rss version=\"2.0\" xmlns:atom=\"http://www.w3.org/2005/Atom\" "
      "xmlns:torznab=\"http://torznab.com/schemas/2015/feed\" "
      "xmlns:newznab=\"http://www.newznab.com/DTD/2010/feeds/attributes/\"><channel>",
      Channel("p2pd archive", absl::StrCat(options.base, "/"),
              absl::StrCat(options.base, "/torznab/api"), items),
      "</channel></rss>\n");
}

std::string TorznabError(int code, absl::string_view why) {
  return absl::StrCat(kXmlHead, "<error code=\"", code, "\" description=\"", Markup(why), "\"/>\n");
}

std::string JsonList(const FeedOptions& options, const Search& search, const Found& found) {
  JsonWriter out;
  out.OpenObject().Key("total").Number(uint64_t{found.total});
  out.Key("offset").Number(uint64_t{search.offset}).Key("torrents").OpenArray();
  for (const TorrentSummary* summary : found.shown) {
    out.OpenObject();
    WriteSummary(options, *summary, {}, out);
    out.CloseObject();
  }
  out.CloseArray().CloseObject();
  return absl::StrCat(out.text(), "\n");
}

std::string JsonItem(const FeedOptions& options, const Detail& detail) {
  JsonWriter out;
  out.OpenObject();
  WriteSummary(options, detail.summary, detail.trackers, out);
  out.Key("availability_text")
      .String(ExplainTotal(detail.summary.organic, detail.summary.total, detail.summary.held > 0));
  out.Key("trouble").String(detail.trouble);
  out.Key("comment").String(detail.comment);
  out.Key("piece_length").Number(uint64_t{detail.row.piece_length});
  out.Key("archives").Number(uint64_t{detail.members});
  out.Key("uploaded").Number(detail.row.uploaded);
  out.Key("file_count").Number(uint64_t{detail.file_count}).Key("files").OpenArray();
  for (const Detail::File& file : detail.files) {
    out.OpenObject().Key("path").String(file.path).Key("size").Number(file.size).CloseObject();
  }
  out.CloseArray().Key("cells").OpenArray();
  for (const Cell& cell : CellsOf(detail.copies, detail.have)) {
    out.OpenObject().Key("first").Number(uint64_t{cell.first});
    out.Key("count").Number(uint64_t{cell.count}).Key("copies").Number(uint64_t{cell.copies});
    out.Key("here").Bool(cell.here).CloseObject();
  }
  out.CloseArray();
  WriteHistory(detail.history, out);
  out.CloseObject();
  return absl::StrCat(out.text(), "\n");
}

std::string JsonError(int status, absl::string_view why) {
  JsonWriter out;
  out.OpenObject().Key("status").Number(static_cast<uint64_t>(status));
  out.Key("error").String(why).CloseObject();
  return absl::StrCat(out.text(), "\n");
}

}  // namespace p2pd::archive::catalogue
