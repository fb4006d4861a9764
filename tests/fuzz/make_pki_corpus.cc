// Writes the seeds of the pki fuzz targets below the folder that it is given. Run by hand when a
// seed is to change: `p2pd_make_pki_corpus tests/fuzz/corpus`; what it wrote is kept in the
// repository.
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/base/file.h"
#include "libcore/pki/cms.h"
#include "libcore/pki/ossl.h"
#include "tests/unit/pki/openssl_tool.h"
#include "tests/unit/pki/test_ca.h"

namespace p2pd::pki {
namespace {

class Corpus {
 public:
  explicit Corpus(std::string folder) : folder_(std::move(folder)) {}
  void Put(absl::string_view target, absl::string_view name, ByteView content) const {
    const std::string folder = absl::StrCat(folder_, "/pki_", target);
    P2PD_CHECK(MakeFolder(folder).ok());
    P2PD_CHECK(
        WriteFileAtomically(absl::StrCat(folder, "/", name), content, FileMode::kPublic).ok());
  }
  void PutChain(absl::string_view name, const std::vector<Certificate>& chain) const {
    ByteWriter writer;
    for (const Certificate& certificate : chain) writer.Put16(certificate.der());
    Put("chain", name, writer.bytes());
  }

 private:
  std::string folder_;
};

void PutPkcs12(const Corpus& corpus, const TestCa& ca, const Person& person,
               absl::string_view name) {
  OpensslTool tool;
  tool.Write("key", person.key.ToPem({})->view());
  tool.Write("cert", AsBytes(person.certificate.ToPem()));
  tool.Write("root", AsBytes(ca.root.ToPem()));
  for (const char* how : {"", "-legacy", "-nomac", "-keypbe NONE -certpbe NONE"}) {
    // One round: a fuzzer's time goes into the parser.
    P2PD_CHECK(tool.Run(absl::StrCat("pkcs12 -export -inkey key -in cert -certfile root -iter 1 ",
                                     how, " -passout pass:p -out p12")));
    std::string suffix = how;
    for (char& c : suffix) {
      if (c == ' ') c = '_';
    }
    corpus.Put("pkcs12", absl::StrCat(name, suffix), tool.Read("p12"));
  }
}

void PutOfKind(const Corpus& corpus, KeyKind ca_kind, KeyKind kind, absl::string_view name) {
  TestCa ca(ca_kind);
  const Person alice = ca.MakePerson("alice@example.org", kind);
  const Person mueller = ca.MakePerson("m\u00fcller@example.org", kind);
  corpus.Put("certificate", absl::StrCat(name, "_root"), ca.root.der());
  corpus.Put("certificate", absl::StrCat(name, "_leaf"), alice.certificate.der());
  corpus.Put("certificate", absl::StrCat(name, "_utf8"), mueller.certificate.der());
  corpus.Put("certificate", absl::StrCat(name, "_pem"), AsBytes(alice.certificate.ToPem()));
  corpus.PutChain(absl::StrCat(name, "_two"), {alice.certificate, ca.root});
  const UserKey middle_key = ca.MakeKey(ca_kind);
  RootOptions options = ca.Options("Middle", 0);
  options.permitted_domains = {"example.org"};
  const Certificate middle =
      *MakeIntermediate(ca.root_key, ca.root, middle_key.public_key(), options);
  const Certificate leaf = ca.IssueBy(middle_key, middle, alice.key, "alice@example.org");
  corpus.PutChain(absl::StrCat(name, "_three"), {leaf, middle, ca.root});
  corpus.Put("crl", name, ca.MakeList(7, {alice.certificate, leaf}).der());
  corpus.Put("crl", absl::StrCat(name, "_pem"), AsBytes(ca.MakeList(1, {}).ToPem()));
  const Bytes csr = *MakeCsr(alice.key, "Alice", "alice@example.org");
  corpus.Put("csr", name, csr);
  corpus.Put("csr", absl::StrCat(name, "_pem"), AsBytes(ossl::ToPem("CERTIFICATE REQUEST", csr)));
  corpus.Put("pem_key", absl::StrCat(name, "_ca"), ca.root_key.ToPem({})->view());
  corpus.Put("pem_key", absl::StrCat(name, "_user"), alice.key.ToPem({})->view());
  corpus.Put("pem_key", absl::StrCat(name, "_sealed"),
             alice.key.ToPem(SecretBytes(AsBytes("p")))->view());
  PutPkcs12(corpus, ca, alice, name);
}

void PutCms(const Corpus& corpus) {
  // As pki_cms_fuzz.cc makes its receiver.
  SeededRng rng(1);
  const auto crypto = Crypto::Create(rng);
  const UserKey key = *UserKey::GenerateP256(*crypto);
  const Certificate certificate =
      *MakeRoot(key, {"Fuzz", absl::FromUnixSeconds(0), absl::FromUnixSeconds(4000000000), 0, {}});
  corpus.Put("cms", "p256", *CmsEncrypt(*crypto, certificate, AsBytes("fuzz me")));
  TestCa ca;
  const Person rsa = ca.MakePerson("alice@example.org", KeyKind::kRsa);
  corpus.Put("cms", "rsa_to_another", *CmsEncrypt(*ca.crypto, rsa.certificate, AsBytes("x")));
}

}  // namespace
}  // namespace p2pd::pki

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: p2pd_make_pki_corpus FOLDER\n");
    return 2;
  }
  const p2pd::pki::Corpus corpus(argv[1]);
  using p2pd::pki::KeyKind;
  p2pd::pki::PutOfKind(corpus, KeyKind::kP256, KeyKind::kP256, "p256");
  p2pd::pki::PutOfKind(corpus, KeyKind::kEd25519, KeyKind::kRsa, "ed25519_rsa");
  p2pd::pki::PutCms(corpus);
  return 0;
}
