#include "libcore/presence/anchor.h"

#include <gtest/gtest.h>

#include "libcore/pki/cms.h"
#include "libcore/presence/judge.h"
#include "tests/sim/people.h"

namespace p2pd::presence {
namespace {

struct Harbour {
  sim::Authority authority{21};
  MemoryStorage storage;
  SeededRng rng{22};
  pki::UserKey key = authority.NewKey();
  std::unique_ptr<OwnIdentity> alice =
      *OwnIdentity::Make(storage,
                         OwnIdentity::Making{"alice@example.org", "Alice", 1, key,
                                             authority.Certify("alice@example.org", key)},
                         SecretBytes(AsBytes("secret")));
  Environment environment = Environment::Fresh(alice->BlobName("environment"), rng);

  absl::StatusOr<store::Object> Make(store::Sequence above, absl::Time now) {
    return MakeAnchor(storage, authority.crypto(), *alice, environment, above, now);
  }
};

TEST(Anchor, HoldsTheConfigKeyForNinetyDays) {
  Harbour harbour;
  const absl::Time now = harbour.authority.now();
  const auto anchor = harbour.Make(store::Sequence(), now);
  ASSERT_TRUE(anchor.ok()) << anchor.status();
  EXPECT_GE(anchor->expires(), now + absl::Hours(24 * 90) - absl::Seconds(1));
  EXPECT_EQ(anchor->user_state().flag(), wire::v1::UserStateBody::FLAG_OFFLINE);
  EXPECT_EQ(anchor->user_state().addresses_size(), 0);
  const auto inside = pki::CmsDecrypt(*harbour.alice->key(), harbour.alice->chain()->leaf(),
                                      AsBytes(anchor->user_state().sealed_config_key()));
  ASSERT_TRUE(inside.ok());
  EXPECT_EQ(inside->view(), harbour.environment.config_key());
  EXPECT_EQ(anchor->slot(), ToBytes(AnchorId(harbour.key.public_key()).view()));
}

TEST(Anchor, IsNewerThanTheOneBeforeAndNeedsTheKeyOnlyOnce) {
  Harbour harbour;
  const absl::Time now = harbour.authority.now();
  const auto first = harbour.Make(store::Sequence(), now);
  ASSERT_TRUE(first.ok());
  const auto locked =
      OwnIdentity::Load(harbour.storage, harbour.authority.crypto(), "alice@example.org");
  ASSERT_TRUE(locked.ok());
  ASSERT_FALSE((*locked)->key());
  const auto second = MakeAnchor(harbour.storage, harbour.authority.crypto(), **locked,
                                 harbour.environment, first->sequence(), now);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(second->sequence(), first->sequence());
  Environment other = Environment::Fresh("identities/x/environment", harbour.rng);
  EXPECT_TRUE(absl::IsFailedPrecondition(MakeAnchor(harbour.storage, harbour.authority.crypto(),
                                                    **locked, other, store::Sequence(), now)
                                             .status()));
}

}  // namespace
}  // namespace p2pd::presence
