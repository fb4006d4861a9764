#include "libcore/archive/catalogue/detail.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "libcore/archive/torrent/bencode.h"

namespace p2pd::archive::catalogue {
namespace {

// A folder of `files` files of one piece each; their names begin with `prefix`.
Bytes MakeMetainfo(int files, const std::string& prefix = "") {
  torrent::BencodeWriter out;
  out.OpenDictionary().String("announce-list").OpenList();
  for (int i = 0; i < 20; ++i) {
    out.OpenList().String(absl::StrCat("http://tracker", i, ".example/a")).Close();
  }
  out.Close().String("comment").String("of a test").String("info").OpenDictionary();
  out.String("files").OpenList();
  for (int i = 0; i < files; ++i) {
    out.OpenDictionary().String("length").Integer(16 << 10).String("path").OpenList();
    out.String("folder").String(absl::StrCat(prefix, i)).Close().Close();
  }
  out.Close().String("name").String("many").String("piece length").Integer(16 << 10);
  out.String("pieces").String(std::string(static_cast<size_t>(files) * 20, 'h')).Close().Close();
  return out.Take();
}

TEST(Describe, SaysWhatTheArchiveKnowsWithinItsLimits) {
  const std::string folder = testing::TempDir() + "/p2pd_detail";
  std::filesystem::create_directories(folder);
  const auto library = *Library::Open(folder + "/library.db");
  Counters counters;
  Archive archive({}, *library, counters, Instant());
  EXPECT_FALSE(Describe(archive, torrent::InfoHash()).has_value());
  constexpr int kFiles = 600;
  const auto hash =
      archive.Submit(Instant(), absl::FromUnixSeconds(1), MakeMetainfo(kFiles), Source::kSubmitted);
  ASSERT_TRUE(hash.ok()) << hash.status();
  Look look;
  look.hash = *hash;
  look.have.assign(kFiles, true);
  look.organic.assign(kFiles, 1);
  look.members.assign(kFiles, 0);
  look.holders = {{*net::Endpoint::Parse("20.0.0.1:1"), false, 0, kFiles},
                  {*net::Endpoint::Parse("20.0.0.2:1"), false, 0, 1},
                  {*net::Endpoint::Parse("20.0.0.3:1"), true, 0, kFiles}};
  archive.OnLook(Instant(), absl::FromUnixSeconds(2), look);
  const auto detail = Describe(archive, *hash);
  ASSERT_TRUE(detail.has_value());
  EXPECT_EQ(detail->summary.name, "many");
  EXPECT_EQ(detail->summary.total, (Availability{2, 0}));
  EXPECT_EQ(detail->summary.organic, (Availability{1, 0}));
  EXPECT_EQ(detail->summary.held, 600u);
  EXPECT_EQ(detail->summary.peers, 2u);
  EXPECT_EQ(detail->summary.seeds, 1u);
  EXPECT_EQ(detail->members, 1u);
  EXPECT_EQ(detail->file_count, 600u);
  ASSERT_EQ(detail->files.size(), Detail::kMaxFiles);
  EXPECT_EQ(detail->files[1].path, "folder/1");
  EXPECT_EQ(detail->trackers.size(), Detail::kMaxTrackers);
  EXPECT_EQ(detail->comment, "of a test");
  EXPECT_EQ(detail->copies, std::vector<uint32_t>(kFiles, 2));
  const auto wordy =
      archive.Submit(Instant(), absl::FromUnixSeconds(1),
                     MakeMetainfo(kFiles, std::string(230, 'w')), Source::kSubmitted);
  const auto cut = Describe(archive, *wordy);
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(cut->file_count, 600u);
  EXPECT_EQ(cut->files.size(), Detail::kMaxPathBytes / (7 + 230 + 3));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace p2pd::archive::catalogue
