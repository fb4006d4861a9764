// FakeFellows: other S-trackers that say what the test says. We are the first of them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "libcore/archive/fellows.h"

namespace p2pd::archive {

class FakeFellows final : public Fellows {
 public:
  explicit FakeFellows(int count) : self_(Id(0)) { Resize(count); }

  static MemberId Id(int number) {
    MemberId out;
    out.mutable_view()[0] = static_cast<uint8_t>(number);
    return out;
  }
  static net::Endpoint EndpointOf(int number) {
    return {net::IpAddress::V4({20, 0, 0, static_cast<uint8_t>(number)}), 6881};
  }
  void Resize(int count) {
    present_.clear();
    for (int i = 0; i < count; ++i) present_.push_back({Id(i), 1, ""});
    ++generation_;
  }
  void SetFull(int number, bool full) {
    if (full) {
      full_.insert(Id(number));
    } else {
      full_.erase(Id(number));
    }
    ++generation_;
  }
  void SetHeld(int number, const torrent::InfoHash& torrent, std::vector<bool> groups) {
    held_[torrent][number] = std::move(groups);
  }
  void Clear() { held_.clear(); }
  void SetSettled(bool settled) { settled_ = settled; }
  void SetTrackers(std::vector<std::string> trackers) { trackers_ = std::move(trackers); }

  const MemberId& self() const override { return self_; }
  bool settled() const override { return settled_; }
  uint64_t generation() const override { return generation_; }
  const std::vector<Member>& Present() const override { return present_; }
  bool IsFull(const MemberId& member) const override { return full_.contains(member); }
  std::vector<Holding> HeldOf(const torrent::InfoHash& torrent) const override {
    std::vector<Holding> out;
    const auto found = held_.find(torrent);
    if (found == held_.end()) return out;
    for (const auto& [number, groups] : found->second) out.push_back({Id(number), &groups});
    return out;
  }
  std::vector<net::Endpoint> SourcesOf(const torrent::InfoHash& torrent) const override {
    std::vector<net::Endpoint> out;
    const auto found = held_.find(torrent);
    if (found == held_.end()) return out;
    for (const auto& [number, groups] : found->second) out.push_back(EndpointOf(number));
    return out;
  }
  std::vector<net::Endpoint> HoldersAt(const torrent::InfoHash& torrent) const override {
    return SourcesOf(torrent);
  }
  std::vector<std::string> Trackers() const override { return trackers_; }

 private:
  const MemberId self_;
  bool settled_ = true;
  uint64_t generation_ = 0;
  std::vector<Member> present_;
  std::set<MemberId> full_;
  std::map<torrent::InfoHash, std::map<int, std::vector<bool>>> held_;
  std::vector<std::string> trackers_;
};

}  // namespace p2pd::archive
