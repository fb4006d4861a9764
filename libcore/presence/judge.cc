#include "libcore/presence/judge.h"

#include <algorithm>

#include "libcore/overlay/detour_path.h"
#include "libcore/pki/hash.h"
#include "libcore/presence/messages.h"

namespace p2pd::presence {
namespace {

constexpr absl::string_view kAnchorLabel = "p2pd anchor";

// Which refusal says most to a person when every certificate was refused: the one that got
// furthest.
bool TellsMore(const pki::ChainVerdict& a, const pki::ChainVerdict& b) {
  const auto rank = [](pki::ChainFault fault) {
    switch (fault) {
      case pki::ChainFault::kNone:
        return 9;
      case pki::ChainFault::kRevoked:
        return 8;
      case pki::ChainFault::kRevocationUnknown:
        return 7;
      case pki::ChainFault::kExpired:
      case pki::ChainFault::kNotYetValid:
        return 6;
      case pki::ChainFault::kWrongEmail:
        return 5;
      case pki::ChainFault::kNameConstraint:
      case pki::ChainFault::kPathTooLong:
      case pki::ChainFault::kNotACa:
      case pki::ChainFault::kWrongUsage:
        return 4;
      case pki::ChainFault::kBadSignature:
        return 3;
      case pki::ChainFault::kUntrustedRoot:
        return 2;
      case pki::ChainFault::kMalformed:
        return 1;
    }
    return 0;
  };
  return rank(a.fault) > rank(b.fault);
}

std::vector<net::Endpoint> AddressesOf(const wire::v1::UserStateBody& body) {
  std::vector<net::Endpoint> out;
  for (const std::string& encoded : body.addresses()) {
    const std::optional<net::Endpoint> endpoint = net::Endpoint::FromBytes(AsBytes(encoded));
    // A way is this machine's own note, never an address that somebody names.
    if (endpoint && !overlay::IsDetour(*endpoint)) out.push_back(*endpoint);
  }
  for (const std::string& relay : body.relays()) {
    if (const auto path = overlay::DetourPath::FromBytes(AsBytes(relay)))
      out.push_back(path->ToEndpoint());
  }
  return out;
}

DeviceState ReadState(const store::Object& object) {
  const wire::v1::UserStateBody& body = object.user_state();
  DeviceState out;
  out.device = object.device();
  out.availability = FromFlag(body.flag());
  out.addresses = AddressesOf(body);
  out.sequence = object.sequence();
  out.epoch = body.epoch();
  out.expires = object.expires();
  out.sealed_config_key = ToBytes(body.sealed_config_key());
  return out;
}

void TakeDeviceList(const store::Object& object, const pki::UserPublicKey& user, const Seen& seen,
                    StateView& view) {
  const wire::v1::DeviceListBody& body = object.device_list();
  if (AsBytes(body.user_key()) != ByteView(user.spki())) {
    ++view.foreign;
    return;
  }
  if (object.sequence() < seen.OfDeviceList(user.hash())) {
    ++view.outdated;
    return;
  }
  if (object.sequence() < view.device_list) return;
  view.device_list = object.sequence();
  view.device_list_expires = object.expires();
  view.revoked.clear();
  for (const std::string& id : body.revoked()) {
    const std::optional<pki::DeviceId> device = pki::DeviceId::FromView(AsBytes(id));
    if (device) view.revoked.insert(*device);
  }
}

}  // namespace

CertificateChoice ChooseCertificate(const std::vector<store::Object>& objects,
                                    const pki::TrustStore& trust, absl::Time now,
                                    const std::optional<pki::KeyHash>& pinned,
                                    const pki::TrustStore::Options& options) {
  CertificateChoice best;
  best.verdict.fault = pki::ChainFault::kMalformed;
  bool best_is_pinned = false;
  absl::Time newest_other = absl::InfinitePast();
  for (const store::Object& object : objects) {
    if (object.kind() != wire::v1::OBJECT_KIND_AUTHENTICATION) continue;
    const pki::ChainVerdict verdict = trust.Verify(object.chain(), now, options);
    if (!verdict.ok()) {
      if (!best.object && TellsMore(verdict, best.verdict)) best.verdict = verdict;
      continue;
    }
    const pki::Certificate& leaf = object.chain().leaf();
    const bool is_pinned = pinned && leaf.public_key().hash() == *pinned;
    if (!is_pinned) newest_other = std::max(newest_other, leaf.not_before());
    const bool better = !best.object || (is_pinned && !best_is_pinned) ||
                        (is_pinned == best_is_pinned &&
                         leaf.not_before() > best.object->chain().leaf().not_before());
    if (!better) continue;
    best.object = object;
    best.verdict = verdict;
    best_is_pinned = is_pinned;
  }
  best.key_changed = best.object && pinned && !best_is_pinned;
  best.newer_key = best_is_pinned && newest_other >= best.object->chain().leaf().not_before();
  return best;
}

std::vector<pki::Certificate> IssuersOf(const std::vector<store::Object>& objects,
                                        const pki::TrustStore& trust) {
  std::vector<pki::Certificate> out;
  std::set<pki::KeyHash> known;
  for (const store::Object& object : objects) {
    if (object.kind() != wire::v1::OBJECT_KIND_AUTHENTICATION) continue;
    if (!trust.Trusts(object.chain().root().fingerprint())) continue;
    const std::vector<pki::Certificate>& chain = object.chain().certificates();
    for (size_t i = 1; i < chain.size(); ++i) {
      if (known.insert(chain[i].public_key().hash()).second) out.push_back(chain[i]);
    }
  }
  return out;
}

Availability StateView::availability() const {
  Availability best = Availability::kOffline;
  for (const DeviceState& state : devices) {
    if (!state.revoked) best = MoreReachable(state.availability, best);
  }
  return best;
}

StateView JudgeStates(const std::vector<store::Object>& objects, const pki::UserPublicKey& user,
                      const Seen& seen, absl::Time now) {
  StateView view;
  std::map<pki::DeviceId, DeviceState> newest;
  for (const store::Object& object : objects) {
    if (object.expires() <= now) continue;
    if (object.kind() == wire::v1::OBJECT_KIND_DEVICE_LIST) {
      TakeDeviceList(object, user, seen, view);
    }
    if (object.kind() != wire::v1::OBJECT_KIND_USER_STATE) continue;
    DeviceState state = ReadState(object);
    if (state.device.user != user.hash()) {
      ++view.foreign;
    } else if (state.sequence < seen.OfDevice(user.hash(), state.device.id)) {
      ++view.outdated;
      view.outdated_devices.insert(state.device.id);
    } else {
      const auto [it, fresh] = newest.try_emplace(state.device.id, state);
      if (!fresh && it->second.sequence < state.sequence) it->second = std::move(state);
    }
  }
  const pki::DeviceId anchor = AnchorId(user);
  for (auto& [id, state] : newest) {
    state.revoked = view.revoked.count(id) != 0;
    if (id == anchor) {
      view.anchor = std::move(state);
    } else {
      view.devices.push_back(std::move(state));
    }
  }
  return view;
}

void Remember(const StateView& view, const pki::KeyHash& user, absl::Time now, Seen& seen) {
  for (const DeviceState& state : view.devices) {
    seen.NoteDevice(now, user, state.device.id, state.sequence);
  }
  if (view.device_list.value() > 0) seen.NoteDeviceList(now, user, view.device_list);
}

pki::DeviceId AnchorId(const pki::UserPublicKey& user) {
  const pki::Sha256Digest digest = pki::Sha256({AsBytes(kAnchorLabel), user.spki()});
  return *pki::DeviceId::FromView(digest.view().subspan(0, pki::DeviceId::kSize));
}

DeviceEntry ToEntry(const DeviceState& state) {
  DeviceEntry out;
  out.id = state.device.id;
  out.label = state.device.label;
  out.availability = state.revoked ? Availability::kOffline : state.availability;
  out.revoked = state.revoked;
  out.expires = state.expires;
  out.addresses = state.addresses;
  return out;
}

}  // namespace p2pd::presence
