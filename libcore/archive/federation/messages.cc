#include "libcore/archive/federation/messages.h"

#include "libcore/base/codec.h"

namespace p2pd::archive::federation {
namespace {

enum Kind : uint8_t { kWhatChanged = 1, kWillYouKeep = 2, kPage = 129, kPromise = 130 };

}  // namespace

Bytes Write(const Question& question) {
  ByteWriter out;
  if (const auto* what = std::get_if<WhatChanged>(&question)) {
    out.U8(kWhatChanged).U64(what->epoch).U64(what->revision);
  } else if (const auto* will = std::get_if<WillYouKeep>(&question)) {
    out.U8(kWillYouKeep)
        .Put(will->group.torrent.view())
        .U32(will->group.index)
        .Put(will->nonce.view());
  }
  return std::move(out).Take();
}

std::optional<Question> ParseQuestion(ByteView bytes) {
  ByteReader in(bytes);
  std::optional<Question> out;
  const uint8_t kind = in.U8();
  if (kind == kWhatChanged) {
    WhatChanged what;
    what.epoch = in.U64();
    what.revision = in.U64();
    out = what;
  } else if (kind == kWillYouKeep) {
    WillYouKeep will;
    will.group.torrent = in.Fixed<torrent::InfoHash>();
    will.group.index = in.U32();
    will.nonce = in.Fixed<ChallengeNonce>();
    out = will;
  }
  return in.AtEnd() ? out : std::nullopt;
}

Bytes Write(const Reply& reply) {
  Bytes out;
  if (const auto* page = std::get_if<InventoryPage>(&reply)) {
    out.push_back(kPage);
    WriteInventoryPage(*page, out);
  } else if (const auto* promise = std::get_if<Promise>(&reply)) {
    ByteWriter writer;
    writer.U8(kPromise).U8(promise->proof ? 1 : 0);
    if (promise->proof) writer.Put(promise->proof->view());
    out = std::move(writer).Take();
  }
  return out;
}

std::optional<Reply> ParseReply(ByteView bytes) {
  if (bytes.empty()) return std::nullopt;
  const ByteView rest = bytes.subspan(1);
  if (bytes[0] == kPage) {
    auto page = ParseInventoryPage(rest);
    if (page) return Reply(*std::move(page));
  } else if (bytes[0] == kPromise) {
    ByteReader in(rest);
    Promise promise;
    const uint8_t yes = in.U8();
    if (yes == 1) promise.proof = in.Fixed<pki::Sha256Digest>();
    if (yes <= 1 && in.AtEnd()) return Reply(promise);
  }
  return std::nullopt;
}

}  // namespace p2pd::archive::federation
