#include "libcore/session/cookie.h"

#include "libcore/base/codec.h"
#include "libcore/pki/hash.h"

namespace p2pd::session {
namespace {

constexpr size_t kSecretSize = 32;

int64_t EpochAt(Instant now) { return (now - Instant()) / CookieMaker::kEpoch; }

}  // namespace

CookieMaker::CookieMaker(Rng& rng) : secret_(Bytes(kSecretSize)) {
  rng.Fill(secret_.mutable_view());
}

Cookie CookieMaker::ForEpoch(int64_t epoch, const net::Endpoint& endpoint,
                             const HelloNonce& nonce) const {
  ByteWriter writer;
  writer.Put(AsBytes("p2pd cookie 1")).U64(static_cast<uint64_t>(epoch)).Put(nonce.view());
  endpoint.Write(writer);
  const pki::Sha256Digest mac = pki::HmacSha256(secret_.view(), writer.bytes());
  Cookie out;
  out.mutable_view()[0] = static_cast<uint8_t>(epoch);
  const ByteView half = mac.view().subspan(0, Cookie::kSize - 1);
  std::copy(half.begin(), half.end(), out.mutable_view().begin() + 1);
  return out;
}

Cookie CookieMaker::Make(Instant now, const net::Endpoint& to, const HelloNonce& nonce) const {
  return ForEpoch(EpochAt(now), to, nonce);
}

bool CookieMaker::Check(Instant now, const net::Endpoint& from, const HelloNonce& nonce,
                        const Cookie& cookie) const {
  const int64_t epoch = EpochAt(now);
  for (const int64_t candidate : {epoch, epoch - 1}) {
    if (static_cast<uint8_t>(candidate) != cookie[0]) continue;
    return ConstantTimeEqual(ForEpoch(candidate, from, nonce).view(), cookie.view());
  }
  return false;
}

}  // namespace p2pd::session
