#include "libcore/archive/catalogue/json_writer.h"

#include <gtest/gtest.h>

namespace p2pd::archive::catalogue {
namespace {

TEST(JsonWriter, PutsCommasWhereTheyBelong) {
  JsonWriter out;
  out.OpenObject().Key("a").OpenArray().CloseArray();
  out.Key("b").OpenArray().Number(uint64_t{1}).Number(0.5).Bool(true).String("x:");
  out.OpenObject().CloseObject().OpenObject().Key("k").Bool(false).CloseObject().CloseArray();
  out.Key("c[").Number(uint64_t{18446744073709551615u}).CloseObject();
  EXPECT_EQ(out.text(),
            R"({"a":[],"b":[1,0.5,true,"x:",{},{"k":false}],"c[":18446744073709551615})");
}

}  // namespace
}  // namespace p2pd::archive::catalogue
