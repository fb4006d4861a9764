// Pages of a list (AIP-158): `page_token` is the number of items before the page, in decimal,
// opaque to clients.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace p2pd::daemon {

inline constexpr int kDefaultPageSize = 100;
inline constexpr int kMaxPageSize = 1000;

template <class Item>
struct Page {
  std::vector<Item> items;
  std::string next_token;  // empty on the last page
};

// InvalidArgument for a token that no page gave out or a negative size. A list that has shrunk
// since gives an empty last page.
template <class Item>
absl::StatusOr<Page<Item>> PageOf(std::vector<Item> all, int page_size,
                                  const std::string& page_token) {
  size_t first = 0;
  if (!page_token.empty() && !absl::SimpleAtoi(page_token, &first)) {
    return absl::InvalidArgumentError("page_token is none that this list gave out");
  }
  if (page_size < 0) return absl::InvalidArgumentError("page_size is negative");
  const auto size =
      static_cast<size_t>(page_size == 0 ? kDefaultPageSize : std::min(page_size, kMaxPageSize));
  first = std::min(first, all.size());
  const size_t last = std::min(all.size() - first, size) + first;
  Page<Item> page;
  if (last < all.size()) page.next_token = absl::StrCat(last);
  page.items.assign(std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(first)),
                    std::make_move_iterator(all.begin() + static_cast<std::ptrdiff_t>(last)));
  return page;
}

}  // namespace p2pd::daemon
