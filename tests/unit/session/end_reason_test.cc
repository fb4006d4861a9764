#include "libcore/session/end_reason.h"

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace p2pd::session {
namespace {

TEST(EndReasonTest, EachHasANameAndACounterOfItsOwn) {
  std::set<std::string> names;
  const int last = static_cast<int>(EndReason::kTooMany);
  for (int i = 0; i <= last; ++i) {
    const EndReason reason = static_cast<EndReason>(i);
    const std::string name(EndReasonName(reason));
    names.insert(name);
    EXPECT_EQ(EndReasonCounter(reason), absl::StrCat("session.", absl::AsciiStrToLower(name)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(last) + 1);
  EXPECT_EQ(EndReasonName(EndReason::kWrongEmail), "WRONG_EMAIL");
}

TEST(EndReasonTest, EachAttackOnACertificateHasItsReason) {
  EXPECT_EQ(FromChainFault(pki::ChainFault::kNone), EndReason::kNone);
  EXPECT_EQ(FromChainFault(pki::ChainFault::kExpired), EndReason::kCertificateExpired);
  EXPECT_EQ(FromChainFault(pki::ChainFault::kRevoked), EndReason::kCertificateRevoked);
  EXPECT_EQ(FromChainFault(pki::ChainFault::kUntrustedRoot), EndReason::kCertificateUntrusted);
  EXPECT_EQ(FromChainFault(pki::ChainFault::kWrongEmail), EndReason::kWrongEmail);
  EXPECT_EQ(FromChainFault(pki::ChainFault::kRevocationUnknown), EndReason::kRevocationUnknown);
  EXPECT_EQ(FromChainFault(pki::ChainFault::kNameConstraint), EndReason::kCertificateInvalid);
}

}  // namespace
}  // namespace p2pd::session
