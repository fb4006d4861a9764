// JsonWriter: writes one JSON value after the other, as torrent::BencodeWriter does bencoding: the
// caller opens and closes what nests. Source: RFC 8259.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace p2pd::archive::catalogue {

class JsonWriter {
 public:
  JsonWriter& OpenObject() { return Open('{'); }
  JsonWriter& CloseObject() { return Close('}'); }
  JsonWriter& OpenArray() { return Open('['); }
  JsonWriter& CloseArray() { return Close(']'); }
  // Of the next value.
  JsonWriter& Key(absl::string_view key);
  JsonWriter& String(absl::string_view value);
  JsonWriter& Number(uint64_t value);
  JsonWriter& Number(double value);
  JsonWriter& Bool(bool value);

  const std::string& text() const { return text_; }

 private:
  JsonWriter& Open(char bracket);
  JsonWriter& Close(char bracket);
  // What stands between this value and the one before.
  void Comma();

  std::string text_;
};

}  // namespace p2pd::archive::catalogue
