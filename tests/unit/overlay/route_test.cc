#include "libcore/overlay/route.h"

#include <gtest/gtest.h>

#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

TEST(RouteTest, TheAttemptIsSigned) {
  const Party origin(1);
  wire::v1::RouteBody body;
  body.set_message_id(7);
  const wire::v1::RouteMessage first = SignRoute(origin.keys, body);
  EXPECT_TRUE(RouteIsSigned(origin.record, first));
  EXPECT_FALSE(RouteIsSigned(Party(2).record, first));

  const wire::v1::RouteMessage second = SignNextAttempt(origin.keys, first);
  EXPECT_TRUE(RouteIsSigned(origin.record, second));
  ASSERT_TRUE(ParseProto(AsBytes(second.body()), body));
  EXPECT_EQ(body.attempt(), 1u);
  EXPECT_EQ(body.message_id(), 7u);

  wire::v1::RouteMessage made_up = first;
  made_up.set_body(second.body());
  EXPECT_FALSE(RouteIsSigned(origin.record, made_up));
}

}  // namespace
}  // namespace p2pd::overlay
