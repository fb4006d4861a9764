#include "libcore/store/messages.h"

#include <gtest/gtest.h>

namespace p2pd::store {
namespace {

const std::string kPlace(20, 'p');

TEST(Messages, RoundTrip) {
  StoreRequest request;
  request.mutable_put()->set_place(kPlace);
  request.mutable_put()->set_object("object");
  request.mutable_put()->set_wanted(5);
  const auto parsed = ParseRequest(Encode(request));
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->put().object(), "object");
  EXPECT_EQ(ToText(PlaceOf(parsed->put().place()).view()), kPlace);
  StoreReply reply;
  reply.mutable_put()->set_status(wire::v1::STORE_STATUS_OK);
  EXPECT_TRUE(ParseReply(Encode(reply)).has_value());
}

TEST(Messages, NothingAndGarbageAreRefused) {
  EXPECT_FALSE(ParseRequest({}).has_value());
  EXPECT_FALSE(ParseReply({}).has_value());
  EXPECT_FALSE(ParseRequest(Bytes{0xff, 0x01}).has_value());
  EXPECT_FALSE(ParseReply(Bytes{0xff, 0x01}).has_value());
}

TEST(Messages, PlacesHaveTwentyBytes) {
  for (const size_t size : {0u, 19u, 21u}) {
    StoreRequest request;
    request.mutable_put()->set_place(std::string(size, 'p'));
    EXPECT_FALSE(ParseRequest(Encode(request)).has_value());
    request.mutable_get()->set_place(std::string(size, 'p'));
    EXPECT_FALSE(ParseRequest(Encode(request)).has_value());
    request.mutable_subscribe()->set_place(std::string(size, 'p'));
    EXPECT_FALSE(ParseRequest(Encode(request)).has_value());
    request.mutable_replicate()->add_replicas()->set_place(std::string(size, 'p'));
    EXPECT_FALSE(ParseRequest(Encode(request)).has_value());
    request.mutable_pull()->add_rows()->set_place(std::string(size, 'p'));
    EXPECT_FALSE(ParseRequest(Encode(request)).has_value());
  }
}

TEST(Messages, EveryListHasItsBound) {
  StoreRequest get;
  get.mutable_get()->set_place(kPlace);
  for (int i = 0; i < kMaxRowNames; ++i) get.mutable_get()->add_have();
  EXPECT_TRUE(ParseRequest(Encode(get)).has_value());
  get.mutable_get()->add_have();
  EXPECT_FALSE(ParseRequest(Encode(get)).has_value());
  get.mutable_get()->clear_have();
  get.mutable_get()->add_have()->set_slot(std::string(kMaxSlot + 1, 's'));
  EXPECT_FALSE(ParseRequest(Encode(get)).has_value());
  get.mutable_get()->clear_have();
  get.mutable_get()->add_roots("short");
  EXPECT_FALSE(ParseRequest(Encode(get)).has_value());

  StoreRequest replicate;
  for (int i = 0; i <= kMaxObjectsPerMessage; ++i) {
    replicate.mutable_replicate()->add_replicas()->set_place(kPlace);
  }
  EXPECT_FALSE(ParseRequest(Encode(replicate)).has_value());

  StoreRequest pull;
  for (int i = 0; i <= kMaxRowTags; ++i) pull.mutable_pull()->add_rows()->set_place(kPlace);
  EXPECT_FALSE(ParseRequest(Encode(pull)).has_value());

  StoreRequest subscribe;
  subscribe.mutable_subscribe()->set_place(kPlace);
  subscribe.mutable_subscribe()->set_lease(kMaxLeaseSeconds + 1);
  EXPECT_FALSE(ParseRequest(Encode(subscribe)).has_value());

  StoreReply reply;
  for (int i = 0; i <= kMaxReplicaRecords; ++i) reply.mutable_get()->add_replicas("r");
  EXPECT_FALSE(ParseReply(Encode(reply)).has_value());
}

// Stretches that went back or round twice would have one small request read the table many times.
TEST(Messages, ComparedStretchesGoRoundOnce) {
  const auto with = [](std::vector<uint8_t> ends) {
    StoreRequest request;
    request.mutable_compare()->set_from(std::string(20, '\x40'));
    for (const uint8_t end : ends) {
      request.mutable_compare()->add_chunks()->set_to(std::string(20, static_cast<char>(end)));
    }
    return ParseRequest(Encode(request)).has_value();
  };
  EXPECT_TRUE(with({0x50, 0x60, 0xf0, 0x10, 0x3f}));
  EXPECT_FALSE(with({}));
  EXPECT_FALSE(with({0x60, 0x50}));
  EXPECT_FALSE(with({0x60, 0x60}));
  EXPECT_FALSE(with({0x60, 0x30, 0x50}));
}

TEST(Messages, TagsTellRowsApart) {
  RowSummary row;
  row.kind = wire::v1::OBJECT_KIND_RAW;
  row.slot = {1, 2};
  row.sequence = Sequence(3);
  const uint64_t tag = TagOf(row);
  RowSummary other = row;
  other.sequence = Sequence(4);
  EXPECT_NE(TagOf(other), tag);
  other = row;
  other.slot = {1, 2, 0};
  EXPECT_NE(TagOf(other), tag);
  other = row;
  other.place.mutable_view()[3] = 1;
  EXPECT_NE(TagOf(other), tag);
  other = row;
  other.expires += absl::Seconds(1);
  other.size = 9;
  EXPECT_EQ(TagOf(other), tag);
  EXPECT_EQ(DigestOf({row, other}, 0, 1), DigestOf({other, row}, 0, 1));
  EXPECT_NE(DigestOf({row, other}, 0, 2), DigestOf({row}, 0, 1));
}

}  // namespace
}  // namespace p2pd::store
