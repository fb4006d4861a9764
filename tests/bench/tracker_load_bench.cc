// Load for UDP trackers, ours and others, and what to hold it against; driven by tracker.py.
//
//   load TARGET fill|announce COUNT WANTED   announces COUNT times, each reply awaited; a line of
//   JSON reflect ADDR:PORT                        a server that only reflects: the ceiling of the
//   sockets hashes                                   the torrents' info-hashes, as opentracker's
//   whitelist memory                                   bytes a peer and a torrent by the
//   allocator's own account
//
// 10,000 torrents of 200 peers: 8 sockets of different source addresses with 25 announced ports in
// each torrent. Requests go out in batches, 16 wait on each socket: more than some 150 would
// overflow a receive buffer of the default size. Lost is what is not answered within 50 ms.
#include <arpa/inet.h>
#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "libcore/archive/tracker/swarm_table.h"
#include "libcore/base/codec.h"
#include "libcore/base/hex.h"
#include "libcore/runtime/clock.h"
#include "libcore/runtime/socket_address.h"
#include "libcore/runtime/udp_fan.h"

namespace {

using p2pd::Bytes;
using p2pd::ByteView;
using p2pd::Instant;
using p2pd::MutableByteView;
using p2pd::archive::tracker::InfoHash;
using p2pd::archive::tracker::SampleStream;

constexpr uint32_t kTorrents = 10'000;
constexpr uint32_t kSockets = 8;
constexpr uint32_t kPorts = 25;
constexpr size_t kWindow = 16;
constexpr size_t kAnnounceSize = 98;
constexpr size_t kMaxReply = 1500;
constexpr absl::Duration kPatience = absl::Milliseconds(50);

InfoHash HashOf(uint32_t torrent) {
  SampleStream random(torrent);
  InfoHash hash;
  for (uint8_t& byte : hash.mutable_view()) byte = static_cast<uint8_t>(random.Next());
  return hash;
}

p2pd::net::Endpoint ParseOrDie(const char* text) {
  const auto endpoint = p2pd::net::Endpoint::Parse(text);
  if (!endpoint) {
    std::fprintf(stderr, "%s is no ADDR:PORT\n", text);
    std::exit(2);
  }
  return *endpoint;
}

// One source address with its window of requests.
class Client {
 public:
  Client(uint32_t number, const p2pd::net::Endpoint& target)
      : random_(number + 1), fd_(socket(AF_INET, SOCK_DGRAM, 0)) {
    const auto source = p2pd::runtime::ToSockaddr(
        {.address = p2pd::net::IpAddress::V4({127, 1, 0, static_cast<uint8_t>(number + 1)})},
        false);
    const auto to = p2pd::runtime::ToSockaddr(target, false);
    if (bind(fd_, source.get(), source.size) != 0 || connect(fd_, to.get(), to.size) != 0) {
      std::perror("client");
      std::exit(1);
    }
    for (size_t i = 0; i < kWindow; ++i) {
      out_vectors_[i] = {.iov_base = out_[i].data(), .iov_len = out_[i].size()};
      in_vectors_[i] = {.iov_base = in_[i].data(), .iov_len = in_[i].size()};
      out_headers_[i].msg_hdr.msg_iov = &out_vectors_[i];
      out_headers_[i].msg_hdr.msg_iovlen = 1;
      in_headers_[i].msg_hdr.msg_iov = &in_vectors_[i];
      in_headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  int fd() const { return fd_; }

  void Connect(uint32_t wanted) {
    const Bytes request = p2pd::ByteWriter().U64(0x41727101980).U32(0).U32(1).bytes();
    std::array<uint8_t, 64> reply{};
    send(fd_, request.data(), request.size(), 0);
    if (recv(fd_, reply.data(), reply.size(), 0) != 16) std::exit(1);
    for (auto& announce : out_) {
      p2pd::ByteWriter writer;
      writer.Put(ByteView(reply.data() + 8, 8)).U32(1).U32(0).Put(Bytes(20)).Put(Bytes(20, 'p'));
      writer.U64(0).U64(1).U64(0).U32(0).U32(0).U32(0).U32(wanted).U16(1);
      std::copy(writer.bytes().begin(), writer.bytes().end(), announce.begin());
    }
  }

  // `fill` goes through all peers in turn, else they come by chance.
  size_t Send(Instant now, size_t most, bool fill, const std::vector<InfoHash>& hashes) {
    const size_t count = std::min(most, kWindow - waiting_);
    for (size_t i = 0; i < count; ++i) {
      const uint64_t which = fill ? next_++ : random_.Next() >> 16;
      const uint32_t torrent = static_cast<uint32_t>(which % kTorrents);
      const auto port = static_cast<uint16_t>(1000 + which / kTorrents % kPorts);
      uint8_t* to = out_[i].data();
      std::memcpy(to + 12, &transaction_, 4);
      ++transaction_;
      std::memcpy(to + 16, hashes[torrent].view().data(), InfoHash::kSize);
      to[96] = static_cast<uint8_t>(port >> 8);
      to[97] = static_cast<uint8_t>(port);
    }
    if (count == 0) return 0;
    const int sent = sendmmsg(fd_, out_headers_.data(), static_cast<unsigned>(count), 0);
    if (sent <= 0) std::exit(1);
    waiting_ += static_cast<size_t>(sent);
    heard_ = now;
    return static_cast<size_t>(sent);
  }

  size_t Receive(Instant now) {
    const int got = recvmmsg(fd_, in_headers_.data(), kWindow, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < got; ++i) {
      const auto& header = in_headers_[static_cast<size_t>(i)];
      const uint8_t* reply = in_[static_cast<size_t>(i)].data();
      if (header.msg_len < 20 || reply[3] != 1) ++errors;
      bytes += header.msg_len;
    }
    const size_t count = got > 0 ? std::min(static_cast<size_t>(got), waiting_) : 0;
    waiting_ -= count;
    replies += count;
    if (count > 0) {
      heard_ = now;
    } else if (waiting_ > 0 && now - heard_ > kPatience) {
      lost += waiting_;
      waiting_ = 0;
    }
    return count;
  }
  size_t waiting() const { return waiting_; }

  uint64_t replies = 0;
  uint64_t bytes = 0;
  uint64_t lost = 0;
  uint64_t errors = 0;

 private:
  SampleStream random_;
  const int fd_;
  uint64_t next_ = 0;
  uint32_t transaction_ = 0;
  size_t waiting_ = 0;
  Instant heard_;
  std::array<std::array<uint8_t, kAnnounceSize>, kWindow> out_{};
  std::array<std::array<uint8_t, kMaxReply>, kWindow> in_{};
  std::array<iovec, kWindow> out_vectors_{};
  std::array<iovec, kWindow> in_vectors_{};
  std::array<mmsghdr, kWindow> out_headers_{};
  std::array<mmsghdr, kWindow> in_headers_{};
};

int Load(const p2pd::net::Endpoint& target, bool fill, uint64_t count, uint32_t wanted) {
  std::vector<InfoHash> hashes;
  for (uint32_t i = 0; i < kTorrents; ++i) hashes.push_back(HashOf(i));
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<pollfd> polls;
  for (uint32_t i = 0; i < kSockets; ++i) {
    clients.push_back(std::make_unique<Client>(i, target));
    clients.back()->Connect(wanted);
    polls.push_back({.fd = clients.back()->fd(), .events = POLLIN, .revents = 0});
  }
  const Instant start = p2pd::runtime::MonotonicNow();
  uint64_t left = count;
  size_t waiting = 0;
  do {
    size_t received = 0;
    waiting = 0;
    for (auto& client : clients) {
      const Instant now = p2pd::runtime::MonotonicNow();
      received += client->Receive(now);
      // Half a window at least, so that the target sees batches as from many clients.
      if (left > 0 && client->waiting() <= kWindow / 2) {
        left -= client->Send(now, std::min<uint64_t>(left, kWindow), fill, hashes);
      }
      waiting += client->waiting();
    }
    if (received == 0) poll(polls.data(), polls.size(), 10);
  } while (left > 0 || waiting > 0);
  const double seconds = absl::ToDoubleSeconds(p2pd::runtime::MonotonicNow() - start);
  uint64_t replies = 0;
  uint64_t bytes = 0;
  uint64_t lost = 0;
  uint64_t errors = 0;
  for (const auto& client : clients) {
    replies += client->replies;
    bytes += client->bytes;
    lost += client->lost;
    errors += client->errors;
  }
  std::printf(
      "{\"replies\": %llu, \"lost\": %llu, \"errors\": %llu, \"seconds\": %.3f, "
      "\"bytes_a_reply\": %.1f}\n",
      static_cast<unsigned long long>(replies), static_cast<unsigned long long>(lost),
      static_cast<unsigned long long>(errors), seconds,
      static_cast<double>(bytes) / static_cast<double>(std::max<uint64_t>(replies, 1)));
  return 0;
}

// 320 bytes with the transaction id in its place, as a tracker that knows all answers.
class Reflector final : public p2pd::runtime::UdpResponder {
 public:
  size_t OnDatagram(Instant, const p2pd::net::Endpoint&, ByteView datagram,
                    MutableByteView out) override {
    if (datagram.size() < 16) return 0;
    const bool connect = datagram.size() < kAnnounceSize;
    std::memset(out.data(), 0, 320);
    out[3] = connect ? 0 : 1;
    std::memcpy(out.data() + 4, datagram.data() + 12, 4);
    return connect ? 16 : 320;
  }
  void OnTick(Instant) override {}
};

int Reflect(const p2pd::net::Endpoint& bind) {
  Reflector reflector;
  const auto fan = p2pd::runtime::UdpFan::Open(bind, "reflect", {&reflector});
  if (!fan.ok()) return 1;
  std::printf("%s\n", (*fan)->local().ToString().c_str());
  std::fflush(stdout);
  pause();
  return 0;
}

// `bytes` a piece of what `fill` makes, by mallinfo2 and by the table's own account.
template <class Fill>
void Measure(const char* name, uint32_t pieces, Fill fill) {
  p2pd::SeededRng rng(1);
  const Instant now;
  const struct mallinfo2 before = mallinfo2();
  p2pd::archive::tracker::SwarmTable table({}, now, rng);
  SampleStream random(1);
  auto reply = std::make_unique<p2pd::archive::tracker::SwarmReply>();
  for (uint32_t i = 0; i < pieces; ++i) {
    const auto [hash, peer] = fill(i);
    table.Announce(now, {.hash = hash, .peer = peer, .wanted = 0}, random, *reply);
  }
  const struct mallinfo2 after = mallinfo2();
  const auto used =
      static_cast<double>(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd);
  std::printf("{\"of\": \"%s\", \"allocator\": %.1f, \"own_account\": %.1f}\n", name, used / pieces,
              static_cast<double>(table.stats().bytes) / pieces);
}

int Memory() {
  using p2pd::net::Endpoint;
  using p2pd::net::IpAddress;
  std::vector<InfoHash> hashes;
  for (uint32_t i = 0; i < kTorrents; ++i) hashes.push_back(HashOf(i));
  const auto v4 = [](uint32_t i) {
    return Endpoint{.address = IpAddress::V4({10, 0, static_cast<uint8_t>(i >> 16), 1}),
                    .port = static_cast<uint16_t>(i | 1u << 15)};
  };
  const auto v6 = [](uint32_t i) {
    std::array<uint8_t, 16> address{0x20, 1};
    std::memcpy(address.data() + 12, &i, sizeof i);
    return Endpoint{.address = IpAddress::V6(address), .port = 6881};
  };
  Measure("IPv4 peer, 200 in a torrent", 2'000'000,
          [&](uint32_t i) { return std::pair(hashes[i % kTorrents], v4(i / kTorrents)); });
  Measure("IPv6 peer, 200 in a torrent", 2'000'000,
          [&](uint32_t i) { return std::pair(hashes[i % kTorrents], v6(i / kTorrents)); });
  Measure("IPv6 peer, 20,000 in a torrent", 2'000'000,
          [&](uint32_t i) { return std::pair(hashes[i % 100], v6(i / 100)); });
  Measure("torrent with one IPv4 peer", 1'000'000,
          [&](uint32_t i) { return std::pair(HashOf(i), v4(0)); });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "load" && argc == 6) {
    return Load(ParseOrDie(argv[2]), std::string(argv[3]) == "fill",
                std::strtoull(argv[4], nullptr, 10),
                static_cast<uint32_t>(std::strtoul(argv[5], nullptr, 10)));
  }
  if (command == "reflect" && argc == 3) return Reflect(ParseOrDie(argv[2]));
  if (command == "memory") return Memory();
  if (command == "hashes") {
    for (uint32_t i = 0; i < kTorrents; ++i)
      std::printf("%s\n", p2pd::Hex(HashOf(i).view()).c_str());
    return 0;
  }
  std::fprintf(
      stderr,
      "usage: load TARGET fill|announce COUNT WANTED | reflect ADDR:PORT | memory | hashes\n");
  return 2;
}
