#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cli/ca/authority_folder.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/passphrase.h"
#include "p2pd/v1/identity_service.grpc.pb.h"

namespace p2pd::cli {}
