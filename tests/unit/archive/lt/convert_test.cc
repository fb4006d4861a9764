#include "libcore/archive/lt/convert.h"

#include <gtest/gtest.h>

#include <fstream>

#include "libcore/archive/lt/torrent_maker.h"
#include "libcore/base/rng.h"
#include "tests/unit/base/temp_folder.h"

namespace p2pd::archive::lt {
namespace {

TEST(Convert, EndpointsAndHashesThereAndBack) {
  for (const char* text : {"127.0.0.1:6881", "[2001:db8::1]:1"}) {
    const net::Endpoint endpoint = *net::Endpoint::Parse(text);
    EXPECT_EQ(FromLibtorrent(ToLibtorrent(endpoint)), endpoint);
  }
  SeededRng rng(1);
  torrent::InfoHashes hashes;
  hashes.v1 = rng.Make<torrent::InfoHash>();
  EXPECT_EQ(FromLibtorrent(ToLibtorrent(hashes)), hashes);
  hashes.v2 = rng.Make<torrent::InfoHashV2>();
  EXPECT_EQ(FromLibtorrent(ToLibtorrent(hashes)), hashes);
}

TEST(Convert, BitfieldsOfTheRightLengthAlone) {
  pieces::PieceSet set(11);
  set.Set(pieces::Piece(3));
  const auto bits = ToLibtorrent(set);
  EXPECT_EQ(bits.count(), 1);
  EXPECT_EQ(FromLibtorrent(bits, 11), set);
  EXPECT_FALSE(FromLibtorrent(bits, 12).has_value());
}

// Every piece of a hybrid, with a small file and a large one, is proved by its own bytes alone.
TEST(Convert, ProofsOfAHybrid) {
  const testing::TempFolder folder;
  SeededRng rng(2);
  const auto write = [&](const std::string& name, size_t size) {
    Bytes bytes(size);
    rng.Fill(absl::MakeSpan(bytes));
    std::ofstream(folder / name, std::ios::binary) << AsText(bytes);
    return bytes;
  };
  const Bytes small = write("a", 20'000);
  const Bytes large = write("b", 150'000);
  CreateRequest request;
  request.path = folder.path();
  request.piece_length = 65'536;
  request.format = TorrentFormat::kHybrid;
  const auto info = *ParseMetainfo(CreateTorrent(request, nullptr)->metainfo);
  for (uint32_t i = 0; i < 4; ++i) {
    const pieces::PieceProof proof = ProofOf(*info, pieces::Piece(i));
    ASSERT_TRUE(proof.v1 && proof.v2) << i;
    Bytes bytes = i == 0 ? small : ToBytes(ByteView(large).subspan((i - 1) * 65'536, 65'536));
    // With the padding, which v1 hashes.
    bytes.resize(
        static_cast<size_t>(info->piece_size(libtorrent::piece_index_t(static_cast<int>(i)))));
    EXPECT_TRUE(proof.Proves(bytes)) << i;
    bytes[0] ^= 1;
    EXPECT_FALSE(proof.Proves(bytes)) << i;
  }
}

}  // namespace
}  // namespace p2pd::archive::lt
