// A node with everything that the wide table needs, and a crowd of neighbours whose words a test
// chooses.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "libcore/overlay/gossip.h"
#include "libcore/overlay/table_sync.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {

class GossipFixture : public testing::Test {
 protected:
  static constexpr size_t kCrowd = 24;  // more than the leaf set holds

  explicit GossipFixture(double budget = 400)
      : ring_(self_.record.id(), RingOptions{}, self_.links),
        liveness_(budget, self_.links, ring_, self_.rng, self_.counters),
        vivaldi_(self_.rng),
        neighbours_(self_.links, vivaldi_),
        table_(Head(self_.record.id()), self_.counters),
        gossip_(budget, self_.links, ring_, liveness_, neighbours_, table_, vivaldi_, self_.rng,
                self_.counters),
        sync_(self_.links, ring_, neighbours_, table_, gossip_, vivaldi_, self_.rng,
              self_.counters) {
    ring_.SetSelf(self_.record);
    ring_.SetActive(true);
    gossip_.SetSelf(self_.record);
    sync_.SetSelf(self_.record);
    for (size_t i = 0; i < kCrowd; ++i) {
      crowd_.push_back(std::make_unique<Party>(10 + i));
      Connect(*crowd_.back());
    }
    // In the order of the ring, upwards from us.
    std::sort(crowd_.begin(), crowd_.end(), [this](const auto& a, const auto& b) {
      return Upwards(HeadOf(*a)) < Upwards(HeadOf(*b));
    });
    TakeChange();
    gossip_.Start(now_);
    sync_.Start(now_);
  }

  static uint64_t HeadOf(const Party& party) { return Head(party.record.id()); }
  uint64_t self_head() const { return Head(self_.record.id()); }
  uint64_t Upwards(uint64_t head) const { return ClockwiseHeads(self_head(), head); }
  Party& Crowd(size_t place) { return *crowd_[place]; }

  void Connect(Party& other) {
    self_.links.Connect(now_, other.record);
    Exchange2(now_, self_, other);
    neighbours_.OnLinkUp(other.record.id());
    ring_.Consider(now_, other.record.id());
    self_.Events();
    other.Events();
  }
  void TakeChange() {
    if (const auto change = ring_.TakeChange()) gossip_.OnLeafSetChanged(now_, *change);
  }
  // All of the crowd, or all but one, are announced.
  void AnnounceCrowd(size_t but = kCrowd) {
    for (size_t i = 0; i < kCrowd; ++i) {
      if (i != but) table_.Take(now_, Came(HeadOf(Crowd(i)), 100));
    }
    gossip_.SetComplete();
  }
  // The ring finds this neighbour dead.
  void Bury(Party& party) {
    ring_.Remove(now_, party.record.id(), true);
    self_.links.Drop(now_, party.record.id(), false);
    gossip_.OnGone(now_, party.record.id());
    TakeChange();
  }

  HintEvent Came(uint64_t head, uint32_t stamp) const {
    HintEvent out;
    out.hint.head = head;
    out.hint.stamp = stamp;
    out.hint.endpoint = EndpointAt(200);
    out.hint.learnt = now_;
    return out;
  }
  HintEvent Went(uint64_t head, uint32_t stamp) const {
    HintEvent out;
    out.there = false;
    out.hint.head = head;
    out.hint.stamp = stamp;
    return out;
  }
  wire::v1::EventBatch Batch(const std::vector<HintEvent>& events, uint64_t limit) const {
    wire::v1::EventBatch out;
    wire::v1::EventGroup* group = out.add_groups();
    group->set_limit(limit);
    ByteWriter writer;
    for (const HintEvent& event : events) WriteHintEvent(now_, event, writer);
    group->set_events(ToText(writer.bytes()));
    return out;
  }
  void Hear(const Party& from, const std::vector<HintEvent>& events, uint64_t limit) {
    gossip_.OnEventBatch(now_, from.record.id(), Batch(events, limit));
  }

  // Time passes; what was sent to the crowd arrives, and is acknowledged by who is not deaf.
  void RunFor(absl::Duration span) {
    for (const Instant end = now_ + span; now_ < end; now_ = now_ + absl::Milliseconds(200)) {
      gossip_.OnTimeout(now_);
      sync_.OnTimeout(now_);
      self_.links.OnTimeout(now_);
      ExchangeAll();
      for (const auto& party : crowd_) {
        for (const MessageReceived& received : Of<MessageReceived>(party->Events())) {
          wire::v1::OverlayMessage message;
          ASSERT_TRUE(ParseProto(received.bytes, message));
          got_.emplace_back(HeadOf(*party), std::move(message));
        }
      }
      for (const LinkEvent& event : self_.Events()) {
        if (const auto* lost = std::get_if<MessageLost>(&event)) {
          gossip_.OnLost(now_, lost->message);
        } else if (const auto* acked = std::get_if<MessageAcked>(&event)) {
          gossip_.OnAcked(acked->message);
        }
      }
    }
  }
  void ExchangeAll() {
    for (bool any = true; any;) {
      any = false;
      for (const net::Transmit& t : self_.Send(now_)) {
        any = true;
        for (const auto& party : crowd_) {
          if (party->at == t.to && party.get() != deaf_) {
            party->Receive(now_, self_.at, t.datagram);
          }
        }
      }
      for (const auto& party : crowd_) {
        for (const net::Transmit& t : party->Send(now_)) {
          if (party.get() != deaf_) self_.Receive(now_, party->at, t.datagram);
        }
      }
    }
  }
  // An event as one of the crowd got it.
  struct Got {
    uint64_t by = 0;
    uint64_t limit = 0;
    HintEvent event;
  };
  // Since the last call, in the order of the ring.
  std::vector<Got> TakeGot() {
    std::vector<Got> out;
    for (const auto& [by, message] : got_) {
      for (const wire::v1::EventGroup& group : message.event_batch().groups()) {
        const auto events = ParseHintEvents(now_, AsBytes(group.events()), 256);
        for (const HintEvent& event : *events) out.push_back(Got{by, group.limit(), event});
      }
    }
    got_.clear();
    std::sort(out.begin(), out.end(),
              [this](const Got& a, const Got& b) { return Upwards(a.by) < Upwards(b.by); });
    return out;
  }
  Party& PartyAt(uint64_t head) {
    for (const auto& party : crowd_) {
      if (HeadOf(*party) == head) return *party;
    }
    return Crowd(0);
  }
  // Each part ends where the next begins, and the last at `limit`.
  void ExpectParts(const std::vector<Got>& got, uint64_t limit) const {
    ASSERT_FALSE(got.empty());
    for (size_t i = 0; i + 1 < got.size(); ++i) EXPECT_EQ(got[i].limit, got[i + 1].by) << i;
    EXPECT_EQ(got.back().limit, limit);
  }

  Instant now_ = At(absl::Seconds(1));
  Party self_{1};
  Ring ring_;
  Liveness liveness_;
  Vivaldi vivaldi_;
  Neighbours neighbours_;
  WideTable table_;
  Gossip gossip_;
  TableSync sync_;
  std::vector<std::unique_ptr<Party>> crowd_;
  const Party* deaf_ = nullptr;
  std::vector<std::pair<uint64_t, wire::v1::OverlayMessage>> got_;
};

}  // namespace p2pd::overlay
