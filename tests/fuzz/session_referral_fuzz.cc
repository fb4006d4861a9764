// The paper of a transferred caller, from whoever writes one: what counts is whole, within its
// time, and says the same when it is read again; with any bit of it changed it says nothing else.
#include "libcore/base/check.h"
#include "libcore/session/referral.h"

namespace {

using p2pd::session::Referral;

// A little after the seeds were signed (make_session_corpus.cc).
const absl::Time kNow = absl::FromUnixSeconds(1767225600) + absl::Seconds(1);

bool Same(const Referral& a, const Referral& b) {
  return a.by == b.by && a.by_user == b.by_user && a.device == b.device && a.referee == b.referee &&
         a.target == b.target && a.expires == b.expires && a.nonce == b.nonce &&
         a.replaces == b.replaces;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  p2pd::Bytes in(data, data + size);
  const auto read = p2pd::session::VerifyReferral(in, kNow);
  if (!read) return 0;
  P2PD_CHECK(size <= p2pd::session::kMaxReferral);
  P2PD_CHECK(read->expires > kNow && read->expires <= kNow + 2 * p2pd::session::kReferralLife);
  P2PD_CHECK(!p2pd::session::VerifyReferral(in, read->expires).has_value());
  in[size / 2] ^= 1;
  const auto changed = p2pd::session::VerifyReferral(in, kNow);
  P2PD_CHECK(!changed || Same(*read, *changed));
  return 0;
}
