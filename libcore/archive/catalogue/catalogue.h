// Catalogue: what an S-tracker keeps, for browsers, feed readers and programs: from a request to
// its response, without socket, thread or disk.
//
// Rules: a request is answered from an Index at once, or names a torrent whose Detail the owner
// gets and comes back with. Peers are numbers, never addresses. What is private (BEP 27) is as if
// it were not there, unless the operator lists it. Every request is a stranger's: its target is
// bounded and read strictly, and nothing of it or of a torrent reaches a page unescaped.
// Threads: one owner. Limits: those of Question, Index and Detail; kMaxHost.
// Sources: RFC 9110 (ETag, HEAD); design §7.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "libcore/archive/catalogue/detail.h"
#include "libcore/archive/catalogue/feeds.h"
#include "libcore/archive/catalogue/index.h"
#include "libcore/archive/catalogue/question.h"
#include "libcore/http/conversation.h"

namespace p2pd::archive::catalogue {

struct CatalogueOptions {
  // How others call the catalogue: "https://archive.example.org", without a slash at its end.
  // Empty: "http://" and what the request calls it.
  std::string url{};
  // The announce address of our tracker, for magnet links, and for .torrent files that name none;
  // empty: HTTP at the host of `url` and this port, or none where that is 0.
  std::string announce{};
  uint16_t tracker_port = 0;
  bool list_private = false;
  // For who does not say whom he asks.
  std::string fallback_host{};
};

// What was answered.
struct CatalogueCounts {
  uint64_t pages = 0;
  uint64_t feeds = 0;
  uint64_t metainfos = 0;
  uint64_t not_modified = 0;
  uint64_t refused = 0;
};

class Catalogue {
 public:
  static constexpr size_t kMaxHost = 255;

  // What a request needs beside the index. `metainfo`: also the bytes of its .torrent file.
  struct Wanted {
    torrent::InfoHash hash;
    bool metainfo = false;
    Question question;
    http::Request request;
  };

  explicit Catalogue(CatalogueOptions options);

  // Answers from now on by these.
  void SetIndex(std::vector<TorrentSummary> summaries);
  std::variant<http::Response, Wanted> Answer(const http::Request& request,
                                              const Index::FullText& full_text);
  // `detail` is what Wanted named; nullopt: there is none.
  http::Response Answer(const Wanted& wanted, const std::optional<Detail>& detail);
  // The archive has no time.
  http::Response Busy();

  const CatalogueCounts& counts() const { return counts_; }

 private:
  FeedOptions Feed(const http::Request& request) const;
  http::Response Refuse(const http::Request& request, const Refused& refused);
  http::Response Html(const http::Request& request, std::string page);
  http::Response Finish(const http::Request& request, http::Response response);
  http::Response Listed(const http::Request& request, const Question& question,
                        const Index::FullText& full_text);

  const CatalogueOptions options_;
  const std::string policy_;
  Index index_;
  CatalogueCounts counts_;
};

}  // namespace p2pd::archive::catalogue
