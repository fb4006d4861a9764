// OverlayRing: many overlay hosts in one World, with an oracle that knows the true root of every
// key at every moment.
//
// A lookup is right when the node that answered was the root of the key at some moment between the
// question and the answer, among the nodes that were up and active, or joining next to it then.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/overlay_host.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

class OverlayRing {
 public:
  struct Results {
    int right = 0;
    int wrong = 0;
    int failed = 0;
    int hops = 0;
    absl::Duration total;
    absl::Duration longest;
  };

  explicit OverlayRing(uint64_t seed, const LinkOptions& options = {})
      : world_(seed, options), seed_(seed * 1000003), rng_(seed + 17) {}

  World& world() { return world_; }
  Rng& rng() { return rng_; }
  const Results& results() const { return results_; }
  std::vector<std::unique_ptr<OverlayHost>>& hosts() { return hosts_; }

  // Starts `count` nodes, `gap` apart, each through a random one that is up.
  void Grow(int count, absl::Duration gap, overlay::NodeOptions options = {}) {
    for (int i = 0; i < count; ++i) {
      Join(options);
      world_.RunFor(gap);
    }
  }
  OverlayHost& Join(overlay::NodeOptions options = {}) {
    std::vector<net::Endpoint> bootstrap;
    for (int i = 0; i < 3; ++i) {
      OverlayHost* any = RandomActive();
      if (any != nullptr) bootstrap.push_back(any->at());
    }
    return JoinThrough(bootstrap, std::move(options));
  }
  OverlayHost& JoinThrough(const std::vector<net::Endpoint>& bootstrap,
                           overlay::NodeOptions options,
                           std::optional<net::Endpoint> at = std::nullopt) {
    auto host = std::make_unique<OverlayHost>(world_, ++seed_, std::move(options), at);
    OverlayHost& out = *host;
    hosts_.push_back(std::move(host));
    out.SetHandler(
        [this, &out](Instant now, overlay::Event& event) { return OnEvent(now, out, event); });
    NoteChange();
    out.Start(bootstrap);
    return out;
  }
  void Crash(OverlayHost& host) {
    host.Crash();
    NoteChange();
  }
  void Leave(OverlayHost& host) {
    host.Leave();
    NoteChange();
  }

  OverlayHost* RandomActive() {
    std::vector<OverlayHost*> up;
    for (const auto& host : hosts_) {
      if (host->active()) up.push_back(host.get());
    }
    return up.empty() ? nullptr : up[rng_.Below(up.size())];
  }
  size_t ActiveCount() const {
    return static_cast<size_t>(
        std::count_if(hosts_.begin(), hosts_.end(), [](const auto& h) { return h->active(); }));
  }

  // A random node looks up a random key; the answer is judged when it comes.
  void LookUp() {
    OverlayHost* host = RandomActive();
    if (host == nullptr) return;
    const auto key = rng_.Make<overlay::Key>();
    NoteChange();
    const overlay::RequestId id =
        host->node().Route(world_.now(), key, overlay::Service::kApplication, {42}, {});
    lookups_[{host->id(), id}] = Lookup{key, world_.now()};
    host->Kick();
  }

  // True root of the key now.
  overlay::NodeId Root(const overlay::Key& key) const { return RootAmong(Present(), key); }

  // Hosts whose leaf set is not exactly what the oracle says, with what is wrong.
  std::vector<std::string> WrongLeafSets(size_t per_side = 8) const {
    std::vector<std::string> out;
    const std::vector<overlay::NodeId> ids = Present();
    for (const auto& host : hosts_) {
      if (!host->active()) continue;
      std::vector<overlay::NodeId> order;
      for (const overlay::NodeId& id : ids) {
        if (id != host->id()) order.push_back(id);
      }
      std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
        return overlay::Clockwise(host->id(), a) < overlay::Clockwise(host->id(), b);
      });
      std::set<overlay::NodeId> expected;
      for (size_t i = 0; i < std::min(per_side, order.size()); ++i) {
        expected.insert(order[i]);
        expected.insert(order[order.size() - 1 - i]);
      }
      std::set<overlay::NodeId> actual;
      for (const overlay::NodeRecord& record : host->node().LeafSet()) actual.insert(record.id());
      if (actual == expected) continue;
      std::string text = overlay::Short(host->id()) + " lacks";
      for (const auto& id : expected) {
        if (actual.count(id) == 0) text += " " + overlay::Short(id);
      }
      text += ", has wrongly";
      for (const auto& id : actual) {
        if (expected.count(id) == 0) text += " " + overlay::Short(id);
      }
      out.push_back(text);
    }
    return out;
  }

  // What went wrong, for the failure message.
  std::vector<std::string> complaints;

 private:
  struct Lookup {
    overlay::Key key;
    Instant asked;
  };

  static overlay::NodeId RootAmong(const std::vector<overlay::NodeId>& ids,
                                   const overlay::Key& key) {
    return *std::min_element(ids.begin(), ids.end(), [&key](const auto& a, const auto& b) {
      return overlay::Nearer(key, a, b);
    });
  }
  std::vector<overlay::NodeId> Present() const {
    std::vector<overlay::NodeId> out;
    for (const auto& host : hosts_) {
      if (host->active()) out.push_back(host->id());
    }
    return out;
  }
  void NoteChange() {
    std::vector<overlay::NodeId> present = Present();
    if (history_.empty() || history_.back().second != present) {
      history_.emplace_back(world_.now(), std::move(present));
    }
  }
  bool RightAnswer(const Lookup& lookup, const overlay::NodeId& from) {
    NoteChange();
    for (size_t i = history_.size(); i-- > 0;) {
      const auto& [since, ids] = history_[i];
      if (!ids.empty() && RootAmong(ids, lookup.key) == from) return true;
      if (since <= lookup.asked) break;
    }
    return false;
  }
  bool OnEvent(Instant now, OverlayHost& host, overlay::Event& event) {
    if (std::holds_alternative<overlay::JoinStateChanged>(event)) {
      NoteChange();
      return true;
    }
    if (const auto* response = std::get_if<overlay::Response>(&event)) {
      const auto found = lookups_.find({host.id(), response->id});
      if (found == lookups_.end()) return false;
      const bool right = RightAnswer(found->second, response->from.id());
      ++(right ? results_.right : results_.wrong);
      if (!right) {
        complaints.push_back(absl::StrCat(absl::FormatDuration(now - Instant()), " key ",
                                          overlay::Short(found->second.key), " answered by ",
                                          overlay::Short(response->from.id()), " instead of ",
                                          overlay::Short(Root(found->second.key))));
      }
      results_.hops += response->hops;
      results_.total += response->round_trip;
      results_.longest = std::max(results_.longest, response->round_trip);
      lookups_.erase(found);
      return true;
    }
    if (const auto* failed = std::get_if<overlay::RequestFailed>(&event)) {
      const auto found = lookups_.find({host.id(), failed->id});
      if (found == lookups_.end()) return false;
      ++results_.failed;
      complaints.push_back(absl::StrCat(
          absl::FormatDuration(now - Instant()), " key ", overlay::Short(found->second.key), " ",
          failed->status.ToString(), " root ", overlay::Short(Root(found->second.key))));
      lookups_.erase(found);
      return true;
    }
    if (auto* request = std::get_if<overlay::IncomingRequest>(&event)) {
      host.node().Answer(now, request->token, request->payload);
      return true;
    }
    return true;
  }

  World world_;
  uint64_t seed_;
  SeededRng rng_;
  std::vector<std::unique_ptr<OverlayHost>> hosts_;
  std::vector<std::pair<Instant, std::vector<overlay::NodeId>>> history_;
  std::map<std::pair<overlay::NodeId, overlay::RequestId>, Lookup> lookups_;
  Results results_;
};

}  // namespace p2pd::sim
