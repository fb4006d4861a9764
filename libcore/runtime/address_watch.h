// AddressWatch: calls back on a loop when an address of the machine came or went (rtnetlink).
//
// Rules: what happened is not told; the owner looks (local_addresses.h). A change of network comes
// as several events, and one call is made for all that wait. Calls may come without need. When the
// kernel refuses to tell, nothing is called: look now and then, too. Threads: that of the loop.
// Sources: rtnetlink(7).
#pragma once

#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "libcore/runtime/loop.h"

namespace p2pd::runtime {

class AddressWatch {
 public:
  // The errors of socket(2) and bind(2).
  static absl::StatusOr<std::unique_ptr<AddressWatch>> Open(Loop& loop,
                                                            absl::AnyInvocable<void()> on_change);
  ~AddressWatch();
  AddressWatch(const AddressWatch&) = delete;
  AddressWatch& operator=(const AddressWatch&) = delete;

 private:
  AddressWatch(int fd, absl::AnyInvocable<void()> on_change)
      : fd_(fd), on_change_(std::move(on_change)) {}
  void OnReadable();

  const int fd_;
  absl::AnyInvocable<void()> on_change_;
  std::unique_ptr<ReadWatch> watch_;
};

}  // namespace p2pd::runtime
