#include <string>

#include "gtest/gtest.h"
#include "libcore/pki/certificate.h"

namespace p2pd::pki {
namespace {

TEST(NormaliseEmail, FoldsAndComposes) {
  struct Row {
    const char* given;
    const char* normal;
  };
  for (const Row& row : {
           Row{"alice@example.org", "alice@example.org"},
           Row{"Alice.B+x@EXAMPLE.Org", "alice.b+x@example.org"},
           Row{"M\u00dcLLER@\u00c4hre.de", "m\u00fcller@\u00e4hre.de"},
           Row{"mu\u0308ller@x.de", "m\u00fcller@x.de"},   // u and a combining diaeresis
           Row{"Stra\u00dfe@x.de", "strasse@x.de"},        // full case folding
           Row{"\u03a3\u03a3@x.gr", "\u03c3\u03c3@x.gr"},  // both sigmas
           Row{"\u03c2@x.gr", "\u03c3@x.gr"},              // the final one as well
           Row{"\u212bngstr\u00f6m@x.se", "\u00e5ngstr\u00f6m@x.se"},  // the Angstrom sign
           Row{"a@b", "a@b"},
           Row{"o'neil/{x}@host_1.example", "o'neil/{x}@host_1.example"},
       }) {
    const auto normal = NormaliseEmail(row.given);
    ASSERT_TRUE(normal.ok()) << row.given << ": " << normal.status();
    EXPECT_EQ(*normal, row.normal);
    EXPECT_EQ(*NormaliseEmail(*normal), *normal) << "a normal form stays";
  }
}

TEST(NormaliseEmail, RefusesWhatIsNoAddress) {
  for (const std::string& bad : {
           std::string(""),
           std::string("a"),
           std::string("alice"),
           std::string("@example.org"),
           std::string("alice@"),
           std::string("a@b@c"),
           std::string("a b@c.d"),
           std::string("a@c.d "),
           std::string("a\n@c.d"),
           std::string("a\0@c.d", 6),
           std::string("a@c..d"),
           std::string(".a@c.d"),
           std::string("a@c.d."),
           std::string("\"a\"@c.d"),
           std::string("a<b>@c.d"),
           std::string("a@[127.0.0.1]"),
           std::string("a\x7f@c.d"),
           std::string("a\xff@c.d"),          // not UTF-8
           std::string("a\xc0\x80@c.d"),      // an overlong NUL
           std::string("a\xed\xa0\x80@c.d"),  // a surrogate
           std::string("a\u00a0@c.d"),        // no-break space
           std::string("a\u202e@c.d"),        // right-to-left override
           std::string("a\u200b@c.d"),        // zero width space
           std::string("a\u0085@c.d"),        // a C1 control
       }) {
    const auto normal = NormaliseEmail(bad);
    EXPECT_EQ(normal.status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(NormaliseEmail, HoldsTheLimitOf254Bytes) {
  const std::string domain = "@example.org";
  EXPECT_TRUE(NormaliseEmail(std::string(254 - domain.size(), 'a') + domain).ok());
  EXPECT_FALSE(NormaliseEmail(std::string(255 - domain.size(), 'a') + domain).ok());
  // Folding makes some letters longer: U+0390 is 2 bytes and folds into 6, and composes again;
  // U+1F52 stays; U+0149 (2 bytes) folds into 3.
  std::string grows;
  while (grows.size() + 2 + domain.size() <= 254) grows += "\u0149";
  EXPECT_FALSE(NormaliseEmail(grows + domain).ok());
}

}  // namespace
}  // namespace p2pd::pki
