// The methods of IdentityService about whom this daemon trusts.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/convert/certificate.h"
#include "daemon/services/identity_service.h"
#include "daemon/services/page.h"
#include "daemon/services/person_errors.h"
#include "daemon/services/unary.h"
#include "libcore/pki/certificate.h"
#include "libcore/pki/revocation.h"
#include "libcore/store/key.h"

namespace p2pd::daemon {
namespace {

constexpr size_t kMaxRootFile = 16 * 1024;
constexpr size_t kMaxCrlFile = 96 * 1024;  // 48 KiB of DER are 64 KiB of PEM

grpc::Status Invalid(absl::string_view reason, absl::string_view message) {
  return Error(grpc::StatusCode::INVALID_ARGUMENT, reason, message);
}

// A DER SEQUENCE, where PEM begins with text.
bool IsDer(const std::string& bytes) { return !bytes.empty() && bytes[0] == '\x30'; }

absl::StatusOr<pki::Certificate> ParseCertificate(const std::string& bytes) {
  return IsDer(bytes) ? pki::Certificate::FromDer(AsBytes(bytes))
                      : pki::Certificate::FromPem(AsBytes(bytes));
}

absl::StatusOr<pki::Crl> ParseCrl(const std::string& bytes) {
  return IsDer(bytes) ? pki::Crl::FromDer(AsBytes(bytes)) : pki::Crl::FromPem(AsBytes(bytes));
}

// Who signed `crl`: the certificate that came along, else a trusted root.
std::optional<pki::Certificate> IssuerOf(const pki::Crl& crl,
                                         const std::optional<pki::Certificate>& given,
                                         const pki::TrustStore& trust) {
  if (given) return crl.SignedBy(*given) ? given : std::nullopt;
  for (const auto& [fingerprint, root] : trust.roots()) {
    if (crl.SignedBy(root)) return root;
  }
  return std::nullopt;
}

}  // namespace

grpc::ServerUnaryReactor* IdentityService::CreateTrustRoot(
    grpc::CallbackServerContext* context, const v1::CreateTrustRootRequest* request,
    v1::TrustRoot* root) {
  if (const auto status = OwnerOnly(*context); !status.ok()) return Refuse(context, status);
  if (request->certificate().size() > kMaxRootFile) {
    return Refuse(context, Invalid("CERTIFICATE_MALFORMED", "a root has at most 16 KiB"));
  }
  const auto certificate = ParseCertificate(request->certificate());
  if (!certificate.ok()) {
    return Refuse(context, Invalid("CERTIFICATE_MALFORMED", certificate.status().message()));
  }
  return OnCore(host_, context, [certificate = *certificate, root](NodeHost& host, Reply reply) {
    if (host.node().trust().Trusts(certificate.fingerprint())) {
      return reply.Finish(Error(grpc::StatusCode::ALREADY_EXISTS, "TRUST_ROOT_EXISTS",
                                absl::StrCat(certificate.name(), " is trusted already")));
    }
    const absl::Status status =
        host.node().presence().AddRoot(host.now(), AsBytes(certificate.ToPem()));
    if (!status.ok()) {
      return reply.Fail(status, {{absl::StatusCode::kInvalidArgument, "NOT_A_ROOT"},
                                 {absl::StatusCode::kAlreadyExists, "TRUST_ROOT_EXISTS"},
                                 {absl::StatusCode::kResourceExhausted, "TOO_MANY_TRUST_ROOTS"}});
    }
    *root = ToProto(certificate, host.node().trust());
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* IdentityService::ListTrustRoots(grpc::CallbackServerContext* context,
                                                          const v1::ListTrustRootsRequest* request,
                                                          v1::ListTrustRootsResponse* response) {
  return OnCore(host_, context, [request, response](NodeHost& host, Reply reply) {
    std::vector<pki::Certificate> roots;
    for (const auto& [fingerprint, root] : host.node().trust().roots()) roots.push_back(root);
    std::stable_sort(roots.begin(), roots.end(),
                     [](const auto& a, const auto& b) { return a.name() < b.name(); });
    auto page = PageOf(std::move(roots), request->page_size(), request->page_token());
    if (!page.ok()) {
      return reply.Fail(page.status(),
                        {{absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID"}});
    }
    for (const pki::Certificate& root : page->items) {
      *response->add_trust_roots() = ToProto(root, host.node().trust());
    }
    response->set_next_page_token(page->next_token);
    reply.Ok();
  });
}

grpc::ServerUnaryReactor* IdentityService::DeleteTrustRoot(
    grpc::CallbackServerContext* context, const v1::DeleteTrustRootRequest* request,
    v1::DeleteTrustRootResponse*) {
  if (const auto status = OwnerOnly(*context); !status.ok()) return Refuse(context, status);
  return OnCore(host_, context, [request](NodeHost& host, Reply reply) {
    const auto fingerprint = FindTrustRoot(request->name(), host.node().trust());
    if (!fingerprint) {
      return reply.Finish(Error(grpc::StatusCode::NOT_FOUND, "TRUST_ROOT_UNKNOWN",
                                absl::StrCat("'", request->name(), "' names no trusted root")));
    }
    reply.Fail(host.node().presence().RemoveRoot(*fingerprint),
               {{absl::StatusCode::kNotFound, "TRUST_ROOT_UNKNOWN"}});
  });
}

grpc::ServerUnaryReactor* IdentityService::PublishCrl(grpc::CallbackServerContext* context,
                                                      const v1::PublishCrlRequest* request,
                                                      v1::PublishCrlResponse* response) {
  if (request->crl().size() > kMaxCrlFile || request->issuer_certificate().size() > kMaxRootFile) {
    return Refuse(context, Invalid("CRL_MALFORMED", "the list has at most 48 KiB"));
  }
  const auto crl = ParseCrl(request->crl());
  if (!crl.ok()) return Refuse(context, Invalid("CRL_MALFORMED", crl.status().message()));
  std::optional<pki::Certificate> given;
  if (!request->issuer_certificate().empty()) {
    const auto issuer = ParseCertificate(request->issuer_certificate());
    if (!issuer.ok()) {
      return Refuse(context, Invalid("CERTIFICATE_MALFORMED", issuer.status().message()));
    }
    given = *issuer;
  }
  return OnCore(
      host_, context,
      [crl = *crl, given, response, patience = PatienceOf(*context)](NodeHost& host, Reply reply) {
        const auto issuer = IssuerOf(crl, given, host.node().trust());
        if (!issuer) {
          return reply.Finish(
              Invalid("CRL_WRONG_SIGNATURE", "no certificate that is known here signed this list"));
        }
        if (crl.next_update() <= host.wall()) {
          return reply.Finish(Error(grpc::StatusCode::FAILED_PRECONDITION, "CRL_EXPIRED",
                                    "the list is past its next update"));
        }
        response->set_key(overlay::ToHex(store::RevocationKey(issuer->public_key().spki())));
        response->set_crl_number(crl.number());
        *response->mutable_remaining_validity() = ToProto(crl.next_update() - host.wall());
        const node::OperationId id =
            host.node().PublishCrl(host.now(), AsBytes(crl.ToPem()), AsBytes(issuer->ToPem()));
        host.Await(id, patience, [reply = std::move(reply)](const node::Completed& done) mutable {
          reply.Finish(done.status.ok() ? grpc::Status::OK : PresenceError(done));
        });
      });
}

}  // namespace p2pd::daemon
