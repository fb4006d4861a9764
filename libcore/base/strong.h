// Strong<Tag, T>: an integer that cannot be passed where another kind belongs. One line a kind.
#pragma once

#include <compare>
#include <cstdint>
#include <utility>

namespace p2pd {

template <class Tag, class T>
class Strong {
 public:
  constexpr Strong() = default;
  constexpr explicit Strong(T value) : value_(value) {}
  constexpr T value() const { return value_; }
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;
  constexpr Strong Next() const { return Strong(static_cast<T>(value_ + 1)); }

  template <class H>
  friend H AbslHashValue(H h, const Strong& strong) {
    return H::combine(std::move(h), strong.value_);
  }

 private:
  T value_{};
};

}  // namespace p2pd
