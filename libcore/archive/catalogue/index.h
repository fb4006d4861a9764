// Index: all torrents that the catalogue shows, as they were at one moment, in each order.
//
// Rules: an order is made when it is first asked for, and kept as long as the index. Private
// torrents (BEP 27) are left out unless the operator wants them. Threads: one owner.
// Limits: those of Archive; kMaxSearches searches are remembered.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "libcore/archive/archive.h"
#include "libcore/archive/catalogue/question.h"

namespace p2pd::archive::catalogue {

// What a search found, and the part of it that was asked for.
struct Found {
  size_t total = 0;
  std::vector<const TorrentSummary*> shown;  // of the index, as long as that lives
};

class Index {
 public:
  static constexpr size_t kMaxSearches = 64;
  // Hashes for a text, the best first; see Library::Search.
  using FullText = std::function<std::vector<torrent::InfoHash>(const std::string& text)>;

  Index() = default;
  // `summaries` by hash, ascending.
  Index(std::vector<TorrentSummary> summaries, bool with_private);

  Found Find(const Search& search, const FullText& full_text);
  // Those that are not whole without archives, the worst first.
  Found InNeed(const Search& search);
  // nullptr: there is none, or it is not shown.
  const TorrentSummary* Get(const torrent::InfoHash& hash) const;

  size_t size() const { return summaries_.size(); }
  // Of all that is shown.
  size_t in_need() { return NeedEnd(); }
  uint64_t bytes() const { return bytes_; }

 private:
  using Order = std::vector<uint32_t>;  // positions in summaries_
  static constexpr size_t kSorts = 5;

  const Order& All(Sort sort);
  size_t NeedEnd();
  void Arrange(Sort sort, Order& order) const;
  Found Window(const Order& order, size_t total, const Search& search) const;
  const Order& Matches(const std::string& text, const FullText& full_text);

  std::vector<TorrentSummary> summaries_;
  uint64_t bytes_ = 0;
  std::array<Order, kSorts> orders_;
  std::map<std::string, Order> searches_;
};

}  // namespace p2pd::archive::catalogue
