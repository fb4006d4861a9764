#include "libcore/archive/catalogue/html.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libcore/archive/catalogue/drawings.h"
#include "libcore/archive/catalogue/escape.h"
#include "libcore/archive/catalogue/style.h"
#include "libcore/archive/catalogue/words.h"
#include "libcore/base/hex.h"
#include "libcore/http/query.h"
#include "libcore/pki/hash.h"

namespace p2pd::archive::catalogue {
namespace {

constexpr size_t kHashStart = 12;

struct Link {
  absl::string_view path;
  absl::string_view text;
};
constexpr Link kLinks[] = {
    {"/", "Search"}, {"/in-need", "Most in need"}, {"/api", "Feeds and API"}};

// `title` and `feed` are text of anybody's; `here` one of kLinks or nothing.
std::string Page(absl::string_view title, absl::string_view here, absl::string_view feed,
                 absl::string_view body) {
  std::string nav;
  for (const Link& link : kLinks) {
    absl::StrAppend(&nav, "<a href=\"", link.path, "\"",
                    link.path == here ? " aria-current=\"page\"" : "", ">", link.text, "</a>");
  }
  return absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<title>",
      Markup(title), "</title><link rel=\"icon\" href=\"data:,\">",
      "<link rel=\"alternate\" type=\"application/rss+xml\" title=\"RSS\" href=\"", Markup(feed),
      "\"><style>", kStyle,
      "</style></head><body><a class=\"skip\" href=\"#main\">Skip to the content</a>"
      "<header><a class=\"home\" href=\"/\">Archive</a><nav aria-label=\"Pages\">",
      nav, "</nav></header><main id=\"main\">", body,
      "</main><footer><p>Kept by an S-tracker of p2pd: what nobody else has stays here.</p>"
      "</footer></body></html>\n");
}

// Magnets may come without one.
std::string NameOrHash(const TorrentSummary& summary) {
  if (!summary.name.empty()) return summary.name;
  return absl::StrCat("Torrent ", torrent::ToHex(summary.hashes.Best()).substr(0, kHashStart), "…");
}

std::string Badge(const TorrentSummary& summary) {
  const Health health = HealthOf(summary);
  absl::string_view shade;
  switch (health) {
    case Health::kUnknown:
      break;
    case Health::kIncomplete:
      shade = " bad";
      break;
    case Health::kOnArchives:
      shade = " fair";
      break;
    case Health::kHealthy:
      shade = " good";
      break;
  }
  return absl::StrCat("<span class=\"badge", shade, "\">", HealthText(health), "</span>");
}

std::string Time(absl::Time time) {
  return absl::StrCat("<time datetime=\"", MachineTime(time), "\">", TimeText(time), "</time>");
}

std::string Row(const TorrentSummary& summary) {
  const bool known = summary.pieces > 0;
  return absl::StrCat("<tr><th scope=\"row\" class=\"name\"><a href=\"", TorrentPath(summary),
                      "\"><bdi>", Markup(NameOrHash(summary)), "</bdi></a></th><td>",
                      Badge(summary), "</td><td class=\"n copies\">",
                      known ? NumberText(summary.total) : "–", "</td><td class=\"n wideonly\">",
                      ShareText(summary.held, summary.pieces), "</td><td class=\"n wideonly\">",
                      summary.peers, "</td><td class=\"n\">", known ? SizeText(summary.size) : "–",
                      "</td><td class=\"n wideonly\">", Time(summary.added), "</td></tr>\n");
}

std::string Table(absl::string_view caption, const Found& found) {
  std::string rows;
  for (const TorrentSummary* summary : found.shown) absl::StrAppend(&rows, Row(*summary));
  return absl::StrCat(
      "<div class=\"card list\"><table><caption>", caption,
      "</caption><thead><tr><th scope=\"col\" class=\"name\">Name</th><th scope=\"col\">State</th>"
      "<th scope=\"col\" class=\"n\">Copies</th><th scope=\"col\" class=\"n wideonly\">Here</th>"
      "<th scope=\"col\" class=\"n wideonly\">Peers</th><th scope=\"col\" class=\"n\">Size</th>"
      "<th scope=\"col\" class=\"n wideonly\">Added</th></tr></thead><tbody>\n",
      rows, "</tbody></table></div>");
}

// Of `path`, which has its first parameters or none.
std::string PageLinks(absl::string_view path, const Search& search, const Found& found) {
  const size_t page = search.offset / kPageSize + 1;
  const size_t pages = std::max<size_t>(1, (found.total + kPageSize - 1) / kPageSize);
  if (pages == 1 && page == 1) return "";
  const auto link = [path](absl::string_view rel, size_t to, absl::string_view text) {
    const char joint = path.find('?') == absl::string_view::npos ? '?' : '&';
    return absl::StrCat("<a rel=\"", rel, "\" href=\"",
                        Markup(absl::StrCat(path, std::string(1, joint), "page=", to)), "\">", text,
                        "</a>");
  };
  return absl::StrCat("<nav class=\"pages\" aria-label=\"Pages of the list\"><span>",
                      page > 1 ? link("prev", std::min(page - 1, pages), "← Previous") : "",
                      "</span><span class=\"dim\">Page ", page, " of ", pages, "</span><span>",
                      page < pages ? link("next", page + 1, "Next →") : "", "</span></nav>");
}

std::string Form(const Search& search) {
  constexpr std::pair<Sort, absl::string_view> kOrders[] = {
      {Sort::kRelevance, "Best match"}, {Sort::kNewest, "Newest"}, {Sort::kNeed, "Most in need"},
      {Sort::kSize, "Largest"},         {Sort::kName, "Name"},
  };
  std::string options;
  for (const auto& [sort, text] : kOrders) {
    absl::StrAppend(&options, "<option value=\"", NameOf(sort), "\"",
                    sort == search.sort ? " selected" : "", ">", text, "</option>");
  }
  return absl::StrCat(
      "<form action=\"/\" method=\"get\" role=\"search\"><div class=\"wide\"><label for=\"q\">"
      "Words of a name or of a file</label><input id=\"q\" name=\"q\" type=\"search\" "
      "maxlength=\"200\" value=\"",
      Markup(search.text),
      "\"></div><div><label for=\"sort\">Order</label><select id=\"sort\" name=\"sort\">", options,
      "</select></div><div><button>Search</button></div></form>");
}

// The number, large, and what it means.
std::string Explained(absl::string_view title, const Availability& availability,
                      absl::string_view words, absl::string_view among) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(words, absl::MaxSplits(": ", 1));
  return absl::StrCat("<section class=\"card\"><h2>", title, "</h2><div class=\"big\">",
                      NumberText(availability), "</div><p>", parts.second, "</p><p class=\"dim\">",
                      among, "</p></section>");
}

std::string Verdict(const TorrentSummary& summary) {
  switch (HealthOf(summary)) {
    case Health::kUnknown:
      return "Nobody has told yet which pieces there are.";
    case Health::kIncomplete:
      return "A download cannot be completed now: of some piece nobody is connected who has it. "
             "If you have this file, your client can save it by seeding for a while.";
    case Health::kOnArchives:
      return "A download can be completed, because archives keep what nobody else has whole. "
             "Whoever seeds it makes it safer.";
    case Health::kHealthy:
      return "A download can be completed, with or without this archive.";
  }
  return "";
}

std::string WithArchives(const Detail& detail) {
  const TorrentSummary& summary = detail.summary;
  const std::string others =
      detail.members == 0 ? ""
                          : absl::StrCat(", and with ", CountText(detail.members, "other archive",
                                                                  "other archives"));
  return absl::StrCat("With this archive, which has ", ShareText(summary.held, summary.pieces),
                      " of the pieces", others, ".");
}

std::string WithoutArchives(const TorrentSummary& summary) {
  if (summary.peers == 0) return "No peer is connected to this archive just now.";
  return absl::StrCat(
      "Among ", CountText(summary.peers, "peer", "peers"), " connected to this archive, of whom ",
      summary.seeds == 0 ? "none has everything."
                         : CountText(summary.seeds, "has everything.", "have everything."));
}

std::string Availabilities(const Detail& detail) {
  const TorrentSummary& summary = detail.summary;
  if (summary.pieces == 0) return "";
  return absl::StrCat("<div class=\"two\">",
                      Explained("Copies in all", summary.total,
                                ExplainTotal(summary.organic, summary.total, summary.held > 0),
                                WithArchives(detail)),
                      Explained("Without archives", summary.organic, Explain(summary.organic),
                                WithoutArchives(summary)),
                      "</div>");
}

std::string LegendEntry(absl::string_view path, absl::string_view shade, absl::string_view text) {
  return absl::StrCat(
      "<li><svg viewBox=\"0 0 9 9\" width=\"13\" height=\"13\" "
      "aria-hidden=\"true\"><path class=\"",
      shade, "\" fill-rule=\"evenodd\" d=\"", path, "\"/></svg>", text, "</li>");
}

std::string Pieces(const Detail& detail) {
  const std::vector<Cell> cells = CellsOf(detail.copies, detail.have);
  if (cells.empty()) return "";
  constexpr absl::string_view kSolid = "M0 0h9v9h-9z";
  constexpr absl::string_view kHollow = "M0 0h9v9h-9zm2.5 2.5v4h4v-4z";
  return absl::StrCat(
      "<section class=\"card\"><h2>Pieces</h2><p class=\"dim\">",
      CountText(detail.summary.pieces, "piece", "pieces"), " of ",
      SizeText(detail.row.piece_length),
      cells[0].count > 1 ? absl::StrCat("; each square stands for ", cells[0].count,
                                        " and shows the rarest of them")
                         : "",
      ".</p>", DrawPieces(cells), "<ul class=\"legend\">",
      LegendEntry(kSolid, "c0", "nobody has it"), LegendEntry(kSolid, "c1", "one copy"),
      LegendEntry(kSolid, "c2", "two copies"), LegendEntry(kSolid, "c3", "three or more"),
      LegendEntry(kHollow, "c3", "hollow: not all of it is in this archive"), "</ul></section>");
}

std::string History(const Detail& detail) {
  const std::string plot = DrawHistory(detail.history);
  if (plot.empty()) return "";
  return absl::StrCat(
      "<section class=\"card\"><h2>Availability over time</h2>", plot,
      "<ul class=\"legend\"><li>Solid line: copies in all</li><li>Dashed line: without archives"
      "</li></ul></section>");
}

std::string Files(const Detail& detail) {
  if (detail.files.empty()) return "";
  std::string rows;
  for (const Detail::File& file : detail.files) {
    absl::StrAppend(&rows, "<tr><th scope=\"row\" class=\"name\"><bdi>", Markup(file.path),
                    "</bdi></th><td class=\"n\">", SizeText(file.size), "</td></tr>\n");
  }
  const size_t more = detail.file_count - detail.files.size();
  constexpr size_t kFew = 30;
  return absl::StrCat(
      "<details class=\"card\"", detail.file_count <= kFew ? " open" : "", "><summary>",
      CountText(detail.file_count, "file", "files"),
      "</summary><table><caption>Files</caption><thead><tr><th scope=\"col\" class=\"name\">Name"
      "</th><th scope=\"col\" class=\"n\">Size</th></tr></thead><tbody>\n",
      rows, "</tbody></table>",
      more == 0
          ? ""
          : absl::StrCat("<p class=\"dim\">and ", more, " more, named in the .torrent file</p>"),
      "</details>");
}

std::string Facts(const Detail& detail) {
  std::string out = "<section class=\"card\"><h2>Facts</h2><dl>";
  const auto fact = [&out](absl::string_view term, absl::string_view markup) {
    absl::StrAppend(&out, "<dt>", term, "</dt><dd>", markup, "</dd>");
  };
  const auto code = [](absl::string_view text) {
    return absl::StrCat("<code>", Markup(text), "</code>");
  };
  const torrent::InfoHashes& hashes = detail.row.hashes;
  if (hashes.v1) fact("Info-hash", code(torrent::ToHex(*hashes.v1)));
  if (hashes.v2) {
    fact("Info-hash, version 2", code(Hex(hashes.v2->view())));
  }
  if (detail.summary.pieces > 0) fact("Size", SizeText(detail.row.size));
  fact("State", StateText(detail.row.state));
  if (!detail.trouble.empty()) fact("Hindered by", Markup(detail.trouble));
  fact("Came here", absl::StrCat(Time(detail.row.added), ", ", ToString(detail.row.source)));
  if (detail.row.archived) fact("First whole here", Time(*detail.row.archived));
  fact("Given to others", SizeText(detail.row.uploaded));
  if (!detail.comment.empty()) {
    fact("Comment", absl::StrCat("<bdi>", Markup(detail.comment), "</bdi>"));
  }
  // Addresses of private ones may carry somebody's key.
  if (!detail.trackers.empty() && !detail.row.is_private) {
    std::vector<std::string> trackers;
    for (const std::string& url : detail.trackers) trackers.push_back(code(url));
    fact("Trackers", absl::StrJoin(trackers, "<br>"));
  }
  return absl::StrCat(out, "</dl></section>");
}

}  // namespace

std::string ContentSecurityPolicy() {
  const std::string digest = absl::Base64Escape(AsText(pki::Sha256(AsBytes(kStyle)).view()));
  return absl::StrCat("default-src 'none'; style-src 'sha256-", digest,
                      "'; img-src data:; form-action 'self'; base-uri 'none'; "
                      "frame-ancestors 'none'");
}

std::string SearchPage(const Search& search, const Found& found, const Totals& totals) {
  const std::string sort = absl::StrCat("sort=", NameOf(search.sort));
  std::string body =
      absl::StrCat("<h1>", search.text.empty() ? "All torrents" : "Search", "</h1>", Form(search));
  std::string feed = "/rss";
  std::string path = absl::StrCat("/?", sort);
  if (search.text.empty()) {
    absl::StrAppend(&body, "<p class=\"dim\">", CountText(totals.torrents, "torrent", "torrents"),
                    ", ", SizeText(totals.bytes), "; <a href=\"/in-need\">",
                    CountText(totals.in_need, "one needs", "of them need"), " help</a>.</p>");
  } else {
    const std::string q = absl::StrCat("q=", http::PercentEncode(search.text));
    path = absl::StrCat("/?", q, "&", sort);
    absl::StrAppend(&feed, "?", q);
    absl::StrAppend(&body, "<p class=\"dim\">", CountText(found.total, "torrent", "torrents"),
                    " for “<bdi>", Markup(search.text), "</bdi>”. <a href=\"", Markup(feed),
                    "\">Follow this search by RSS</a>.</p>");
  }
  if (found.shown.empty()) {
    absl::StrAppend(&body, "<div class=\"card\"><p>",
                    search.text.empty() ? "There is nothing on this page."
                                        : "Nothing was found. Each word has to begin a word of the "
                                          "name or of a file.",
                    "</p></div>");
  } else {
    absl::StrAppend(&body, Table("Torrents", found));
  }
  absl::StrAppend(&body, PageLinks(path, search, found));
  const std::string title =
      search.text.empty() ? "Archive" : absl::StrCat(search.text, " – Archive");
  return Page(title, search.text.empty() ? "/" : "", feed, body);
}

std::string NeedPage(const Search& search, const Found& found) {
  std::string body =
      "<h1>Most in need</h1><p>What is not whole, or whole on archives alone; the worst first. If "
      "you have one of these, let your client seed it.</p>";
  absl::StrAppend(&body,
                  found.shown.empty()
                      ? "<div class=\"card\"><p>Nothing needs help just now.</p></div>"
                      : Table("Torrents in need of seeds", found),
                  PageLinks("/in-need", search, found));
  return Page("Most in need – Archive", "/in-need", "/rss", body);
}

std::string ItemPage(const Detail& detail, absl::string_view magnet) {
  const TorrentSummary& summary = detail.summary;
  const std::string name = NameOrHash(summary);
  std::string body =
      absl::StrCat("<h1><bdi>", Markup(name), "</bdi></h1><p>", Badge(summary), " ",
                   Verdict(summary), "</p><div class=\"buttons\"><a class=\"button\" href=\"",
                   Markup(magnet), "\">Magnet link</a>");
  if (summary.pieces > 0) {
    absl::StrAppend(&body, "<a class=\"button second\" href=\"", TorrentPath(summary),
                    ".torrent\">.torrent file</a>");
  }
  absl::StrAppend(&body, "</div>", Availabilities(detail), Pieces(detail), History(detail),
                  Facts(detail), Files(detail));
  return Page(absl::StrCat(name, " – Archive"), "", "/rss", body);
}

std::string AboutPage() {
  const auto entry = [](absl::string_view address, absl::string_view what) {
    return absl::StrCat("<dt><code>", Markup(address), "</code></dt><dd>", what, "</dd>");
  };
  return Page(
      "Feeds and API – Archive", "/api", "/rss",
      absl::StrCat(
          "<h1>Feeds and API</h1><section class=\"card\"><h2>Feeds</h2><dl>",
          entry("/rss", "<a href=\"/rss\">RSS</a> of the newest, each with its .torrent file"),
          entry("/rss?q=WORDS", "the same of a search"),
          entry("/torznab/api",
                "Torznab, for Prowlarr, Jackett, Sonarr and their like: "
                "<code>t=caps</code> and <code>t=search&amp;q=WORDS</code>; any "
                "key will do"),
          "</dl></section><section class=\"card\"><h2>JSON</h2><dl>",
          entry("/api/torrents?q=WORDS&sort=ORDER&limit=N&offset=N",
                "a list; all are optional; the order is relevance, need, newest, size or name"),
          entry("/api/torrents/HASH", "one torrent with its files, pieces and history"),
          entry("/torrent/HASH.torrent", "its metainfo"), "</dl></section>"));
}

std::string RefusalPage(int status, absl::string_view why) {
  return Page(absl::StrCat(status, " – Archive"), "", "/rss",
              absl::StrCat("<h1>", status == 404 ? "Not here" : "That cannot be answered",
                           "</h1><p>", Markup(why), "</p><p><a href=\"/\">To the search</a></p>"));
}

}  // namespace p2pd::archive::catalogue
