#include "tests/sim/p2pd_sim/bamboo_client.h"

#include <algorithm>

namespace p2pd::sim::bamboo {

uint64_t Client::Put(Instant now, const Tuple& tuple) {
  const uint64_t operation = carrier_.NextNumber();
  OpenPut& put = puts_[operation];
  put.tuple = tuple;
  put.end = now + kGiveUp;
  SendPut(now, operation, put);
  return operation;
}

void Client::SendPut(Instant now, uint64_t operation, OpenPut& put) {
  put.again = now + kPutAgain;
  carrier_.RouteOn(now, PutReq{put.tuple, carrier_.self(), operation, 0, false});
}

uint64_t Client::Get(Instant now, const overlay::Key& key, bool changes) {
  const uint64_t operation = carrier_.NextNumber();
  const Tuple own = store_.Find(now, key);
  if (!changes && own.version != 0) {
    done_.push_back({operation, false, true, own});
    return operation;
  }
  OpenGet& get = gets_[operation];
  get.key = key;
  get.changes = changes;
  get.end = now + kGiveUp;
  SendGet(now, operation, get);
  return operation;
}

void Client::SendGet(Instant now, uint64_t operation, OpenGet& get) {
  get.again = now + kGetAgain;
  carrier_.RouteOn(now, GetReq{get.key, carrier_.self(), operation, 0});
}

void Client::On(Instant, const PutResp& message) {
  if (puts_.erase(message.operation) != 0) done_.push_back({message.operation, true, true, {}});
}

void Client::Heard(OpenGet& get, const overlay::NodeId& replica, const Tuple& tuple) {
  get.versions[replica] = tuple.version;
  if (tuple.version > get.newest.version) get.newest = tuple;
}

// Of a second answer, after it was asked anew, only that counts.
void Client::On(Instant now, const GetResp& message) {
  const auto found = gets_.find(message.operation);
  if (found == gets_.end()) return;
  OpenGet& get = found->second;
  get.versions.clear();
  get.lost.clear();
  get.replicas = message.replicas.size() + 1;
  Heard(get, message.root.id, message.tuple);
  if (get.changes || get.newest.version == 0) {
    const uint64_t have = get.newest.version;
    for (const Peer& peer : message.replicas) {
      if (peer.id == carrier_.self().id) {
        Heard(get, peer.id, store_.Find(now, get.key));
      } else {
        carrier_.SendTo(now, peer, ReadReq{get.key, message.operation, have}, message.operation);
      }
    }
  }
  EndIfDecided(message.operation);
}

void Client::On(Instant, const ReadResp& message) {
  const auto found = gets_.find(message.operation);
  if (found == gets_.end()) return;
  OpenGet& get = found->second;
  get.lost.erase(message.replica.id);
  if (message.tuple) Heard(get, message.replica.id, *message.tuple);
  get.versions[message.replica.id] = message.version;
  EndIfDecided(message.operation);
}

void Client::OnLost(uint64_t number, const overlay::NodeId& replica) {
  const auto found = gets_.find(number);
  if (found == gets_.end() || found->second.versions.count(replica) != 0) return;
  found->second.lost.insert(replica);
  EndIfDecided(number);
}

void Client::EndIfDecided(uint64_t operation) {
  const OpenGet& get = gets_.at(operation);
  if (get.replicas == 0) return;
  const bool found = get.newest.version != 0;
  const bool majority = get.versions.size() >= get.replicas / 2 + 1;
  const bool all = get.versions.size() + get.lost.size() >= get.replicas;
  if (found && !get.changes) return EndGet(operation);
  if (majority && (found || all)) EndGet(operation);
}

void Client::EndGet(uint64_t operation) {
  const auto node = gets_.extract(operation);
  const Tuple& newest = node.mapped().newest;
  done_.push_back({operation, false, newest.version != 0, newest});
}

void Client::OnTimeout(Instant now) {
  std::set<uint64_t> over;
  for (auto& [operation, put] : puts_) {
    if (put.end <= now) over.insert(operation);
  }
  for (const uint64_t operation : over) {
    puts_.erase(operation);
    done_.push_back({operation, true, false, {}});
  }
  over.clear();
  for (auto& [operation, get] : gets_) {
    if (get.end <= now) over.insert(operation);
  }
  for (const uint64_t operation : over) EndGet(operation);
  // What goes to ourselves may end an operation meanwhile.
  std::set<uint64_t> again;
  for (const auto& [operation, put] : puts_) {
    if (put.again <= now) again.insert(operation);
  }
  for (const auto& [operation, get] : gets_) {
    if (get.again <= now) again.insert(operation);
  }
  for (const uint64_t operation : again) {
    if (const auto put = puts_.find(operation); put != puts_.end()) {
      SendPut(now, operation, put->second);
    } else if (const auto get = gets_.find(operation); get != gets_.end()) {
      SendGet(now, operation, get->second);
    }
  }
}

std::optional<Instant> Client::PollTimeout() const {
  std::optional<Instant> next;
  for (const auto& [operation, put] : puts_) next = Earliest(next, std::min(put.again, put.end));
  for (const auto& [operation, get] : gets_) next = Earliest(next, std::min(get.again, get.end));
  return next;
}

std::optional<Client::Done> Client::PollDone() {
  if (done_.empty()) return std::nullopt;
  const Done done = done_.front();
  done_.pop_front();
  return done;
}

}  // namespace p2pd::sim::bamboo
