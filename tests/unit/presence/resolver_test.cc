#include "libcore/presence/resolver.h"

#include <gtest/gtest.h>

#include "tests/sim/people.h"
#include "tests/sim/store_host.h"

namespace p2pd::presence {
namespace {

// A resolver on a store node of a small ring.
class ResolverTest : public testing::Test {
 protected:
  ResolverTest() {
    wall_.Set(ring_.world.now(), ring_.world.wall_now());
    P2PD_CHECK(trust_.AddRoot(authority_.root()).ok());
  }
  LookupDone Look(const std::string& email, std::optional<pki::KeyHash> pinned = std::nullopt,
                  bool certificate_only = false) {
    const LookupId id =
        resolver_.Start(ring_.world.now(), LookupRequest{email, pinned, certificate_only});
    sim::StoreHost& host = *ring_.hosts[0];
    host.Kick();
    std::optional<LookupDone> done;
    const bool ended = ring_.world.RunUntil(absl::Minutes(1), [&] {
      for (const store::Event& event : host.events) {
        revocations_.OnStoreEvent(ring_.world.now(), event);
        resolver_.OnStoreEvent(ring_.world.now(), event);
      }
      host.events.clear();
      done = resolver_.PollDone();
      return done.has_value();
    });
    P2PD_CHECK(ended);
    EXPECT_EQ(done->id, id);
    EXPECT_EQ(resolver_.under_way(), 0u);
    return *std::move(done);
  }
  void Publish(const sim::Person& person, bool with_state = true) {
    const absl::Time wall = ring_.world.wall_now();
    P2PD_CHECK(ring_.hosts[1]
                   ->Put(*store::MakeAuthentication(person.key, person.chain, person.email,
                                                    wall + absl::Hours(24), wall))
                   .status.ok());
    if (!with_state) return;
    wire::v1::UserStateBody body;
    body.set_user_key(ToText(person.key.public_key().spki()));
    *body.mutable_device() = person.device_certificate;
    body.set_flag(wire::v1::UserStateBody::FLAG_AWAY);
    body.add_addresses(ToText(ring_.hosts[2]->at().ToBytes()));
    body.set_sequence(1);
    body.set_expires(absl::ToUnixSeconds(wall + absl::Minutes(5)));
    const auto state = store::MakeUserState(person.device, body, wall);
    P2PD_CHECK(state.ok());
    P2PD_CHECK(ring_.hosts[1]->Put(*state).status.ok());
  }

  // A ring that stands, so that members below may use its stores.
  struct Grown : sim::StoreRing {
    Grown() : StoreRing(53) { Grow(3); }
  };
  Grown ring_;
  sim::Authority authority_{54, ring_.world.wall_now()};
  MemoryStorage storage_;
  pki::TrustStore trust_;
  Seen seen_;
  WallClock wall_;
  Counters counters_;
  SeededRng rng_{55};
  Revocations revocations_{{ring_.hosts[0]->store(), storage_, trust_, rng_, counters_}};
  Resolver resolver_{{ring_.hosts[0]->store(), revocations_, trust_, seen_, wall_, counters_},
                     false};
};

TEST_F(ResolverTest, FindsCertificateAndDevices) {
  const sim::Person bob = authority_.MakePerson("bob@example.org");
  Publish(bob);
  const LookupDone done = Look("bob@example.org");
  ASSERT_TRUE(done.status.ok()) << done.status;
  EXPECT_EQ(done.problem, "");
  ASSERT_EQ(done.resolved->devices.size(), 1u);
  EXPECT_EQ(done.resolved->availability, Availability::kAway);
  EXPECT_EQ(seen_.OfDevice(bob.user(), bob.device.id).value(), 1u);
  EXPECT_EQ(done.resolved->steps.size(), 3u);
}

TEST_F(ResolverTest, TellsWhatIsMissing) {
  EXPECT_EQ(Look("bob@example.org").problem, "CERTIFICATE_NOT_FOUND");
  const sim::Person bob = authority_.MakePerson("bob@example.org");
  Publish(bob, /*with_state=*/false);
  const LookupDone done = Look("bob@example.org");
  EXPECT_TRUE(absl::IsUnavailable(done.status));
  EXPECT_EQ(done.problem, "STATE_NOT_FOUND");
  EXPECT_TRUE(Look("bob@example.org", std::nullopt, /*certificate_only=*/true).status.ok());
  const LookupDone changed = Look("bob@example.org", pki::KeyHash());
  EXPECT_TRUE(absl::IsPermissionDenied(changed.status));
  EXPECT_EQ(changed.problem, "KEY_CHANGED");
}

TEST_F(ResolverTest, AListThatRevokesIsFoundAndOverturnsTheChoice) {
  const sim::Person bob = authority_.MakePerson("bob@example.org");
  Publish(bob);
  const absl::Time wall = ring_.world.wall_now();
  const auto list =
      store::MakeRevocation(authority_.root(), authority_.Revoke({bob.chain.leaf()}), wall);
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_TRUE(ring_.hosts[1]->Put(*list).status.ok());
  LookupDone done = Look("bob@example.org");
  EXPECT_EQ(done.fault, pki::ChainFault::kRevoked);
  EXPECT_EQ(done.problem, "REVOKED");
  EXPECT_EQ(storage_.List("trust/crls/").size(), 1u);
  // Bob has got a new certificate meanwhile: that one is taken, by his states.
  const sim::Person renewed = authority_.MakePerson("bob@example.org");
  Publish(renewed);
  done = Look("bob@example.org");
  ASSERT_TRUE(done.status.ok()) << done.status;
  EXPECT_EQ(done.resolved->devices.at(0).device.id, renewed.device.id);
}

TEST_F(ResolverTest, TooManyAtATimeAreRefusedAndCounted) {
  for (size_t i = 0; i <= Resolver::kMaxLookups; ++i) {
    resolver_.Start(ring_.world.now(), LookupRequest{"bob@example.org", std::nullopt, true});
  }
  const auto done = resolver_.PollDone();
  ASSERT_TRUE(done);
  EXPECT_TRUE(absl::IsResourceExhausted(done->status));
  EXPECT_EQ(done->problem, "TOO_MANY");
  EXPECT_EQ(counters_.Get("presence.lookup_refused_full"), 1u);
}

}  // namespace
}  // namespace p2pd::presence
