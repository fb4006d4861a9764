#include "daemon/media_host.h"

#include <gtest/gtest.h>

#include <deque>

#include "libcore/base/mutex.h"
#include "libcore/media/audio_endpoints.h"
#include "libcore/media/negotiation.h"
#include "libcore/runtime/clock.h"
#include "libcore/runtime/system_rng.h"

namespace p2pd::daemon {
namespace {

net::Endpoint At(absl::string_view text) { return net::Endpoint::Parse(text).value(); }

SecretBytes Key(size_t size, uint8_t value) { return SecretBytes(Bytes(size, value)); }

// Two ends of one call, each with a media thread of its own; what one sends the other receives.
class MediaHostTest : public ::testing::Test {
 protected:
  struct End {
    session::CallId call;
    std::unique_ptr<MediaHost> host;
  };
  // Packets wait here until the test's thread, which stands for the core thread, carries them.
  struct Flying {
    End* to;
    Bytes datagram;
  };

  MediaHostTest() {
    const media::Offer offer = media::MakeOffer({}, rng_);
    const auto answer = media::AnswerOffer(offer.encoded, {}, rng_);
    const auto accepted = media::AcceptAnswer(offer, answer->encoded);
    Open(caller_, callee_, 1, *accepted, 10, 20);
    Open(callee_, caller_, 2, answer->negotiated, 20, 10);
  }
  ~MediaHostTest() override {
    caller_.host.reset();
    callee_.host.reset();
  }

  void Open(End& end, End& other, uint8_t id, const media::Negotiated& negotiated, uint8_t ours,
            uint8_t theirs) {
    end.call = session::CallId(std::array<uint8_t, 16>{id});
    end.host = std::make_unique<MediaHost>(
        rng_,
        [this, &other](const net::Endpoint&, ByteView datagram) {
          const MutexLock lock(&mutex_);
          flying_.push_back({&other, ToBytes(datagram)});
        },
        [this, &end](node::MediaReport report) {
          const MutexLock lock(&mutex_);
          EXPECT_EQ(report.call, end.call);
          if (report.first_audio) ++first_audio_;
          if (report.stopped) {
            ++stopped_;
            last_ = report.stats;
          } else {
            EXPECT_EQ(stopped_, 0) << "nothing follows";
          }
        });
    media::CallMediaConfig config;
    config.negotiated = negotiated;
    const size_t key = media::SrtpKeySize(negotiated.suite);
    config.keys.send_key = Key(key, ours);
    config.keys.receive_key = Key(key, theirs);
    config.keys.send_salt = Key(media::kSrtpSaltSize, ours);
    config.keys.receive_salt = Key(media::kSrtpSaltSize, theirs);
    config.remote = At("127.0.0.1:9");
    starts_[id] = node::MediaStart{end.call, std::move(config)};
  }

  void Start(End& end, uint8_t id, CallAudio audio) {
    end.host->Obey(std::move(starts_[id]), std::move(audio));
  }

  // Carries packets until `done`.
  template <class Done>
  void Carry(Done done) {
    while (true) {
      std::deque<Flying> now;
      {
        const MutexLock lock(&mutex_);
        const auto anything = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
          return !flying_.empty() || done();
        };
        mutex_.Await(absl::Condition(&anything));
        if (done()) return;
        now.swap(flying_);
      }
      for (const Flying& packet : now) {
        packet.to->host->OnDatagram(runtime::MonotonicNow(), At("127.0.0.1:9"), packet.datagram);
      }
    }
  }

  runtime::SystemRng rng_;
  End caller_;
  End callee_;
  std::map<uint8_t, node::MediaStart> starts_;
  Mutex mutex_;
  std::deque<Flying> flying_;
  int first_audio_ = 0;
  int stopped_ = 0;
  std::optional<media::CallStats> last_;
};

TEST_F(MediaHostTest, VoiceFlowsBothWaysAndIsReported) {
  const CallAudio tone{.source = std::make_shared<media::ToneSource>(),
                       .sink = std::make_shared<media::NullSink>()};
  Start(caller_, 1, tone);
  Start(callee_, 2, {.source = std::make_shared<media::ToneSource>(), .sink = nullptr});
  EXPECT_EQ(caller_.host->running(), 1u);
  Carry([this] { return first_audio_ == 2; });
  EXPECT_GT(caller_.host->ticks().ticks, 0u);
}

TEST_F(MediaHostTest, AStoppedCallSaysGoodbyeAndTheBeatMayRest) {
  Start(caller_, 1, {});
  Start(callee_, 2, {});
  Carry([this] { return first_audio_ == 2; });
  caller_.host->Obey(node::MediaStop{caller_.call}, {});
  EXPECT_EQ(caller_.host->running(), 0u);
  caller_.host->Rest();
}

TEST_F(MediaHostTest, TheAnswerToAStopHasTheLastFigures) {
  Start(caller_, 1, {});
  Start(callee_, 2, {});
  Carry([this] { return first_audio_ == 2; });
  callee_.host.reset();
  caller_.host->Obey(node::MediaStop{caller_.call}, {});
  {
    const MutexLock lock(&mutex_);
    const auto stopped = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopped_ == 1; };
    mutex_.Await(absl::Condition(&stopped));
    ASSERT_TRUE(last_.has_value());
    EXPECT_GT(last_->packets_sent, 0u);
    last_.reset();
  }
  // Nobody waits in vain for those of a call that never started.
  caller_.host->Obey(node::MediaStart{caller_.call, {}}, {});
  caller_.host->Obey(node::MediaStop{caller_.call}, {});
  const MutexLock lock(&mutex_);
  const auto again = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopped_ == 2; };
  mutex_.Await(absl::Condition(&again));
  EXPECT_FALSE(last_.has_value());
}

// Its own end changes, it leaves and comes back, and it ends on its seat: nothing is used after it
// went.
TEST_F(MediaHostTest, ACallSitsDownInAConferenceAndLeaves) {
  Start(caller_, 1, {.source = std::make_shared<media::ToneSource>(), .sink = nullptr});
  Start(callee_, 2, {});
  caller_.host->Obey(node::MediaSeat{caller_.call, 1}, {});
  caller_.host->SetAudio(caller_.call, {.source = std::make_shared<media::ToneSource>(),
                                        .sink = std::make_shared<media::NullSink>()});
  caller_.host->Obey(node::MediaMute{caller_.call, true}, {});
  Carry([this] { return first_audio_ == 2; });
  caller_.host->Obey(node::MediaSeat{caller_.call, 0}, {});
  caller_.host->Obey(node::MediaMute{caller_.call, false}, {});
  caller_.host->Obey(node::MediaSeat{caller_.call, 2}, {});
  caller_.host->Obey(node::MediaStop{caller_.call}, {});
  const MutexLock lock(&mutex_);
  const auto stopped = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopped_ == 1; };
  mutex_.Await(absl::Condition(&stopped));
}

TEST_F(MediaHostTest, PacketsOfNoCallAreCountedAndDropped) {
  const Bytes rtp(40, 0x80);
  caller_.host->OnDatagram(runtime::MonotonicNow(), At("192.0.2.1:1"), rtp);
  EXPECT_EQ(caller_.host->dropped_unknown_ssrc(), 1u);
}

TEST_F(MediaHostTest, ASourceMayComeAfterTheStart) {
  Start(caller_, 1, {});
  Start(callee_, 2, {});
  auto heard = std::make_shared<media::BufferSink>(1 << 20);
  callee_.host->SetAudio(callee_.call, {.source = nullptr, .sink = heard});
  caller_.host->SetAudio(caller_.call,
                         {.source = std::make_shared<media::ToneSource>(), .sink = nullptr});
  Carry([this] { return first_audio_ == 2; });
  callee_.host.reset();
  EXPECT_FALSE(heard->samples().empty());
}

}  // namespace
}  // namespace p2pd::daemon
