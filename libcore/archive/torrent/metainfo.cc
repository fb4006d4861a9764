#include "libcore/archive/torrent/metainfo.h"

#include <utf8proc.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libcore/archive/torrent/bencode.h"
#include "libcore/base/status.h"
#include "libcore/pki/hash.h"
#include "libcore/pki/sha1.h"

namespace p2pd::archive::torrent {
namespace {

// v2 wants powers of two from 16 KiB on (BEP 52), and old programs made v1 torrents with others.
constexpr int64_t kLeastPiece = 16 << 10;
constexpr int64_t kMostPiece = 128 << 20;
constexpr size_t kMaxUrl = 2048;
constexpr size_t kMaxComment = 4096;
constexpr int64_t kMetaVersion2 = 2;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("no torrent that we take: ", what));
}
absl::Status TooMuch(absl::string_view what) {
  return absl::ResourceExhaustedError(absl::StrCat("torrent too large: ", what));
}

// Invisible, or turns the direction of writing, or breaks the line.
bool IsConfusing(utf8proc_int32_t code) {
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return true;
    default:
      return false;
  }
}

std::string Cut(std::string text, size_t most) {
  if (text.size() <= most) return text;
  // Not in the middle of a character.
  while (most > 0 && (static_cast<uint8_t>(text[most]) & 0xC0) == 0x80) --most;
  text.resize(most);
  return text;
}

// What is no UTF-8 becomes '_' byte by byte.
std::string PlainText(absl::string_view text) {
  std::string out;
  const ByteView bytes = AsBytes(text);
  size_t at = 0;
  while (at < bytes.size()) {
    utf8proc_int32_t code = 0;
    const utf8proc_ssize_t used = utf8proc_iterate(
        bytes.data() + at, static_cast<utf8proc_ssize_t>(bytes.size() - at), &code);
    if (used <= 0 || IsConfusing(code)) {
      out.push_back('_');
    } else {
      absl::StrAppend(&out, text.substr(at, static_cast<size_t>(used)));
    }
    at += used > 0 ? static_cast<size_t>(used) : 1;
  }
  return out;
}

class Judge {
 public:
  Judge(const MetainfoLimits& limits, Metainfo& out) : limits_(limits), out_(out) {}

  absl::Status Info(const Bencoded& info) {
    if (info.kind() != Bencoded::Kind::kDictionary) return Malformed("info is no dictionary");
    const auto name = info.FindString("name");
    if (!name) return Malformed("it has no name");
    out_.name = PlainName(*name);
    const auto length = info.FindInteger("piece length");
    if (!length || *length < kLeastPiece || *length > kMostPiece || *length % kLeastPiece != 0) {
      return Malformed("its piece length is not 16 KiB to 128 MiB");
    }
    out_.piece_length = static_cast<uint32_t>(*length);
    out_.is_private = info.FindInteger("private") == 1;
    const bool v1 = info.Find("pieces") != nullptr;
    const bool v2 = info.FindInteger("meta version") == kMetaVersion2;
    if (!v1 && !v2) return Malformed("it has neither pieces nor a file tree of version 2");
    if (v2 && (*length & (*length - 1)) != 0)
      return Malformed("version 2, but no power of two a piece");
    if (v2) P2PD_RETURN_IF_ERROR(FileTree(info));
    std::vector<MetainfoFile> tree = std::exchange(out_.files, {});
    if (v1) P2PD_RETURN_IF_ERROR(V1Files(info));
    if (v1 && v2) P2PD_RETURN_IF_ERROR(SameFiles(tree));
    if (!v1) AlignToPieces(std::move(tree));
    P2PD_RETURN_IF_ERROR(Pieces(info, v1));
    P2PD_RETURN_IF_ERROR(NoClash());
    out_.info = ToBytes(info.source());
    if (v1) out_.hashes.v1 = InfoHash(pki::Sha1(out_.info).array());
    if (v2) out_.hashes.v2 = InfoHashV2(pki::Sha256(out_.info).array());
    return absl::OkStatus();
  }

  absl::Status Outside(const Bencoded& root) {
    if (const Bencoded* tiers = root.Find("announce-list")) {
      for (const Bencoded& tier : tiers->items()) AddTier(tier.items());
    }
    const auto announce = root.FindString("announce");
    if (announce && out_.trackers.empty()) AddTier({*root.Find("announce")});
    if (const Bencoded* seeds = root.Find("url-list")) {
      if (const auto one = seeds->String()) AddWebSeed(*one);
      for (const Bencoded& seed : seeds->items()) AddWebSeed(seed.String().value_or(""));
    }
    out_.comment = Cut(PlainText(root.FindString("comment").value_or("")), kMaxComment);
    out_.created_by = Cut(PlainText(root.FindString("created by").value_or("")), kMaxName);
    out_.created = std::max<int64_t>(root.FindInteger("creation date").value_or(0), 0);
    return absl::OkStatus();
  }

 private:
  absl::Status AddFile(std::vector<std::string> path, std::optional<int64_t> size, bool padding) {
    if (!size || *size < 0) return Malformed("a file without a size");
    if (out_.files.size() >= limits_.files) return TooMuch("too many files");
    if (static_cast<uint64_t>(*size) > limits_.size - out_.size) return TooMuch("too many bytes");
    const auto bytes = static_cast<uint64_t>(*size);
    out_.files.push_back(MetainfoFile{std::move(path), bytes, out_.size, padding});
    out_.size += bytes;
    return absl::OkStatus();
  }

  // BEP 47: p for padding, l for a link.
  static absl::StatusOr<bool> IsPadding(const Bencoded& file) {
    const absl::string_view attributes = file.FindString("attr").value_or("");
    if (attributes.find('l') != absl::string_view::npos || file.Find("symlink path") != nullptr) {
      return Malformed("it has a link in place of a file");
    }
    return attributes.find('p') != absl::string_view::npos;
  }

  absl::Status V1Files(const Bencoded& info) {
    out_.size = 0;
    const Bencoded* files = info.Find("files");
    out_.folder = files != nullptr;
    if (files == nullptr) {
      P2PD_ASSIGN_OR_RETURN(const bool padding, IsPadding(info));
      if (padding) return Malformed("its only file is padding");
      return AddFile({out_.name}, info.FindInteger("length"), false);
    }
    for (const Bencoded& file : files->items()) {
      P2PD_ASSIGN_OR_RETURN(const bool padding, IsPadding(file));
      std::vector<std::string> path;
      const Bencoded* parts = file.Find("path");
      if (parts == nullptr || parts->items().empty()) return Malformed("a file without a path");
      if (parts->items().size() > kMaxDepth) return Malformed("a file too many folders deep");
      for (const Bencoded& part : parts->items()) {
        const auto text = part.String();
        if (!text) return Malformed("a path that is no text");
        path.push_back(PlainName(*text));
      }
      P2PD_RETURN_IF_ERROR(AddFile(std::move(path), file.FindInteger("length"), padding));
    }
    return absl::OkStatus();
  }

  absl::Status FileTree(const Bencoded& info) {
    const Bencoded* tree = info.Find("file tree");
    if (tree == nullptr || tree->items().empty()) return Malformed("version 2 without a file tree");
    std::vector<std::string> path;
    P2PD_RETURN_IF_ERROR(Branch(*tree, path));
    out_.folder = out_.files.size() != 1 || out_.files[0].path.size() != 1 ||
                  out_.files[0].path[0] != out_.name;
    return absl::OkStatus();
  }

  // BEP 52: a file is a dictionary whose only key is empty.
  absl::Status Branch(const Bencoded& tree, std::vector<std::string>& path) {
    for (size_t i = 0; i < tree.items().size(); ++i) {
      const Bencoded& node = tree.items()[i];
      if (tree.keys().empty() || node.kind() != Bencoded::Kind::kDictionary) {
        return Malformed("a file tree that is none");
      }
      if (tree.keys()[i].empty()) {
        P2PD_ASSIGN_OR_RETURN(const bool padding, IsPadding(node));
        const auto size = node.FindInteger("length");
        const auto root = node.FindString("pieces root");
        if (path.empty() || padding) return Malformed("a file tree that is none");
        if (size.value_or(0) > 0 && (!root || root->size() != InfoHashV2::kSize)) {
          return Malformed("a file without its pieces root");
        }
        P2PD_RETURN_IF_ERROR(AddFile(path, size, false));
        continue;
      }
      if (path.size() >= kMaxDepth) return Malformed("a file too many folders deep");
      path.push_back(PlainName(tree.keys()[i]));
      P2PD_RETURN_IF_ERROR(Branch(node, path));
      path.pop_back();
    }
    return absl::OkStatus();
  }

  // A hybrid says everything twice, and both have to be the same (BEP 52).
  absl::Status SameFiles(const std::vector<MetainfoFile>& tree) const {
    size_t at = 0;
    for (const MetainfoFile& file : out_.files) {
      if (file.padding) continue;
      if (at == tree.size() || tree[at].path != file.path || tree[at].size != file.size) {
        return Malformed("its two versions name different files");
      }
      ++at;
    }
    return at == tree.size() ? absl::OkStatus()
                             : Malformed("its two versions name different files");
  }

  // Version 2 alone: each file begins a piece, and nobody wrote the padding down.
  void AlignToPieces(std::vector<MetainfoFile> tree) {
    out_.size = 0;
    for (MetainfoFile& file : tree) {
      const uint64_t beyond = out_.size % out_.piece_length;
      if (beyond != 0 && file.size > 0) {
        const uint64_t gap = out_.piece_length - beyond;
        out_.files.push_back(MetainfoFile{{".pad", std::to_string(gap)}, gap, out_.size, true});
        out_.size += gap;
      }
      file.offset = out_.size;
      out_.size += file.size;
      out_.files.push_back(std::move(file));
    }
  }

  absl::Status Pieces(const Bencoded& info, bool v1) {
    if (out_.size == 0) return Malformed("it has no bytes");
    const uint64_t pieces = (out_.size + out_.piece_length - 1) / out_.piece_length;
    if (pieces > limits_.pieces) return TooMuch("too many pieces");
    out_.pieces = static_cast<uint32_t>(pieces);
    if (HasPieceOfPadding()) return Malformed("a piece of it is padding alone");
    if (!v1) return absl::OkStatus();
    const auto hashes = info.FindString("pieces");
    if (!hashes || hashes->size() != pieces * pki::Sha1Digest::kSize) {
      return Malformed("not one hash for each piece");
    }
    out_.piece_hashes = ToBytes(*hashes);
    return absl::OkStatus();
  }

  // Padding fills a piece up (BEP 47). A piece of nothing else is never asked for and never comes,
  // and a torrent with one would never be whole.
  bool HasPieceOfPadding() const {
    uint64_t piece = 0;  // the first that may be one
    for (const MetainfoFile& file : out_.files) {
      const uint64_t end = file.offset + file.size;
      if (!file.padding && file.size > 0) {
        piece = (end + out_.piece_length - 1) / out_.piece_length;
      } else if (std::min((piece + 1) * out_.piece_length, out_.size) <= end &&
                 piece < out_.pieces) {
        return true;
      }
    }
    return false;
  }

  // No path comes twice, and none is a file here and a folder there.
  absl::Status NoClash() const {
    std::set<std::vector<std::string>> files;
    for (const MetainfoFile& file : out_.files) {
      if (!file.padding && !files.insert(file.path).second)
        return Malformed("two files of one name");
    }
    for (const std::vector<std::string>& path : files) {
      for (size_t depth = 1; depth < path.size(); ++depth) {
        const auto end = path.begin() + static_cast<std::ptrdiff_t>(depth);
        if (files.count(std::vector<std::string>(path.begin(), end)) != 0) {
          return Malformed("a file and a folder of one name");
        }
      }
    }
    return absl::OkStatus();
  }

  void AddTier(const std::vector<Bencoded>& urls) {
    std::vector<std::string> tier;
    for (const Bencoded& url : urls) {
      const absl::string_view text = url.String().value_or("");
      if (text.empty() || text.size() > kMaxUrl || trackers_ >= limits_.trackers) continue;
      ++trackers_;
      tier.emplace_back(text);
    }
    if (!tier.empty()) out_.trackers.push_back(std::move(tier));
  }

  void AddWebSeed(absl::string_view url) {
    if (url.empty() || url.size() > kMaxUrl || out_.web_seeds.size() >= limits_.web_seeds) return;
    out_.web_seeds.emplace_back(url);
  }

  const MetainfoLimits& limits_;
  Metainfo& out_;
  size_t trackers_ = 0;
};

}  // namespace

std::string PlainName(absl::string_view name) {
  std::string out = PlainText(name);
  std::replace(out.begin(), out.end(), '/', '_');
  std::replace(out.begin(), out.end(), '\\', '_');
  out = Cut(std::move(out), kMaxName);
  // "." and ".." lead elsewhere, and an empty name is none.
  if (out.find_first_not_of('.') == std::string::npos) out.append("_");
  return out;
}

uint32_t Metainfo::PieceSize(uint32_t index) const {
  if (index + 1 < pieces) return piece_length;
  return static_cast<uint32_t>(size - uint64_t{piece_length} * (pieces - 1));
}

absl::StatusOr<Metainfo> ParseMetainfo(ByteView bytes, const MetainfoLimits& limits) {
  if (bytes.size() > limits.bytes) return TooMuch("the file");
  const std::optional<Bencoded> root = Bencoded::Parse(bytes);
  if (!root)
    return Malformed(absl::StrCat("it is not bencoded, or has more than ", Bencoded::kMaxValues,
                                  " values: too many files, perhaps"));
  const Bencoded* info = root->Find("info");
  if (info == nullptr) return Malformed("it has no info");
  Metainfo out;
  Judge judge(limits, out);
  P2PD_RETURN_IF_ERROR(judge.Info(*info));
  P2PD_RETURN_IF_ERROR(judge.Outside(*root));
  return out;
}

absl::StatusOr<Metainfo> ParseInfo(ByteView info, const MetainfoLimits& limits) {
  return ParseMetainfo(WrapInfo(info, {}), limits);
}

Bytes WrapInfo(ByteView info, const std::vector<std::vector<std::string>>& trackers) {
  BencodeWriter out;
  out.OpenDictionary();
  if (!trackers.empty() && !trackers[0].empty()) {
    out.String("announce").String(trackers[0][0]).String("announce-list").OpenList();
    for (const std::vector<std::string>& tier : trackers) {
      out.OpenList();
      for (const std::string& url : tier) out.String(url);
      out.Close();
    }
    out.Close();
  }
  out.String("info").Raw(info).Close();
  return out.Take();
}

absl::string_view AuthorityOf(absl::string_view url) {
  constexpr absl::string_view kAfterScheme = "://";
  const size_t scheme = url.find(kAfterScheme);
  if (scheme == absl::string_view::npos) return {};
  url.remove_prefix(scheme + kAfterScheme.size());
  return url.substr(0, url.find_first_of("/?#\\"));
}

}  // namespace p2pd::archive::torrent
