// A CMS message to a key that the target makes of a fixed seed; the seeds of the corpus are to it.
#include "absl/strings/string_view.h"
#include "libcore/base/check.h"
#include "libcore/pki/authority.h"
#include "libcore/pki/cms.h"

namespace {

struct Receiver {
  p2pd::SeededRng rng{1};
  std::unique_ptr<p2pd::pki::Crypto> crypto = p2pd::pki::Crypto::Create(rng);
  p2pd::pki::UserKey key = *p2pd::pki::UserKey::GenerateP256(*crypto);
  p2pd::pki::Certificate certificate = *p2pd::pki::MakeRoot(
      key, {"Fuzz", absl::FromUnixSeconds(0), absl::FromUnixSeconds(4000000000), 0, {}});
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Receiver receiver;
  const auto opened =
      p2pd::pki::CmsDecrypt(receiver.key, receiver.certificate, p2pd::ByteView(data, size));
  // The only message to this key that anybody made without knowing it; a fuzzer can encrypt another
  // only by doing ECDH.
  if (opened.ok()) P2PD_CHECK(p2pd::AsText(opened->view()) == "fuzz me");
  return 0;
}
