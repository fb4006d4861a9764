// SessionHost: Sessions and Calls as a machine of the simulated World. It keeps what happened and,
// unless told otherwise, answers every hello and lets every call ring.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "libcore/base/counters.h"
#include "libcore/base/rng.h"
#include "libcore/pki/crypto.h"
#include "libcore/session/calls.h"
#include "libcore/session/session.h"
#include "tests/sim/people.h"
#include "tests/sim/world.h"

namespace p2pd::sim {

class SessionHost : public Host {
 public:
  // Starts at the world's present moment; `clock_error` is added to its wall clock.
  SessionHost(World& world, uint64_t seed, const session::SessionOptions& options = {},
              const session::CallOptions& call_options = {},
              absl::Duration clock_error = absl::ZeroDuration())
      : world_(world),
        at_(world.NextEndpoint()),
        rng_(seed),
        crypto_(pki::Crypto::Create(rng_)),
        wall_(world.TimeAt(at_), world.wall_now() + clock_error),
        sessions_(options, trust_, *crypto_, wall_, rng_, counters_,
                  world.wall_now() + clock_error),
        calls_(call_options, sessions_, wall_, rng_, counters_) {
    world_.Attach(at_, this);
  }
  ~SessionHost() override {
    if (attached_) world_.Detach(at_);
  }

  // The machine is gone without a word.
  void Vanish() {
    world_.Detach(at_);
    attached_ = false;
  }
  // The machine has another address from now on.
  void MoveTo(const net::Endpoint& endpoint) {
    world_.Detach(at_);
    at_ = endpoint;
    world_.Attach(at_, this);
  }
  const net::Endpoint& at() const { return at_; }
  // By the host's own clock.
  Instant Now() const { return world_.TimeAt(at_); }
  session::Sessions& sessions() { return sessions_; }
  session::Calls& calls() { return calls_; }
  pki::TrustStore& trust() { return trust_; }
  Counters& counters() { return counters_; }
  uint64_t Count(absl::string_view name) const { return counters_.Get(name); }
  void Kick() { world_.Kick(at_); }

  // Logs `person` in here and trusts its root.
  void LogIn(const Person& person) {
    if (!trust_.Trusts(person.chain.root().fingerprint()))
      P2PD_CHECK(trust_.AddRoot(person.chain.root()).ok());
    sessions_.AddIdentity(person.Identity());
  }
  absl::StatusOr<session::SessionId> Dial(const Person& as, const session::RemoteDevice& to,
                                          session::Purpose purpose = session::Purpose::kPresence,
                                          absl::string_view offer = "offer") {
    session::Sessions::DialOptions options;
    options.purpose = purpose;
    options.call = rng_.Make<session::CallId>();
    options.offer = ToBytes(offer);
    auto id = sessions_.Dial(Now(), as.user(), to, options);
    Kick();
    return id;
  }

  // What is done with a hello that is no call; the default acknowledges with "answer".
  std::function<void(Instant, const session::IncomingHello&)> on_hello;
  // What is done with a call that was offered; the default lets it ring with "answer".
  std::function<void(Instant, const session::CallId&)> on_offer;
  // All hellos go to on_hello, none to Calls.
  bool without_calls = false;

  // What happened, in order.
  std::vector<session::Event> events;
  std::vector<session::CallEvent> call_events;

  template <class T>
  std::vector<T> Of() const {
    std::vector<T> out;
    for (const session::Event& event : events) {
      if (const T* one = std::get_if<T>(&event)) out.push_back(*one);
    }
    return out;
  }
  // Why a session ended; kNone while it has not.
  session::EndReason EndOf(session::SessionId id) const {
    for (const session::Ended& ended : Of<session::Ended>()) {
      if (ended.id == id) return ended.reason;
    }
    return session::EndReason::kNone;
  }

  void OnDatagram(Instant now, const net::Endpoint& from, ByteView datagram) override {
    sessions_.OnDatagram(now, from, datagram);
  }
  void OnTimeout(Instant now) override {
    sessions_.OnTimeout(now);
    calls_.OnTimeout(now);
  }
  std::optional<net::Transmit> PollTransmit(Instant now) override {
    return sessions_.PollTransmit(now);
  }
  std::optional<Instant> PollTimeout() const override {
    return Earliest(sessions_.PollTimeout(), calls_.PollTimeout());
  }
  bool DrainEvents(Instant now) override {
    bool any = false;
    while (auto event = sessions_.PollEvent()) {
      any = true;
      events.push_back(*event);
      if (!without_calls && calls_.OnSessionEvent(now, *event)) continue;
      if (const auto* hello = std::get_if<session::IncomingHello>(&*event)) {
        if (on_hello) {
          on_hello(now, *hello);
        } else {
          sessions_.Acknowledge(now, hello->id, AsBytes("answer"));
        }
      }
    }
    while (auto event = calls_.PollEvent()) {
      any = true;
      call_events.push_back(*event);
      if (const auto* offered = std::get_if<session::CallOffered>(&*event)) {
        if (on_offer) {
          on_offer(now, offered->id);
        } else {
          calls_.Ring(now, offered->id, AsBytes("answer"));
        }
      }
    }
    return any;
  }

 private:
  World& world_;
  net::Endpoint at_;
  bool attached_ = true;
  SeededRng rng_;
  std::unique_ptr<pki::Crypto> crypto_;
  WallClock wall_;
  pki::TrustStore trust_;
  Counters counters_;
  session::Sessions sessions_;
  session::Calls calls_;
};

}  // namespace p2pd::sim
