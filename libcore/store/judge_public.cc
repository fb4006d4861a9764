// What belongs to an authority, a node or nobody: revocation, service record, raw value, removal.
#include <algorithm>
#include <utility>

#include "libcore/pki/chain.h"
#include "libcore/pki/revocation.h"
#include "libcore/store/object_judge.h"

namespace p2pd::store {
namespace {

// Comments of objects.proto; beyond any of them the object is malformed.
constexpr size_t kMaxServiceName = 64;
constexpr size_t kMaxServiceDescription = 512;
constexpr size_t kMaxSecret = 64;

// SHA-256 of the data, then the hash of the secret: who puts the same data with another secret gets
// a value of his own and cannot take the first one's removal away.
Bytes RawSlot(ByteView data_digest, ByteView secret_hash) {
  Bytes slot = ToBytes(data_digest);
  Append(slot, secret_hash);
  return slot;
}

}  // namespace

ObjectFault JudgeRevocation(ObjectDraft& draft) {
  wire::v1::RevocationBody body;
  // The CRL carries the signature; a second one would be bytes that anybody may choose.
  if (!draft.signature.empty() || !ParseBody(draft, body)) return ObjectFault::kMalformed;
  const auto ca = pki::Certificate::FromDer(AsBytes(body.ca_certificate()));
  const auto crl = pki::Crl::FromDer(AsBytes(body.crl()));
  if (!ca.ok() || !crl.ok()) return ObjectFault::kMalformed;
  // Re-encoded, so that no unsigned bytes ride along beside certificate and CRL.
  wire::v1::RevocationBody plain;
  plain.set_ca_certificate(ca->der().data(), ca->der().size());
  plain.set_crl(crl->der().data(), crl->der().size());
  if (AsBytes(plain.SerializeAsString()) != draft.body) return ObjectFault::kMalformed;
  const ObjectFault expiry =
      JudgeExpiry(draft, absl::ToUnixSeconds(crl->next_update()), kMaxRevocationLife);
  if (expiry != ObjectFault::kNone) return expiry;
  if (draft.verify) {
    if (!ca->is_ca()) return ObjectFault::kBadChain;
    if (!crl->SignedBy(*ca)) return ObjectFault::kBadSignature;
    // The CRL proves the key; a root's certificate must prove the rest of itself.
    if (ca->IsSelfIssued() && !pki::TrustStore().AddRoot(*ca).ok()) return ObjectFault::kBadChain;
  }
  // The list under another certificate of the same key is the same list.
  draft.contents = pki::Sha256(crl->der());
  draft.key = RevocationKey(ca->public_key().spki());
  draft.sequence = Sequence(crl->number());
  draft.bodies.body = std::move(body);
  return ObjectFault::kNone;
}

ObjectFault JudgeService(ObjectDraft& draft) {
  wire::v1::ServiceBody body;
  if (!ParseBody(draft, body) || body.name().empty() || body.name().size() > kMaxServiceName ||
      body.description().size() > kMaxServiceDescription || body.sequence() == 0) {
    return ObjectFault::kMalformed;
  }
  const auto record = overlay::NodeRecord::Parse(AsBytes(body.node_record()));
  if (!record) return ObjectFault::kBadAddress;
  const ObjectFault expiry = JudgeExpiry(draft, body.expires(), kMaxServiceLife);
  if (expiry != ObjectFault::kNone) return expiry;
  if (draft.verify &&
      !pki::Ed25519Verify(record->key(), SignedBytes(draft.kind, draft.body), draft.signature)) {
    return ObjectFault::kBadSignature;
  }
  draft.key = ServiceKey(body.name());
  draft.slot = ToBytes(record->id().view());
  draft.sequence = Sequence(body.sequence());
  draft.bodies.body = std::move(body);
  return ObjectFault::kNone;
}

ObjectFault JudgeRaw(ObjectDraft& draft) {
  wire::v1::RawBody body;
  if (!draft.signature.empty() || !ParseBody(draft, body)) return ObjectFault::kMalformed;
  const auto key = Key::FromView(AsBytes(body.key()));
  const size_t hash_size = body.secret_hash().size();
  if (!key || (hash_size != 0 && hash_size != pki::Sha256Digest::kSize)) {
    return ObjectFault::kMalformed;
  }
  const ObjectFault expiry = JudgeExpiry(draft, body.expires(), kMaxRawLife);
  if (expiry != ObjectFault::kNone) return expiry;
  draft.key = *key;
  draft.slot = RawSlot(pki::Sha256(AsBytes(body.data())).view(), AsBytes(body.secret_hash()));
  draft.sequence = Sequence(static_cast<uint64_t>(std::max<int64_t>(0, body.expires())));
  draft.bodies.body = std::move(body);
  return ObjectFault::kNone;
}

ObjectFault JudgeRemoval(ObjectDraft& draft) {
  wire::v1::RemovalBody body;
  if (!draft.signature.empty() || !ParseBody(draft, body)) return ObjectFault::kMalformed;
  const auto key = Key::FromView(AsBytes(body.key()));
  const auto digest = pki::Sha256Digest::FromView(AsBytes(body.data_digest()));
  if (!key || !digest || body.secret().empty() || body.secret().size() > kMaxSecret) {
    return ObjectFault::kMalformed;
  }
  const ObjectFault expiry = JudgeExpiry(draft, body.expires(), kMaxRawLife);
  if (expiry != ObjectFault::kNone) return expiry;
  draft.key = *key;
  draft.slot = RawSlot(digest->view(), pki::Sha256(AsBytes(body.secret())).view());
  draft.sequence = Sequence(static_cast<uint64_t>(std::max<int64_t>(0, body.expires())));
  draft.bodies.body = std::move(body);
  return ObjectFault::kNone;
}

}  // namespace p2pd::store
