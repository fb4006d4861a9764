#include "libcore/presence/links.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/session_host.h"

namespace p2pd::presence {
namespace {

using session::Purpose;

// Sessions with Links on top, as one machine of the World.
class LinkHost final : public sim::Host {
 public:
  LinkHost(sim::World& world, uint64_t seed, const sim::Person& who)
      : world_(world),
        at_(world.NextEndpoint()),
        rng_(seed),
        crypto_(pki::Crypto::Create(rng_)),
        wall_(world.now(), world.wall_now()),
        sessions_(session::SessionOptions(), trust_, *crypto_, wall_, rng_, counters,
                  world.wall_now()),
        links(sessions_, rng_, counters, absl::Seconds(30)),
        person(who) {
    P2PD_CHECK(trust_.AddRoot(who.chain.root()).ok());
    sessions_.AddIdentity(who.Identity());
    shown_.device = who.device.id;
    shown_.epoch = seed;
    links.Show(world.now(), who.user(), shown_);
    world.Attach(at_, this);
  }
  ~LinkHost() override { world_.Detach(at_); }

  LinkKey To(const LinkHost& other) const {
    return {person.user(), other.person.user(), other.person.device.id};
  }
  session::RemoteDevice Remote(const LinkHost& other) const { return other.person.At({other.at_}); }
  void Dial(const LinkHost& other) {
    EXPECT_TRUE(links.Dial(world_.now(), To(other), Remote(other)));
  }
  void Show(Availability availability) {
    shown_.availability = availability;
    links.Show(world_.now(), person.user(), shown_);
    Kick();
  }
  void Kick() { world_.Kick(at_); }
  void Vanish() { world_.Detach(at_); }
  session::Sessions& sessions() { return sessions_; }
  std::vector<LinkReport> Of(LinkReport::Kind kind) const {
    std::vector<LinkReport> out;
    for (const LinkReport& report : reports) {
      if (report.kind == kind) out.push_back(report);
    }
    return out;
  }

  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) override {
    sessions_.OnDatagram(now, from, datagram);
  }
  void OnTimeout(Instant now) override {
    sessions_.OnTimeout(now);
    links.OnTimeout(now);
  }
  std::optional<net::Transmit> PollTransmit(Instant now) override {
    return sessions_.PollTransmit(now);
  }
  std::optional<Instant> PollTimeout() const override {
    return Earliest(sessions_.PollTimeout(), links.PollTimeout());
  }
  bool DrainEvents(Instant now) override {
    bool any = false;
    while (const auto event = sessions_.PollEvent()) {
      any = true;
      if (const auto* hello = std::get_if<session::IncomingHello>(&*event)) {
        if (welcome) {
          links.Accept(now, *hello, contact);
        } else {
          links.Refuse(now, *hello, session::EndReason::kRefusedByPolicy);
        }
      } else {
        if (const auto* established = std::get_if<session::Established>(&*event)) {
          standing = established->id;
        }
        EXPECT_TRUE(links.OnSessionEvent(now, *event));
      }
    }
    while (auto report = links.PollReport()) {
      any = true;
      reports.push_back(*std::move(report));
    }
    return any;
  }

 private:
  sim::World& world_;
  net::Endpoint at_;
  SeededRng rng_;
  std::unique_ptr<pki::Crypto> crypto_;
  WallClock wall_;
  pki::TrustStore trust_;

 public:
  Counters counters;

 private:
  session::Sessions sessions_;
  Shown shown_;

 public:
  Links links;
  const sim::Person& person;
  bool welcome = true;
  bool contact = true;
  session::SessionId standing;
  std::vector<LinkReport> reports;
};

struct Pair {
  sim::World world{31};
  sim::Authority authority{32, world.wall_now()};
  sim::Person alice_person = authority.MakePerson("alice@example.org");
  sim::Person bob_person = authority.MakePerson("bob@example.org");
  LinkHost alice{world, 1, alice_person};
  LinkHost bob{world, 2, bob_person};
};

TEST(Links, ADialGivesBothSidesLeasesThatGoOn) {
  Pair pair;
  pair.alice.Dial(pair.bob);
  pair.alice.Kick();
  pair.world.RunFor(absl::Seconds(1));
  ASSERT_EQ(pair.alice.Of(LinkReport::Kind::kLease).size(), 1u);
  ASSERT_EQ(pair.bob.Of(LinkReport::Kind::kLease).size(), 1u);
  EXPECT_EQ(pair.bob.reports[0].email, "alice@example.org");
  pair.world.RunFor(absl::Minutes(2));
  // One each 15 s, and the first.
  EXPECT_NEAR(static_cast<double>(pair.alice.Of(LinkReport::Kind::kLease).size()), 9, 1);
  EXPECT_NEAR(static_cast<double>(pair.bob.Of(LinkReport::Kind::kLease).size()), 9, 1);
  EXPECT_TRUE(pair.alice.Of(LinkReport::Kind::kLapsed).empty());
  EXPECT_TRUE(pair.alice.links.HasSession(pair.alice.To(pair.bob)));
}

TEST(Links, WhenBothDialOneSessionStays) {
  Pair pair;
  pair.alice.Dial(pair.bob);
  pair.bob.Dial(pair.alice);
  pair.alice.Kick();
  pair.bob.Kick();
  pair.world.RunFor(absl::Seconds(10));
  EXPECT_EQ(std::max(pair.alice.counters.Get("presence.spare_session_closed"),
                     pair.bob.counters.Get("presence.spare_session_closed")),
            1u);
  EXPECT_TRUE(pair.alice.Of(LinkReport::Kind::kDown).empty());
  EXPECT_TRUE(pair.bob.Of(LinkReport::Kind::kDown).empty());
  pair.alice.reports.clear();
  pair.world.RunFor(absl::Minutes(1));
  EXPECT_GE(pair.alice.Of(LinkReport::Kind::kLease).size(), 4u);
}

TEST(Links, AChangeIsSentAtOnceAndALeaveEndsIt) {
  Pair pair;
  pair.alice.Dial(pair.bob);
  pair.alice.Kick();
  pair.world.RunFor(absl::Seconds(1));
  pair.bob.Show(Availability::kAway);
  pair.world.RunFor(absl::Milliseconds(500));
  EXPECT_EQ(pair.alice.reports.back().lease->availability, Availability::kAway);
  pair.bob.links.Leave(pair.world.now(), pair.bob.person.user());
  pair.bob.Kick();
  pair.world.RunFor(absl::Seconds(1));
  EXPECT_EQ(pair.alice.Of(LinkReport::Kind::kLease).back().lease->availability,
            Availability::kOffline);
  EXPECT_EQ(pair.alice.Of(LinkReport::Kind::kDown).size(), 1u);
  EXPECT_EQ(pair.alice.links.links(), 0u);
  EXPECT_EQ(pair.bob.links.links(), 0u);
}

TEST(Links, ALeaseRunsOutWhenTheOtherSideDies) {
  Pair pair;
  pair.alice.Dial(pair.bob);
  pair.alice.Kick();
  pair.world.RunFor(absl::Seconds(15));
  pair.bob.Vanish();
  pair.world.RunFor(absl::Seconds(31));
  EXPECT_FALSE(pair.alice.Of(LinkReport::Kind::kLapsed).empty() &&
               pair.alice.Of(LinkReport::Kind::kDown).empty());
}

TEST(Links, AFailedDialIsReportedOnce) {
  Pair pair;
  pair.bob.Vanish();
  pair.alice.Dial(pair.bob);
  pair.alice.Kick();
  pair.world.RunFor(absl::Seconds(10));
  ASSERT_EQ(pair.alice.reports.size(), 1u);
  EXPECT_EQ(pair.alice.reports[0].kind, LinkReport::Kind::kDialFailed);
  EXPECT_EQ(pair.alice.reports[0].reason, session::EndReason::kNoAnswer);
  EXPECT_EQ(pair.alice.links.links(), 0u);
}

TEST(Links, ACheckIsAnsweredAndLeavesNothing) {
  Pair pair;
  pair.bob.contact = false;
  pair.bob.Show(Availability::kBusy);
  const CheckId check = pair.alice.links.Check(pair.world.now(), pair.alice.To(pair.bob),
                                               pair.alice.Remote(pair.bob));
  pair.alice.Kick();
  pair.world.RunFor(absl::Seconds(10));
  ASSERT_EQ(pair.alice.reports.size(), 1u);
  EXPECT_EQ(pair.alice.reports[0].check, check);
  EXPECT_EQ(pair.alice.reports[0].lease->availability, Availability::kBusy);
  EXPECT_TRUE(pair.bob.reports.empty());
  EXPECT_EQ(pair.alice.links.links(), 0u);
  EXPECT_EQ(pair.bob.links.links(), 0u);
}

TEST(Links, ARefusalIsAnAnswerToo) {
  Pair pair;
  pair.bob.welcome = false;
  pair.alice.links.Check(pair.world.now(), pair.alice.To(pair.bob), pair.alice.Remote(pair.bob));
  pair.alice.Dial(pair.bob);
  pair.alice.Kick();
  pair.world.RunFor(absl::Seconds(10));
  ASSERT_EQ(pair.alice.Of(LinkReport::Kind::kChecked).size(), 1u);
  EXPECT_FALSE(pair.alice.Of(LinkReport::Kind::kChecked)[0].lease);
  ASSERT_EQ(pair.alice.Of(LinkReport::Kind::kDialFailed).size(), 1u);
  EXPECT_EQ(pair.alice.Of(LinkReport::Kind::kDialFailed)[0].reason,
            session::EndReason::kRefusedByPolicy);
}

TEST(Links, AStrangerGetsNoLeasesUntilItIsAContact) {
  Pair pair;
  pair.bob.contact = false;
  pair.alice.Dial(pair.bob);
  pair.alice.Kick();
  pair.world.RunFor(absl::Minutes(1));
  EXPECT_EQ(pair.alice.Of(LinkReport::Kind::kLease).size(), 1u);  // the answer
  EXPECT_TRUE(pair.alice.Of(LinkReport::Kind::kLapsed).empty());  // the session is the proof
  pair.bob.links.SetContact(pair.world.now(), pair.bob.person.user(), pair.alice.person.user(),
                            true);
  pair.bob.Kick();
  pair.world.RunFor(absl::Minutes(1));
  EXPECT_GE(pair.alice.Of(LinkReport::Kind::kLease).size(), 5u);
  pair.bob.links.SetContact(pair.world.now(), pair.bob.person.user(), pair.alice.person.user(),
                            false);
  pair.bob.Kick();
  pair.world.RunFor(absl::Seconds(2));
  EXPECT_EQ(pair.alice.Of(LinkReport::Kind::kDown).size(), 1u);
}

TEST(Links, OldLeasesAndNonsenseAreCountedAndDropped) {
  Pair pair;
  pair.alice.Dial(pair.bob);
  pair.alice.Kick();
  pair.world.RunFor(absl::Seconds(1));
  Lease old;
  old.epoch = 1;  // before Bob's start
  old.sequence = 1000;
  old.availability = Availability::kOffline;
  ASSERT_TRUE(pair.bob.sessions().Send(pair.world.now(), pair.bob.standing, EncodeLease(old)).ok());
  ASSERT_TRUE(
      pair.bob.sessions().Send(pair.world.now(), pair.bob.standing, AsBytes("\xff\xff")).ok());
  pair.bob.Kick();
  pair.world.RunFor(absl::Seconds(1));
  EXPECT_EQ(pair.alice.counters.Get("presence.lease_old"), 1u);
  EXPECT_EQ(pair.alice.counters.Get("presence.message_malformed"), 1u);
  for (const LinkReport& report : pair.alice.Of(LinkReport::Kind::kLease)) {
    EXPECT_EQ(report.lease->availability, Availability::kOnline);
  }
}

}  // namespace
}  // namespace p2pd::presence
