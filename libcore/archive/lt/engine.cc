#include "libcore/archive/lt/engine.h"

#include <utility>

#include "libcore/archive/lt/engine_impl.h"
#include "libcore/base/status.h"

namespace p2pd::archive::lt {

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(EngineOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  P2PD_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

absl::Status Engine::Add(AddRequest request) { return impl_->Add(std::move(request)); }
absl::Status Engine::Remove(const torrent::InfoHash& hash) { return impl_->Remove(hash, false); }
absl::Status Engine::Sleep(const torrent::InfoHash& hash) { return impl_->Remove(hash, true); }
void Engine::AddSleeping(absl::Span<const torrent::InfoHashes> hashes) {
  impl_->AddSleeping(hashes);
}
absl::Status Engine::ConnectPeer(const torrent::InfoHash& hash, const net::Endpoint& peer) {
  return impl_->ConnectPeer(hash, peer);
}
absl::Status Engine::SetWanted(const torrent::InfoHash& hash,
                               absl::Span<const WantedPiece> wanted) {
  return impl_->SetWanted(hash, wanted);
}
absl::Status Engine::Drop(const torrent::InfoHash& hash, absl::Span<const pieces::Piece> pieces) {
  return impl_->Drop(hash, pieces);
}
absl::Status Engine::Scrub(const torrent::InfoHash& hash, pieces::Piece piece) {
  return impl_->Scrub(hash, piece);
}
absl::Status Engine::Read(const torrent::InfoHash& hash, absl::Span<const pieces::Range> ranges,
                          uint64_t id) {
  return impl_->Read(hash, ranges, id);
}
absl::Status Engine::Probe(const torrent::InfoHash& hash, const net::Endpoint& peer,
                           const pieces::Range& block) {
  return impl_->Probe(hash, peer, block);
}
absl::Status Engine::SetTrackers(const torrent::InfoHash& hash, const TrackerTiers& trackers) {
  return impl_->SetTrackers(hash, trackers);
}
absl::Status Engine::SetServed(const torrent::InfoHash& hash, bool served) {
  return impl_->SetServed(hash, served);
}
void Engine::SetLimits(const EngineLimits& limits) { impl_->SetLimits(limits); }
void Engine::SetMembers(std::vector<net::Endpoint> members) {
  impl_->SetMembers(std::move(members));
}

void Engine::SetTrusted(const std::vector<std::string>& trackers) { impl_->SetTrusted(trackers); }
std::optional<Event> Engine::PollEvent() { return impl_->PollEvent(); }
absl::StatusOr<int64_t> Engine::Overhead(const torrent::InfoHash& hash) const {
  return impl_->Overhead(hash);
}
absl::Status Engine::CheckFiles(const torrent::InfoHash& hash) { return impl_->CheckFiles(hash); }
absl::StatusOr<TorrentSnapshot> Engine::Snapshot(const torrent::InfoHash& hash) const {
  return impl_->Snapshot(hash);
}
EngineCounters Engine::Counters() const { return impl_->Counters(); }
std::vector<net::Endpoint> Engine::Listening() const { return impl_->listening(); }

}  // namespace p2pd::archive::lt
