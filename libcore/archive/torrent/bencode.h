// Bencoding (BEP 3): reading what strangers send, and writing what we say.
//
// Rules: what two parsers could read in two ways is refused: leading zeros, minus zero, a key that
// comes twice. Keys that are not sorted are read, since old programs wrote such torrents and their
// info-hash is that of the bytes as they are. The reader is bounded in depth and in the number of
// values, and makes no copy: a value is a view into the bytes, which outlive it. Threads: values.
// Limits: below. Source: BEP 3.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "libcore/base/bytes.h"

namespace p2pd::archive::torrent {

// A value of any of the four kinds. What it is not reads as empty, so that a chain of questions
// needs one check at its end.
class Bencoded {
 public:
  // Nesting; a v2 file tree has one level for each folder of a path.
  static constexpr int kMaxDepth = 64;
  // A metainfo of 10 MB has some 400,000 values where each file is a dictionary of its own; read,
  // they take 50 MB.
  static constexpr size_t kMaxValues = 500'000;

  enum class Kind : uint8_t { kInteger, kString, kList, kDictionary };

  // All of `bytes` has to be one value; nullopt else. Time and memory grow with the bytes.
  static std::optional<Bencoded> Parse(ByteView bytes);

  Kind kind() const { return kind_; }
  std::optional<int64_t> Integer() const;
  std::optional<absl::string_view> String() const;
  // Of a list or dictionary; empty for the rest.
  const std::vector<Bencoded>& items() const { return items_; }
  // The keys belong to items(), in their order.
  const std::vector<absl::string_view>& keys() const { return keys_; }
  // Of a dictionary; nullptr when there is no such key.
  const Bencoded* Find(absl::string_view key) const;
  std::optional<int64_t> FindInteger(absl::string_view key) const;
  std::optional<absl::string_view> FindString(absl::string_view key) const;
  // The bytes that this value was read from.
  ByteView source() const { return source_; }

 private:
  class Reader;
  Kind kind_ = Kind::kInteger;
  int64_t integer_ = 0;
  absl::string_view string_;
  std::vector<Bencoded> items_;
  std::vector<absl::string_view> keys_;
  bool sorted_ = true;
  ByteView source_;
};

// Writes one value after the other; the caller opens and closes what nests, and gives the keys of
// a dictionary in order.
class BencodeWriter {
 public:
  BencodeWriter& Integer(int64_t value);
  BencodeWriter& String(absl::string_view value);
  BencodeWriter& String(ByteView value) { return String(AsText(value)); }
  BencodeWriter& OpenList();
  BencodeWriter& OpenDictionary();
  BencodeWriter& Close();
  // Bytes that are bencoded already.
  BencodeWriter& Raw(ByteView value);
  const Bytes& bytes() const { return out_; }
  Bytes Take() { return std::move(out_); }

 private:
  Bytes out_;
};

}  // namespace p2pd::archive::torrent
