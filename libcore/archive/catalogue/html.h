// Html: the pages of the catalogue for people: without script, with one style sheet inside.
//
// Rules: every text that is not ours goes through Markup. A page asks nothing of any other place,
// and its policy (Content-Security-Policy) lets the browser fetch nothing and run nothing. Lists
// are as long as their Search says. Threads: values. Sources: HTML; CSP 3; WCAG 2.2.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "libcore/archive/catalogue/detail.h"
#include "libcore/archive/catalogue/index.h"
#include "libcore/archive/catalogue/question.h"

namespace p2pd::archive::catalogue {

// The value of Content-Security-Policy that the pages are made for.
std::string ContentSecurityPolicy();

// Of all that is shown.
struct Totals {
  size_t torrents = 0;
  size_t in_need = 0;
  uint64_t bytes = 0;
};

std::string SearchPage(const Search& search, const Found& found, const Totals& totals);
std::string NeedPage(const Search& search, const Found& found);
// `magnet` is the link of the torrent.
std::string ItemPage(const Detail& detail, absl::string_view magnet);
std::string AboutPage();
std::string RefusalPage(int status, absl::string_view why);

}  // namespace p2pd::archive::catalogue
