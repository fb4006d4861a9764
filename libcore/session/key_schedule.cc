#include "libcore/session/key_schedule.h"

#include "absl/strings/str_cat.h"

namespace p2pd::session {
namespace {

constexpr size_t kKeySize = 32;
constexpr size_t kSafetySize = 4;

SecretBytes Expand(ByteView secret, const pki::Sha256Digest& salt, absl::string_view label,
                   size_t size) {
  return pki::HkdfSha256(secret, salt.view(), AsBytes(label), size);
}

TrafficKey ExpandTraffic(ByteView secret, const pki::Sha256Digest& salt, absl::string_view label) {
  const SecretBytes both = Expand(secret, salt, label, kKeySize + pki::AeadNonce::kSize);
  TrafficKey out;
  out.key = SecretBytes(both.view().subspan(0, kKeySize));
  out.iv = *pki::AeadNonce::FromView(both.view().subspan(kKeySize));
  return out;
}

}  // namespace

pki::Sha256Digest HelloDigest(ByteView body, ByteView signature) {
  return pki::Sha256({AsBytes("p2pd hello transcript 1"), pki::Sha256(body).view(),
                      pki::Sha256(signature).view()});
}

pki::Sha256Digest Transcript(const pki::Sha256Digest& hello, const pki::X25519Public& callee,
                             ByteView ack_body, ByteView ack_signature) {
  return pki::Sha256({AsBytes("p2pd session 1"), hello.view(), callee.view(),
                      pki::Sha256(ack_body).view(), pki::Sha256(ack_signature).view()});
}

TrafficKey AckKey(ByteView secret, const pki::Sha256Digest& hello,
                  const pki::X25519Public& callee) {
  const pki::Sha256Digest salt =
      pki::Sha256({AsBytes("p2pd ack key 1"), hello.view(), callee.view()});
  return ExpandTraffic(secret, salt, "p2pd ack");
}

SessionKeys DeriveKeys(ByteView secret, const pki::Sha256Digest& transcript) {
  SessionKeys out;
  out.caller = ExpandTraffic(secret, transcript, "p2pd caller");
  out.callee = ExpandTraffic(secret, transcript, "p2pd callee");
  out.confirm = Expand(secret, transcript, "p2pd confirm", kKeySize);
  out.exporter = Expand(secret, transcript, "p2pd exporter", kKeySize);
  out.safety = Expand(secret, transcript, "sas", kSafetySize);
  return out;
}

pki::Sha256Digest ConfirmMac(const SessionKeys& keys, const pki::Sha256Digest& transcript) {
  return pki::HmacSha256(keys.confirm.view(), transcript.view());
}

SecretBytes Export(const SecretBytes& exporter, absl::string_view label, size_t size) {
  return pki::HkdfSha256(exporter.view(), ByteView(), AsBytes(absl::StrCat("p2pd export ", label)),
                         size);
}

}  // namespace p2pd::session
