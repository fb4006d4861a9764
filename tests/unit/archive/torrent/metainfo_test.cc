#include "libcore/archive/torrent/metainfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "libcore/archive/torrent/bencode.h"
#include "libcore/base/hex.h"
#include "libcore/pki/hash.h"
#include "libcore/pki/sha1.h"

namespace p2pd::archive::torrent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kPiece = 16 << 10;

struct File {
  std::vector<std::string> path;
  int64_t size = 0;
  std::string attributes;
};

// An info dictionary of version 1 with these files; of one file when `single`.
Bytes V1Info(const std::vector<File>& files, bool single = false, int64_t piece = kPiece,
             int64_t missing_hashes = 0) {
  int64_t size = 0;
  for (const File& file : files) size += file.size;
  BencodeWriter out;
  out.OpenDictionary();
  if (!single) {
    out.String("files").OpenList();
    for (const File& file : files) {
      out.OpenDictionary();
      if (!file.attributes.empty()) out.String("attr").String(file.attributes);
      out.String("length").Integer(file.size).String("path").OpenList();
      for (const std::string& part : file.path) out.String(part);
      out.Close().Close();
    }
    out.Close();
  } else {
    out.String("length").Integer(size);
  }
  const int64_t hashes = (size + piece - 1) / std::max<int64_t>(piece, 1) - missing_hashes;
  out.String("name").String("speech").String("piece length").Integer(piece).String("pieces");
  out.String(std::string(static_cast<size_t>(hashes) * 20, 'h')).Close();
  return out.Take();
}

Bytes V2Info(int64_t size, absl::string_view file, int64_t piece = kPiece) {
  BencodeWriter out;
  out.OpenDictionary().String("file tree").OpenDictionary().String(file).OpenDictionary();
  out.String("").OpenDictionary().String("length").Integer(size);
  out.String("pieces root").String(std::string(32, 'r')).Close().Close().Close();
  out.String("meta version").Integer(2).String("name").String("speech");
  out.String("piece length").Integer(piece).Close();
  return out.Take();
}

absl::Status StatusOf(const Bytes& info) { return ParseInfo(info).status(); }

TEST(Metainfo, ReadsOneFileOfVersionOne) {
  const Bytes info = V1Info({{{"speech"}, 40'000, ""}}, true);
  const auto metainfo = ParseInfo(info);
  ASSERT_TRUE(metainfo.ok()) << metainfo.status();
  EXPECT_EQ(metainfo->name, "speech");
  EXPECT_FALSE(metainfo->folder);
  EXPECT_EQ(metainfo->pieces, 3u);
  EXPECT_EQ(metainfo->PieceSize(0), 16'384u);
  EXPECT_EQ(metainfo->PieceSize(2), 40'000u - 2 * 16'384u);
  EXPECT_EQ(metainfo->hashes.v1->view(), pki::Sha1(info).view());
  EXPECT_FALSE(metainfo->hashes.v2.has_value());
  EXPECT_EQ(metainfo->info, info);
  ASSERT_EQ(metainfo->files.size(), 1u);
  EXPECT_THAT(metainfo->files[0].path, ElementsAre("speech"));
}

TEST(Metainfo, FilesStandWhereTheOnesBeforeThemEnd) {
  const auto metainfo = ParseInfo(V1Info(
      {{{"a"}, 100, ""}, {{"b", "c"}, 20'000, ""}, {{".pad", "1"}, 7, "p"}, {{"d"}, 0, ""}}));
  ASSERT_TRUE(metainfo.ok()) << metainfo.status();
  EXPECT_TRUE(metainfo->folder);
  EXPECT_EQ(metainfo->files[1].offset, 100u);
  EXPECT_THAT(metainfo->files[1].path, ElementsAre("b", "c"));
  EXPECT_TRUE(metainfo->files[2].padding);
  EXPECT_EQ(metainfo->files[3].offset, 20'107u);
  EXPECT_EQ(metainfo->size, 20'107u);
}

TEST(Metainfo, PaddingFillsPiecesUpAndMakesNone) {
  const int64_t rest = kPiece - 100;
  EXPECT_TRUE(
      ParseInfo(V1Info({{{"a"}, 100, ""}, {{".pad", "1"}, rest, "p"}, {{"b"}, 5, ""}})).ok());
  EXPECT_TRUE(ParseInfo(V1Info({{{"a"}, 100, ""}, {{".pad", "1"}, rest, "p"}})).ok());
  EXPECT_TRUE(
      ParseInfo(V1Info({{{"a"}, kPiece, ""}, {{"b"}, 5, ""}, {{".pad", "1"}, 7, "p"}})).ok());
  const auto refused = {
      V1Info({{{"a"}, 100, ""}, {{".pad", "1"}, rest + kPiece, "p"}, {{"b"}, 5, ""}}),
      V1Info({{{"a"}, 100, ""}, {{".pad", "1"}, rest, "p"}, {{".pad", "2"}, 5, "p"}}),
      V1Info({{{".pad", "1"}, kPiece, "p"}, {{"b"}, 5, ""}}),
  };
  for (const Bytes& info : refused) {
    EXPECT_THAT(std::string(ParseInfo(info).status().message()), HasSubstr("padding alone"));
  }
}

TEST(Metainfo, ReadsVersionTwo) {
  const Bytes info = V2Info(40'000, "speech");
  const auto metainfo = ParseInfo(info);
  ASSERT_TRUE(metainfo.ok()) << metainfo.status();
  EXPECT_EQ(metainfo->hashes.v2->view(), pki::Sha256(info).view());
  EXPECT_FALSE(metainfo->hashes.v1.has_value());
  EXPECT_EQ(metainfo->pieces, 3u);
  EXPECT_FALSE(metainfo->folder);
  EXPECT_TRUE(ParseInfo(V2Info(40'000, "other"))->folder);
}

TEST(Metainfo, InVersionTwoEachFileBeginsAPiece) {
  BencodeWriter out;
  out.OpenDictionary().String("file tree").OpenDictionary();
  for (const absl::string_view name : {"a", "b"}) {
    out.String(name).OpenDictionary().String("").OpenDictionary();
    out.String("length").Integer(20'000).String("pieces root").String(std::string(32, 'r'));
    out.Close().Close();
  }
  out.Close().String("meta version").Integer(2).String("name").String("two");
  out.String("piece length").Integer(kPiece).Close();
  const auto metainfo = ParseInfo(out.bytes());
  ASSERT_TRUE(metainfo.ok()) << metainfo.status();
  ASSERT_EQ(metainfo->files.size(), 3u);
  EXPECT_TRUE(metainfo->files[1].padding);
  EXPECT_EQ(metainfo->files[2].offset, 2u * kPiece);
  EXPECT_EQ(metainfo->pieces, 4u);
}

TEST(Metainfo, NothingLeavesItsFolder) {
  const auto metainfo = ParseInfo(V1Info({{{"..", "..", "etc", "passwd"}, 1, ""},
                                          {{"/etc/shadow"}, 1, ""},
                                          {{"a\\..\\b"}, 1, ""},
                                          {{std::string("nul\0l", 5)}, 1, ""},
                                          {{""}, 1, ""},
                                          {{"\xE2\x80\xAEtxt.exe"}, 1, ""},
                                          {{"\xFF\xFE"}, 1, ""},
                                          {{std::string(1000, 'x')}, 1, ""}}));
  ASSERT_TRUE(metainfo.ok()) << metainfo.status();
  EXPECT_THAT(metainfo->files[0].path, ElementsAre(".._", ".._", "etc", "passwd"));
  EXPECT_THAT(metainfo->files[1].path, ElementsAre("_etc_shadow"));
  EXPECT_THAT(metainfo->files[2].path, ElementsAre("a_.._b"));
  EXPECT_THAT(metainfo->files[3].path, ElementsAre("nul_l"));
  EXPECT_THAT(metainfo->files[4].path, ElementsAre("_"));
  EXPECT_THAT(metainfo->files[5].path, ElementsAre("_txt.exe"));
  EXPECT_THAT(metainfo->files[6].path, ElementsAre("__"));
  EXPECT_EQ(metainfo->files[7].path[0].size(), kMaxName);
}

TEST(Metainfo, SaysWhatIsWrong) {
  const auto says = [](const Bytes& info, absl::string_view what) {
    const absl::Status status = StatusOf(info);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << what;
    EXPECT_THAT(status.message(), HasSubstr(std::string(what)));
  };
  says(V1Info({{{"a"}, 1, "l"}}), "a link");
  says(V1Info({{{"a"}, 1, ""}, {{"a"}, 1, ""}}), "two files of one name");
  says(V1Info({{{"a"}, 1, ""}, {{"a", "b"}, 1, ""}}), "a file and a folder");
  says(V1Info({{{"a"}, -1, ""}}), "without a size");
  says(V1Info({{{"a"}, 0, ""}}), "no bytes");
  says(V1Info({{{}, 1, ""}}), "without a path");
  says(V1Info({{std::vector<std::string>(kMaxDepth + 1, "d"), 1, ""}}), "too many folders");
  says(V1Info({{{"a"}, 40'000, ""}}, false, kPiece, 1), "one hash for each piece");
  says(V1Info({{{"a"}, 1, ""}}, false, 1000), "piece length");
  says(V2Info(1, "a", 3 * kPiece), "power of two");
  says(ToBytes("le"), "info is no dictionary");
  says(ToBytes("d4:name1:ae"), "piece length");
  EXPECT_TRUE(absl::IsInvalidArgument(ParseMetainfo(AsBytes("de")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ParseMetainfo(AsBytes("x")).status()));
}

TEST(Metainfo, LimitsHaveACodeOfTheirOwn) {
  const Bytes info = V1Info({{{"a"}, 40'000, ""}, {{"b"}, 1, ""}});
  const auto with = [&info](auto change) {
    MetainfoLimits limits;
    change(limits);
    return ParseInfo(info, limits).status();
  };
  EXPECT_TRUE(with([](MetainfoLimits&) {}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(with([](MetainfoLimits& l) { l.bytes = 100; })));
  EXPECT_TRUE(absl::IsResourceExhausted(with([](MetainfoLimits& l) { l.pieces = 2; })));
  EXPECT_TRUE(absl::IsResourceExhausted(with([](MetainfoLimits& l) { l.files = 1; })));
  EXPECT_TRUE(absl::IsResourceExhausted(with([](MetainfoLimits& l) { l.size = 40'000; })));
  // Sizes that add up to more than a number holds.
  EXPECT_TRUE(absl::IsResourceExhausted(
      StatusOf(V1Info({{{"a"}, int64_t{1} << 46, ""}, {{"b"}, 1, ""}}, false, 64 << 20, 0))));
}

TEST(Metainfo, ReadsWhatStandsAroundTheInfo) {
  BencodeWriter out;
  out.OpenDictionary().String("announce").String("http://one/announce").String("announce-list");
  out.OpenList().OpenList().String("http://one/announce").String("udp://two:80").Close();
  out.OpenList().String("").Close().Close().String("comment").String("a\nb");
  out.String("info").Raw(V1Info({{{"speech"}, 1, ""}}, true));
  out.String("url-list").String("http://seed/").Close();
  const auto metainfo = ParseMetainfo(out.bytes());
  ASSERT_TRUE(metainfo.ok()) << metainfo.status();
  ASSERT_EQ(metainfo->trackers.size(), 1u);
  EXPECT_THAT(metainfo->trackers[0], ElementsAre("http://one/announce", "udp://two:80"));
  EXPECT_THAT(metainfo->web_seeds, ElementsAre("http://seed/"));
  EXPECT_EQ(metainfo->comment, "a_b");
  const auto again = ParseMetainfo(WrapInfo(metainfo->info, metainfo->trackers));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->hashes, metainfo->hashes);
  EXPECT_EQ(again->trackers, metainfo->trackers);
}

}  // namespace
}  // namespace p2pd::archive::torrent
