#include "libcore/archive/pieces/have_file.h"

#include "absl/strings/string_view.h"
#include "libcore/base/codec.h"

namespace p2pd::archive::pieces {
namespace {

constexpr absl::string_view kMagic = "p2pd have 1\n";
constexpr uint8_t kWriting = 1;

}  // namespace

pki::Sha256Digest KeyOf(const Layout& layout) {
  ByteWriter writer;
  writer.U32(layout.piece_length());
  for (const FileEntry& file : layout.files()) {
    writer.U64(file.size).U8(file.padding ? 1 : 0);
    if (!file.padding) writer.Put16(AsBytes(file.path));
  }
  return pki::Sha256(writer.bytes());
}

Bytes HaveFile::Write() const {
  ByteWriter writer;
  writer.Put(AsBytes(kMagic)).U8(writing ? kWriting : 0).Put(layout.view());
  writer.U32(have.pieces()).U32(static_cast<uint32_t>(files.size()));
  for (const Seen& seen : files) {
    writer.U64(seen.size).U64(static_cast<uint64_t>(seen.modified));
  }
  writer.Put(have.bytes());
  const pki::Sha256Digest sum = pki::Sha256(writer.bytes());
  writer.Put(sum.view());
  return std::move(writer).Take();
}

std::optional<HaveFile> HaveFile::Read(ByteView bytes) {
  if (bytes.size() > kMaxSize || bytes.size() < pki::Sha256Digest::kSize) return std::nullopt;
  const ByteView body = bytes.subspan(0, bytes.size() - pki::Sha256Digest::kSize);
  if (AsText(pki::Sha256(body).view()) != AsText(bytes.subspan(body.size()))) return std::nullopt;
  ByteReader reader(body);
  if (AsText(reader.Take(kMagic.size())) != kMagic) return std::nullopt;
  const uint8_t flags = reader.U8();
  HaveFile out;
  out.writing = flags == kWriting;
  out.layout = reader.Fixed<pki::Sha256Digest>();
  const uint32_t pieces = reader.U32();
  const uint32_t files = reader.U32();
  if (!reader.ok() || flags > kWriting || pieces > Layout::kMaxPieces ||
      files > Layout::kMaxFiles || reader.remaining() / 16 < files) {
    return std::nullopt;
  }
  for (uint32_t i = 0; i < files; ++i) {
    const uint64_t size = reader.U64();
    out.files.push_back({size, static_cast<int64_t>(reader.U64())});
  }
  std::optional<PieceSet> have = PieceSet::FromBytes(pieces, reader.TakeRest());
  if (!reader.AtEnd() || !have) return std::nullopt;
  out.have = *std::move(have);
  return out;
}

}  // namespace p2pd::archive::pieces
