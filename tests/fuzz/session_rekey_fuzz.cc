// Halves of media keys, from a peer that is who it says and from whoever changes what it says: no
// half that nobody signed moves an epoch, and the two sides never stand at different secrets of one
// epoch, whatever is lost, repeated or changed on the way.
#include <deque>

#include "libcore/base/check.h"
#include "libcore/base/codec.h"
#include "libcore/session/rekey.h"

namespace {

using p2pd::session::Rekey;

class Ends {
 public:
  // What the input says, one step: a kind, and what it needs.
  void Step(p2pd::ByteReader& reader) {
    const uint8_t kind = reader.U8();
    const bool at_caller = (kind & 1) != 0;
    switch (kind / 2 % 5) {
      case 0:
        now_ = now_ + absl::Milliseconds(100) * reader.U8();
        break;
      case 1:
        Begin(at_caller);
        break;
      case 2:
        Deliver(at_caller, reader.U8());
        break;
      case 3: {
        // One that was said, with a byte of it changed.
        Rekey::Half half = said_.empty() ? Rekey::Half() : said_[reader.U8() % said_.size()].half;
        std::string& field =
            (kind & 64) != 0 ? *half.mutable_signature() : *half.mutable_ephemeral();
        const uint8_t by = reader.U8();
        const size_t at = reader.U8();
        if (by == 0 || field.empty()) return;
        field[at % field.size()] = static_cast<char>(field[at % field.size()] ^ by);
        Refuse(at_caller, half);
        break;
      }
      default: {
        // Anything at all. Nobody but the two can sign.
        Rekey::Half half;
        const p2pd::ByteView text = reader.Take16();
        if (!half.ParseFromArray(text.data(), static_cast<int>(text.size()))) return;
        Refuse(at_caller, half);
      }
    }
    Check();
  }
  // With nobody in between they agree.
  void Settle() {
    said_.clear();
    for (int i = 0; i < 8; ++i) {
      now_ = now_ + absl::Hours(2);
      Begin(true);
      Begin(false);
      while (!said_.empty()) Deliver(said_.front().to_caller, 0);
      Check();
    }
    P2PD_CHECK(caller_.epoch() == callee_.epoch() && caller_.epoch() > 0);
  }

 private:
  struct Said {
    bool to_caller = false;
    bool answer = false;
    Rekey::Half half;
  };
  static constexpr size_t kMaxSaid = 64;

  Rekey Make(bool caller) const {
    Rekey::Options options;
    options.caller = caller;
    options.every = absl::Minutes(1);
    options.peer = (caller ? callee_key_ : caller_key_).public_key();
    options.binding = p2pd::SecretBytes(p2pd::Bytes(32, 5));
    options.secret = p2pd::SecretBytes(p2pd::Bytes(Rekey::kSecretSize, 6));
    return Rekey(now_, std::move(options));
  }
  Rekey& At(bool caller) { return caller ? caller_ : callee_; }
  const p2pd::pki::Ed25519Key& KeyOf(bool caller) const {
    return caller ? caller_key_ : callee_key_;
  }
  void Say(Said said) {
    if (said_.size() < kMaxSaid) said_.push_back(std::move(said));
  }
  void Begin(bool caller) {
    std::optional<Rekey::Half> half = At(caller).OnTimeout(now_, KeyOf(caller), rng_);
    if (half) Say({!caller, false, *std::move(half)});
  }
  void Deliver(bool to_caller, size_t which) {
    if (said_.empty()) return;
    const auto at = said_.begin() + static_cast<std::ptrdiff_t>(which % said_.size());
    if (at->to_caller != to_caller) return;
    const Said said = std::move(*at);
    said_.erase(at);
    if (said.answer) {
      At(to_caller).OnAnswer(now_, said.half);
      return;
    }
    Rekey::Begun begun = At(to_caller).OnHalf(now_, said.half, KeyOf(to_caller), rng_);
    if (begun.answer) Say({!to_caller, true, *std::move(begun.answer)});
  }
  void Refuse(bool at_caller, const Rekey::Half& half) {
    const uint32_t before = At(at_caller).epoch();
    P2PD_CHECK(!At(at_caller).OnHalf(now_, half, KeyOf(at_caller), rng_).fresh);
    P2PD_CHECK(!At(at_caller).OnAnswer(now_, half));
    P2PD_CHECK(At(at_caller).epoch() == before);
  }
  void Check() const {
    const uint32_t far = std::max(caller_.epoch(), callee_.epoch());
    P2PD_CHECK(far - std::min(caller_.epoch(), callee_.epoch()) <= 1);
    P2PD_CHECK(caller_.epoch() != callee_.epoch() ||
               caller_.secret().view() == callee_.secret().view());
  }

  p2pd::SeededRng rng_{1};
  const p2pd::pki::Ed25519Key caller_key_ = p2pd::pki::Ed25519Key::Generate(rng_);
  const p2pd::pki::Ed25519Key callee_key_ = p2pd::pki::Ed25519Key::Generate(rng_);
  p2pd::Instant now_ = p2pd::Instant::FromNanos(1'000'000'000);
  Rekey caller_ = Make(true);
  Rekey callee_ = Make(false);
  std::deque<Said> said_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Ends ends;
  p2pd::ByteReader reader(p2pd::ByteView(data, size));
  for (int i = 0; i < 200 && reader.remaining() > 0 && reader.ok(); ++i) ends.Step(reader);
  ends.Settle();
  return 0;
}
