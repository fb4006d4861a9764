#include "libcore/pki/subject.h"

#include <openssl/objects.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/pki/certificate.h"

namespace p2pd::pki {
namespace {

std::string TextOf(const ASN1_STRING* text) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

// What one entry says as an address; empty when it is no e-mail address.
std::string EmailOf(const GENERAL_NAME* entry) {
  int type = 0;
  const void* const value = GENERAL_NAME_get0_value(entry, &type);
  std::string text;
  if (type == GEN_EMAIL) {
    text = TextOf(static_cast<const ASN1_STRING*>(value));
  } else if (type == GEN_OTHERNAME) {
    const auto* const other = static_cast<const OTHERNAME*>(value);
    if (OBJ_obj2nid(other->type_id) != NID_id_on_SmtpUTF8Mailbox || other->value == nullptr ||
        other->value->type != V_ASN1_UTF8STRING) {
      return "";
    }
    text = TextOf(other->value->value.utf8string);
  }
  const auto email = NormaliseEmail(text);
  return email.ok() ? *email : "";
}

}  // namespace

std::string CommonName(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return "";
  unsigned char* utf8 = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return "";
  std::string out(reinterpret_cast<const char*>(utf8), static_cast<size_t>(size));
  OPENSSL_free(utf8);
  for (char& c : out) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = '?';
  }
  return out;
}

std::string OneLine(const X509_NAME* name) {
  const ossl::Bio bio(BIO_new(BIO_s_mem()));
  P2PD_CHECK(bio != nullptr);
  constexpr unsigned long kFlags =
      XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  if (X509_NAME_print_ex(bio.get(), name, 0, kFlags) < 0) return "";
  return ToText(ossl::Contents(bio.get()));
}

absl::StatusOr<ossl::Name> MakeName(absl::string_view common_name) {
  const ossl::ErrorScope errors;
  ossl::Name name(X509_NAME_new());
  if (name == nullptr || common_name.empty() ||
      std::any_of(common_name.begin(), common_name.end(),
                  [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); }) ||
      X509_NAME_add_entry_by_NID(
          name.get(), NID_commonName, MBSTRING_UTF8,
          const_cast<unsigned char*>(AsBytes(common_name).data()),  // it is not written to
          static_cast<int>(common_name.size()), -1, 0) != 1) {
    return absl::InvalidArgumentError(
        "a name has 1 to 64 characters of UTF-8 and no control characters");
  }
  return name;
}

absl::StatusOr<std::vector<std::string>> EmailsOf(const GENERAL_NAMES* names) {
  const int count = sk_GENERAL_NAME_num(names);
  if (count > kMaxAlternativeNames) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", kMaxAlternativeNames, " alternative names"));
  }
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) {
    std::string email = EmailOf(sk_GENERAL_NAME_value(names, i));
    if (!email.empty()) out.push_back(std::move(email));
  }
  return out;
}

absl::StatusOr<ossl::GeneralNames> NamesWithEmail(absl::string_view email) {
  ossl::GeneralNames names(sk_GENERAL_NAME_new_null());
  ossl::Owned<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
  const bool ascii = std::all_of(email.begin(), email.end(), [](char c) {
    return absl::ascii_isascii(static_cast<unsigned char>(c));
  });
  ossl::Owned<ASN1_STRING, ASN1_STRING_free> text(
      ASN1_STRING_type_new(ascii ? V_ASN1_IA5STRING : V_ASN1_UTF8STRING));
  bool ok = names != nullptr && name != nullptr && text != nullptr &&
            ASN1_STRING_set(text.get(), email.data(), static_cast<int>(email.size())) == 1;
  if (ok && ascii) {
    GENERAL_NAME_set0_value(name.get(), GEN_EMAIL, text.release());
  } else if (ok) {
    ASN1_TYPE* const value = ASN1_TYPE_new();
    ok = value != nullptr;
    if (ok) {
      ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text.release());
      ok = GENERAL_NAME_set0_othername(name.get(), OBJ_nid2obj(NID_id_on_SmtpUTF8Mailbox), value) ==
           1;
    }
  }
  if (!ok || sk_GENERAL_NAME_push(names.get(), name.get()) <= 0) {
    return absl::InternalError("OpenSSL cannot write a name");
  }
  name.release();  // the stack owns it
  return names;
}

}  // namespace p2pd::pki
