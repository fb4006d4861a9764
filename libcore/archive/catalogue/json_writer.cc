#include "libcore/archive/catalogue/json_writer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libcore/archive/catalogue/escape.h"

namespace p2pd::archive::catalogue {

void JsonWriter::Comma() {
  const char last = text_.empty() ? '[' : text_.back();
  if (last != '[' && last != '{' && last != ':') text_ += ',';
}

JsonWriter& JsonWriter::Open(char bracket) {
  Comma();
  text_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::Close(char bracket) {
  text_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::Key(absl::string_view key) {
  Comma();
  absl::StrAppend(&text_, JsonString(key), ":");
  return *this;
}

JsonWriter& JsonWriter::String(absl::string_view value) {
  Comma();
  text_ += JsonString(value);
  return *this;
}

JsonWriter& JsonWriter::Number(uint64_t value) {
  Comma();
  absl::StrAppend(&text_, value);
  return *this;
}

JsonWriter& JsonWriter::Number(double value) {
  Comma();
  text_ += absl::StrFormat("%.10g", value);
  return *this;
}

JsonWriter& JsonWriter::Bool(bool value) {
  Comma();
  text_ += value ? "true" : "false";
  return *this;
}

}  // namespace p2pd::archive::catalogue
