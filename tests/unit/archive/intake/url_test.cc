#include "libcore/archive/intake/url.h"

#include <gtest/gtest.h>

namespace p2pd::archive::intake {
namespace {

TEST(Url, HasAnOrigin) {
  EXPECT_EQ(OriginOf("HTTP://Example.org/a:b"), "http://example.org:80");
  EXPECT_EQ(OriginOf("https://u:p@example.org:8443?x"), "https://example.org:8443");
  EXPECT_EQ(OriginOf("https://[::1]/"), "https://[::1]:443");
  EXPECT_EQ(OriginOf("https://[::1]:9/"), "https://[::1]:9");
  EXPECT_EQ(OriginOf("http://good.example\\@evil.example/"), "http://good.example:80");
  for (const char* url : {"", "http://", "http:///a", "ftp://a/", "magnet:?xt=a", "/a"}) {
    EXPECT_EQ(OriginOf(url), "") << url;
  }
}

TEST(Url, IsShownWithoutSecrets) {
  EXPECT_EQ(WithoutSecrets("https://u:p@a:8/b@c?key=d"), "https://a:8/b@c");
  EXPECT_EQ(WithoutSecrets("https://a?key=@d"), "https://a");
}

struct Row {
  const char* reference;
  const char* leads;
};

// RFC 3986 §5.4.1 and §5.4.2, all of them.
TEST(Url, ReferencesLeadWhereTheSourceSays) {
  const Row kRows[] = {
      {"g:h", "g:h"},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g#s", "http://a/b/c/g#s"},
      {"g?y#s", "http://a/b/c/g?y#s"},
      {";x", "http://a/b/c/;x"},
      {"g;x", "http://a/b/c/g;x"},
      {"g;x?y#s", "http://a/b/c/g;x?y#s"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"../../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {".g", "http://a/b/c/.g"},
      {"g..", "http://a/b/c/g.."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/./x", "http://a/b/c/g?y/./x"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"g#s/./x", "http://a/b/c/g#s/./x"},
      {"g#s/../x", "http://a/b/c/g#s/../x"},
      {"http:g", "http:g"},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(Resolve("http://a/b/c/d;p?q", row.reference), row.leads) << row.reference;
  }
}

TEST(Url, ABaseMayHaveNoPathAndASlashInItsQuery) {
  const Row kRows[] = {
      {"e", "https://a/e"},          {"/e", "https://a/e"},     {"?e", "https://a?e"},
      {"//f/e", "https://f/e"},      {"", "https://a?to=/b/c"}, {"#e", "https://a?to=/b/c#e"},
      {"../e?/f", "https://a/e?/f"},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(Resolve("https://a?to=/b/c", row.reference), row.leads) << row.reference;
  }
  EXPECT_EQ(Resolve("http://a", "e"), "http://a/e");
  EXPECT_EQ(Resolve("http://a/b?to=/c/d", "e"), "http://a/e");
  // What is another scheme's is not ours to read.
  for (const char* other : {"https://f/./e", "file:///etc/passwd", "magnet:?xt=urn:btih:a/../b"}) {
    EXPECT_EQ(Resolve("http://a/b", other), other);
  }
}

}  // namespace
}  // namespace p2pd::archive::intake
