#include "tests/unit/clients/cli/fake_daemon.h"

namespace p2pd::cli {
namespace {

class ContactCommands : public WithFakeDaemon {};

TEST_F(ContactCommands, AddAndRemoveUseTheDefaultIdentity) {
  EXPECT_EQ(Run({"contact", "add", "bob@example.org", "--name", "Bob"}).code, 0);
  EXPECT_EQ(contact_.CreateContact_.request.parent(), "");
  EXPECT_EQ(contact_.CreateContact_.request.email(), "bob@example.org");
  EXPECT_EQ(contact_.CreateContact_.request.display_name(), "Bob");

  EXPECT_EQ(Run({"contact", "remove", "bob@example.org"}).code, 0);
  EXPECT_EQ(contact_.DeleteContact_.request.name(), "contacts/bob@example.org");
}

TEST_F(ContactCommands, ListShowsPresenceAndAChangedKey) {
  v1::Contact* contact = contact_.ListContacts_.response.add_contacts();
  contact->set_email("bob@example.org");
  contact->mutable_presence()->set_availability(v1::AVAILABILITY_AWAY);
  contact->set_key_changed(true);

  const Outcome outcome = Run({"--as", "a@b.org", "contact", "list"});

  EXPECT_EQ(contact_.ListContacts_.request.parent(), "identities/a@b.org");
  EXPECT_NE(outcome.out.find("away"), std::string::npos);
  EXPECT_NE(outcome.out.find("KEY CHANGED"), std::string::npos);
}

TEST_F(ContactCommands, PresenceIsConfirmedOrNot) {
  contact_.GetPresence_.response.set_email("bob@example.org");
  contact_.GetPresence_.response.set_availability(v1::AVAILABILITY_AVAILABLE);
  contact_.GetPresence_.response.set_verified(true);

  const Outcome outcome = Run({"presence", "get", "bob@example.org"});

  EXPECT_EQ(outcome.out, "bob@example.org: available (confirmed)\n");
}

TEST_F(ContactCommands, WatchPassesTheAddressesAndPrintsChanges) {
  v1::WatchPresenceResponse seen;
  seen.mutable_presence()->set_email("bob@example.org");
  seen.mutable_presence()->set_availability(v1::AVAILABILITY_OFFLINE);
  contact_.seen_ = {seen};

  const Outcome outcome = Run({"presence", "watch", "bob@example.org", "eve@example.org"});

  EXPECT_EQ(contact_.watch_request.emails_size(), 2);
  EXPECT_EQ(outcome.out, "bob@example.org: offline\n");
}

}  // namespace
}  // namespace p2pd::cli
