// Names of machines, for bootstrap entries that a person wrote as HOST:PORT.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libcore/net/endpoint.h"

namespace p2pd::runtime {

// "ADDR:PORT" or "HOST:PORT". Of a literal address the one endpoint, without any traffic; of a name
// what the system's resolver knows, at most 8. Blocks for as long as the resolver does, so never on
// the core thread. InvalidArgument for the form, Unavailable when the name is not known.
absl::StatusOr<std::vector<net::Endpoint>> Resolve(absl::string_view host_port);

// Whether `host_port` has the form above; the name is not looked up.
bool ValidHostPort(absl::string_view host_port);

}  // namespace p2pd::runtime
