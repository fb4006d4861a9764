// Blobs of an identity, of its environment, of trust and of what was seen: whatever lies on the
// disk, loading it either works or names the blob. The first byte chooses the blob.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "libcore/base/check.h"
#include "libcore/base/rng.h"
#include "libcore/base/storage.h"
#include "libcore/pki/crypto.h"
#include "libcore/presence/environment.h"
#include "libcore/presence/identity.h"
#include "libcore/presence/key_file.h"
#include "libcore/presence/seen.h"
#include "libcore/presence/trust_files.h"

namespace {

constexpr char kFolder[] = "alice@example.org";

// An identity on disk, made once.
struct Made {
  p2pd::SeededRng rng{1};
  std::unique_ptr<p2pd::pki::Crypto> crypto = p2pd::pki::Crypto::Create(rng);
  p2pd::MemoryStorage storage;
  Made() {
    auto key = p2pd::pki::UserKey::GenerateP256(*crypto);
    P2PD_CHECK(key.ok());
    p2pd::presence::OwnIdentity::Making making{kFolder, "Alice", 1, *std::move(key), std::nullopt};
    P2PD_CHECK(
        p2pd::presence::OwnIdentity::Make(storage, std::move(making), p2pd::SecretBytes()).ok());
  }
};

void Load(const Made& made, p2pd::ByteView content, const char* leaf) {
  p2pd::MemoryStorage storage = made.storage;
  const std::string blob = std::string("identities/") + kFolder + "/" + leaf;
  P2PD_CHECK(storage.Write(blob, content, p2pd::FileMode::kSecret).ok());
  const auto identity = p2pd::presence::OwnIdentity::Load(storage, *made.crypto, kFolder);
  if (!identity.ok()) {
    P2PD_CHECK(identity.status().message().find(leaf) != absl::string_view::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Made made;
  if (size == 0) return 0;
  const p2pd::ByteView content(data + 1, size - 1);
  switch (data[0] & 7) {
    case 0:
      Load(made, content, "identity");
      break;
    case 1:
      Load(made, content, "device");
      break;
    case 2:
      Load(made, content, "state");
      break;
    case 3:
      Load(made, content, "key.pem");
      break;
    case 4: {
      p2pd::MemoryStorage storage;
      P2PD_CHECK(storage.Write("e", content, p2pd::FileMode::kSecret).ok());
      const auto environment = p2pd::presence::Environment::Load(storage, "e");
      P2PD_CHECK(environment.ok() || absl::IsDataLoss(environment.status()));
      break;
    }
    case 5: {
      p2pd::MemoryStorage storage;
      P2PD_CHECK(storage.Write(p2pd::presence::Seen::kBlob, content, p2pd::FileMode::kSecret).ok());
      p2pd::presence::Seen seen;
      seen.Load(storage).IgnoreError();  // either way: no crash, and the limits hold
      P2PD_CHECK(seen.persons() <= p2pd::presence::kMaxSeenPersons);
      break;
    }
    case 6: {
      p2pd::MemoryStorage storage;
      P2PD_CHECK(storage.Write("trust/roots/00", content, p2pd::FileMode::kPublic).ok());
      P2PD_CHECK(storage.Write("trust/crls/00", content, p2pd::FileMode::kPublic).ok());
      p2pd::pki::TrustStore trust;
      const auto problems = p2pd::presence::LoadTrust(storage, trust);
      // A root whose name is not its fingerprint is none.
      P2PD_CHECK(trust.roots().empty() && !problems.empty());
      break;
    }
    case 7:
      p2pd::presence::ReadKeyFile(*made.crypto, content, p2pd::SecretBytes()).IgnoreError();
      break;
  }
  return 0;
}
