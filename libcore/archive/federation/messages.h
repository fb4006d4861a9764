// Messages between members of a federation: one question, one answer, each with a member's tag
// behind it (federation_key.h).
//
//   what changed   1 | epoch 8 | revision 8                  answer   129 | page (inventory.h)
//   will you keep  2 | info-hash 20 | group 4 | nonce 16     answer   130 | 0
//                                                                     130 | 1 | proof 32
//
// Threads: values. Limits: a message fits the overlay's 72 KiB.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "libcore/archive/challenge.h"
#include "libcore/archive/federation/inventory.h"
#include "libcore/archive/placement.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::federation {

struct WhatChanged {
  uint64_t epoch = 0;  // 0: everything
  uint64_t revision = 0;
};
// Asked before a group is dropped because others hold it: whoever says yes keeps it for
// Shares::kPromise, and shows that it has it (challenge.h).
struct WillYouKeep {
  GroupId group;
  ChallengeNonce nonce;
};
using Question = std::variant<WhatChanged, WillYouKeep>;

struct Promise {
  std::optional<pki::Sha256Digest> proof;  // none: no
};
using Reply = std::variant<InventoryPage, Promise>;

Bytes Write(const Question& question);
std::optional<Question> ParseQuestion(ByteView bytes);
Bytes Write(const Reply& reply);
std::optional<Reply> ParseReply(ByteView bytes);

}  // namespace p2pd::archive::federation
