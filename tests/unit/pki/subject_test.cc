#include "libcore/pki/subject.h"

#include "gtest/gtest.h"

namespace p2pd::pki {
namespace {

TEST(Subject, NamesRoundTrip) {
  for (const std::string& name : {std::string("Alice"), std::string("M\u00fcller, Alice"),
                                  std::string("\u674e\u660e"), std::string(64, 'x')}) {
    const auto made = MakeName(name);
    ASSERT_TRUE(made.ok()) << name;
    EXPECT_EQ(CommonName(made->get()), name);
  }
  for (const std::string& name :
       {std::string(), std::string(65, 'x'), std::string("a\x1b[2J"), std::string("\xff")}) {
    EXPECT_EQ(MakeName(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST(Subject, ControlCharactersDoNotReachATerminal) {
  const ossl::Name name(X509_NAME_new());
  const std::string text = "a\x1b[2J\nb";
  ASSERT_EQ(X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8,
                                       const_cast<unsigned char*>(AsBytes(text).data()),
                                       static_cast<int>(text.size()), -1, 0),
            1);
  EXPECT_EQ(CommonName(name.get()), "a?[2J?b");
  for (const char c : OneLine(name.get())) EXPECT_GE(c, ' ');
}

TEST(Subject, AddressesRoundTrip) {
  for (const char* email : {"alice@example.org", "m\u00fcller@\u00e4hre.de"}) {
    const auto names = NamesWithEmail(email);
    ASSERT_TRUE(names.ok());
    EXPECT_EQ(*EmailsOf(names->get()), std::vector<std::string>{email});
  }
  EXPECT_TRUE(EmailsOf(nullptr)->empty());
}

TEST(Subject, TooManyNamesAreRefused) {
  const auto names = NamesWithEmail("a@b.c");
  while (sk_GENERAL_NAME_num(names->get()) <= kMaxAlternativeNames) {
    EXPECT_TRUE(EmailsOf(names->get()).ok());
    sk_GENERAL_NAME_push(names->get(), GENERAL_NAME_dup(sk_GENERAL_NAME_value(names->get(), 0)));
  }
  EXPECT_FALSE(EmailsOf(names->get()).ok());
}

}  // namespace
}  // namespace p2pd::pki
