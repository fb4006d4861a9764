#include "libcore/archive/lt/watch.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <libtorrent/bdecode.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/peer_connection_handle.hpp>
#include <libtorrent/peer_info.hpp>
#include <libtorrent/peer_request.hpp>
#include <utility>

#include "libcore/archive/lt/convert.h"
#include "libcore/base/codec.h"

namespace p2pd::archive::lt {

namespace lts = libtorrent;

class PeerWatch final : public lts::peer_plugin {
 public:
  PeerWatch(std::shared_ptr<WatchedTorrent> torrent, lts::peer_connection_handle connection)
      : torrent_(std::move(torrent)), connection_(std::move(connection)) {
    static std::atomic<uint64_t> last = 0;
    key_ = ++last;
    torrent_->peers.insert(this);
  }
  ~PeerWatch() override { torrent_->peers.erase(this); }

  // libtorrent says of itself that it only uploads while nothing is wanted, and seeds hang up on
  // such a peer (BEP 21): nobody would be left to be counted, nor to be fetched from later.
  void add_handshake(lts::entry& handshake) override { handshake.dict().erase("upload_only"); }

  bool on_handshake(lts::span<const char>) override {
    peer_.endpoint = FromLibtorrent(connection_.remote());
    peer_.incoming = !connection_.is_outgoing();
    if (!peer_.incoming) peer_.listens = peer_.endpoint;
    torrent_->board->AddPeer(key_, peer_);
    shown_ = true;
    RefreshMember();
    ++torrent_->counts->connections;
    torrent_->events->Put(PeerConnected{torrent_->id, peer_.endpoint, peer_.incoming});
    return true;
  }

  bool on_extension_handshake(const lts::bdecode_node& handshake) override {
    if (handshake.type() != lts::bdecode_node::dict_t) return true;
    const int64_t port = handshake.dict_find_int_value("p");
    if (peer_.incoming && port > 0 && port <= 65'535) {
      peer_.listens = {peer_.endpoint.address, static_cast<uint16_t>(port)};
    }
    constexpr size_t kMaxClient = 64;
    peer_.client = std::string(handshake.dict_find_string_value("v")).substr(0, kMaxClient);
    const lts::bdecode_node messages = handshake.dict_find_dict("m");
    if (messages) dont_have_ = static_cast<int>(messages.dict_find_int_value("lt_donthave"));
    if (dont_have_ < 0 || dont_have_ > 255) dont_have_ = 0;
    peer_.speaks_dont_have = dont_have_ != 0;
    Show();
    RefreshMember();
    return true;
  }

  void on_disconnect(const lts::error_code&) override {
    if (!std::exchange(shown_, false)) return;
    if (probe_) torrent_->events->Put(PeerProbed{torrent_->id, peer_.endpoint, {}});
    probe_.reset();
    // What went since the last second.
    CountTransfer();
    torrent_->board->RemovePeer(key_);
    --torrent_->counts->connections;
    torrent_->events->Put(PeerDisconnected{torrent_->id, peer_.endpoint});
  }

  bool on_bitfield(const lts::bitfield& bits) override {
    const auto set = FromLibtorrent(bits, torrent_->board->pieces());
    if (set) torrent_->board->SetPieces(key_, *set);
    return false;
  }
  bool on_have_all() override {
    torrent_->board->SetPieces(key_, pieces::PieceSet::Full(torrent_->board->pieces()));
    return false;
  }
  bool on_have_none() override {
    torrent_->board->SetPieces(key_, pieces::PieceSet(torrent_->board->pieces()));
    return false;
  }
  bool on_have(lts::piece_index_t piece) override { return OnPiece(piece, true); }
  bool on_dont_have(lts::piece_index_t piece) override { return OnPiece(piece, false); }

  // Once the peer is choked libtorrent refuses this request and those behind it.
  bool on_request(const lts::peer_request&) override {
    if (torrent_->served) return false;
    ++torrent_->counts->held_back;
    held_back_ = true;
    connection_.choke_this_peer();
    return false;
  }
  void ServeAgain() {
    if (!std::exchange(held_back_, false) || connection_.is_disconnecting()) return;
    connection_.maybe_unchoke_this_peer();
  }

  bool on_piece(const lts::peer_request& request, lts::span<const char> bytes) override {
    const auto size = static_cast<uint64_t>(bytes.size());
    down_ += size;
    torrent_->counts->downloaded.fetch_add(size, std::memory_order_relaxed);
    if (!IsProbe(request)) return false;
    EndProbe(ToBytes(AsBytes(absl::string_view(bytes.data(), bytes.size()))));
    return true;
  }
  bool on_unchoke() override {
    AskProbe();
    return false;
  }
  // BEP 6; its reason may be over soon, and the time is not.
  bool on_reject(const lts::peer_request& request) override {
    if (!IsProbe(request)) return false;
    probe_asked_ = false;
    return true;
  }
  // BEP 3: a choke without BEP 6 takes all requests along.
  bool on_choke() override {
    probe_asked_ = false;
    return false;
  }
  void sent_payload(int bytes) override {
    const auto size = static_cast<uint64_t>(bytes);
    up_ += size;
    torrent_->counts->uploaded.fetch_add(size, std::memory_order_relaxed);
  }

  // Once a second.
  void tick() override {
    if (!shown_) return;
    if (probe_ && --probe_left_ == 0) EndProbe(std::nullopt);
    peer_.up_rate = up_ - peer_.up_total;
    peer_.down_rate = down_ - peer_.down_total;
    CountTransfer();
    Show();
  }

  const net::Endpoint& endpoint() const { return peer_.endpoint; }
  // Who is not interested is not unchoked.
  bool Probe(const pieces::Range& block) {
    if (!shown_ || probe_ || connection_.is_disconnecting()) return false;
    probe_ = block;
    probe_left_ = static_cast<int>(absl::ToInt64Seconds(torrent_->probe_patience));
    if (!connection_.is_interesting()) Send(kInterested);
    if (!connection_.has_peer_choked()) AskProbe();
    return true;
  }

  void RefreshMember() {
    torrent_->board->SetMember(
        key_, torrent_->is_member(peer_.endpoint) || torrent_->is_member(peer_.listens));
  }

  // BEP 54: 20 | the number the peer gave it | the piece, in a message of BEP 10.
  void SayDontHave(const std::vector<pieces::Piece>& pieces) {
    if (dont_have_ == 0 || connection_.is_disconnecting()) return;
    std::vector<char> out;
    for (const pieces::Piece piece : pieces) {
      const uint32_t index = piece.value();
      const std::array<uint8_t, 10> message = {0,
                                               0,
                                               0,
                                               6,
                                               20,
                                               static_cast<uint8_t>(dont_have_),
                                               static_cast<uint8_t>(index >> 24),
                                               static_cast<uint8_t>(index >> 16),
                                               static_cast<uint8_t>(index >> 8),
                                               static_cast<uint8_t>(index)};
      out.insert(out.end(), message.begin(), message.end());
    }
    connection_.send_buffer(out.data(), static_cast<int>(out.size()));
  }

 private:
  // BEP 3: numbers of messages.
  enum Message : uint8_t { kInterested = 2, kNotInterested = 3, kRequest = 6 };

  void Send(Message message, std::initializer_list<uint32_t> numbers = {}) {
    ByteWriter out;
    out.U32(static_cast<uint32_t>(1 + 4 * numbers.size())).U8(message);
    for (const uint32_t number : numbers) out.U32(number);
    const absl::string_view text = AsText(out.bytes());
    connection_.send_buffer(text.data(), static_cast<int>(text.size()));
  }
  bool IsProbe(const lts::peer_request& request) const {
    return probe_ && probe_asked_ &&
           static_cast<uint32_t>(static_cast<int>(request.piece)) == probe_->piece.value() &&
           static_cast<uint32_t>(request.start) == probe_->offset &&
           static_cast<uint32_t>(request.length) == probe_->length;
  }
  void AskProbe() {
    if (!probe_ || std::exchange(probe_asked_, true)) return;
    Send(kRequest, {probe_->piece.value(), probe_->offset, probe_->length});
  }
  void EndProbe(std::optional<Bytes> given) {
    const pieces::Range block = *std::exchange(probe_, std::nullopt);
    probe_asked_ = false;
    if (!connection_.is_interesting() && !connection_.is_disconnecting()) Send(kNotInterested);
    torrent_->probed(peer_.endpoint, block, std::move(given));
  }
  void CountTransfer() {
    torrent_->board->CountTransfer(up_ - peer_.up_total, down_ - peer_.down_total);
    peer_.up_total = up_;
    peer_.down_total = down_;
  }
  bool OnPiece(lts::piece_index_t piece, bool has) {
    torrent_->board->SetPiece(key_, pieces::Piece(static_cast<uint32_t>(static_cast<int>(piece))),
                              has);
    return false;
  }
  void Show() {
    if (shown_) torrent_->board->UpdatePeer(key_, peer_);
  }

  const std::shared_ptr<WatchedTorrent> torrent_;  // owners: the loaded torrent and its watches
  lts::peer_connection_handle connection_;
  Board::PeerKey key_ = 0;
  PeerSnapshot peer_;
  bool shown_ = false;
  int dont_have_ = 0;  // as the peer calls it; 0: it does not
  bool held_back_ = false;
  uint64_t up_ = 0;
  uint64_t down_ = 0;
  std::optional<pieces::Range> probe_;
  bool probe_asked_ = false;
  int probe_left_ = 0;  // seconds
};

namespace {

class TorrentWatch final : public lts::torrent_plugin {
 public:
  explicit TorrentWatch(std::shared_ptr<WatchedTorrent> torrent) : torrent_(std::move(torrent)) {}

  std::shared_ptr<lts::peer_plugin> new_connection(
      const lts::peer_connection_handle& connection) override {
    if (connection.type() != lts::connection_type::bittorrent) return nullptr;
    return std::make_shared<PeerWatch>(torrent_, connection);
  }
  void on_piece_pass(lts::piece_index_t piece) override {
    torrent_->passed(pieces::Piece(static_cast<uint32_t>(static_cast<int>(piece))));
  }
  void on_piece_failed(lts::piece_index_t piece) override {
    ++torrent_->counts->hash_failures;
    torrent_->events->Put(
        HashFailed{torrent_->id, pieces::Piece(static_cast<uint32_t>(static_cast<int>(piece)))});
  }

 private:
  const std::shared_ptr<WatchedTorrent> torrent_;
};

}  // namespace

void SayDontHave(const WatchedTorrent& torrent, const std::vector<pieces::Piece>& pieces) {
  for (PeerWatch* const peer : torrent.peers) peer->SayDontHave(pieces);
}

void ServeAgain(const WatchedTorrent& torrent) {
  for (PeerWatch* const peer : torrent.peers) peer->ServeAgain();
}

void RefreshMembers(const WatchedTorrent& torrent) {
  for (PeerWatch* const peer : torrent.peers) peer->RefreshMember();
}

bool ProbePeer(const WatchedTorrent& torrent, const net::Endpoint& peer,
               const pieces::Range& block) {
  return std::any_of(torrent.peers.begin(), torrent.peers.end(), [&](PeerWatch* watch) {
    return watch->endpoint() == peer && watch->Probe(block);
  });
}

std::shared_ptr<lts::torrent_plugin> WatchTorrent(std::shared_ptr<WatchedTorrent> torrent) {
  return std::make_shared<TorrentWatch>(std::move(torrent));
}

}  // namespace p2pd::archive::lt
