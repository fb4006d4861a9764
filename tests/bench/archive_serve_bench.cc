// What serving costs: bytes per second of processor that a seed sends to peers, ours beside a plain
// libtorrent seed with positional I/O and beside bare sendfile(2). Each server is a process of its
// own; the peers are bare sockets here, which throw away what they get, so that they are never
// slower than the server. The file is in memory, as what many want is.
//
//   p2pd_archive_serve_bench [megabytes each] [server]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/posix_disk_io.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/torrent_info.hpp>
#include <semaphore>
#include <sstream>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "libcore/archive/lt/engine.h"
#include "libcore/archive/lt/torrent_maker.h"
#include "libcore/archive/pieces/disk_piece_store.h"
#include "libcore/base/check.h"
#include "libcore/base/rng.h"

namespace p2pd::archive::lt {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFile = 256 << 20;
constexpr uint32_t kPiece = 256 << 10;
constexpr uint32_t kAsk = 16384;  // BEP 3

struct Subject {
  fs::path folder;
  CreatedTorrent torrent;
};

Subject MakeSubject() {
  std::string name = (fs::temp_directory_path() / "p2pd_serve_XXXXXX").string();
  P2PD_CHECK(mkdtemp(name.data()) != nullptr);
  Subject out;
  out.folder = name;
  fs::create_directories(out.folder / "Files/film");
  {
    SeededRng rng(1);
    Bytes bytes(kFile);
    rng.Fill(absl::MakeSpan(bytes));
    std::ofstream(out.folder / "Files/film/film", std::ios::binary) << AsText(bytes);
  }
  CreateRequest request;
  request.path = out.folder / "Files/film/film";
  request.piece_length = kPiece;
  out.torrent = *CreateTorrent(request, nullptr);
  return out;
}

// ---- servers: each says its port and serves until it is killed ----

void Say(int pipe, uint16_t port) {
  P2PD_CHECK(write(pipe, &port, sizeof port) == sizeof port);
  while (true) pause();
}

void ServeArchive(const Subject& subject, int pipe) {
  const auto store = *pieces::OpenDiskPieceStore(
      {subject.folder / "Files", subject.folder / "have"}, pieces::SystemFileLayer());
  EngineOptions options;
  options.store = store.get();
  options.listen = {*net::Endpoint::Parse("127.0.0.1:0")};
  options.utp = false;
  options.many_per_address = true;
  // What was there before us is hashed first, and the engine says so.
  std::counting_semaphore<> said(0);
  options.wake = [&said] { said.release(); };
  const auto engine = *Engine::Start(std::move(options));
  AddRequest request;
  request.hashes = subject.torrent.hashes;
  request.metainfo = subject.torrent.metainfo;
  request.folder = "film";
  P2PD_CHECK(engine->Add(std::move(request)).ok());
  for (bool whole = false; !whole;) {
    said.acquire();
    while (const auto event = engine->PollEvent()) {
      const auto* ready = std::get_if<TorrentReady>(&*event);
      whole = whole || (ready != nullptr && ready->kept == ready->pieces);
    }
  }
  Say(pipe, engine->Listening().at(0).port);
}

void ServePlain(const Subject& subject, int pipe) {
  using libtorrent::settings_pack;
  libtorrent::session_params params;
  params.disk_io_constructor = libtorrent::posix_disk_io_constructor;
  settings_pack& pack = params.settings;
  pack = libtorrent::high_performance_seed();
  pack.set_str(settings_pack::listen_interfaces, "127.0.0.1:0");
  for (const int off : {settings_pack::enable_dht, settings_pack::enable_lsd,
                        settings_pack::enable_upnp, settings_pack::enable_natpmp}) {
    pack.set_bool(off, false);
  }
  pack.set_bool(settings_pack::allow_multiple_connections_per_ip, true);
  libtorrent::session session(std::move(params));
  libtorrent::add_torrent_params add;
  add.ti = std::make_shared<libtorrent::torrent_info>(
      reinterpret_cast<const char*>(subject.torrent.metainfo.data()),
      static_cast<int>(subject.torrent.metainfo.size()));
  add.save_path = subject.folder / "Files/film";
  add.flags = libtorrent::torrent_flags::seed_mode;
  session.add_torrent(std::move(add));
  sleep(1);
  Say(pipe, session.listen_port());
}

int Listen(uint16_t& port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  P2PD_CHECK(bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0);
  P2PD_CHECK(listen(listener, 64) == 0);
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return listener;
}

// A thread for each peer, as a good file server.
void ServeSendfile(const Subject& subject, int pipe) {
  signal(SIGPIPE, SIG_IGN);
  uint16_t port = 0;
  const int listener = Listen(port);
  std::thread([&] {
    while (true) {
      const int peer = accept(listener, nullptr, nullptr);
      std::thread([&subject, peer] {
        const int file = open((subject.folder / "Files/film/film").c_str(), O_RDONLY);
        off_t at = 0;
        while (sendfile(peer, file, &at, kPiece) > 0) {
          if (at >= static_cast<off_t>(kFile)) at = 0;
        }
        close(file);
        close(peer);
      }).detach();
    }
  }).detach();
  Say(pipe, port);
}

// ---- peers ----

void SendAll(int fd, const std::vector<uint8_t>& bytes) {
  P2PD_CHECK(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
             static_cast<ssize_t>(bytes.size()));
}

void ReadAll(int fd, void* to, size_t size) {
  P2PD_CHECK(recv(fd, to, size, MSG_WAITALL) == static_cast<ssize_t>(size));
}

void Put32(std::vector<uint8_t>& to, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<uint8_t>(value >> shift));
}

uint32_t Get32(const uint8_t* from) {
  return uint32_t{from[0]} << 24 | uint32_t{from[1]} << 16 | uint32_t{from[2]} << 8 | from[3];
}

// One peer that asks for all pieces one after the other, so many blocks ahead.
class Peer {
 public:
  static constexpr uint32_t kAhead = 128;

  Peer(const Subject& subject, uint16_t port, uint32_t number, bool bittorrent)
      : bittorrent_(bittorrent), next_(uint64_t{number} * 37 * kPiece % kFile) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    P2PD_CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bittorrent) ShakeHands(subject, number);
  }
  ~Peer() { close(fd_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  int fd() const { return fd_; }
  uint64_t bytes() const { return bytes_; }

  // What is there; the payload is thrown away in the kernel.
  void OnReadable() {
    while (true) {
      if (!bittorrent_ || left_ > 0) {
        const size_t want = bittorrent_ ? left_ : 1 << 20;
        const ssize_t got = recv(fd_, nullptr, want, MSG_TRUNC | MSG_DONTWAIT);
        if (got <= 0) return;
        bytes_ += static_cast<uint64_t>(got);
        if (!bittorrent_) continue;
        left_ -= static_cast<uint32_t>(got);
        continue;
      }
      const ssize_t got = recv(fd_, head_.data() + have_, head_.size() - have_, MSG_DONTWAIT);
      if (got <= 0) return;
      have_ += static_cast<size_t>(got);
      if (have_ < head_.size()) continue;
      // What is as long as a block is one: 7, piece, offset and the block.
      left_ = Get32(head_.data());
      have_ = 0;
      if (left_ >= kAsk && --asked_ <= kAhead / 2) Ask();
    }
  }

 private:
  void ShakeHands(const Subject& subject, uint32_t number) {
    std::vector<uint8_t> hello = {19};
    for (const char c : std::string("BitTorrent protocol"))
      hello.push_back(static_cast<uint8_t>(c));
    const std::array<uint8_t, 8> reserved = {0, 0, 0, 0, 0, 0, 0, 4};  // BEP 6
    hello.insert(hello.end(), reserved.begin(), reserved.end());
    const torrent::InfoHash hash = subject.torrent.hashes.Best();
    hello.insert(hello.end(), hash.view().begin(), hash.view().end());
    std::string id = "-XX0001-" + std::to_string(1'000'000'000'000 + number);
    id.resize(20, 'x');
    hello.insert(hello.end(), id.begin(), id.end());
    SendAll(fd_, hello);
    std::array<uint8_t, 68> theirs{};
    ReadAll(fd_, theirs.data(), theirs.size());
    SendAll(fd_, {0, 0, 0, 1, 15, 0, 0, 0, 1, 2});  // have none, interested
    while (true) {
      std::array<uint8_t, 4> length{};
      ReadAll(fd_, length.data(), length.size());
      std::vector<uint8_t> message(Get32(length.data()));
      if (message.empty()) continue;
      ReadAll(fd_, message.data(), message.size());
      if (message[0] == 1) break;  // unchoke
    }
    Ask();
  }

  void Ask() {
    std::vector<uint8_t> out;
    for (; asked_ < kAhead; ++asked_) {
      Put32(out, 13);
      out.push_back(6);
      Put32(out, static_cast<uint32_t>(next_ / kPiece));
      Put32(out, static_cast<uint32_t>(next_ % kPiece));
      Put32(out, kAsk);
      next_ = (next_ + kAsk) % kFile;
    }
    SendAll(fd_, out);
  }

  const bool bittorrent_;
  int fd_ = -1;
  uint64_t next_ = 0;
  uint32_t asked_ = 0;
  std::array<uint8_t, 4> head_{};
  size_t have_ = 0;
  uint32_t left_ = 0;
  uint64_t bytes_ = 0;
};

// ---- measuring ----

// Seconds of processor of a process.
double Processor(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string text(std::istreambuf_iterator<char>(in), {});
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string word;
  double sum = 0;
  for (int field = 3; field <= 15 && rest >> word; ++field) {
    if (field >= 14) sum += std::stod(word);  // proc(5): utime, stime
  }
  return sum / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double Megabytes(pid_t pid, const std::string& key) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (absl::StartsWith(line, key)) return std::stod(line.substr(key.size() + 1)) / 1024;
  }
  return 0;
}

void Measure(const char* name, const Subject& subject, bool bittorrent, uint32_t peers,
             uint64_t bytes, const std::function<void(const Subject&, int)>& serve) {
  std::array<int, 2> pipes{};
  P2PD_CHECK(pipe(pipes.data()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    serve(subject, pipes[1]);
    std::_Exit(1);
  }
  uint16_t port = 0;
  P2PD_CHECK(read(pipes[0], &port, sizeof port) == sizeof port);
  std::vector<std::unique_ptr<Peer>> all;
  std::vector<pollfd> polls;
  for (uint32_t i = 0; i < peers; ++i) {
    all.push_back(std::make_unique<Peer>(subject, port, i, bittorrent));
    polls.push_back({all.back()->fd(), POLLIN, 0});
  }
  const double before = Processor(child);
  const auto start = std::chrono::steady_clock::now();
  uint64_t done = 0;
  while (done < bytes) {
    P2PD_CHECK(poll(polls.data(), polls.size(), 10'000) > 0);
    done = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      if ((polls[i].revents & POLLIN) != 0) all[i]->OnReadable();
      done += all[i]->bytes();
    }
  }
  const double used = Processor(child) - before;
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const double giga = static_cast<double>(done) / 1e9;
  std::printf(
      "%-28s %3u peers: %5.2f GB per processor second, %5.2f GB/s, resident %.0f MB "
      "(highest %.0f, of it files %.0f)\n",
      name, peers, giga / used, giga / wall.count(), Megabytes(child, "VmRSS:"),
      Megabytes(child, "VmHWM:"), Megabytes(child, "RssFile:"));
  std::fflush(stdout);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(pipes[0]);
  close(pipes[1]);
}

int Main(int argc, char** argv) {
  const uint64_t bytes = (argc > 1 ? std::stoull(argv[1]) : 2'000) * 1'000'000;
  const std::string only = argc > 2 ? argv[2] : "";
  const Subject subject = MakeSubject();
  for (const uint32_t peers : {1u, 50u}) {
    if (only.empty() || only == "archive") {
      Measure("archive", subject, true, peers, bytes, ServeArchive);
    }
    if (only.empty() || only == "libtorrent") {
      Measure("libtorrent, positional I/O", subject, true, peers, bytes, ServePlain);
    }
    if (only.empty() || only == "sendfile") {
      Measure("sendfile", subject, false, peers, bytes, ServeSendfile);
    }
  }
  fs::remove_all(subject.folder);
  return 0;
}

}  // namespace
}  // namespace p2pd::archive::lt

int main(int argc, char** argv) { return p2pd::archive::lt::Main(argc, argv); }
