#include "daemon/services/contact_service.h"

#include "tests/unit/daemon/served_node.h"

namespace p2pd::daemon {
namespace {

using Stub = v1::ContactService::Stub;

class ContactServiceTest : public ServedNode {
 protected:
  template <class Method, class Request, class Response>
  grpc::Status Contact(Method method, const Request& request, Response* response) {
    return Call<v1::ContactService>(method, request, response);
  }
};

TEST_F(ContactServiceTest, WithoutAnIdentityThereAreNoContacts) {
  v1::CreateContactRequest create;
  create.set_email("bob@example.org");
  v1::Contact contact;
  EXPECT_EQ(ReasonOfStatus(Contact(&Stub::CreateContact, create, &contact)), "IDENTITY_UNKNOWN");
  v1::ListContactsResponse list;
  EXPECT_EQ(ReasonOfStatus(Contact(&Stub::ListContacts, v1::ListContactsRequest(), &list)),
            "IDENTITY_UNKNOWN");
}

TEST_F(ContactServiceTest, BadNamesHaveTheirReasons) {
  v1::CreateContactRequest create;
  create.set_email("nobody");
  v1::Contact contact;
  EXPECT_EQ(ReasonOfStatus(Contact(&Stub::CreateContact, create, &contact)), "EMAIL_INVALID");
  v1::GetContactRequest get;
  get.set_name("x/y/z");
  EXPECT_EQ(ReasonOfStatus(Contact(&Stub::GetContact, get, &contact)), "NAME_INVALID");
  v1::GetPresenceRequest presence;
  presence.set_email("nobody");
  v1::Presence answer;
  EXPECT_EQ(ReasonOfStatus(Contact(&Stub::GetPresence, presence, &answer)), "EMAIL_INVALID");
  MakeIdentity("alice@example.org");
  get.set_name("contacts/carol@example.org");
  EXPECT_EQ(ReasonOfStatus(Contact(&Stub::GetContact, get, &contact)), "CONTACT_UNKNOWN");
  v1::DeleteContactRequest remove;
  remove.set_name("contacts/carol@example.org");
  v1::DeleteContactResponse removed;
  EXPECT_EQ(ReasonOfStatus(Contact(&Stub::DeleteContact, remove, &removed)), "CONTACT_UNKNOWN");
}

TEST_F(ContactServiceTest, OnesOwnAddressAndALongNameAreToldApart) {
  MakeIdentity("alice@example.org");
  v1::CreateContactRequest create;
  create.set_email("Alice@Example.org");
  v1::Contact contact;
  grpc::Status status = Contact(&Stub::CreateContact, create, &contact);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOfStatus(status), "EMAIL_IS_OWN");
  create.set_email("bob@example.org");
  create.set_display_name(std::string(65, 'x'));
  status = Contact(&Stub::CreateContact, create, &contact);
  EXPECT_EQ(ReasonOfStatus(status), "DISPLAY_NAME_INVALID");
}

TEST_F(ContactServiceTest, WatchingNobodyIsAnEmptySnapshot) {
  MakeIdentity("alice@example.org");
  const auto stub = v1::ContactService::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->WatchPresence(&context, v1::WatchPresenceRequest());
  v1::WatchPresenceResponse message;
  ASSERT_TRUE(stream->Read(&message));
  EXPECT_EQ(message.mark(), v1::WATCH_MARK_SNAPSHOT_DONE);
  context.TryCancel();
  stream->Finish();
}

TEST_F(ContactServiceTest, WatchingForAStrangerEndsAtOnce) {
  MakeIdentity("alice@example.org");
  const auto stub = v1::ContactService::NewStub(channel_);
  for (const auto& [parent, email, reason] :
       {std::tuple("identities/carol@example.org", "", "IDENTITY_UNKNOWN"),
        std::tuple("", "bob@example.org", "CONTACT_UNKNOWN"),
        std::tuple("", "no address", "EMAIL_INVALID")}) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::WatchPresenceRequest request;
    request.set_parent(parent);
    if (*email != '\0') request.add_emails(email);
    const auto stream = stub->WatchPresence(&context, request);
    v1::WatchPresenceResponse message;
    EXPECT_FALSE(stream->Read(&message));
    EXPECT_EQ(ReasonOfStatus(stream->Finish()), reason);
  }
}

}  // namespace
}  // namespace p2pd::daemon
