#include "libcore/archive/catalogue/index.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "libcore/archive/catalogue/words.h"

namespace p2pd::archive::catalogue {
namespace {

// Whether it is no more than archives keep alive; of what nothing is known there is no need.
bool NeedsHelp(const TorrentSummary& summary) {
  const Health health = HealthOf(summary);
  return health == Health::kIncomplete || health == Health::kOnArchives;
}

}  // namespace

Index::Index(std::vector<TorrentSummary> summaries, bool with_private)
    : summaries_(std::move(summaries)) {
  if (!with_private) {
    summaries_.erase(std::remove_if(summaries_.begin(), summaries_.end(),
                                    [](const TorrentSummary& s) { return s.is_private; }),
                     summaries_.end());
  }
  for (const TorrentSummary& summary : summaries_) bytes_ += summary.size;
}

// Ties by hash, so that pages do not overlap.
void Index::Arrange(Sort sort, Order& order) const {
  const auto by = [this, &order](const auto& key) {
    std::stable_sort(order.begin(), order.end(), [this, &key](uint32_t a, uint32_t b) {
      return key(summaries_[a]) < key(summaries_[b]);
    });
  };
  switch (sort) {
    case Sort::kRelevance:
      break;
    case Sort::kNeed:
      by([](const TorrentSummary& s) {
        return std::tuple(!NeedsHelp(s), HealthOf(s) == Health::kUnknown, s.total, s.organic,
                          -s.demand);
      });
      break;
    case Sort::kNewest:
      by([](const TorrentSummary& s) { return -absl::ToUnixMicros(s.added); });
      break;
    case Sort::kSize:
      by([](const TorrentSummary& s) { return UINT64_MAX - s.size; });
      break;
    case Sort::kName:
      by([](const TorrentSummary& s) { return absl::string_view(s.name); });
      break;
  }
}

const Index::Order& Index::All(Sort sort) {
  Order& order = orders_.at(static_cast<size_t>(sort));
  if (order.size() != summaries_.size()) {
    order.resize(summaries_.size());
    std::iota(order.begin(), order.end(), 0);
    Arrange(sort, order);
  }
  return order;
}

size_t Index::NeedEnd() {
  const Order& order = All(Sort::kNeed);
  const auto end = std::partition_point(order.begin(), order.end(),
                                        [this](uint32_t at) { return NeedsHelp(summaries_[at]); });
  return static_cast<size_t>(end - order.begin());
}

Found Index::Window(const Order& order, size_t total, const Search& search) const {
  Found out;
  out.total = total;
  for (size_t i = search.offset; i < total && out.shown.size() < search.limit; ++i) {
    out.shown.push_back(&summaries_[order[i]]);
  }
  return out;
}

Found Index::Find(const Search& search, const FullText& full_text) {
  if (search.text.empty()) return Window(All(search.sort), summaries_.size(), search);
  const Order& best = Matches(search.text, full_text);
  if (search.sort == Sort::kRelevance) return Window(best, best.size(), search);
  Order order = best;
  Arrange(search.sort, order);
  return Window(order, order.size(), search);
}

const Index::Order& Index::Matches(const std::string& text, const FullText& full_text) {
  const auto known = searches_.find(text);
  if (known != searches_.end()) return known->second;
  if (searches_.size() >= kMaxSearches) searches_.clear();
  Order& order = searches_[text];
  for (const torrent::InfoHash& hash : full_text(text)) {
    const TorrentSummary* summary = Get(hash);
    if (summary != nullptr) order.push_back(static_cast<uint32_t>(summary - summaries_.data()));
  }
  return order;
}

Found Index::InNeed(const Search& search) { return Window(All(Sort::kNeed), NeedEnd(), search); }

const TorrentSummary* Index::Get(const torrent::InfoHash& hash) const {
  const auto at = std::lower_bound(
      summaries_.begin(), summaries_.end(), hash,
      [](const TorrentSummary& s, const torrent::InfoHash& h) { return s.hashes.Best() < h; });
  return at != summaries_.end() && at->hashes.Best() == hash ? &*at : nullptr;
}

}  // namespace p2pd::archive::catalogue
