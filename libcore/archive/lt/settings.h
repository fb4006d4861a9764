// libtorrent's settings as the archive wants them.
#pragma once

#include <libtorrent/ip_filter.hpp>
#include <libtorrent/settings_pack.hpp>

#include "libcore/archive/lt/engine.h"

namespace p2pd::archive::lt {

libtorrent::settings_pack SettingsOf(const EngineOptions& options);
// All addresses are in the class to which the limits apply; libtorrent leaves out local ones.
libtorrent::ip_filter PeerClasses();
// What of it changes while running.
void ApplyLimits(const EngineLimits& limits, libtorrent::settings_pack& pack);

}  // namespace p2pd::archive::lt
