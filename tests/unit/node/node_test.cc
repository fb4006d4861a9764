// The whole journey in the simulator: from an e-mail address to two voices, with no server.
#include "libcore/node/node.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "libcore/base/hex.h"
#include "libcore/store/key.h"
#include "tests/sim/town.h"

namespace p2pd::node {
namespace {

using session::CallEnd;
using session::CallState;
using sim::NodeHost;
using sim::Town;

std::vector<int16_t> Tone(double hertz, absl::Duration length) {
  std::vector<int16_t> samples(static_cast<size_t>(media::DurationToSamples(length)));
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<int16_t>(8000 * std::sin(2 * std::numbers::pi * hertz *
                                                      static_cast<double>(i) / media::kSampleRate));
  }
  return samples;
}

// Power of one frequency in the samples against all their power, [0, 1] (Goertzel).
double ShareOf(const std::vector<int16_t>& samples, double hertz) {
  const double w = 2 * std::numbers::pi * hertz / media::kSampleRate;
  double s1 = 0;
  double s2 = 0;
  double power = 0;
  for (const int16_t sample : samples) {
    const double s = sample + 2 * std::cos(w) * s1 - s2;
    s2 = s1;
    s1 = s;
    power += static_cast<double>(sample) * sample;
  }
  if (power == 0) return 0;
  const double tone = s1 * s1 + s2 * s2 - 2 * std::cos(w) * s1 * s2;
  return 2 * tone / (power * static_cast<double>(samples.size()));
}

class Journey : public ::testing::Test {
 protected:
  Journey()
      : town_(11, 4),
        alice_(town_.AddPerson("alice@example.org")),
        bob_(town_.AddPerson("bob@example.org")) {
    town_.LogIn(alice_);
    town_.LogIn(bob_);
  }

  CallView Call(NodeHost& host, const session::CallId& id) { return *host.node().FindCall(id); }
  session::CallId Dial(NodeHost& from, const std::string& email) {
    auto id = from.node().Dial(town_.world().now(), "", email);
    EXPECT_TRUE(id.ok()) << id.status();
    from.Kick();
    return *id;
  }
  bool Reaches(NodeHost& host, const session::CallId& id, CallState state) {
    return town_.world().RunUntil(absl::Seconds(90),
                                  [&] { return Call(host, id).info.state == state; });
  }

  Town town_;
  NodeHost& alice_;
  NodeHost& bob_;
};

TEST_F(Journey, TwoPeopleTalkBothWays) {
  alice_.Say(Tone(500, absl::Seconds(4)));
  bob_.Say(Tone(900, absl::Seconds(4)));
  bob_.AnswerCalls();

  const session::CallId id = Dial(alice_, "Bob@Example.ORG");
  ASSERT_TRUE(Reaches(alice_, id, CallState::kActive));
  town_.world().RunFor(absl::Seconds(6));
  const CallView during = Call(alice_, id);
  ASSERT_TRUE(alice_.node().HangUp(town_.world().now(), id).ok());
  alice_.Kick();
  town_.world().RunFor(absl::Seconds(2));

  EXPECT_TRUE(during.voice_both_ways);
  EXPECT_EQ(Call(alice_, id).info.end, CallEnd::kHungUpByUs);
  ASSERT_EQ(bob_.node().ListCalls().size(), 1u);
  const CallView theirs = bob_.node().ListCalls().front();
  EXPECT_EQ(theirs.info.end, CallEnd::kHungUpByPeer);
  EXPECT_EQ(theirs.info.peer_email, "alice@example.org");
  EXPECT_EQ(theirs.info.safety_phrase, during.info.safety_phrase);
  EXPECT_FALSE(during.info.safety_phrase.empty());
  EXPECT_EQ(theirs.key_fingerprint, during.key_fingerprint);
  EXPECT_GT(ShareOf(bob_.heard(), 500), 0.2);
  EXPECT_LT(ShareOf(bob_.heard(), 900), 0.02);
  EXPECT_GT(ShareOf(alice_.heard(), 900), 0.2);
}

TEST_F(Journey, ShowsEachStepInOrder) {
  bob_.AnswerCalls();
  bob_.Say(Tone(900, absl::Seconds(2)));

  const session::CallId id = Dial(alice_, "bob@example.org");
  ASSERT_TRUE(Reaches(alice_, id, CallState::kActive));
  town_.world().RunFor(absl::Seconds(2));

  std::vector<presence::JourneyStep::Kind> kinds;
  absl::Duration last;
  for (const presence::JourneyStep& step : Call(alice_, id).steps) {
    kinds.push_back(step.kind);
    EXPECT_GE(step.since_start, last);
    last = step.since_start;
  }
  using Kind = presence::JourneyStep::Kind;
  EXPECT_EQ(kinds, (std::vector<Kind>{Kind::kCertificateFound, Kind::kCertificateVerified,
                                      Kind::kStateFound, Kind::kHelloSent, Kind::kAckVerified,
                                      Kind::kKeysReady, Kind::kFirstAudio}));
}

TEST_F(Journey, AnUnknownAddressEndsAsNotFound) {
  const session::CallId id = Dial(alice_, "nobody@example.org");

  ASSERT_TRUE(Reaches(alice_, id, CallState::kEnded));
  EXPECT_TRUE(absl::IsNotFound(Call(alice_, id).resolve_status)) << Call(alice_, id).resolve_status;
}

TEST_F(Journey, SomebodyWhoLoggedOutIsOffline) {
  ASSERT_TRUE(bob_.Await(bob_.node().Logout(town_.world().now(), "")).ok());

  const session::CallId id = Dial(alice_, "bob@example.org");

  ASSERT_TRUE(Reaches(alice_, id, CallState::kEnded));
  EXPECT_TRUE(absl::IsUnavailable(Call(alice_, id).resolve_status))
      << Call(alice_, id).resolve_status;
}

TEST_F(Journey, ACertificateOfAnotherAuthorityIsRefused) {
  ASSERT_TRUE(alice_.node().presence().RemoveRoot(town_.root().fingerprint()).ok());

  const session::CallId id = Dial(alice_, "bob@example.org");

  ASSERT_TRUE(Reaches(alice_, id, CallState::kEnded));
  EXPECT_FALSE(Call(alice_, id).resolve_status.ok());
  EXPECT_TRUE(bob_.node().ListCalls().empty());
}

TEST_F(Journey, ARejectedCallSaysSo) {
  const session::CallId id = Dial(alice_, "bob@example.org");
  ASSERT_TRUE(Reaches(alice_, id, CallState::kRinging));
  const session::CallId theirs = bob_.node().ListCalls().front().info.id;

  ASSERT_TRUE(bob_.node().Reject(town_.world().now(), theirs).ok());
  bob_.Kick();

  ASSERT_TRUE(Reaches(alice_, id, CallState::kEnded));
  EXPECT_EQ(Call(alice_, id).info.end, CallEnd::kRejected);
}

TEST_F(Journey, ThreeCallsInARowAndOneAfterBobMoved) {
  bob_.AnswerCalls();
  alice_.Say(Tone(500, absl::Seconds(2)));
  for (int round = 0; round < 4; ++round) {
    if (round == 3) {
      bob_.Restart(town_.world().NextEndpoint());
      ASSERT_TRUE(town_.world().RunUntil(absl::Seconds(60), [&] {
        return bob_.node().presence().Identity("")->state == presence::IdentityState::kLoggedIn;
      }));
    }
    const session::CallId id = Dial(alice_, "bob@example.org");
    ASSERT_TRUE(Reaches(alice_, id, CallState::kActive))
        << "round " << round << ": " << Call(alice_, id).resolve_status;
    town_.world().RunFor(absl::Seconds(3));
    ASSERT_TRUE(alice_.node().HangUp(town_.world().now(), id).ok());
    alice_.Kick();
    town_.world().RunFor(absl::Seconds(25));
    EXPECT_GT(ShareOf(bob_.heard(), 500), 0.2) << "round " << round;
  }
}

TEST_F(Journey, AStrangerMayNotRingWithoutEnd) {
  int rang = 0;
  for (int i = 0; i < 6; ++i) {
    const session::CallId id = Dial(alice_, "bob@example.org");
    town_.world().RunUntil(absl::Seconds(3),
                           [&] { return Call(alice_, id).info.state == CallState::kRinging; });
    if (Call(alice_, id).info.state == CallState::kRinging) ++rang;
    ASSERT_TRUE(alice_.node().HangUp(town_.world().now(), id).ok());
    alice_.Kick();
    town_.world().RunFor(absl::Milliseconds(500));
  }

  EXPECT_EQ(rang, 3);
  EXPECT_EQ(bob_.node().counters().Get("node.refused_rings_too_often"), 3u);
}

TEST_F(Journey, ARawValueIsPutFoundTracedAndRemoved) {
  const store::Key key = store::ServiceKey("greeting");
  const Bytes secret = ToBytes("open sesame");

  auto put =
      alice_.node().PutRaw(town_.world().now(), key, AsBytes("hello"), absl::Hours(1), secret);
  ASSERT_TRUE(put.ok());
  ASSERT_TRUE(alice_.Await(*put).ok());
  const OperationId get = bob_.node().Get(town_.world().now(), key);
  ASSERT_TRUE(bob_.Await(get).ok());
  const store::Object found = bob_.Done(get)->get->objects.front();
  const OperationId trace = bob_.node().Lookup(town_.world().now(), key, /*trace=*/true);
  ASSERT_TRUE(bob_.Await(trace).ok());
  const OperationId removal =
      alice_.node().RemoveRaw(town_.world().now(), key, pki::Sha256(AsBytes("hello")), secret);
  ASSERT_TRUE(alice_.Await(removal).ok());
  const OperationId again = bob_.node().Get(town_.world().now(), key);

  EXPECT_EQ(found.raw().data(), "hello");
  EXPECT_TRUE(bob_.Done(trace)->route.has_value());
  EXPECT_TRUE(absl::IsNotFound(bob_.Await(again)));
}

TEST_F(Journey, AServiceIsOfferedFoundAndAsked) {
  const auto offer = alice_.node().OfferService(town_.world().now(),
                                                {"rack", ToBytes("room"), 1, absl::Minutes(10)});
  ASSERT_TRUE(offer.ok()) << offer.status();
  ASSERT_TRUE(alice_.Await(*offer).ok());
  const OperationId find = bob_.node().FindService(town_.world().now(), "rack");
  ASSERT_TRUE(bob_.Await(find).ok());
  const store::Object found = bob_.Done(find)->get->objects.front();
  EXPECT_EQ(found.service().description(), "room");
  const auto record = overlay::NodeRecord::Parse(AsBytes(found.service().node_record()));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->id(), alice_.node().overlay().self().id());

  // Nobody serves it yet: the answer is empty.
  const auto ask = [&] {
    const OperationId id =
        bob_.node().AskNode(town_.world().now(), *record, overlay::Service::kArchive,
                            ToBytes("what?"), absl::Seconds(5));
    bob_.Kick();
    return id;
  };
  const OperationId early = ask();
  ASSERT_TRUE(bob_.Await(early).ok());
  EXPECT_TRUE(bob_.Done(early)->route->payload.empty());

  alice_.node().Serve(overlay::Service::kArchive);
  const OperationId asked = ask();
  std::optional<overlay::IncomingRequest> request;
  ASSERT_TRUE(town_.world().RunUntil(absl::Seconds(5), [&] {
    request = alice_.node().PollRequest();
    return request.has_value();
  }));
  EXPECT_EQ(request->from.id(), bob_.node().overlay().self().id());
  EXPECT_EQ(ToText(request->payload), "what?");
  alice_.node().Answer(town_.world().now(), request->token, Bytes(60 * 1024, 'a'));
  alice_.Kick();
  ASSERT_TRUE(bob_.Await(asked).ok());
  EXPECT_EQ(bob_.Done(asked)->route->payload, Bytes(60 * 1024, 'a'));

  const ServiceOffer large = {"rack", Bytes(513, 'd'), 2, absl::Minutes(10)};
  EXPECT_TRUE(
      absl::IsInvalidArgument(alice_.node().OfferService(town_.world().now(), large).status()));
}

TEST_F(Journey, BadValuesAreRefusedAtOnce) {
  const store::Key key = store::ServiceKey("x");
  const Instant now = town_.world().now();

  EXPECT_TRUE(absl::IsInvalidArgument(
      alice_.node().PutRaw(now, key, Bytes(61 * 1024), absl::Hours(1), {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      alice_.node().PutRaw(now, key, AsBytes("x"), absl::ZeroDuration(), {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      alice_.node().PutRaw(now, key, AsBytes("x"), absl::Hours(169), {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(alice_.node().Dial(now, "", "no address").status()));
  EXPECT_TRUE(
      absl::IsNotFound(alice_.node().Dial(now, "carol@example.org", "bob@example.org").status()));
}

TEST_F(Journey, ADrainEndsCallsAndLogsOutButComesBackLoggedIn) {
  bob_.AnswerCalls();
  const session::CallId id = Dial(alice_, "bob@example.org");
  ASSERT_TRUE(Reaches(alice_, id, CallState::kActive));

  bob_.node().Drain(town_.world().now());
  bob_.Kick();
  ASSERT_TRUE(town_.world().RunUntil(absl::Seconds(10), [&] { return bob_.node().Drained(); }));
  ASSERT_TRUE(Reaches(alice_, id, CallState::kEnded));
  const session::CallId second = Dial(alice_, "bob@example.org");
  ASSERT_TRUE(Reaches(alice_, second, CallState::kEnded));
  bob_.Restart();

  EXPECT_TRUE(absl::IsUnavailable(Call(alice_, second).resolve_status));
  EXPECT_TRUE(town_.world().RunUntil(absl::Seconds(60), [&] {
    return bob_.node().presence().Identity("")->state == presence::IdentityState::kLoggedIn;
  }));
}

TEST(NodeKeys, StayTheSameAcrossARestartAndDamageIsNamed) {
  Town town(3, 1);
  NodeHost& host = town.peer(0);
  const overlay::NodeId before = host.node().overlay().self().id();
  const uint64_t epoch = host.node().overlay().self().epoch();

  host.Restart();

  EXPECT_EQ(host.node().overlay().self().id(), before);
  EXPECT_GT(host.node().overlay().self().epoch(), epoch);
  ASSERT_TRUE(host.storage().Write("node/keys", AsBytes("rubbish"), FileMode::kSecret).ok());
  SeededRng rng(1);
  WallClock wall;
  store::MemoryTable table;
  NodeOptions options;
  options.addresses = {host.at()};
  const auto made =
      Node::Create(options, Node::Parts{host.storage(), table, rng, wall}, town.world().now());
  EXPECT_TRUE(absl::IsDataLoss(made.status()));
  EXPECT_NE(std::string(made.status().message()).find("node/keys"), std::string::npos);
  // On a disk it is a file, and that is what a person is told.
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / absl::StrCat("p2pd-node-test-", getpid());
  FolderStorage disk(folder.string());
  ASSERT_TRUE(disk.Write("node/keys", AsBytes("rubbish"), FileMode::kSecret).ok());
  const auto named = Node::Create(options, Node::Parts{disk, table, rng, wall}, town.world().now());
  EXPECT_EQ(
      std::string(named.status().message()).rfind((folder / "node/keys is damaged").string(), 0),
      0u)
      << named.status();
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace p2pd::node
