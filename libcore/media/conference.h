// Conference: several calls that hear each other. Everybody hears the sum of all others and never
// himself (N-1 mixing), of the loudest only, so that the rooms of those who listen do not add up.
//
// Rules: each call has two parties, the other end and whatever its own end plays; both take part
// like anybody else. Who speaks is judged by what was said in the last fraction of a second, with
// favour for who speaks already; who begins or stops is faded within a frame. The sum is held below
// full scale by a gain that falls at once and rises slowly. What is said waits for at most three
// frames; who hears later than that misses it. Threads: one owner (the media thread). No
// allocation after Join. Limits: kMaxSeats.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/types/span.h"
#include "libcore/media/audio.h"

namespace p2pd::media {

class Conference {
 public:
  // Calls.
  static constexpr size_t kMaxSeats = 16;
  // Who is heard at a time.
  static constexpr size_t kLoudest = 4;

  // A call's place: between its CallMedia and what its own end plays and hears.
  class Seat {
   public:
    ~Seat();
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    // For the call in place of its own source and sink.
    AudioSource& source() { return source_; }
    AudioSink& sink() { return sink_; }
    // What the call's own end plays and where it hears; both may be null and outlive the seat.
    void SetOwn(AudioSource* source, AudioSink* sink);
    // Silence in place of what the own end plays, which goes on being taken.
    void SetMuted(bool muted) { muted_ = muted; }

   private:
    friend class Conference;
    class Source final : public AudioSource {
     public:
      explicit Source(Seat& seat) : seat_(seat) {}
      bool Read(Frame& out) override;

     private:
      Seat& seat_;
    };
    class Sink final : public AudioSink {
     public:
      explicit Sink(Seat& seat) : seat_(seat) {}
      void Write(absl::Span<const int16_t> samples) override;

     private:
      Seat& seat_;
    };
    Seat(Conference& conference, size_t own, size_t far)
        : conference_(conference), own_(own), far_(far), source_(*this), sink_(*this) {}

    Conference& conference_;
    const size_t own_;  // parties
    const size_t far_;
    AudioSource* plays_ = nullptr;
    AudioSink* hears_ = nullptr;
    bool muted_ = false;
    Source source_;
    Sink sink_;
  };

  Conference();
  ~Conference();

  // nullptr when all seats are taken. The conference outlives its seats.
  std::unique_ptr<Seat> Join();
  size_t seats() const;

 private:
  static constexpr size_t kParties = 2 * kMaxSeats;
  struct Party;

  void Say(size_t party, absl::Span<const int16_t> samples);
  void Hear(size_t party, absl::Span<int16_t> out);
  void Judge(size_t party, absl::Span<const int16_t> samples);

  std::array<std::unique_ptr<Party>, kParties> parties_;  // null: a free place
};

}  // namespace p2pd::media
