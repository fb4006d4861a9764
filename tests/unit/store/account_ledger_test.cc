#include "libcore/store/account_ledger.h"

#include <gtest/gtest.h>

namespace p2pd::store {
namespace {

TEST(AccountLedger, KnowsTheLargest) {
  AccountLedger ledger;
  EXPECT_FALSE(ledger.Largest().has_value());
  ledger.Add("a", 10);
  ledger.Add("b", 20);
  ledger.Add("a", 15);
  EXPECT_EQ(ledger.Largest(), "a");
  EXPECT_EQ(ledger.BytesOf("a"), 25u);
  ledger.Take("a", 10);
  EXPECT_EQ(ledger.Largest(), "b");
  ledger.Take("b", 20);
  EXPECT_EQ(ledger.Largest(), "a");
  EXPECT_EQ(ledger.BytesOf("b"), 0u);
  ledger.Take("a", 15);
  EXPECT_FALSE(ledger.Largest().has_value());
}

TEST(AccountLedgerDeathTest, TakingMoreThanIsThereIsOurBug) {
  AccountLedger ledger;
  ledger.Add("a", 1);
  EXPECT_DEATH(ledger.Take("a", 2), "check failed");
}

}  // namespace
}  // namespace p2pd::store
