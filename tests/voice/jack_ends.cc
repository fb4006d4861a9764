// p2pd-voice-jack: mouth and ear of two programs on one JACK server: plays a WAV file into one
// port and records another, sample by sample on the same clock, so that the place of the speech in
// the recording is its delay.
//
//   p2pd-voice-jack SAID.wav HEARD.wav INTO-PORT FROM-PORT
//
// Both ports exist already. Prints 'active' when it has begun. Exit codes: 0 all was played, 1 JACK
// refused, 2 usage or an unreadable file.
#include <jack/jack.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <vector>

#include "clients/common/wav.h"

namespace p2pd::voice {
namespace {

struct Ends {
  jack_port_t* mouth = nullptr;
  jack_port_t* ear = nullptr;
  std::vector<int16_t> said;
  std::vector<int16_t> heard;  // as long as said; filled as time goes
  std::atomic<bool> begun{false};
  size_t position = 0;  // JACK's thread
  std::atomic<bool> done{false};
};

// JACK's own thread; nothing here allocates or waits.
int Process(jack_nframes_t count, void* context) {
  auto& ends = *static_cast<Ends*>(context);
  auto* out = static_cast<float*>(jack_port_get_buffer(ends.mouth, count));
  const auto* in = static_cast<const float*>(jack_port_get_buffer(ends.ear, count));
  if (!ends.begun) {
    std::fill_n(out, count, 0.0f);
    return 0;
  }
  const size_t at = ends.position;
  for (size_t i = 0; i < count; ++i) {
    const bool there = at + i < ends.said.size();
    out[i] = there ? static_cast<float>(ends.said[at + i]) / 32768.0f : 0.0f;
    if (there) {
      const float sample = std::clamp(in[i] * 32768.0f, -32768.0f, 32767.0f);
      ends.heard[at + i] = static_cast<int16_t>(std::lrintf(sample));
    }
  }
  ends.position = at + count;
  ends.done = ends.position >= ends.said.size();
  if (ends.done) ends.done.notify_one();
  return 0;
}

int Main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: p2pd-voice-jack SAID.wav HEARD.wav INTO-PORT FROM-PORT\n");
    return 2;
  }
  auto read = clients::ReadWav(argv[1]);
  if (!std::holds_alternative<std::vector<int16_t>>(read)) return 2;
  Ends ends;
  ends.said = std::move(std::get<std::vector<int16_t>>(read));
  ends.heard.resize(ends.said.size());
  jack_client_t* client = jack_client_open("ends", JackNoStartServer, nullptr);
  if (client == nullptr) return 1;
  ends.mouth = jack_port_register(client, "mouth", JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
  ends.ear = jack_port_register(client, "ear", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
  jack_set_process_callback(client, Process, &ends);
  if (ends.mouth == nullptr || ends.ear == nullptr || jack_activate(client) != 0 ||
      jack_connect(client, jack_port_name(ends.mouth), argv[3]) != 0 ||
      jack_connect(client, argv[4], jack_port_name(ends.ear)) != 0) {
    std::fprintf(stderr, "JACK has no such ports: %s, %s\n", argv[3], argv[4]);
    jack_client_close(client);
    return 1;
  }
  std::puts("active");
  std::fflush(stdout);
  ends.begun = true;
  ends.done.wait(false);
  jack_client_close(client);
  auto record = clients::WavWriter::Create(argv[2]);
  auto* writer = std::get_if<std::unique_ptr<clients::WavWriter>>(&record);
  return writer != nullptr && (*writer)->Append(ends.heard) && (*writer)->Close().empty() ? 0 : 1;
}

}  // namespace
}  // namespace p2pd::voice

int main(int argc, char** argv) { return p2pd::voice::Main(argc, argv); }
