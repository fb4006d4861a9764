#include "libcore/archive/torrent/bencode.h"

#include <algorithm>
#include <charconv>

namespace p2pd::archive::torrent {
namespace {

constexpr char kEnd = 'e';

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

class Bencoded::Reader {
 public:
  explicit Reader(absl::string_view text) : text_(text) {}

  bool AtEnd() const { return at_ == text_.size(); }

  bool Read(Bencoded& out, int depth) {
    if (AtEnd() || depth > kMaxDepth || ++values_ > kMaxValues) return false;
    const size_t from = at_;
    const char first = text_[at_];
    bool good = false;
    if (IsDigit(first)) {
      out.kind_ = Kind::kString;
      good = ReadString(out.string_);
    } else if (first == 'i') {
      good = ReadInteger(out.integer_);
    } else if (first == 'l' || first == 'd') {
      out.kind_ = first == 'l' ? Kind::kList : Kind::kDictionary;
      ++at_;
      good = ReadItems(out, depth);
    }
    out.source_ = AsBytes(text_.substr(from, at_ - from));
    return good;
  }

 private:
  bool ReadItems(Bencoded& out, int depth) {
    while (!AtEnd() && text_[at_] != kEnd) {
      if (out.kind_ == Kind::kDictionary && !ReadKey(out)) return false;
      if (!Read(out.items_.emplace_back(), depth + 1)) return false;
    }
    if (AtEnd()) return false;
    ++at_;
    return out.sorted_ || AllDifferent(out.keys_);
  }

  bool ReadKey(Bencoded& out) {
    absl::string_view key;
    if (AtEnd() || !IsDigit(text_[at_]) || !ReadString(key)) return false;
    out.sorted_ = out.sorted_ && (out.keys_.empty() || out.keys_.back() < key);
    out.keys_.push_back(key);
    return true;
  }

  static bool AllDifferent(std::vector<absl::string_view> keys) {
    std::sort(keys.begin(), keys.end());
    return std::adjacent_find(keys.begin(), keys.end()) == keys.end();
  }

  // i<number>e
  bool ReadInteger(int64_t& out) {
    const size_t end = text_.find(kEnd, at_);
    if (end == absl::string_view::npos) return false;
    const bool good = ParseNumber(text_.substr(at_ + 1, end - at_ - 1), out);
    at_ = end + 1;
    return good;
  }

  // <length>:<bytes>
  bool ReadString(absl::string_view& out) {
    // No length of ours has more digits.
    constexpr size_t kMostDigits = 12;
    const size_t colon = text_.substr(at_, kMostDigits).find(':');
    if (colon == absl::string_view::npos) return false;
    int64_t length = 0;
    if (!ParseNumber(text_.substr(at_, colon), length) || length < 0) return false;
    at_ += colon + 1;
    if (static_cast<uint64_t>(length) > text_.size() - at_) return false;
    out = text_.substr(at_, static_cast<size_t>(length));
    at_ += out.size();
    return true;
  }

  // No plus, no leading zero, no minus zero.
  static bool ParseNumber(absl::string_view digits, int64_t& out) {
    const absl::string_view body = digits.substr(!digits.empty() && digits[0] == '-' ? 1 : 0);
    if (body.empty() || !IsDigit(body[0])) return false;
    if (body[0] == '0' && digits.size() > 1) return false;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return error == std::errc() && end == digits.data() + digits.size();
  }

  absl::string_view text_;
  size_t at_ = 0;
  size_t values_ = 0;
};

std::optional<Bencoded> Bencoded::Parse(ByteView bytes) {
  Reader reader(AsText(bytes));
  Bencoded out;
  if (!reader.Read(out, 0) || !reader.AtEnd()) return std::nullopt;
  return out;
}

std::optional<int64_t> Bencoded::Integer() const {
  if (kind_ != Kind::kInteger) return std::nullopt;
  return integer_;
}

std::optional<absl::string_view> Bencoded::String() const {
  if (kind_ != Kind::kString) return std::nullopt;
  return string_;
}

const Bencoded* Bencoded::Find(absl::string_view key) const {
  if (kind_ != Kind::kDictionary) return nullptr;
  const auto at = sorted_ ? std::lower_bound(keys_.begin(), keys_.end(), key)
                          : std::find(keys_.begin(), keys_.end(), key);
  if (at == keys_.end() || *at != key) return nullptr;
  return &items_[static_cast<size_t>(at - keys_.begin())];
}

std::optional<int64_t> Bencoded::FindInteger(absl::string_view key) const {
  const Bencoded* found = Find(key);
  return found == nullptr ? std::nullopt : found->Integer();
}

std::optional<absl::string_view> Bencoded::FindString(absl::string_view key) const {
  const Bencoded* found = Find(key);
  return found == nullptr ? std::nullopt : found->String();
}

BencodeWriter& BencodeWriter::Raw(ByteView value) {
  Append(out_, value);
  return *this;
}

BencodeWriter& BencodeWriter::Integer(int64_t value) {
  return Raw(AsBytes("i" + std::to_string(value) + "e"));
}

BencodeWriter& BencodeWriter::String(absl::string_view value) {
  Raw(AsBytes(std::to_string(value.size()) + ":"));
  return Raw(AsBytes(value));
}

BencodeWriter& BencodeWriter::OpenList() { return Raw(AsBytes("l")); }
BencodeWriter& BencodeWriter::OpenDictionary() { return Raw(AsBytes("d")); }
BencodeWriter& BencodeWriter::Close() { return Raw(AsBytes("e")); }

}  // namespace p2pd::archive::torrent
