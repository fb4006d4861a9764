// Letters from the inside: what a stranger may seal to us, and what a node that we asked may
// answer. The first byte chooses; the rest is the plaintext, sealed as it is, and the datagram
// itself too.
#include <cstdint>
#include <optional>

#include "libcore/base/check.h"
#include "libcore/overlay/letter.h"

namespace {

using p2pd::Bytes;
using p2pd::ByteView;
using p2pd::overlay::AnswerSeal;
using p2pd::overlay::LetterTarget;
using p2pd::overlay::NodeKeys;
using p2pd::overlay::NodeRecord;

struct Us {
  Us() : keys(NodeKeys::Generate(rng)), record(NodeRecord::Make(keys, 1, {at}, {})) {}
  p2pd::SeededRng rng{1};
  p2pd::Counters counters;
  p2pd::net::Endpoint at = *p2pd::net::Endpoint::Parse("192.0.2.2:7464");
  NodeKeys keys;
  NodeRecord record;
  p2pd::overlay::RecordCache records{counters};
};

void AsLetter(Us& us, ByteView plaintext) {
  const auto sealed = p2pd::overlay::SealLetter(us.record.sealing_key(), plaintext, us.rng);
  P2PD_CHECK(sealed.has_value());
  const auto letter = p2pd::overlay::OpenLetter(sealed->datagram, us.keys, us.record, us.records);
  if (!letter) return;
  p2pd::overlay::LetterPath path{us.at, letter->seal, sealed->datagram.size(), letter->known_epoch};
  path.copy = letter->copy;
  for (const size_t bytes : {1, 961, 1921, 2880, 2881}) {
    const auto part = p2pd::overlay::WriteLetterAnswerToCopy(
        path, us.record, Bytes(bytes), p2pd::wire::v1::ANSWER_ERROR_NONE, us.rng);
    P2PD_CHECK(!part || part->size() <= sealed->datagram.size());
  }
  const auto answer = p2pd::overlay::WriteLetterAnswer(path, us.record, letter->payload,
                                                       p2pd::wire::v1::ANSWER_ERROR_NONE, us.rng);
  P2PD_CHECK(!answer || answer->size() <= sealed->datagram.size());
  const Bytes refusal =
      p2pd::overlay::WriteLetterRefusal(path, us.record, {}, p2pd::overlay::kMaxPayload, us.rng);
  P2PD_CHECK(refusal.size() <= sealed->datagram.size());
}

void AsAnswer(Us& us, ByteView plaintext) {
  const AnswerSeal seal(Bytes(AnswerSeal::kSecretSize, 7));
  const Bytes datagram = seal.Seal(plaintext, us.rng);
  const LetterTarget target{p2pd::overlay::Head(us.record.id()), us.at, us.record.sealing_key()};
  for (const bool known : {false, true}) {
    const auto answer = p2pd::overlay::OpenLetterAnswer(
        datagram, seal, target, known ? std::optional(us.record) : std::nullopt, us.records);
    P2PD_CHECK(!answer || answer->from.id() == us.record.id());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Us* const us = new Us();
  if (size == 0) return 0;
  const ByteView rest(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    AsLetter(*us, rest);
  } else {
    AsAnswer(*us, rest);
  }
  p2pd::overlay::OpenLetter(rest, us->keys, us->record, us->records);
  return 0;
}
