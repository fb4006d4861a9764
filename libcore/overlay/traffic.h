// Traffic: what a node has sent since it was made, by purpose. Bytes of UDP payload. Threads: that
// of the node.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace p2pd::overlay {

// What a message between neighbours is for.
enum class Purpose : uint8_t {
  kMembership,  // who is there: announcements, leaf sync, farewells, records
  kTable,       // rows of the prefix table
  kProbe,       // the overlay's own requests and their answers: join, far tuning, partition check
  kRequest,     // requests of the layers above
  kAnswer,      // answers to those
  kEvents       // the wide table: who came and went, comparisons
};
inline constexpr size_t kPurposes = 6;

// What waits for what on a link, the first first (design §3).
enum class Urgency : uint8_t {
  kCallSetup,    // somebody holds the receiver: Service::kSession
  kReply,        // requests and answers of the layers above
  kMaintenance,  // the ring itself; it can wait a round trip, and pings wait for nothing
  kRepair        // copies that are compared and moved where nobody asked for them
};
inline constexpr size_t kUrgencies = 4;
// Of what is for the ring itself, and of requests and answers in general.
constexpr Urgency UrgencyOf(Purpose purpose) {
  return purpose == Purpose::kRequest || purpose == Purpose::kAnswer ? Urgency::kReply
                                                                     : Urgency::kMaintenance;
}

struct Traffic {
  struct Sum {
    uint64_t count = 0;
    uint64_t bytes = 0;
    void Add(size_t size) {
      ++count;
      bytes += size;
    }
    Sum& operator+=(const Sum& other) {
      count += other.count;
      bytes += other.bytes;
      return *this;
    }
    Sum operator-(const Sum& other) const { return {count - other.count, bytes - other.bytes}; }
  };
  // Encoded messages, retransmissions not counted.
  std::array<Sum, kPurposes> messages;
  // Datagrams that make links.
  Sum handshakes;
  // Datagrams with frames: messages, acknowledgements, pings.
  Sum packets;
  // Letters and their answers.
  Sum letters;

  Traffic& operator+=(const Traffic& other) {
    for (size_t i = 0; i < kPurposes; ++i) messages[i] += other.messages[i];
    handshakes += other.handshakes;
    packets += other.packets;
    letters += other.letters;
    return *this;
  }
  // Since an earlier moment of the same node.
  Traffic operator-(const Traffic& earlier) const {
    Traffic out;
    for (size_t i = 0; i < kPurposes; ++i) out.messages[i] = messages[i] - earlier.messages[i];
    out.handshakes = handshakes - earlier.handshakes;
    out.packets = packets - earlier.packets;
    out.letters = letters - earlier.letters;
    return out;
  }
};

}  // namespace p2pd::overlay
