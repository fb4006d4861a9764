#include <cstdio>

#include "absl/strings/str_cat.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/passphrase.h"
#include "clients/common/files.h"
#include "p2pd/v1/identity_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

using Stub = v1::IdentityService::Stub;

constexpr size_t kMaxIdentityFile = 65536;

void PrintIdentity(const v1::Identity& identity) {
  const auto line = [](const char* name, const std::string& value) {
    std::printf("%-12s %s\n", name, value.c_str());
  };
  line("e-mail", identity.email());
  line("name", identity.display_name());
  line("state", Show(identity.state()));
  line("shows", Show(identity.availability()));
  line("certificate", Show(identity.certificate()));
  line("device", identity.device());
  line("passphrase", identity.passphrase_protected() ? "yes" : "no");
  if (identity.state_replica_count() > 0) {
    line("published",
         absl::StrCat(identity.state_replica_count(), " copies, sequence ",
                      identity.state_sequence(), ", until ", Show(identity.state_expire_time())));
  }
  if (!identity.problem().empty()) line("problem", identity.problem());
}

void PrintIdentityLine(const v1::Identity& identity) {
  std::printf("%s: %s\n", identity.email().c_str(), Show(identity.state()).c_str());
}

// Asks for a passphrase into `field` of the request; false after having said why there is none.
bool Ask(const std::string& prompt, bool from_stdin, bool confirm, std::string* field) {
  std::string problem;
  std::optional<std::string> passphrase = AskPassphrase(prompt, {from_stdin, confirm}, &problem);
  if (!passphrase) {
    clients::ReportUsage(problem);
    return false;
  }
  *field = *passphrase;
  WipePassphrase(*passphrase);
  return true;
}

}  // namespace

ExitCode IdentityCreate(Session& session, const CreateIdentityArgs& args) {
  if (const absl::Status place = clients::CheckOutput(args.csr_out); !place.ok()) {
    return clients::ReportUsage(std::string(place.message()));
  }
  v1::CreateIdentityRequest request;
  request.set_email(args.email);
  request.set_display_name(args.name);
  if ((args.passphrase || args.passphrase_stdin) &&
      !Ask("New passphrase for the key", args.passphrase_stdin, true,
           request.mutable_passphrase())) {
    return ExitCode::kUsage;
  }
  v1::Identity identity;
  const bool made = session.Call<v1::IdentityService>(&Stub::CreateIdentity, request, &identity);
  WipePassphrase(*request.mutable_passphrase());
  if (!made) return session.problem();
  const absl::Status written =
      clients::WriteOutput(args.csr_out, identity.csr_pem(), /*secret=*/false);
  if (!written.ok()) {
    return clients::ReportFailure(
        absl::StrCat(written.message(),
                     "; the identity exists: p2pctl identity show --output json has the CSR"));
  }
  if (session.json()) {
    Session::PrintJson(identity);
  } else {
    std::printf(
        "%s: key made, CSR in %s; have it signed, then: p2pctl identity install CERTIFICATE\n",
        identity.email().c_str(), args.csr_out.c_str());
  }
  return ExitCode::kDone;
}

ExitCode IdentityInstall(Session& session, const IdentityFileArgs& args) {
  std::string problem;
  v1::InstallCertificateRequest request;
  request.set_name(session.IdentityOr(args.email));
  const auto file = clients::ReadInput(args.file, kMaxIdentityFile, &problem);
  if (!file) return clients::ReportUsage(problem);
  request.set_certificate(*file);
  return session.CallAndPrint<v1::IdentityService>(&Stub::InstallCertificate, request,
                                                   PrintIdentityLine);
}

ExitCode IdentityImport(Session& session, const IdentityFileArgs& args) {
  std::string problem;
  v1::ImportIdentityRequest request;
  const auto file = clients::ReadInput(args.file, kMaxIdentityFile, &problem);
  if (!file) return clients::ReportUsage(problem);
  request.set_key_file(*file);
  request.set_email(args.email);
  if ((args.passphrase || args.passphrase_stdin) &&
      !Ask(absl::StrCat("Passphrase of ", args.file), args.passphrase_stdin, false,
           request.mutable_passphrase())) {
    return ExitCode::kUsage;
  }
  v1::Identity identity;
  const grpc::Status status =
      session.Ask<v1::IdentityService>(&Stub::ImportIdentity, request, &identity);
  WipePassphrase(*request.mutable_passphrase());
  if (args.email.empty() && clients::ReasonOf(status) == "EMAIL_INVALID") {
    return clients::ReportUsage(absl::StrCat(
        args.file, " holds a key without a certificate: say whose it is with --email ADDRESS"));
  }
  return session.Answer(status, identity, PrintIdentityLine);
}

ExitCode IdentityExport(Session& session, const IdentityFileArgs& args) {
  if (const absl::Status place = clients::CheckOutput(args.file); !place.ok()) {
    return clients::ReportUsage(std::string(place.message()));
  }
  v1::ExportIdentityRequest request;
  request.set_name(session.IdentityOr(args.email));
  if (!Ask("New passphrase for the file", args.passphrase_stdin, true,
           request.mutable_passphrase())) {
    return ExitCode::kUsage;
  }
  v1::ExportIdentityResponse response;
  const bool exported =
      session.Call<v1::IdentityService>(&Stub::ExportIdentity, request, &response);
  WipePassphrase(*request.mutable_passphrase());
  if (!exported) return session.problem();
  const absl::Status written = clients::WriteOutput(args.file, response.pkcs12(), /*secret=*/true);
  WipePassphrase(*response.mutable_pkcs12());
  if (!written.ok()) return clients::ReportFailure(std::string(written.message()));
  if (!clients::IsStandardOutput(args.file))
    std::printf("key and certificate are in %s\n", args.file.c_str());
  return ExitCode::kDone;
}

ExitCode IdentityList(Session& session) {
  return session.CallAndPrint<v1::IdentityService>(
      &Stub::ListIdentities, v1::ListIdentitiesRequest(),
      [](const v1::ListIdentitiesResponse& response) {
        Table table({"E-MAIL", "NAME", "STATE", "SHOWS", "VALID UNTIL"});
        for (const v1::Identity& identity : response.identities()) {
          table.Row({identity.email() + (identity.default_identity() ? " (default)" : ""),
                     identity.display_name(), Show(identity.state()), Show(identity.availability()),
                     Show(identity.certificate().not_after_time())});
        }
        table.Print();
      });
}

ExitCode IdentityShow(Session& session, const std::string& email) {
  v1::GetIdentityRequest request;
  request.set_name(session.IdentityOr(email));
  return session.CallAndPrint<v1::IdentityService>(&Stub::GetIdentity, request, PrintIdentity);
}

ExitCode IdentityDelete(Session& session, const std::string& email, bool yes) {
  if (!yes) {
    return clients::ReportUsage(absl::StrCat("this destroys the only copy of the key of ", email,
                                             " here: export it first, then add --yes"));
  }
  v1::DeleteIdentityRequest request;
  request.set_name(session.IdentityOr(email));
  return session.CallAndPrint<v1::IdentityService>(
      &Stub::DeleteIdentity, request,
      [&](const v1::DeleteIdentityResponse&) { std::printf("%s is gone\n", email.c_str()); });
}

ExitCode IdentityUnlock(Session& session, const std::string& email, bool passphrase_stdin) {
  v1::UnlockIdentityRequest request;
  request.set_name(session.IdentityOr(email));
  if (!Ask("Passphrase of the key", passphrase_stdin, false, request.mutable_passphrase()))
    return ExitCode::kUsage;
  const ExitCode code =
      session.CallAndPrint<v1::IdentityService>(&Stub::UnlockIdentity, request, PrintIdentityLine);
  WipePassphrase(*request.mutable_passphrase());
  return code;
}

namespace {

std::optional<v1::Availability> ParseAvailability(const std::string& word) {
  if (word.empty()) return v1::AVAILABILITY_UNSPECIFIED;
  if (word == "available") return v1::AVAILABILITY_AVAILABLE;
  if (word == "away") return v1::AVAILABILITY_AWAY;
  if (word == "busy") return v1::AVAILABILITY_BUSY;
  return std::nullopt;
}

}  // namespace

ExitCode Login(Session& session, const std::string& email, const std::string& availability) {
  v1::LoginRequest request;
  request.set_name(session.IdentityOr(email));
  const auto shown = ParseAvailability(availability);
  if (!shown)
    return clients::ReportUsage("the presence is available, away or busy, not " + availability);
  request.set_availability(*shown);
  return session.CallAndPrint<v1::IdentityService>(
      &Stub::Login, request, [](const v1::Identity& identity) {
        std::printf("%s: %s; state %llu stands in %d copies\n", identity.email().c_str(),
                    Show(identity.state()).c_str(),
                    static_cast<unsigned long long>(identity.state_sequence()),
                    identity.state_replica_count());
      });
}

ExitCode Logout(Session& session, const std::string& email) {
  v1::LogoutRequest request;
  request.set_name(session.IdentityOr(email));
  return session.CallAndPrint<v1::IdentityService>(&Stub::Logout, request, PrintIdentityLine);
}

ExitCode PresenceSet(Session& session, const std::string& availability) {
  v1::SetPresenceRequest request;
  request.set_name(session.Identity());
  const auto shown = ParseAvailability(availability);
  if (!shown || availability.empty()) {
    return clients::ReportUsage("the presence is available, away or busy, not " + availability);
  }
  request.set_availability(*shown);
  return session.CallAndPrint<v1::IdentityService>(
      &Stub::SetPresence, request, [](const v1::Identity& identity) {
        std::printf("%s: shows %s\n", identity.email().c_str(),
                    Show(identity.availability()).c_str());
      });
}

ExitCode DeviceList(Session& session) {
  v1::ListDevicesRequest request;
  request.set_parent(session.Identity());
  return session.CallAndPrint<v1::IdentityService>(
      &Stub::ListDevices, request, [](const v1::ListDevicesResponse& response) {
        Table table({"DEVICE", "SHOWS", "UNTIL", "HERE", "REVOKED"});
        for (const v1::Device& device : response.devices()) {
          table.Row({LastWord(device.name()), Show(device.availability()),
                     Show(device.expire_time()), device.this_device() ? "yes" : "",
                     device.revoked() ? "yes" : ""});
        }
        table.Print();
      });
}

ExitCode DeviceRevoke(Session& session, const std::string& device) {
  v1::GetIdentityRequest which;
  which.set_name(session.Identity());
  v1::Identity identity;
  if (!session.Call<v1::IdentityService>(&Stub::GetIdentity, which, &identity))
    return session.problem();
  v1::RevokeDeviceRequest request;
  request.set_name(absl::StrCat("identities/", identity.email(), "/devices/", device));
  return session.CallAndPrint<v1::IdentityService>(
      &Stub::RevokeDevice, request, [&](const v1::RevokeDeviceResponse&) {
        std::printf("device %s is revoked\n", device.c_str());
      });
}

}  // namespace p2pd::cli
