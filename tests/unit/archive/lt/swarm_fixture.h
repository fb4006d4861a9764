// Engines and plain libtorrent sessions on the loopback, with a torrent among them.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/peer_info.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/torrent_info.hpp>
#include <libtorrent/torrent_status.hpp>
#include <string>
#include <variant>
#include <vector>

#include "libcore/archive/availability.h"
#include "libcore/archive/lt/engine.h"
#include "libcore/archive/lt/torrent_maker.h"
#include "libcore/archive/pieces/disk_piece_store.h"
#include "libcore/base/check.h"
#include "libcore/base/mutex.h"
#include "libcore/base/rng.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::archive::lt {

constexpr absl::Duration kPatience = absl::Seconds(20);

// Waits a moment, or until somebody says that something changed.
class Bell {
 public:
  void Ring() {
    const MutexLock lock(&mutex_);
    rang_ = true;
  }
  void Wait() {
    const MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&rang_), absl::Milliseconds(20));
    rang_ = false;
  }
  // True when the condition came to hold in time.
  bool Until(const std::function<bool()>& holds, absl::Duration patience = kPatience) {
    for (absl::Duration waited; waited < patience; waited += absl::Milliseconds(20)) {
      if (holds()) return true;
      Wait();
    }
    return holds();
  }

 private:
  Mutex mutex_;
  bool rang_ ABSL_GUARDED_BY(mutex_) = false;
};

// The paper's number, of organic copies and of all.
inline double Organic(const TorrentSnapshot& torrent) { return Count(torrent.organic).value(); }
inline double Total(const TorrentSnapshot& torrent) {
  std::vector<uint32_t> copies = torrent.organic;
  for (uint32_t i = 0; i < copies.size(); ++i) {
    copies[i] += torrent.member[i] + (torrent.have.Has(pieces::Piece(i)) ? 1 : 0);
  }
  return Count(copies).value();
}

inline Bytes ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

// A torrent and its bytes, below a folder as plain clients lay them out.
struct TestTorrent {
  explicit TestTorrent(uint32_t pieces, uint32_t piece_length = 65'536,
                       TorrentFormat format = TorrentFormat::kV1, uint32_t tail = 0) {
    SeededRng rng(pieces + piece_length);
    Bytes bytes(size_t{pieces} * piece_length - tail);
    rng.Fill(absl::MakeSpan(bytes));
    std::filesystem::create_directory(folder / "film");
    const size_t first = bytes.size() / 3;
    Write("film/one.bin", ByteView(bytes).subspan(0, first));
    Write("film/two.bin", ByteView(bytes).subspan(first));
    CreateRequest request;
    request.path = folder / "film";
    request.piece_length = piece_length;
    request.format = format;
    created = *CreateTorrent(request, nullptr);
  }
  void Write(const std::string& name, ByteView bytes) const {
    std::ofstream(folder / name, std::ios::binary)
        .write(AsText(bytes).data(), static_cast<std::streamsize>(bytes.size()));
  }
  AddRequest Request() const {
    AddRequest out;
    out.hashes = created.hashes;
    out.metainfo = created.metainfo;
    out.folder = "film";
    out.private_addresses = true;
    return out;
  }
  bool IsWholeAt(const std::string& where) const {
    return ReadAll(folder / "film/one.bin") == ReadAll(where + "/film/one.bin") &&
           ReadAll(folder / "film/two.bin") == ReadAll(where + "/film/two.bin");
  }
  torrent::InfoHash hash() const { return created.hashes.Best(); }

  testing::TempFolder folder;
  CreatedTorrent created;
};

// One of ours.
struct Archive {
  explicit Archive(std::function<void(EngineOptions&)> change = {}) {
    EngineOptions options;
    options.store = store.get();
    options.listen = {*net::Endpoint::Parse("127.0.0.1:0")};
    options.utp = false;
    options.many_per_address = true;
    options.drop_grace = absl::Milliseconds(100);
    options.wake = [this] { bell.Ring(); };
    if (change) change(options);
    engine = *Engine::Start(std::move(options));
  }
  std::string files() const { return folder / "Files"; }
  net::Endpoint endpoint() const { return engine->Listening().at(0); }
  // With the bytes in place, which are hashed and kept.
  void AddSeed(const TestTorrent& torrent) {
    std::filesystem::create_directories(files());
    std::filesystem::copy(torrent.folder / "film", files() + "/film",
                          std::filesystem::copy_options::recursive);
    ASSERT_TRUE(engine->Add(torrent.Request()).ok());
    ASSERT_TRUE(WaitFor<TorrentReady>([](const TorrentReady& e) { return e.kept == e.pieces; }));
  }
  template <class E>
  bool WaitFor(std::function<bool(const E&)> matches = [](const E&) { return true; }) {
    return bell.Until([&] {
      while (auto event = engine->PollEvent()) {
        events.push_back(*std::move(event));
        const E* const found = std::get_if<E>(&events.back());
        if (found != nullptr && matches(*found)) return true;
      }
      return false;
    });
  }
  // So far.
  template <class E>
  size_t Count() {
    while (auto event = engine->PollEvent()) events.push_back(*std::move(event));
    size_t count = 0;
    for (const Event& event : events) count += std::holds_alternative<E>(event) ? 1 : 0;
    return count;
  }
  TorrentSnapshot Look(const torrent::InfoHash& hash) const { return *engine->Snapshot(hash); }

  testing::TempFolder folder;
  Bell bell;
  std::unique_ptr<pieces::PieceStore> store =
      *pieces::OpenDiskPieceStore({folder / "Files", folder / "have"}, pieces::SystemFileLayer());
  std::unique_ptr<Engine> engine;
  std::vector<Event> events;
};

// Somebody else's client.
struct PlainClient {
  PlainClient() {
    using libtorrent::settings_pack;
    settings_pack pack;
    pack.set_str(settings_pack::listen_interfaces, "127.0.0.1:0");
    for (const int off :
         {settings_pack::enable_dht, settings_pack::enable_lsd, settings_pack::enable_upnp,
          settings_pack::enable_natpmp, settings_pack::enable_incoming_utp,
          settings_pack::enable_outgoing_utp, settings_pack::close_redundant_connections}) {
      pack.set_bool(off, false);
    }
    pack.set_bool(settings_pack::allow_multiple_connections_per_ip, true);
    pack.set_int(settings_pack::min_reconnect_time, 1);
    pack.set_int(settings_pack::alert_mask,
                 static_cast<int>(static_cast<uint32_t>(libtorrent::alert_category::all)));
    session = std::make_unique<libtorrent::session>(std::move(pack));
  }
  // With only these pieces, and no wish for others; nullopt: with nothing, and a wish for all.
  void Add(const TestTorrent& torrent, std::optional<std::vector<int>> pieces) {
    libtorrent::add_torrent_params params;
    params.ti = std::make_shared<libtorrent::torrent_info>(
        reinterpret_cast<const char*>(torrent.created.metainfo.data()),
        static_cast<int>(torrent.created.metainfo.size()));
    params.save_path = pieces ? torrent.folder.path() : folder.path();
    params.flags = {};
    if (pieces) {
      params.flags |= libtorrent::torrent_flags::no_verify_files;
      params.have_pieces.resize(params.ti->num_pieces());
      params.piece_priorities.assign(static_cast<size_t>(params.ti->num_pieces()),
                                     libtorrent::dont_download);
      for (const int piece : *pieces) params.have_pieces.set_bit(libtorrent::piece_index_t(piece));
    }
    handle = session->add_torrent(params);
  }
  net::Endpoint endpoint() const {
    return {*net::IpAddress::Parse("127.0.0.1"), session->listen_port()};
  }
  void Connect(const net::Endpoint& to) {
    handle.connect_peer({libtorrent::make_address("127.0.0.1"), to.port});
  }
  bool IsSeeding() const { return handle.status().is_seeding; }
  // Of what all connected peers show.
  int PiecesOfPeers() const {
    std::vector<libtorrent::peer_info> peers;
    handle.get_peer_info(peers);
    int most = -1;
    for (const auto& peer : peers) {
      if (!(peer.flags & libtorrent::peer_info::handshake))
        most = std::max(most, peer.pieces.count());
    }
    return most;
  }
  int HashFailures() {
    std::vector<libtorrent::alert*> alerts;
    session->pop_alerts(&alerts);
    for (const auto* alert : alerts) {
      hash_failures += libtorrent::alert_cast<libtorrent::hash_failed_alert>(alert) != nullptr;
    }
    return hash_failures;
  }

  testing::TempFolder folder;
  std::unique_ptr<libtorrent::session> session;
  libtorrent::torrent_handle handle;
  Bell bell;
  int hash_failures = 0;
};

}  // namespace p2pd::archive::lt
