// Agents behind translators of every kind (RFC 4787), with reflectors and a relay in the open: the
// matrix of who reaches whom, and by which way.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "libcore/base/codec.h"
#include "libcore/ice/agent.h"
#include "tests/sim/world.h"

namespace p2pd::sim {
namespace {

using ice::Candidate;
using ice::CandidateType;
using ice::PriorityOf;
using ice::Side;

constexpr uint8_t kRelayByte = 207;
// What stands for the way through the relay, as the overlay's detours do: 100::n, port 1.
net::Endpoint RelayNote(uint8_t who) {
  std::array<uint8_t, 16> address{1};
  address[15] = who;
  return {net::IpAddress::V6(address), 1};
}

// Tells where requests come from, and passes on between those who are registered.
class Beacon : public Host {
 public:
  Beacon(World& world, const net::Endpoint& at) : at_(at) { world.Attach(at, this); }
  const net::Endpoint& at() const { return at_; }
  void OnDatagram(Instant, const net::Endpoint& from, ByteView datagram) override {
    if (const auto request = ice::ParseStun(datagram)) {
      ice::StunMessage answer;
      answer.kind = ice::StunClass::kSuccess;
      answer.id = request->id;
      answer.mapped = from;
      out_.push_back({from, ice::WriteStun(answer, ByteView())});
      return;
    }
    ByteReader reader(datagram);
    reader.U8();
    const uint8_t sender = reader.U8();
    const uint8_t receiver = reader.U8();
    const ByteView rest = reader.TakeRest();
    registered_[sender] = from;
    const auto to = registered_.find(receiver);
    if (to == registered_.end() || rest.empty()) return;
    ByteWriter writer;
    writer.U8(kRelayByte).U8(sender).U8(receiver).Put(rest);
    out_.push_back({to->second, writer.bytes()});
  }
  void OnTimeout(Instant) override {}
  std::optional<net::Transmit> PollTransmit(Instant) override {
    if (out_.empty()) return std::nullopt;
    const net::Transmit out = out_.back();
    out_.pop_back();
    return out;
  }
  std::optional<Instant> PollTimeout() const override { return std::nullopt; }
  bool DrainEvents(Instant) override { return false; }

 private:
  net::Endpoint at_;
  std::vector<net::Transmit> out_;
  std::map<uint8_t, net::Endpoint> registered_;
};

// One end of a call: an agent, what it learns of its own address, and a way through the relay.
class End : public Host {
 public:
  End(World& world, Side side, const net::Endpoint& at, const std::vector<Beacon*>& beacons)
      : world_(world),
        name_(side == Side::kCaller ? 1 : 2),
        peer_(side == Side::kCaller ? 2 : 1),
        rng_(100 + name_),
        at_(at),
        beacons_(beacons) {
    agent_ = std::make_unique<ice::Agent>(
        ice::Agent::Options{.side = side, .secret = SecretBytes(Bytes(32, 1)), .local = {}}, rng_,
        counters_);
    world.Attach(at_, this);
    Enquire();
  }
  ~End() override { world_.Detach(at_); }

  ice::Agent& agent() { return *agent_; }
  const std::vector<ice::Path>& selected() const { return selected_; }

  // Asks the beacons for our address, the first also to pass on for us.
  void Enquire() {
    seen_at_.clear();
    for (const Beacon* beacon : beacons_) {
      out_.push_back({beacon->at(), ice::WriteStun(ice::StunMessage(), ByteView())});
    }
    out_.push_back({beacons_[0]->at(), Bytes{kRelayByte, name_, peer_}});
    world_.Kick(at_);
  }
  // What we tell the other side. A translator that has another port for each destination still has
  // one address, and who lets in by address has to have written there: so what one beacon saw is
  // told, too.
  std::vector<Candidate> Candidates() const {
    std::vector<Candidate> out = {
        {CandidateType::kHost, at_, PriorityOf(CandidateType::kHost, 65535)},
        {CandidateType::kRelayed, RelayNote(name_), PriorityOf(CandidateType::kRelayed, 65535)}};
    if (!seen_at_.empty() && seen_at_.front() != at_) {
      out.push_back({CandidateType::kServerReflexive, seen_at_.front(),
                     PriorityOf(CandidateType::kServerReflexive, 65535)});
    }
    return out;
  }
  void Learn(const ice::CandidateList& list) {
    agent_->AddRemote(world_.now(), list);
    world_.Kick(at_);
  }
  void Move(const net::Endpoint& to) {
    world_.Detach(at_);
    at_ = to;
    world_.Attach(at_, this);
    agent_->Restart(world_.now());
    Enquire();
  }

  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) override {
    if (!datagram.empty() && datagram[0] == kRelayByte) {
      const auto message = ice::ParseStun(datagram.subspan(3));
      if (message)
        agent_->OnMessage(now, RelayNote(datagram[1]), true, *message, datagram.subspan(3));
      return;
    }
    const auto message = ice::ParseStun(datagram);
    if (!message) return;
    if (message->integrity_at == 0) {
      if (message->mapped) seen_at_.push_back(*message->mapped);
      return;
    }
    agent_->OnMessage(now, from, false, *message, datagram);
  }
  void OnTimeout(Instant now) override { agent_->OnTimeout(now); }
  std::optional<net::Transmit> PollTransmit(Instant) override {
    if (!out_.empty()) {
      const net::Transmit out = out_.back();
      out_.pop_back();
      return out;
    }
    auto out = agent_->PollTransmit();
    if (out && out->to == RelayNote(peer_)) {
      ByteWriter writer;
      writer.U8(kRelayByte).U8(name_).U8(peer_).Put(out->datagram);
      out = net::Transmit{beacons_[0]->at(), writer.bytes()};
    }
    return out;
  }
  std::optional<Instant> PollTimeout() const override { return agent_->PollTimeout(); }
  bool DrainEvents(Instant) override {
    const auto event = agent_->PollEvent();
    if (event && std::holds_alternative<ice::PathSelected>(*event))
      selected_.push_back(std::get<ice::PathSelected>(*event).path);
    return event.has_value();
  }

 private:
  World& world_;
  const uint8_t name_;
  const uint8_t peer_;
  SeededRng rng_;
  Counters counters_;
  net::Endpoint at_;
  std::vector<Beacon*> beacons_;
  std::vector<net::Endpoint> seen_at_;
  std::vector<net::Transmit> out_;
  std::vector<ice::Path> selected_;
  std::unique_ptr<ice::Agent> agent_;
};

// Where an end stands.
enum class Place {
  kOpen,
  kFullCone,
  kRestricted,
  kPortRestricted,
  kSymmetric,
  kDoubleCone,
  kDoubleSymmetric
};
constexpr Place kPlaces[] = {Place::kOpen,           Place::kFullCone,  Place::kRestricted,
                             Place::kPortRestricted, Place::kSymmetric, Place::kDoubleCone,
                             Place::kDoubleSymmetric};

std::string NameOf(Place place) {
  constexpr const char* kNames[] = {
      "open",      "full cone",   "restricted",      "port restricted",
      "symmetric", "double cone", "double symmetric"};
  return kNames[static_cast<int>(place)];
}

bool Symmetric(Place place) {
  return place == Place::kSymmetric || place == Place::kDoubleSymmetric;
}
// Lets in only what comes from the very port that was sent to.
bool Strict(Place place) {
  return Symmetric(place) || place == Place::kPortRestricted || place == Place::kDoubleCone;
}

// Endpoints of which one has another port for each destination, and the other lets no other port
// in, have no way but a third.
bool DirectIsPossible(Place a, Place b) {
  return !(Symmetric(a) && Strict(b)) && !(Symmetric(b) && Strict(a));
}

class Internet {
 public:
  explicit Internet(const LinkOptions& options = {})
      : world_(5, options), first_(world_, Public(1)), second_(world_, Public(2)) {}
  World& world() { return world_; }

  static net::Endpoint Public(uint8_t n) { return {net::IpAddress::V4({20, n, 0, 1}), 7464}; }
  std::unique_ptr<End> Put(Side side, Place place) {
    const uint8_t n = side == Side::kCaller ? 11 : 12;
    const net::Endpoint inside{net::IpAddress::V4({192, 168, n, 2}), 7464};
    const net::IpAddress outside = Public(n).address;
    const net::IpAddress middle = net::IpAddress::V4({100, 64, n, 1});
    constexpr Nat kEach = Nat::kPortDependent;
    constexpr Nat kSame = Nat::kEndpointIndependent;
    switch (place) {
      case Place::kOpen:
        return std::make_unique<End>(world_, side, Public(n), Beacons());
      case Place::kFullCone:
        world_.SetNat(inside.address, outside, kSame, kSame);
        break;
      case Place::kRestricted:
        world_.SetNat(inside.address, outside, kSame, Nat::kAddressDependent);
        break;
      case Place::kPortRestricted:
        world_.SetNat(inside.address, outside, kSame, kEach);
        break;
      case Place::kSymmetric:
        world_.SetNat(inside.address, outside, kEach, kEach);
        break;
      case Place::kDoubleCone:
        world_.SetNat(inside.address, middle, kSame, Nat::kAddressDependent);
        world_.SetNat(middle, outside, kSame, kEach);
        break;
      case Place::kDoubleSymmetric:
        world_.SetNat(inside.address, middle, kSame, kEach);
        world_.SetNat(middle, outside, kEach, kEach);
        break;
    }
    return std::make_unique<End>(world_, side, inside, Beacons());
  }
  std::vector<Beacon*> Beacons() { return {&first_, &second_}; }
  // Both learn where they are, then each other's candidates.
  void Introduce(End& caller, End& callee) {
    world_.RunFor(absl::Milliseconds(500));
    caller.Learn({0, callee.Candidates()});
    callee.Learn({0, caller.Candidates()});
  }

 private:
  World world_;
  Beacon first_;
  Beacon second_;
};

TEST(IceNetworkTest, EveryPairOfTranslatorsConnectsAndDirectWhereItCan) {
  for (const Place a : kPlaces) {
    for (const Place b : kPlaces) {
      SCOPED_TRACE(absl::StrCat(NameOf(a), " calls ", NameOf(b)));
      Internet net;
      std::unique_ptr<End> caller = net.Put(Side::kCaller, a);
      std::unique_ptr<End> callee = net.Put(Side::kCallee, b);
      net.Introduce(*caller, *callee);
      const Instant begin = net.world().now();
      const auto connected = [&] {
        return caller->agent().selected().has_value() && callee->agent().selected().has_value();
      };
      // A way is there as soon as it can be: by the relay, half of it there and half back.
      EXPECT_TRUE(net.world().RunUntil(absl::Milliseconds(700), connected));
      const auto direct = [&] {
        return connected() && !caller->agent().selected()->relayed() &&
               !callee->agent().selected()->relayed();
      };
      EXPECT_EQ(net.world().RunUntil(absl::Seconds(2), direct), DirectIsPossible(a, b));
      EXPECT_LE(net.world().now() - begin, absl::Milliseconds(2700));
      // And it stays: both sides follow one another, and nothing is lost.
      net.world().RunFor(absl::Seconds(20));
      EXPECT_EQ(direct(), DirectIsPossible(a, b));
      EXPECT_TRUE(connected());
    }
  }
}

TEST(IceNetworkTest, TwoBehindOneTranslatorMeetAtItsOutside) {
  Internet net;
  const net::IpAddress outside = Internet::Public(30).address;
  const net::Endpoint a{net::IpAddress::V4({192, 168, 1, 2}), 7464};
  const net::Endpoint b{net::IpAddress::V4({192, 168, 1, 3}), 7464};
  for (const net::Endpoint& at : {a, b}) {
    net.world().SetNat(at.address, outside, Nat::kEndpointIndependent, Nat::kPortDependent);
  }
  End caller(net.world(), Side::kCaller, a, net.Beacons());
  End callee(net.world(), Side::kCallee, b, net.Beacons());
  net.Introduce(caller, callee);
  net.world().RunFor(absl::Seconds(2));
  ASSERT_TRUE(caller.agent().selected().has_value());
  EXPECT_EQ(caller.agent().selected()->remote.address, outside);
}

TEST(IceNetworkTest, AMoveToAnotherNetworkIsSurvivedWithinASecond) {
  Internet net;
  std::unique_ptr<End> caller = net.Put(Side::kCaller, Place::kFullCone);
  std::unique_ptr<End> callee = net.Put(Side::kCallee, Place::kPortRestricted);
  net.Introduce(*caller, *callee);
  net.world().RunFor(absl::Seconds(5));
  ASSERT_FALSE(caller->agent().selected()->relayed());
  const net::Endpoint inside{net::IpAddress::V4({192, 168, 50, 2}), 7464};
  net.world().SetNat(inside.address, Internet::Public(50).address, Nat::kEndpointIndependent,
                     Nat::kPortDependent);
  caller->Move(inside);
  // The callee's translator lets the new address in no sooner than the callee has written there;
  // what it is it learns through the relay.
  const auto there = [&] {
    const auto path = callee->agent().selected();
    return callee->agent().generation() == 1 && path.has_value() &&
           (path->relayed() || path->remote.address == Internet::Public(50).address) &&
           callee->agent().proved().size() > 0;
  };
  EXPECT_TRUE(net.world().RunUntil(absl::Seconds(1), there));
  net.world().RunFor(absl::Milliseconds(300));
  callee->Learn({1, caller->Candidates()});
  EXPECT_TRUE(net.world().RunUntil(absl::Seconds(3), [&] {
    return callee->agent().selected()->remote.address == Internet::Public(50).address &&
           !caller->agent().selected()->relayed();
  }));
}

TEST(IceNetworkTest, AFifthLostIsOvercome) {
  LinkOptions options;
  options.loss = 0.2;
  options.reordering = 0.1;
  Internet net(options);
  std::unique_ptr<End> caller = net.Put(Side::kCaller, Place::kPortRestricted);
  std::unique_ptr<End> callee = net.Put(Side::kCallee, Place::kPortRestricted);
  for (int i = 0; i < 5; ++i) {
    caller->Enquire();
    callee->Enquire();
    net.world().RunFor(absl::Milliseconds(100));
  }
  const net::Endpoint outside_a{Internet::Public(11).address, 20001};
  const net::Endpoint outside_b{Internet::Public(12).address, 20001};
  const auto at = [](const net::Endpoint& endpoint) {
    return Candidate{CandidateType::kServerReflexive, endpoint,
                     PriorityOf(CandidateType::kServerReflexive, 65535)};
  };
  caller->Learn({0, {at(outside_b)}});
  callee->Learn({0, {at(outside_a)}});
  EXPECT_TRUE(net.world().RunUntil(absl::Seconds(6), [&] {
    return caller->agent().selected().has_value() && callee->agent().selected().has_value();
  }));
}

}  // namespace
}  // namespace p2pd::sim
