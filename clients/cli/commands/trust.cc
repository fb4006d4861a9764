#include <cstdio>

#include "absl/strings/str_cat.h"
#include "clients/cli/commands/commands.h"
#include "clients/cli/format.h"
#include "clients/common/files.h"
#include "p2pd/v1/identity_service.grpc.pb.h"

namespace p2pd::cli {
namespace {

using Stub = v1::IdentityService::Stub;
constexpr size_t kMaxCertificateFile = 65536;

}  // namespace

ExitCode TrustAdd(Session& session, const std::string& file) {
  std::string problem;
  const auto content = clients::ReadInput(file, kMaxCertificateFile, &problem);
  if (!content) return clients::ReportUsage(problem);
  v1::CreateTrustRootRequest request;
  request.set_certificate(*content);
  return session.CallAndPrint<v1::IdentityService>(
      &Stub::CreateTrustRoot, request, [](const v1::TrustRoot& root) {
        std::printf("%s is trusted, fingerprint %s\n", root.certificate().subject_name().c_str(),
                    LastWord(root.name()).c_str());
      });
}

ExitCode TrustList(Session& session) {
  return session.CallAndPrint<v1::IdentityService>(
      &Stub::ListTrustRoots, v1::ListTrustRootsRequest(),
      [](const v1::ListTrustRootsResponse& response) {
        Table table({"FINGERPRINT", "NAME", "VALID UNTIL", "CRL"});
        for (const v1::TrustRoot& root : response.trust_roots()) {
          table.Row({LastWord(root.name()), root.certificate().subject_name(),
                     Show(root.certificate().not_after_time()),
                     root.crl_number() == 0 ? "never seen"
                                            : absl::StrCat("number ", root.crl_number(), " until ",
                                                           Show(root.crl_next_update_time()))});
        }
        table.Print();
      });
}

ExitCode TrustRemove(Session& session, const std::string& fingerprint) {
  v1::DeleteTrustRootRequest request;
  request.set_name("trustRoots/" + fingerprint);
  return session.CallAndPrint<v1::IdentityService>(
      &Stub::DeleteTrustRoot, request, [&](const v1::DeleteTrustRootResponse&) {
        std::printf("%s is trusted no more\n", fingerprint.c_str());
      });
}

}  // namespace p2pd::cli
