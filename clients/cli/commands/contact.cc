#include <cstdio>

#include "absl/strings/str_cat.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/commands/stream.h"
#include "clients/cli/format.h"
#include "p2pd/v1/contact_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

using Stub = v1::ContactService::Stub;

// "identities/E/contacts/C", or "contacts/C" of the default identity.
std::string ContactName(const Session& session, const std::string& email) {
  const std::string& parent = session.Identity();
  return absl::StrCat(parent, parent.empty() ? "" : "/", "contacts/", email);
}

void PrintPresence(const v1::Presence& presence) {
  std::printf("%s: %s%s%s\n", presence.email().c_str(), Show(presence.availability()).c_str(),
              presence.verified() ? " (confirmed)" : "",
              presence.problem().empty() ? "" : (", " + presence.problem()).c_str());
  std::fflush(stdout);
}

void PrintContact(const v1::Contact& contact) {
  std::printf("%s  %s  %s\n", contact.email().c_str(), contact.display_name().c_str(),
              Show(contact.presence().availability()).c_str());
  if (contact.key_changed()) {
    std::printf(
        "  the key of this contact has changed: check with the person before you trust it\n");
  }
}

}  // namespace

ExitCode ContactAdd(Session& session, const std::string& email, const std::string& name) {
  v1::CreateContactRequest request;
  request.set_parent(session.Identity());
  request.set_email(email);
  request.set_display_name(name);
  return session.CallAndPrint<v1::ContactService>(&Stub::CreateContact, request, PrintContact);
}

ExitCode ContactList(Session& session) {
  v1::ListContactsRequest request;
  request.set_parent(session.Identity());
  request.set_page_size(1000);
  return session.CallAndPrint<v1::ContactService>(
      &Stub::ListContacts, request, [](const v1::ListContactsResponse& response) {
        Table table({"E-MAIL", "NAME", "PRESENCE", "LAST SEEN", ""});
        for (const v1::Contact& contact : response.contacts()) {
          table.Row({contact.email(), contact.display_name(),
                     Show(contact.presence().availability()),
                     Show(contact.presence().last_seen_time()),
                     contact.key_changed() ? "KEY CHANGED" : contact.presence().problem()});
        }
        table.Print();
      });
}

ExitCode ContactShow(Session& session, const std::string& email) {
  v1::GetContactRequest request;
  request.set_name(ContactName(session, email));
  return session.CallAndPrint<v1::ContactService>(&Stub::GetContact, request, PrintContact);
}

ExitCode ContactRemove(Session& session, const std::string& email) {
  v1::DeleteContactRequest request;
  request.set_name(ContactName(session, email));
  return session.CallAndPrint<v1::ContactService>(
      &Stub::DeleteContact, request, [&](const v1::DeleteContactResponse&) {
        std::printf("%s is no contact any more\n", email.c_str());
      });
}

ExitCode PresenceGet(Session& session, const std::string& email) {
  v1::GetPresenceRequest request;
  request.set_parent(session.Identity());
  request.set_email(email);
  return session.CallAndPrint<v1::ContactService>(&Stub::GetPresence, request, PrintPresence);
}

ExitCode PresenceWatch(Session& session, const std::vector<std::string>& emails) {
  v1::WatchPresenceRequest request;
  request.set_parent(session.Identity());
  for (const std::string& email : emails) request.add_emails(email);
  return ReadStream<v1::ContactService, v1::WatchPresenceResponse>(
      session,
      [&](Stub& stub, grpc::ClientContext* context) {
        return stub.WatchPresence(context, request);
      },
      [&](const v1::WatchPresenceResponse& response) {
        if (session.json()) {
          Session::PrintJson(response);
        } else if (response.has_presence()) {
          PrintPresence(response.presence());
        }
        return true;
      });
}

}  // namespace p2pd::cli
