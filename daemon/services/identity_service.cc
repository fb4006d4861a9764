// The methods about identities and their devices; those about trust are in trust_methods.cc.
#include "daemon/services/identity_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/convert/person.h"
#include "daemon/services/page.h"
#include "daemon/services/person_errors.h"
#include "daemon/services/unary.h"

namespace p2pd::daemon {
namespace {

constexpr size_t kMaxFile = 64 * 1024;
constexpr size_t kMinPassphrase = 8;
constexpr size_t kMaxPassphrase = 1024;
constexpr size_t kMaxDisplayName = 64;
// Logout answers at the latest then: what is not acknowledged expires.
constexpr absl::Duration kLogoutPatience = absl::Seconds(5);

constexpr std::pair<absl::StatusCode, absl::string_view> kTooMany = {
    absl::StatusCode::kResourceExhausted, "TOO_MANY_IDENTITIES"};
constexpr std::pair<absl::StatusCode, absl::string_view> kExists = {
    absl::StatusCode::kAlreadyExists, "IDENTITY_EXISTS"};
constexpr std::pair<absl::StatusCode, absl::string_view> kKeyUnknown = {absl::StatusCode::kNotFound,
                                                                        "KEY_UNKNOWN"};

SecretBytes Secret(const std::string& bytes) { return SecretBytes(AsBytes(bytes)); }

grpc::Status Invalid(absl::string_view reason, absl::string_view message) {
  return Error(grpc::StatusCode::INVALID_ARGUMENT, reason, message);
}

// OK for none.
grpc::Status CheckNewPassphrase(const std::string& passphrase) {
  if (passphrase.empty()) return grpc::Status::OK;
  if (passphrase.size() < kMinPassphrase) {
    return Invalid("PASSPHRASE_TOO_SHORT", "a passphrase has at least 8 bytes");
  }
  if (passphrase.size() > kMaxPassphrase) {
    return Invalid("PASSPHRASE_TOO_LONG", "a passphrase has at most 1,024 bytes");
  }
  return grpc::Status::OK;
}

// PermissionDenied of presence is a wrong passphrase: who asks has not shown who he is.
grpc::Status KeyError(const absl::Status& status, Reasons reasons) {
  if (absl::IsPermissionDenied(status)) {
    return Error(grpc::StatusCode::UNAUTHENTICATED, "PASSPHRASE_WRONG", status.message());
  }
  return ToGrpc(status, reasons);
}

// An installed file was refused for what it says, not for how it looks.
absl::string_view InstallReason(const absl::Status& status) {
  if (absl::StrContains(status.message(), "e-mail")) return "CERTIFICATE_WRONG_EMAIL";
  if (absl::StrContains(status.message(), "expired")) return "CERTIFICATE_EXPIRED";
  return "CERTIFICATE_WRONG_KEY";
}

void ReplyIdentity(NodeHost& host, const std::string& email, v1::Identity* out, Reply reply) {
  const auto identity = host.node().presence().Identity(email);
  if (!identity.ok()) {
    return reply.Fail(identity.status(), {{absl::StatusCode::kNotFound, "IDENTITY_UNKNOWN"}});
  }
  *out = ToProto(*identity, host.wall());
  reply.Ok();
}

bool IsKeyAlone(const std::string& file) {
  return absl::StrContains(file, "PRIVATE KEY-----") &&
         !absl::StrContains(file, "-----BEGIN CERTIFICATE-----");
}

void ImportKeyAlone(NodeHost& host, const v1::ImportIdentityRequest& request,
                    absl::Duration patience, v1::Identity* identity, Reply reply) {
  const auto id =
      host.node().ImportKey(host.now(), request.email(), AsBytes(request.key_file()),
                            Secret(request.passphrase()), Secret(request.storage_passphrase()));
  if (!id.ok()) {
    return reply.Finish(
        KeyError(id.status(),
                 {{absl::StatusCode::kInvalidArgument, "KEY_FILE_MALFORMED"}, kExists, kTooMany}));
  }
  host.Await(*id, patience,
             [&host, email = request.email(), identity,
              reply = std::move(reply)](const node::Completed& done) mutable {
               if (!done.status.ok()) return reply.Finish(PresenceError(done));
               const FoundIdentity found = FindIdentity(host, email);
               if (found.status.ok()) *identity = ToProto(found.info, host.wall());
               reply.Finish(found.status);
             });
}

}  // namespace

grpc::ServerUnaryReactor* IdentityService::GetIdentity(grpc::CallbackServerContext* context,
                                                       const v1::GetIdentityRequest* request,
                                                       v1::Identity* identity) {
  return OnCore(host_, context, [request, identity](NodeHost& host, Reply reply) {
    const FoundIdentity found = FindIdentity(host, request->name());
    if (found.status.ok()) *identity = ToProto(found.info, host.wall());
    reply.Finish(found.status);
  });
}

grpc::ServerUnaryReactor* IdentityService::ListIdentities(grpc::CallbackServerContext* context,
                                                          const v1::ListIdentitiesRequest* request,
                                                          v1::ListIdentitiesResponse* response) {
  return OnCore(host_, context, [request, response](NodeHost& host, Reply reply) {
    std::vector<presence::IdentityInfo> all = host.node().presence().Identities();
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.is_default > b.is_default; });
    auto page = PageOf(std::move(all), request->page_size(), request->page_token());
    if (!page.ok()) {
      return reply.Fail(page.status(),
                        {{absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID"}});
    }
    for (const presence::IdentityInfo& identity : page->items) {
      *response->add_identities() = ToProto(identity, host.wall());
    }
    response->set_next_page_token(page->next_token);
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* IdentityService::CreateIdentity(grpc::CallbackServerContext* context,
                                                          const v1::CreateIdentityRequest* request,
                                                          v1::Identity* identity) {
  if (const auto status = OwnerOnly(*context); !status.ok()) return Refuse(context, status);
  const auto email = pki::NormaliseEmail(request->email());
  if (!email.ok()) return Refuse(context, EmailInvalid(email.status()));
  if (request->display_name().size() > kMaxDisplayName) {
    return Refuse(context, Invalid("DISPLAY_NAME_INVALID", "a name has at most 64 bytes"));
  }
  if (const auto status = CheckNewPassphrase(request->passphrase()); !status.ok()) {
    return Refuse(context, status);
  }
  return OnCore(host_, context, [email = *email, request, identity](NodeHost& host, Reply reply) {
    const std::string& name = request->display_name().empty() ? email : request->display_name();
    const auto csr = host.node().presence().CreateIdentity(host.now(), email, name,
                                                           Secret(request->passphrase()));
    if (!csr.ok()) {
      return reply.Fail(
          csr.status(),
          {kExists, kTooMany, {absl::StatusCode::kInvalidArgument, "DISPLAY_NAME_INVALID"}});
    }
    ReplyIdentity(host, email, identity, std::move(reply));
  });
}

grpc::ServerUnaryReactor* IdentityService::DeleteIdentity(grpc::CallbackServerContext* context,
                                                          const v1::DeleteIdentityRequest* request,
                                                          v1::DeleteIdentityResponse*) {
  if (const auto status = OwnerOnly(*context); !status.ok()) return Refuse(context, status);
  if (request->name().empty()) {
    return Refuse(context, Invalid("NAME_INVALID", "name the identity that is to go"));
  }
  return OnCore(host_, context, [request](NodeHost& host, Reply reply) {
    const FoundIdentity found = FindIdentity(host, request->name());
    if (!found.status.ok()) return reply.Finish(found.status);
    reply.Fail(host.node().presence().DeleteIdentity(host.now(), found.info.email),
               {{absl::StatusCode::kNotFound, "IDENTITY_UNKNOWN"}});
  });
}

grpc::ServerUnaryReactor* IdentityService::InstallCertificate(
    grpc::CallbackServerContext* context, const v1::InstallCertificateRequest* request,
    v1::Identity* identity) {
  if (const auto status = OwnerOnly(*context); !status.ok()) return Refuse(context, status);
  if (request->certificate().empty() || request->certificate().size() > kMaxFile) {
    return Refuse(context,
                  Invalid("CERTIFICATE_MALFORMED", "a certificate file has 1 to 65,536 bytes"));
  }
  return OnCore(host_, context, [request, identity](NodeHost& host, Reply reply) {
    presence::Presence& presence = host.node().presence();
    std::string email;
    if (!request->name().empty()) {
      const FoundIdentity named = FindIdentity(host, request->name());
      if (!named.status.ok()) return reply.Finish(named.status);
      email = named.info.email;
    }
    const auto installed =
        presence.InstallCertificate(host.now(), AsBytes(request->certificate()),
                                    Secret(request->passphrase()), SecretBytes(), email);
    if (!installed.ok()) {
      return reply.Finish(KeyError(
          installed.status(),
          {{absl::StatusCode::kInvalidArgument,
            absl::StrContains(installed.status().message(), "root") ? "CHAIN_INCOMPLETE"
                                                                    : "CERTIFICATE_MALFORMED"},
           {absl::StatusCode::kFailedPrecondition, InstallReason(installed.status())},
           kKeyUnknown,
           kExists,
           kTooMany}));
    }
    *identity = ToProto(*installed, host.wall());
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* IdentityService::ImportIdentity(grpc::CallbackServerContext* context,
                                                          const v1::ImportIdentityRequest* request,
                                                          v1::Identity* identity) {
  if (const auto status = OwnerOnly(*context); !status.ok()) return Refuse(context, status);
  if (request->key_file().empty() || request->key_file().size() > kMaxFile) {
    return Refuse(context, Invalid("KEY_FILE_MALFORMED", "a key file has 1 to 65,536 bytes"));
  }
  if (const auto status = CheckNewPassphrase(request->storage_passphrase()); !status.ok()) {
    return Refuse(context, status);
  }
  const bool alone = IsKeyAlone(request->key_file());
  if (alone || !request->email().empty()) {
    const auto email = pki::NormaliseEmail(request->email());
    if (!email.ok()) return Refuse(context, EmailInvalid(email.status()));
  }
  return OnCore(
      host_, context,
      [alone, request, identity, patience = PatienceOf(*context)](NodeHost& host, Reply reply) {
        if (alone) return ImportKeyAlone(host, *request, patience, identity, std::move(reply));
        const auto installed = host.node().presence().InstallCertificate(
            host.now(), AsBytes(request->key_file()), Secret(request->passphrase()),
            Secret(request->storage_passphrase()), request->email());
        if (!installed.ok()) {
          return reply.Finish(KeyError(
              installed.status(),
              {{absl::StatusCode::kInvalidArgument,
                absl::StrContains(installed.status().message(), "root") ? "CHAIN_INCOMPLETE"
                                                                        : "KEY_FILE_MALFORMED"},
               {absl::StatusCode::kFailedPrecondition, InstallReason(installed.status())},
               kKeyUnknown,
               kExists,
               kTooMany}));
        }
        *identity = ToProto(*installed, host.wall());
        reply.Ok();
      });
}

grpc::ServerUnaryReactor* IdentityService::ExportIdentity(grpc::CallbackServerContext* context,
                                                          const v1::ExportIdentityRequest* request,
                                                          v1::ExportIdentityResponse* response) {
  if (const auto status = OwnerOnly(*context); !status.ok()) return Refuse(context, status);
  if (request->passphrase().empty()) {
    return Refuse(context, Invalid("PASSPHRASE_TOO_SHORT", "a passphrase has at least 8 bytes"));
  }
  if (const auto status = CheckNewPassphrase(request->passphrase()); !status.ok()) {
    return Refuse(context, status);
  }
  return OnCore(host_, context, [request, response](NodeHost& host, Reply reply) {
    const FoundIdentity found = FindIdentity(host, request->name());
    if (!found.status.ok()) return reply.Finish(found.status);
    const auto file =
        host.node().presence().Export(found.info.email, Secret(request->passphrase()));
    if (!file.ok()) {
      const bool locked = found.info.state == presence::IdentityState::kLocked;
      return reply.Fail(file.status(),
                        {{absl::StatusCode::kFailedPrecondition,
                          locked ? "IDENTITY_LOCKED" : "IDENTITY_WITHOUT_CERTIFICATE"}});
    }
    response->set_pkcs12(ToText(file->view()));
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* IdentityService::UnlockIdentity(grpc::CallbackServerContext* context,
                                                          const v1::UnlockIdentityRequest* request,
                                                          v1::Identity* identity) {
  if (const auto status = OwnerOnly(*context); !status.ok()) return Refuse(context, status);
  if (request->passphrase().size() > kMaxPassphrase) {
    return Refuse(context, Invalid("PASSPHRASE_TOO_LONG", "a passphrase has at most 1,024 bytes"));
  }
  return OnCore(host_, context, [request, identity](NodeHost& host, Reply reply) {
    const FoundIdentity found = FindIdentity(host, request->name());
    if (!found.status.ok()) return reply.Finish(found.status);
    const absl::Status status =
        host.node().presence().Unlock(host.now(), found.info.email, Secret(request->passphrase()));
    if (!status.ok()) return reply.Finish(KeyError(status, {}));
    ReplyIdentity(host, found.info.email, identity, std::move(reply));
  });
}

grpc::ServerUnaryReactor* IdentityService::Login(grpc::CallbackServerContext* context,
                                                 const v1::LoginRequest* request,
                                                 v1::Identity* identity) {
  const bool chosen = request->availability() != v1::AVAILABILITY_UNSPECIFIED;
  const auto availability = FromProto(request->availability());
  if (chosen && !availability) {
    return Refuse(context, Invalid("AVAILABILITY_INVALID", "choose available, away or busy"));
  }
  return OnCore(host_, context,
                [availability, request, identity, patience = PatienceOf(*context)](NodeHost& host,
                                                                                   Reply reply) {
                  const FoundIdentity found = FindIdentity(host, request->name());
                  if (!found.status.ok()) return reply.Finish(found.status);
                  const std::string email = found.info.email;
                  host.Await(host.node().Login(host.now(), email), patience,
                             [&host, email, availability, identity,
                              reply = std::move(reply)](const node::Completed& done) mutable {
                               if (!done.status.ok()) return reply.Finish(PresenceError(done));
                               if (availability) {
                                 const absl::Status status = host.node().presence().SetAvailability(
                                     host.now(), email, *availability);
                                 if (!status.ok()) return reply.Fail(status);
                               }
                               ReplyIdentity(host, email, identity, std::move(reply));
                             });
                });
}

grpc::ServerUnaryReactor* IdentityService::Logout(grpc::CallbackServerContext* context,
                                                  const v1::LogoutRequest* request,
                                                  v1::Identity* identity) {
  return OnCore(host_, context, [request, identity](NodeHost& host, Reply reply) {
    const FoundIdentity found = FindIdentity(host, request->name());
    if (!found.status.ok()) return reply.Finish(found.status);
    const std::string email = found.info.email;
    host.Await(
        host.node().Logout(host.now(), email), kLogoutPatience,
        [&host, email, identity, reply = std::move(reply)](const node::Completed& done) mutable {
          // Acknowledged by other nodes or not, nobody is logged in here any more; but what
          // the disk did not take is no log-out.
          if (!done.status.ok() && !absl::IsDeadlineExceeded(done.status)) {
            return reply.Finish(PresenceError(done));
          }
          ReplyIdentity(host, email, identity, std::move(reply));
        });
  });
}

grpc::ServerUnaryReactor* IdentityService::SetPresence(grpc::CallbackServerContext* context,
                                                       const v1::SetPresenceRequest* request,
                                                       v1::Identity* identity) {
  const auto availability = FromProto(request->availability());
  if (!availability) {
    return Refuse(context, Invalid("AVAILABILITY_INVALID", "choose available, away or busy"));
  }
  return OnCore(
      host_, context,
      [availability = *availability, request, identity](NodeHost& host, Reply reply) {
        const FoundIdentity found = FindIdentity(host, request->name());
        if (!found.status.ok()) return reply.Finish(found.status);
        if (found.info.state != presence::IdentityState::kLoggedIn &&
            found.info.state != presence::IdentityState::kLoggingIn) {
          return reply.Finish(Error(grpc::StatusCode::FAILED_PRECONDITION, "NOT_LOGGED_IN",
                                    absl::StrCat(found.info.email, " is not logged in")));
        }
        const absl::Status status =
            host.node().presence().SetAvailability(host.now(), found.info.email, availability);
        if (!status.ok()) {
          return reply.Fail(status, {{absl::StatusCode::kFailedPrecondition, "NOT_LOGGED_IN"}});
        }
        const FoundIdentity changed = FindIdentity(host, request->name());
        if (!changed.status.ok()) return reply.Finish(changed.status);
        *identity = ToProto(changed.info, host.wall());
        // Of a log-in that is under way: what contacts are going to see.
        identity->set_availability(ToProto(availability));
        reply.Ok();
      });
}

grpc::ServerUnaryReactor* IdentityService::ListDevices(grpc::CallbackServerContext* context,
                                                       const v1::ListDevicesRequest* request,
                                                       v1::ListDevicesResponse* response) {
  return OnCore(
      host_, context,
      [request, response, patience = PatienceOf(*context)](NodeHost& host, Reply reply) {
        const FoundIdentity found = FindIdentity(host, request->parent());
        if (!found.status.ok()) return reply.Finish(found.status);
        const std::string email = found.info.email;
        host.Await(
            host.node().ListDevices(host.now(), email), patience,
            [email, request, response,
             reply = std::move(reply)](const node::Completed& done) mutable {
              if (!done.status.ok() || !done.presence) return reply.Finish(PresenceError(done));
              std::vector<presence::DeviceEntry> devices = done.presence->devices;
              std::stable_sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) {
                return a.this_device > b.this_device;
              });
              auto page = PageOf(std::move(devices), request->page_size(), request->page_token());
              if (!page.ok()) {
                return reply.Fail(page.status(),
                                  {{absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID"}});
              }
              for (const presence::DeviceEntry& device : page->items) {
                *response->add_devices() = ToProto(device, email);
              }
              response->set_next_page_token(page->next_token);
              reply.Ok();
            });
      });
}

grpc::ServerUnaryReactor* IdentityService::RevokeDevice(grpc::CallbackServerContext* context,
                                                        const v1::RevokeDeviceRequest* request,
                                                        v1::RevokeDeviceResponse*) {
  if (const auto status = OwnerOnly(*context); !status.ok()) return Refuse(context, status);
  const auto name = ParseDeviceName(request->name());
  if (!name) {
    return Refuse(context, Invalid("NAME_INVALID",
                                   "the name is identities/{e-mail}/devices/{32 hex digits}"));
  }
  return OnCore(
      host_, context, [name = *name, patience = PatienceOf(*context)](NodeHost& host, Reply reply) {
        const FoundIdentity found = FindIdentity(host, name.identity);
        if (!found.status.ok()) return reply.Finish(found.status);
        host.Await(host.node().RevokeDevice(host.now(), found.info.email, name.device), patience,
                   [reply = std::move(reply)](const node::Completed& done) mutable {
                     reply.Finish(done.status.ok() ? grpc::Status::OK : PresenceError(done));
                   });
      });
}

}  // namespace p2pd::daemon
