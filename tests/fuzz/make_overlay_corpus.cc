// Writes the letters and detours among the seeds of the overlay's fuzz targets:
// p2pd_make_overlay_corpus FOLDER. Run it again when their format changes, and commit what it
// wrote.
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "libcore/base/file.h"
#include "libcore/overlay/detour_path.h"
#include "tests/unit/overlay/letter_fixture.h"

namespace p2pd::overlay {
namespace {

int failures = 0;

void Write(const std::string& path, const Bytes& content) {
  const absl::Status status = WriteFileAtomically(path, content, FileMode::kPublic);
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", path.c_str(), status.ToString().c_str());
  ++failures;
}

Bytes Chosen(uint8_t first, ByteView rest) {
  Bytes out{first};
  Append(out, rest);
  return out;
}

void Letters(const std::string& folder) {
  // Both targets make their node's keys from seed 1.
  SeededRng rng(1);
  const NodeKeys us = NodeKeys::Generate(rng);
  const net::Endpoint at = *net::Endpoint::Parse("192.0.2.2:7464");
  const NodeRecord record = NodeRecord::Make(us, 1, {at}, Role::kPeer);
  Party origin(2);
  LetterContent content;
  content.message_id = 1;
  content.service = Service::kApplication;
  content.payload = {1, 2, 3};
  const auto write = [&] {
    return WriteLetter(TargetOf(record), content, origin.keys, origin.record, origin.rng)->datagram;
  };
  Write(folder + "/overlay_datagram/letter", write());
  content.link_wanted = true;
  Write(folder + "/overlay_datagram/letter_link_wanted", write());

  wire::v1::LetterBody body;
  body.set_origin(ToText(origin.record.bytes()));
  body.set_message_id(1);
  body.set_service(4);
  body.set_payload("payload");
  body.set_to(Head(record.id()));
  body.set_cookie(std::string(Cookie::kSize, 'c'));
  body.set_known_epoch(1);
  const Bytes plaintext =
      LetterPlaintext(body, origin.keys.signing_key, us.sealing_key.public_key());
  Write(folder + "/overlay_letter/letter", Chosen(0, plaintext));
  body.clear_cookie();
  body.set_copies(3);
  body.set_copy(2);
  Write(folder + "/overlay_letter/copy",
        Chosen(0, LetterPlaintext(body, origin.keys.signing_key, us.sealing_key.public_key())));
  wire::v1::LetterAnswerBody answer;
  answer.set_payload("payload");
  Write(folder + "/overlay_letter/answer", Chosen(1, AsBytes(answer.SerializeAsString())));
  answer.set_part(1);
  answer.set_parts(3);
  Write(folder + "/overlay_letter/piece", Chosen(1, AsBytes(answer.SerializeAsString())));
  answer.clear_part();
  answer.clear_parts();
  answer.clear_payload();
  answer.set_record(ToText(record.bytes()));
  answer.set_cookie(std::string(Cookie::kSize, 'c'));
  answer.set_size(1000);
  Write(folder + "/overlay_letter/refusal", Chosen(1, AsBytes(answer.SerializeAsString())));
}

void DetourSeeds(const std::string& folder) {
  // The target's leaves are made from seeds 2 and 3.
  wire::v1::Detour detour;
  detour.set_peer(Head(Party(3).record.id()));
  detour.set_datagram(ToText(MakeKnock(Knock{1, 2})));
  Write(folder + "/overlay_detour/knock", SerializeProto(detour));
  detour.set_passed_on(true);
  Write(folder + "/overlay_detour/passed_on", SerializeProto(detour));
  Write(folder + "/overlay_detour/endpoint", DetourPath{1, 2}.ToEndpoint().ToBytes());
}

}  // namespace
}  // namespace p2pd::overlay

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: p2pd_make_overlay_corpus FOLDER\n");
    return 2;
  }
  p2pd::overlay::Letters(argv[1]);
  p2pd::overlay::DetourSeeds(argv[1]);
  return p2pd::overlay::failures == 0 ? 0 : 1;
}
