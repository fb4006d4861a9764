// Judging stored objects of every kind, as a storing node does with what strangers put.
#include <cstdint>

#include "absl/time/civil_time.h"
#include "libcore/base/check.h"
#include "libcore/store/object.h"
#include "libcore/store/object_judge.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using p2pd::store::ObjectFault;
  // The time at which the seeds were made (make_store_corpus.cc), so that they are valid.
  static const absl::Time now = absl::FromCivil(absl::CivilDay(2026, 11, 21), absl::UTCTimeZone());
  const p2pd::ByteView input(data, size);
  const p2pd::store::Judgement judgement = p2pd::store::Validate(input, now);
  P2PD_CHECK((judgement.fault == ObjectFault::kNone) == judgement.object.has_value());
  const auto stored = p2pd::store::ParseStored(input);
  if (!judgement.object) return 0;
  const p2pd::store::Object& object = *judgement.object;
  P2PD_CHECK(p2pd::ByteView(object.bytes()) == input);
  P2PD_CHECK(object.expires() > now);
  // What is valid can be stored and read again as the same.
  P2PD_CHECK(stored.has_value());
  P2PD_CHECK(stored->key() == object.key() && stored->slot() == object.slot());
  P2PD_CHECK(stored->sequence() == object.sequence());
  P2PD_CHECK(object.slot().size() <= 96);
  return 0;
}
