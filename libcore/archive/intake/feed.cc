#include "libcore/archive/intake/feed.h"

#include <expat.h>

#include <memory>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libcore/archive/torrent/magnet.h"

namespace p2pd::archive::intake {
namespace {

// expat writes a name as URI, this, local name.
constexpr char kBetween = '\n';
constexpr absl::string_view kAtom = "http://www.w3.org/2005/Atom\n";
constexpr absl::string_view kTorznab = "http://torznab.com/schemas/2015/feed\n";
constexpr absl::string_view kTorrentType = "application/x-bittorrent";

bool IsHttp(absl::string_view link) {
  return absl::StartsWithIgnoreCase(link, "http://") ||
         absl::StartsWithIgnoreCase(link, "https://");
}

// How much better a link is than another one of the same item; 0: it is none.
int RankOf(absl::string_view link, bool says_torrent) {
  if (torrent::IsMagnet(link)) return 3;
  if (!IsHttp(link)) return 0;
  const absl::string_view path = link.substr(0, link.find_first_of("?#"));
  return says_torrent || absl::EndsWithIgnoreCase(path, ".torrent") ? 2 : 1;
}

class Reader {
 public:
  explicit Reader(XML_Parser parser) : parser_(parser) {}

  void OnStart(absl::string_view name, const XML_Char** attributes) {
    if (++depth_ > kMaxFeedDepth) return Stop("is nested too deep");
    if (depth_ == 1) is_feed_ = name == "rss" || name == absl::StrCat(kAtom, "feed");
    if (!is_feed_) return Stop("is neither RSS nor Atom");
    text_.clear();
    if (name == "item" || name == absl::StrCat(kAtom, "entry")) {
      item_.emplace();
      item_depth_ = depth_;
      rank_ = 0;
    }
    if (item_ && depth_ == item_depth_ + 1) OnElement(name, attributes);
  }

  void OnText(absl::string_view text) {
    if (item_ && depth_ == item_depth_ + 1 && text_.size() <= kMaxFeedText) {
      text_.append(text.data(), text.size());
    }
  }

  void OnEnd(absl::string_view name) {
    if (item_ && depth_ == item_depth_ + 1) OnElementEnd(name);
    if (item_ && depth_ == item_depth_) {
      if (item_->id.empty()) item_->id = item_->link;
      if (rank_ > 0 && items_.size() < kMaxFeedItems) items_.push_back(*std::move(item_));
      item_.reset();
    }
    --depth_;
  }

  void Stop(const char* why) {
    why_ = why;
    XML_StopParser(parser_, XML_FALSE);
  }

  const std::string& why() const { return why_; }
  std::vector<FeedItem> TakeItems() { return std::move(items_); }

 private:
  static std::string Attribute(const XML_Char** attributes, absl::string_view name) {
    for (; *attributes != nullptr; attributes += 2) {
      if (attributes[0] == name) {
        const absl::string_view value = absl::StripAsciiWhitespace(attributes[1]);
        return value.size() <= kMaxFeedText ? std::string(value) : std::string();
      }
    }
    return "";
  }

  void Offer(const std::string& link, bool says_torrent) {
    const int rank = RankOf(link, says_torrent);
    if (rank <= rank_) return;
    rank_ = rank;
    item_->link = link;
  }

  void TakeSize(const std::string& text) {
    uint64_t size = 0;
    if (absl::SimpleAtoi(text, &size) && size > 0) item_->size = size;
  }

  void OnElement(absl::string_view name, const XML_Char** attributes) {
    if (name == "enclosure") {
      const std::string type = Attribute(attributes, "type");
      Offer(Attribute(attributes, "url"), type == kTorrentType);
      // Many feeds say the size of the content there, others that of the .torrent.
      if (!item_->size) TakeSize(Attribute(attributes, "length"));
    } else if (name == absl::StrCat(kAtom, "link")) {
      Offer(Attribute(attributes, "href"), Attribute(attributes, "type") == kTorrentType);
    } else if (name == absl::StrCat(kTorznab, "attr")) {
      const std::string what = Attribute(attributes, "name");
      if (what == "magneturl") Offer(Attribute(attributes, "value"), true);
      if (what == "size") TakeSize(Attribute(attributes, "value"));
    }
  }

  void OnElementEnd(absl::string_view name) {
    if (text_.size() > kMaxFeedText) return;
    const std::string text(absl::StripAsciiWhitespace(text_));
    if (name == "title" || name == absl::StrCat(kAtom, "title")) {
      item_->title = text;
    } else if (name == "guid" || name == absl::StrCat(kAtom, "id")) {
      item_->id = text;
    } else if (name == "link") {
      Offer(text, false);
    } else if (name == "size") {
      TakeSize(text);
    }
  }

  const XML_Parser parser_;
  int depth_ = 0;
  bool is_feed_ = false;
  std::optional<FeedItem> item_;
  int item_depth_ = 0;
  int rank_ = 0;
  std::string text_;
  std::string why_;
  std::vector<FeedItem> items_;
};

Reader& ReaderOf(void* data) { return *static_cast<Reader*>(data); }

}  // namespace

absl::StatusOr<std::vector<FeedItem>> ParseFeed(ByteView xml) {
  if (xml.size() > kMaxFeed) return absl::InvalidArgumentError("the feed is too long");
  const std::unique_ptr<std::remove_pointer_t<XML_Parser>, decltype(&XML_ParserFree)> parser(
      XML_ParserCreateNS(nullptr, kBetween), &XML_ParserFree);
  Reader reader(parser.get());
  XML_SetUserData(parser.get(), &reader);
  XML_SetElementHandler(
      parser.get(),
      [](void* data, const XML_Char* name, const XML_Char** attributes) {
        ReaderOf(data).OnStart(name, attributes);
      },
      [](void* data, const XML_Char* name) { ReaderOf(data).OnEnd(name); });
  XML_SetCharacterDataHandler(parser.get(), [](void* data, const XML_Char* text, int size) {
    ReaderOf(data).OnText({text, static_cast<size_t>(size)});
  });
  // Entities are declared there, and nothing else that a feed needs.
  XML_SetStartDoctypeDeclHandler(
      parser.get(), [](void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
        ReaderOf(data).Stop("has a document type");
      });
  const XML_Status status = XML_Parse(parser.get(), reinterpret_cast<const char*>(xml.data()),
                                      static_cast<int>(xml.size()), XML_TRUE);
  if (!reader.why().empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the feed ", reader.why()));
  }
  if (status != XML_STATUS_OK) {
    return absl::InvalidArgumentError(
        absl::StrCat("the feed is no XML: line ", XML_GetCurrentLineNumber(parser.get()), ": ",
                     XML_ErrorString(XML_GetErrorCode(parser.get()))));
  }
  return reader.TakeItems();
}

}  // namespace p2pd::archive::intake
