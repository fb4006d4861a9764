#include "libcore/pki/ossl.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include <ctime>
#include <utility>

#include "libcore/base/check.h"
#include "libcore/base/rng.h"

namespace p2pd::pki::ossl {
namespace {

// A provider with a single algorithm, a RAND that passes an Rng through (provider-rand(7)). It is
// its own seed: instantiating and reseeding do nothing.

constexpr char kProviderName[] = "p2pd-rng";
constexpr char kRandName[] = "P2PD-RNG";
// Bits; OpenSSL asks that a RAND is as strong as the key it makes.
constexpr unsigned kStrength = 256;
// Bytes; OpenSSL splits what is larger.
constexpr size_t kMaxRequest = 1 << 16;

// OSSL_PROVIDER_load calls the provider's init in the calling thread, and OpenSSL 3.0 has no other
// way to hand it an object.
thread_local Rng* loading_rng = nullptr;

struct RandContext {
  Rng* rng;  // null: refuses
  int state = EVP_RAND_STATE_UNINITIALISED;
};

void* RandNew(void* provider, void*, const OSSL_DISPATCH*) {
  return new RandContext{static_cast<Rng*>(provider)};
}
void RandFree(void* context) { delete static_cast<RandContext*>(context); }
int RandInstantiate(void* context, unsigned, int, const unsigned char*, size_t,
                    const OSSL_PARAM[]) {
  static_cast<RandContext*>(context)->state = EVP_RAND_STATE_READY;
  return 1;
}
int RandUninstantiate(void* context) {
  static_cast<RandContext*>(context)->state = EVP_RAND_STATE_UNINITIALISED;
  return 1;
}
int RandGenerate(void* context, unsigned char* out, size_t size, unsigned, int,
                 const unsigned char*, size_t) {
  Rng* rng = static_cast<RandContext*>(context)->rng;
  if (rng == nullptr) return 0;
  rng->Fill(MutableByteView(out, size));
  return 1;
}
int RandReseed(void*, int, const unsigned char*, size_t, const unsigned char*, size_t) { return 1; }
int RandLock(void*) {
  return 1;
}  // threads: one owner of the context; no state of our own is shared
void RandUnlock(void*) {}
const OSSL_PARAM* RandGettable(void*, void*) {
  static const OSSL_PARAM kParams[] = {OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, nullptr),
                                       OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, nullptr),
                                       OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, nullptr),
                                       OSSL_PARAM_END};
  return kParams;
}
int RandGetParams(void* context, OSSL_PARAM params[]) {
  OSSL_PARAM* p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
  if (p != nullptr && !OSSL_PARAM_set_int(p, static_cast<RandContext*>(context)->state)) return 0;
  p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
  if (p != nullptr && !OSSL_PARAM_set_uint(p, kStrength)) return 0;
  p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);
  return p == nullptr || OSSL_PARAM_set_size_t(p, kMaxRequest);
}

template <class F>
OSSL_DISPATCH Entry(int id, F* function) {
  return {id, reinterpret_cast<void (*)()>(function)};
}

const OSSL_ALGORITHM* ProviderQuery(void*, int operation, int* no_cache) {
  static const OSSL_DISPATCH kRand[] = {Entry(OSSL_FUNC_RAND_NEWCTX, RandNew),
                                        Entry(OSSL_FUNC_RAND_FREECTX, RandFree),
                                        Entry(OSSL_FUNC_RAND_INSTANTIATE, RandInstantiate),
                                        Entry(OSSL_FUNC_RAND_UNINSTANTIATE, RandUninstantiate),
                                        Entry(OSSL_FUNC_RAND_GENERATE, RandGenerate),
                                        Entry(OSSL_FUNC_RAND_RESEED, RandReseed),
                                        Entry(OSSL_FUNC_RAND_ENABLE_LOCKING, RandLock),
                                        Entry(OSSL_FUNC_RAND_LOCK, RandLock),
                                        Entry(OSSL_FUNC_RAND_UNLOCK, RandUnlock),
                                        Entry(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, RandGettable),
                                        Entry(OSSL_FUNC_RAND_GET_CTX_PARAMS, RandGetParams),
                                        {0, nullptr}};
  static const OSSL_ALGORITHM kAlgorithms[] = {
      {kRandName, "provider=p2pd-rng", kRand, "the injected Rng"},
      {nullptr, nullptr, nullptr, nullptr}};
  *no_cache = 0;
  return operation == OSSL_OP_RAND ? kAlgorithms : nullptr;
}

int ProviderInit(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
                 void** provider) {
  static const OSSL_DISPATCH kProvider[] = {
      Entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, ProviderQuery), {0, nullptr}};
  *out = kProvider;
  *provider = loading_rng;
  return 1;
}

}  // namespace

Context::Context(Context&& other) noexcept
    : context_(std::exchange(other.context_, nullptr)), providers_(std::move(other.providers_)) {
  other.providers_.clear();
}

Context::~Context() {
  for (OSSL_PROVIDER* provider : providers_) OSSL_PROVIDER_unload(provider);
  OSSL_LIB_CTX_free(context_);
}

bool Context::Load(const char* provider) {
  OSSL_PROVIDER* const loaded = OSSL_PROVIDER_load(context_, provider);
  if (loaded == nullptr) return false;
  providers_.push_back(loaded);
  return true;
}

std::optional<Context> Context::Make(Rng* rng) {
  const ErrorScope errors;
  Context made(OSSL_LIB_CTX_new());
  if (made.get() == nullptr) return std::nullopt;
  loading_rng = rng;
  const bool loaded = OSSL_PROVIDER_add_builtin(made.get(), kProviderName, ProviderInit) == 1 &&
                      made.Load(kProviderName) && made.Load("default") &&
                      RAND_set_DRBG_type(made.get(), kRandName, nullptr, nullptr, nullptr) == 1 &&
                      RAND_set_seed_source_type(made.get(), kRandName, nullptr) == 1;
  loading_rng = nullptr;
  if (!loaded) return std::nullopt;
  return made;
}

OSSL_LIB_CTX* Plain() {
  // Never freed: values with static lifetime may still use it when the process ends.
  static const Context* const context = [] {
    std::optional<Context> made = Context::Make(nullptr);
    P2PD_CHECK(made.has_value());
    return new Context(*std::move(made));
  }();
  return context->get();
}

ErrorScope::~ErrorScope() { ERR_clear_error(); }

Bio ReadBio(ByteView bytes) {
  // OpenSSL takes no null pointer, which an empty view may be.
  return Bio(BIO_new_mem_buf(bytes.empty() ? "" : static_cast<const void*>(bytes.data()),
                             static_cast<int>(bytes.size())));
}

Bio SecretBio() { return Bio(BIO_new(BIO_s_secmem())); }

ByteView Contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return AsBytes(absl::string_view(data, size > 0 ? static_cast<size_t>(size) : 0));
}

std::optional<absl::Time> ToTime(const ASN1_TIME* time) {
  std::tm tm{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &tm) != 1) return std::nullopt;
  return absl::FromCivil(absl::CivilSecond(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                                           tm.tm_min, tm.tm_sec),
                         absl::UTCTimeZone());
}

Time FromTime(absl::Time time) {
  if (time < absl::FromCivil(absl::CivilYear(1950), absl::UTCTimeZone()) ||
      time >= absl::FromCivil(absl::CivilYear(10000), absl::UTCTimeZone())) {
    return nullptr;
  }
  return Time(ASN1_TIME_set(nullptr, absl::ToTimeT(time)));
}

bool IsWeakSignature(int signature_nid) {
  int digest = NID_undef;
  // Ed25519 has no digest to name; RSASSA-PSS names its own elsewhere.
  if (OBJ_find_sigid_algs(signature_nid, &digest, nullptr) != 1) return true;
  return digest == NID_md2 || digest == NID_md4 || digest == NID_md5 || digest == NID_sha1 ||
         digest == NID_ripemd160;
}

std::string ToPem(absl::string_view label, ByteView der) {
  const Bio bio = SecretBio();
  P2PD_CHECK(bio != nullptr);
  P2PD_CHECK(PEM_write_bio(bio.get(), std::string(label).c_str(), "", der.data(),
                           static_cast<long>(der.size())) > 0);
  return ToText(Contents(bio.get()));
}

std::optional<std::vector<Bytes>> FromPem(absl::string_view label, ByteView pem,
                                          size_t max_blocks) {
  const ErrorScope errors;
  const Bio bio = ReadBio(pem);
  std::vector<Bytes> blocks;
  while (bio != nullptr) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) {
      // "No start line" is how the end looks; anything else is a damaged block.
      const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      return ended ? std::optional(std::move(blocks)) : std::nullopt;
    }
    const bool wanted = absl::string_view(name) == label;
    const bool plain = header[0] == '\0';
    if (wanted && plain) blocks.emplace_back(data, data + size);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<size_t>(size));
    if ((wanted && !plain) || blocks.size() > max_blocks) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace p2pd::pki::ossl
