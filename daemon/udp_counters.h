// What a UDP socket counted, by name.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libcore/runtime/udp_port.h"

namespace p2pd::daemon {

// "PREFIX.udp_received_datagrams" and so on.
inline void AddUdpCounters(absl::string_view prefix, const runtime::UdpStats& stats,
                           std::map<std::string, uint64_t>& out) {
  const auto add = [&](absl::string_view name, uint64_t value) {
    out[absl::StrCat(prefix, ".udp_", name)] = value;
  };
  add("received_datagrams", stats.received_datagrams);
  add("received_bytes", stats.received_bytes);
  add("sent_datagrams", stats.sent_datagrams);
  add("sent_bytes", stats.sent_bytes);
  add("dropped_too_large", stats.dropped_too_large);
  add("dropped_buffer_full", stats.dropped_buffer_full);
  add("send_errors", stats.send_errors);
}

}  // namespace p2pd::daemon
