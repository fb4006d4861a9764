// Whole nodes behind translators (RFC 4787) that call each other: found through the overlay,
// greeted through whoever passes on, checked while it rings, and heard both ways.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "libcore/ice/agent.h"
#include "libcore/net/demux.h"
#include "tests/sim/town.h"

namespace p2pd::sim {
namespace {

using session::CallState;

struct Place {
  const char* name;
  bool translated;
  Nat mapping;
  Nat filtering;
  bool twice;  // another translator of the same kind behind it
};
constexpr Nat kAny = Nat::kEndpointIndependent;
constexpr Place kOpen{"open", false, kAny, kAny, false};
constexpr Place kFullCone{"full cone", true, kAny, kAny, false};
constexpr Place kRestricted{"restricted", true, kAny, Nat::kAddressDependent, false};
constexpr Place kPortRestricted{"port restricted", true, kAny, Nat::kPortDependent, false};
constexpr Place kSymmetric{"symmetric", true, Nat::kPortDependent, Nat::kPortDependent, false};
constexpr Place kDouble{"two translators", true, kAny, Nat::kPortDependent, true};

bool Symmetric(const Place& place) { return place.mapping != kAny; }
bool Strict(const Place& place) { return place.filtering == Nat::kPortDependent; }
bool DirectIsPossible(const Place& a, const Place& b) {
  return !(Symmetric(a) && Strict(b)) && !(Symmetric(b) && Strict(a));
}

// Six daemons in the open, and two people wherever they are.
class Call {
 public:
  Call(const Place& a, const Place& b)
      : town_(31, 6), alice_(Add("alice@example.org", 1, a)), bob_(Add("bob@example.org", 2, b)) {
    std::vector<int16_t> tone(media::kSampleRate * 20);
    for (size_t i = 0; i < tone.size(); ++i) {
      tone[i] = static_cast<int16_t>(
          8000 * std::sin(2 * M_PI * 440 * static_cast<double>(i) / media::kSampleRate));
    }
    for (NodeHost* host : {&alice_, &bob_}) {
      host->Say(tone);
      town_.LogIn(*host);
    }
    world().RunFor(absl::Seconds(30));
  }
  World& world() { return town_.world(); }
  NodeHost& alice() { return alice_; }
  NodeHost& bob() { return bob_; }

  void Dial() {
    const auto id = alice_.node().Dial(world().now(), "", "bob@example.org");
    ASSERT_TRUE(id.ok()) << id.status();
    call_ = *id;
    alice_.Kick();
  }
  node::CallView Hers() { return *alice_.node().FindCall(call_); }
  node::CallView His() { return bob_.node().ListCalls().back(); }
  bool Until(absl::Duration limit, CallState state) {
    return world().RunUntil(limit, [&] { return Hers().info.state == state; });
  }
  bool Direct() { return Hers().remote && !Hers().relayed && His().remote && !His().relayed; }

 private:
  NodeHost& Add(const std::string& email, uint8_t n, const Place& place) {
    if (!place.translated) return town_.AddPerson(email);
    const net::Endpoint inside{net::IpAddress::V4({192, 168, n, 2}), 7464};
    const net::IpAddress outside = net::IpAddress::V4({10, 200, n, 1});
    if (place.twice) {
      const net::IpAddress middle = net::IpAddress::V4({100, 64, n, 1});
      world().SetNat(inside.address, middle, place.mapping, place.filtering);
      world().SetNat(middle, outside, place.mapping, place.filtering);
    } else {
      world().SetNat(inside.address, outside, place.mapping, place.filtering);
    }
    return town_.AddPerson(email, inside);
  }

  Town town_;
  NodeHost& alice_;
  NodeHost& bob_;
  session::CallId call_;
};

TEST(CallsNatTest, EveryPairConnectsAndSpeaksDirectlyWhereItCan) {
  const std::pair<Place, Place> pairs[] = {
      {kOpen, kOpen},
      {kOpen, kPortRestricted},
      {kSymmetric, kOpen},
      {kFullCone, kSymmetric},
      {kRestricted, kRestricted},
      {kPortRestricted, kPortRestricted},
      {kSymmetric, kRestricted},
      {kDouble, kPortRestricted},
      {kPortRestricted, kSymmetric},
      {kSymmetric, kSymmetric},
  };
  for (const auto& [a, b] : pairs) {
    SCOPED_TRACE(absl::StrCat(a.name, " calls ", b.name));
    Call call(a, b);
    call.bob().AnswerCalls();
    call.Dial();
    ASSERT_TRUE(call.Until(absl::Seconds(10), CallState::kActive));
    EXPECT_EQ(call.world().RunUntil(absl::Seconds(2), [&] { return call.Direct(); }),
              DirectIsPossible(a, b));
    call.world().RunFor(absl::Seconds(5));
    EXPECT_EQ(call.Direct(), DirectIsPossible(a, b));
    EXPECT_TRUE(call.Hers().voice_both_ways);
    EXPECT_TRUE(call.His().voice_both_ways);
    // From the first moment on: the change of path costs nothing.
    EXPECT_LE(call.Hers().media->concealed, 0.05);
    EXPECT_LE(call.His().media->concealed, 0.05);
  }
}

TEST(CallsNatTest, WhoRingsAndIsUnknownLearnsNoAddressBeforeItIsAccepted) {
  Call call(kOpen, kPortRestricted);
  const net::IpAddress alice = call.alice().at().address;
  int shown = 0;
  // Nothing of hers reaches his translator's address, until he has written to her: what she has is
  // the way through others that his state names.
  call.world().SetTap([&](const net::Endpoint& from, net::Transmit& transmit) {
    if (net::Classify(transmit.datagram) == net::DatagramKind::kOverlay) return true;
    if (from == call.bob().at() && transmit.to.address == alice) ++shown;
    return shown > 0 || from != call.alice().at();
  });
  call.Dial();
  ASSERT_TRUE(call.Until(absl::Seconds(10), CallState::kRinging));
  call.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(shown, 0);
  ASSERT_TRUE(call.bob().node().Accept(call.world().now(), call.His().info.id).ok());
  call.bob().Kick();
  EXPECT_TRUE(call.world().RunUntil(absl::Seconds(3), [&] { return call.Direct(); }));
  EXPECT_GT(shown, 0);
}

TEST(CallsNatTest, WithoutConsentNoVoiceIsSentUntilTheWayIsProvedAgain) {
  Call call(kOpen, kOpen);
  call.bob().AnswerCalls();
  call.Dial();
  ASSERT_TRUE(call.Until(absl::Seconds(10), CallState::kActive));
  call.world().RunFor(absl::Seconds(5));
  ASSERT_TRUE(call.Direct());
  bool checks_pass = false;
  int voice = 0;
  call.world().SetTap([&](const net::Endpoint&, net::Transmit& transmit) {
    const net::DatagramKind kind = net::Classify(transmit.datagram);
    if (kind == net::DatagramKind::kRtp) ++voice;
    return checks_pass || kind != net::DatagramKind::kStun;
  });
  EXPECT_TRUE(call.world().RunUntil(ice::Agent::kConsentLife + absl::Seconds(5),
                                    [&] { return !call.Hers().remote && !call.His().remote; }));
  voice = 0;
  call.world().RunFor(absl::Seconds(5));
  EXPECT_EQ(voice, 0);
  checks_pass = true;
  EXPECT_TRUE(call.world().RunUntil(absl::Seconds(10), [&] { return call.Direct(); }));
  call.world().RunFor(absl::Seconds(2));
  EXPECT_GT(voice, 150);
  EXPECT_EQ(call.Hers().info.state, CallState::kActive);
}

TEST(CallsNatTest, ACallSurvivesAMoveToAnotherNetwork) {
  Call call(kOpen, kPortRestricted);
  call.bob().AnswerCalls();
  call.Dial();
  ASSERT_TRUE(call.Until(absl::Seconds(10), CallState::kActive));
  call.world().RunFor(absl::Seconds(5));
  ASSERT_TRUE(call.Direct());
  const net::Endpoint moved{net::IpAddress::V4({10, 99, 0, 1}), 7464};
  call.alice().Move(moved);
  EXPECT_TRUE(call.world().RunUntil(absl::Seconds(10),
                                    [&] { return call.His().remote == moved && call.Direct(); }));
  call.world().RunFor(absl::Seconds(10));
  EXPECT_EQ(call.Hers().info.state, CallState::kActive);
  EXPECT_TRUE(call.Hers().voice_both_ways);
}

}  // namespace
}  // namespace p2pd::sim
