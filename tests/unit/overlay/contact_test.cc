#include "libcore/overlay/contact.h"

#include <gtest/gtest.h>

#include "libcore/overlay/detour_path.h"
#include "tests/unit/overlay/overlay_fixture.h"

namespace p2pd::overlay {
namespace {

const net::Endpoint kV6{net::IpAddress::V6({0x20, 1, 0xd, 0xb8}), 7464};

TEST(Contact, TravelsInTwentySevenBytes) {
  const NodeRecord record = RecordAt(1, EndpointAt(3));
  const Contact contact = Contact::Of(record);
  EXPECT_EQ(contact.ToText().size(), 27u);
  EXPECT_EQ(Contact::Parse(AsBytes(contact.ToText())), contact);
  EXPECT_EQ(contact.id, record.id());
  EXPECT_EQ(contact.addresses, record.addresses());
}

TEST(Contact, TakesOneMoreAddressOnceAndNotTooMany) {
  Contact contact = Contact::Of(RecordAt(1, EndpointAt(3)));
  contact.AddAddress(kV6);
  contact.AddAddress(kV6);
  contact.AddAddress(EndpointAt(3));
  EXPECT_EQ(contact.addresses, (std::vector<net::Endpoint>{EndpointAt(3), kV6}));
  EXPECT_EQ(Contact::Parse(AsBytes(contact.ToText())), contact);
  for (uint8_t i = 10; i < 20; ++i) contact.AddAddress(EndpointAt(i));
  EXPECT_EQ(contact.addresses.size(), NodeRecord::kMaxAddresses);
}

TEST(Contact, WhatCannotBeIsRefused) {
  Contact contact = Contact::Of(RecordAt(1, EndpointAt(3)));
  const std::string good = contact.ToText();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(Contact::Parse(AsBytes(good.substr(0, size))), std::nullopt) << size;
  }
  EXPECT_EQ(Contact::Parse(AsBytes(good + "x")), std::nullopt);
  for (const net::Endpoint& bad :
       {net::Endpoint{net::IpAddress::V4({224, 0, 0, 1}), 1}, net::Endpoint{net::IpAddress(), 1},
        net::Endpoint{net::IpAddress::V4({8, 8, 8, 8}), 0}, DetourPath{1, 2}.ToEndpoint()}) {
    EXPECT_EQ(Contact::Parse(AsBytes(Contact{contact.id, {bad}}.ToText())), std::nullopt);
  }
  const std::vector<net::Endpoint> five(NodeRecord::kMaxAddresses + 1, kV6);
  EXPECT_EQ(Contact::Parse(AsBytes(Contact{contact.id, five}.ToText())), std::nullopt);
}

}  // namespace
}  // namespace p2pd::overlay
