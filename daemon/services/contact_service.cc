#include "daemon/services/contact_service.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/convert/certificate.h"
#include "daemon/convert/person.h"
#include "daemon/services/page.h"
#include "daemon/services/person_errors.h"
#include "daemon/services/unary.h"
#include "daemon/services/watch_stream.h"
#include "libcore/pki/certificate.h"

namespace p2pd::daemon {
namespace {

// Addresses that one stream may name.
constexpr int kMaxWatched = 1024;

grpc::Status NameInvalid(const std::string& name) {
  return Error(grpc::StatusCode::INVALID_ARGUMENT, "NAME_INVALID",
               absl::StrCat("'", name, "' is not identities/{e-mail}/contacts/{e-mail}"));
}

v1::Presence PresenceOfAnswer(NodeHost& host, const std::string& email,
                              const node::Completed& done) {
  const presence::OperationDone& answer = *done.presence;
  v1::Presence out;
  out.set_email(email);
  out.set_availability(ToProto(answer.availability));
  if (answer.availability == presence::Availability::kUnknown && absl::IsUnavailable(done.status)) {
    out.set_availability(v1::AVAILABILITY_OFFLINE);
  }
  out.set_verified(done.status.ok() && answer.availability != presence::Availability::kOffline &&
                   answer.availability != presence::Availability::kUnknown);
  SetTime(host.wall(), out.mutable_confirm_time());
  if (out.verified()) *out.mutable_last_seen_time() = out.confirm_time();
  for (const presence::DeviceEntry& device : answer.devices) {
    *out.add_devices() = ToProto(device, email);
  }
  if (answer.resolved) {
    *out.mutable_certificate() =
        ToProto(answer.resolved->chain, answer.resolved->verdict.revocation);
  }
  out.set_problem(ReasonOf(answer.problem));
  return out;
}

// Nobody there is an answer, not an error.
bool IsAnswer(const node::Completed& done) {
  if (!done.presence) return false;
  if (done.status.ok()) return true;
  return absl::IsUnavailable(done.status) && done.presence->problem != "LOOKUP_FAILED" &&
         done.presence->fault == pki::ChainFault::kNone;
}

// What of a contact's name in the event log ("identity/contact") is the contact, if it is one of
// `identity`.
std::optional<std::string> ContactIn(const node::Change& change, const std::string& identity) {
  const std::string prefix = identity + "/";
  if (change.topic != node::Topic::kContact || change.name.rfind(prefix, 0) != 0) {
    return std::nullopt;
  }
  return change.name.substr(prefix.size());
}

// Of whom an identity has not as a contact, no change would ever come.
grpc::Status AreContacts(NodeHost& host, const std::string& name,
                         const std::set<std::string>& emails) {
  const FoundIdentity identity = FindIdentity(host, name);
  if (!identity.status.ok()) return identity.status;
  for (const std::string& email : emails) {
    if (FindContact(host, identity.info.email, email).status.ok()) continue;
    return Error(grpc::StatusCode::NOT_FOUND, "CONTACT_UNKNOWN",
                 absl::StrCat(email, " is no contact of ", identity.info.email,
                              ": add it first (p2pctl contact add ", email, ")"),
                 {{"email", email}});
  }
  return grpc::Status::OK;
}

WatchSource<v1::WatchPresenceResponse> PresenceSource(std::string name,
                                                      std::set<std::string> emails) {
  WatchSource<v1::WatchPresenceResponse> source;
  source.snapshot =
      [name, emails](NodeHost& host) -> absl::StatusOr<std::vector<v1::WatchPresenceResponse>> {
    const FoundIdentity identity = FindIdentity(host, name);
    if (!identity.status.ok()) {
      return absl::NotFoundError(identity.status.error_message());
    }
    std::vector<v1::WatchPresenceResponse> out;
    for (const presence::ContactInfo& contact :
         host.node().presence().Contacts(identity.info.email)) {
      if (!emails.empty() && emails.count(contact.email) == 0) continue;
      *out.emplace_back().mutable_presence() =
          PresenceOf(contact, host.node().trust(), host.wall());
    }
    return out;
  };
  source.admit = [name, emails](NodeHost& host) { return AreContacts(host, name, emails); };
  source.changed = [name, emails](NodeHost& host, const node::Change& change) {
    std::optional<v1::WatchPresenceResponse> out;
    const FoundIdentity identity = FindIdentity(host, name);
    if (!identity.status.ok()) return out;
    const auto email = ContactIn(change, identity.info.email);
    if (!email || (!emails.empty() && emails.count(*email) == 0)) return out;
    out.emplace();
    const FoundContact contact = FindContact(host, identity.info.email, *email);
    if (contact.status.ok()) {
      out->set_mark(v1::WATCH_MARK_CHANGED);
      *out->mutable_presence() = PresenceOf(contact.info, host.node().trust(), host.wall());
    } else {
      out->set_mark(v1::WATCH_MARK_REMOVED);
      out->mutable_presence()->set_email(*email);
    }
    return out;
  };
  source.unknown_reason = "IDENTITY_UNKNOWN";
  return source;
}

}  // namespace

grpc::ServerUnaryReactor* ContactService::GetContact(grpc::CallbackServerContext* context,
                                                     const v1::GetContactRequest* request,
                                                     v1::Contact* contact) {
  const auto name = ParseContactName(request->name());
  if (!name) return Refuse(context, NameInvalid(request->name()));
  return OnCore(host_, context, [name = *name, contact](NodeHost& host, Reply reply) {
    const FoundIdentity identity = FindIdentity(host, name.identity);
    if (!identity.status.ok()) return reply.Finish(identity.status);
    const FoundContact found = FindContact(host, identity.info.email, name.email);
    if (found.status.ok()) {
      *contact = ToProto(found.info, identity.info.email, host.node().trust(), host.wall());
    }
    reply.Finish(found.status);
  });
}

grpc::ServerUnaryReactor* ContactService::ListContacts(grpc::CallbackServerContext* context,
                                                       const v1::ListContactsRequest* request,
                                                       v1::ListContactsResponse* response) {
  return OnCore(host_, context, [request, response](NodeHost& host, Reply reply) {
    const FoundIdentity identity = FindIdentity(host, request->parent());
    if (!identity.status.ok()) return reply.Finish(identity.status);
    std::vector<presence::ContactInfo> contacts =
        host.node().presence().Contacts(identity.info.email);
    std::sort(contacts.begin(), contacts.end(),
              [](const auto& a, const auto& b) { return a.email < b.email; });
    auto page = PageOf(std::move(contacts), request->page_size(), request->page_token());
    if (!page.ok()) {
      return reply.Fail(page.status(),
                        {{absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID"}});
    }
    for (const presence::ContactInfo& contact : page->items) {
      *response->add_contacts() =
          ToProto(contact, identity.info.email, host.node().trust(), host.wall());
    }
    response->set_next_page_token(page->next_token);
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* ContactService::CreateContact(grpc::CallbackServerContext* context,
                                                        const v1::CreateContactRequest* request,
                                                        v1::Contact* contact) {
  const auto email = pki::NormaliseEmail(request->email());
  if (!email.ok()) return Refuse(context, EmailInvalid(email.status()));
  return OnCore(host_, context, [email = *email, request, contact](NodeHost& host, Reply reply) {
    const FoundIdentity identity = FindIdentity(host, request->parent());
    if (!identity.status.ok()) return reply.Finish(identity.status);
    const absl::Status status = host.node().presence().AddContact(host.now(), identity.info.email,
                                                                  email, request->display_name());
    if (!status.ok()) {
      return reply.Fail(status,
                        {{absl::StatusCode::kAlreadyExists, "CONTACT_EXISTS"},
                         {absl::StatusCode::kResourceExhausted, "TOO_MANY_CONTACTS"},
                         {absl::StatusCode::kFailedPrecondition, "IDENTITY_LOCKED"},
                         {absl::StatusCode::kInvalidArgument,
                          email == identity.info.email ? "EMAIL_IS_OWN" : "DISPLAY_NAME_INVALID"}});
    }
    const FoundContact found = FindContact(host, identity.info.email, email);
    *contact = ToProto(found.info, identity.info.email, host.node().trust(), host.wall());
    reply.Finish(found.status);
  });
}

grpc::ServerUnaryReactor* ContactService::DeleteContact(grpc::CallbackServerContext* context,
                                                        const v1::DeleteContactRequest* request,
                                                        v1::DeleteContactResponse*) {
  const auto name = ParseContactName(request->name());
  if (!name) return Refuse(context, NameInvalid(request->name()));
  return OnCore(host_, context, [name = *name](NodeHost& host, Reply reply) {
    const FoundIdentity identity = FindIdentity(host, name.identity);
    if (!identity.status.ok()) return reply.Finish(identity.status);
    const FoundContact found = FindContact(host, identity.info.email, name.email);
    if (!found.status.ok()) return reply.Finish(found.status);
    reply.Fail(
        host.node().presence().RemoveContact(host.now(), identity.info.email, found.info.email),
        {{absl::StatusCode::kNotFound, "CONTACT_UNKNOWN"},
         {absl::StatusCode::kFailedPrecondition, "IDENTITY_LOCKED"}});
  });
}

grpc::ServerUnaryReactor* ContactService::GetPresence(grpc::CallbackServerContext* context,
                                                      const v1::GetPresenceRequest* request,
                                                      v1::Presence* presence) {
  const auto email = pki::NormaliseEmail(request->email());
  if (!email.ok()) return Refuse(context, EmailInvalid(email.status()));
  return OnCore(host_, context,
                [email = *email, request, presence, patience = PatienceOf(*context)](NodeHost& host,
                                                                                     Reply reply) {
                  const FoundIdentity identity = FindIdentity(host, request->parent());
                  if (!identity.status.ok()) return reply.Finish(identity.status);
                  const Instant begun = host.now();
                  const node::OperationId id =
                      host.node().GetPresence(begun, identity.info.email, email);
                  host.Await(id, patience,
                             [&host, begun, email, presence,
                              reply = std::move(reply)](const node::Completed& done) mutable {
                               if (!IsAnswer(done)) return reply.Finish(PresenceError(done));
                               *presence = PresenceOfAnswer(host, email, done);
                               *presence->mutable_lookup_duration() = ToProto(host.now() - begun);
                               reply.Ok();
                             });
                });
}

grpc::ServerWriteReactor<v1::WatchPresenceResponse>* ContactService::WatchPresence(
    grpc::CallbackServerContext*, const v1::WatchPresenceRequest* request) {
  using Stream = WatchStream<v1::WatchPresenceResponse>;
  std::set<std::string> emails;
  for (const std::string& text : request->emails()) {
    const auto email = pki::NormaliseEmail(text);
    if (!email.ok()) return Stream::Refuse(EmailInvalid(email.status()));
    emails.insert(*email);
  }
  if (request->emails_size() > kMaxWatched) {
    return Stream::Refuse(Error(grpc::StatusCode::INVALID_ARGUMENT, "TOO_MANY_EMAILS",
                                "a stream watches at most 1,024 addresses"));
  }
  return Stream::Start(host_, PresenceSource(request->parent(), std::move(emails)),
                       request->resume_token());
}

}  // namespace p2pd::daemon
