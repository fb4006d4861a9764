#include "libcore/archive/lt/settings.h"

#include <algorithm>
#include <libtorrent/alert.hpp>
#include <libtorrent/session_handle.hpp>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"

namespace p2pd::archive::lt {
namespace {

using libtorrent::settings_pack;

int AsInt(uint64_t value) {
  return static_cast<int>(std::min<uint64_t>(value, std::numeric_limits<int>::max()));
}

std::string Interfaces(const std::vector<net::Endpoint>& endpoints) {
  std::string out;
  for (const net::Endpoint& endpoint : endpoints) {
    absl::StrAppend(&out, out.empty() ? "" : ",", endpoint.ToString());
  }
  return out;
}

// Where peers are dialled from; empty: the system chooses.
std::string Sources(const std::vector<net::Endpoint>& endpoints) {
  std::string out;
  for (const net::Endpoint& endpoint : endpoints) {
    if (endpoint.address.IsUnspecified()) return "";
    absl::StrAppend(&out, out.empty() ? "" : ",", endpoint.address.ToString());
  }
  return out;
}

}  // namespace

void ApplyLimits(const EngineLimits& limits, settings_pack& pack) {
  pack.set_int(settings_pack::upload_rate_limit, AsInt(limits.upload_rate));
  pack.set_int(settings_pack::download_rate_limit, AsInt(limits.download_rate));
  // Everybody is served unless somebody says how many: an archive has no reason to choke.
  pack.set_int(settings_pack::unchoke_slots_limit,
               limits.upload_slots == 0 ? -1 : AsInt(limits.upload_slots));
  pack.set_int(settings_pack::connections_limit, limits.connections == 0
                                                     ? std::numeric_limits<int>::max()
                                                     : AsInt(limits.connections));
}

libtorrent::ip_filter PeerClasses() {
  using boost::asio::ip::address_v4;
  using boost::asio::ip::address_v6;
  const auto global = 1u << static_cast<uint32_t>(libtorrent::session_handle::global_peer_class_id);
  address_v6::bytes_type last;
  last.fill(0xff);
  libtorrent::ip_filter out;
  out.add_rule(address_v4::any(), address_v4::broadcast(), global);
  out.add_rule(address_v6::any(), address_v6(last), global);
  return out;
}

settings_pack SettingsOf(const EngineOptions& options) {
  settings_pack pack;
  pack.set_str(settings_pack::user_agent, options.user_agent);
  pack.set_str(settings_pack::peer_fingerprint, "-P20100-");
  pack.set_str(settings_pack::listen_interfaces, Interfaces(options.listen));
  pack.set_str(settings_pack::outgoing_interfaces, Sources(options.listen));
  pack.set_int(settings_pack::alert_mask,
               static_cast<int>(static_cast<uint32_t>(libtorrent::alert_category::error |
                                                      libtorrent::alert_category::status |
                                                      libtorrent::alert_category::tracker)));
  // 100,000 torrents may be added in one go.
  pack.set_int(settings_pack::alert_queue_size, 100'000);
  pack.set_bool(settings_pack::enable_dht, options.dht);
  if (!options.dht) pack.set_str(settings_pack::dht_bootstrap_nodes, "");
  pack.set_bool(settings_pack::enable_lsd, options.local_discovery);
  pack.set_bool(settings_pack::enable_upnp, options.port_mapping);
  pack.set_bool(settings_pack::enable_natpmp, options.port_mapping);
  pack.set_bool(settings_pack::enable_incoming_utp, options.utp);
  pack.set_bool(settings_pack::enable_outgoing_utp, options.utp && options.dial_by_utp);
  pack.set_bool(settings_pack::anonymous_mode, options.anonymous);
  pack.set_bool(settings_pack::allow_multiple_connections_per_ip, options.many_per_address);
  pack.set_bool(settings_pack::ssrf_mitigation, true);
  // Seeds and finished peers are what availability is made of.
  pack.set_bool(settings_pack::close_redundant_connections, false);
  // Members of a federation have a tracker each, whose clients are to find all of them.
  pack.set_bool(settings_pack::announce_to_all_tiers, true);
  // What the end of the process waits for.
  pack.set_int(settings_pack::stop_tracker_timeout, 2);
  // Otherwise TCP is slowed down wherever one peer has uTP.
  pack.set_int(settings_pack::mixed_mode_algorithm, settings_pack::prefer_tcp);
  pack.set_int(settings_pack::min_reconnect_time, 10);
  // Who is choked gets nothing, not five pieces all the same: the slots are the operator's.
  pack.set_int(settings_pack::allowed_fast_set_size, 0);
  pack.set_int(settings_pack::hashing_threads, 1);
  pack.set_int(settings_pack::max_queued_disk_bytes, AsInt(options.write_buffers));
  // Fewer and larger calls to the socket: at the defaults each block of 16 KiB costs a wake-up.
  pack.set_int(settings_pack::send_buffer_low_watermark, 128 << 10);
  pack.set_int(settings_pack::send_buffer_watermark, 1 << 20);
  pack.set_int(settings_pack::send_buffer_watermark_factor, 200);
  pack.set_int(settings_pack::send_not_sent_low_watermark, 512 << 10);
  ApplyLimits(options.limits, pack);
  return pack;
}

}  // namespace p2pd::archive::lt
