// Bencoding: what is accepted reads the same when each of its values is read alone.
#include <cstddef>
#include <cstdint>

#include "libcore/archive/torrent/bencode.h"
#include "libcore/base/check.h"

namespace {

using p2pd::archive::torrent::Bencoded;
using p2pd::archive::torrent::BencodeWriter;

void Write(const Bencoded& value, BencodeWriter& out) {
  switch (value.kind()) {
    case Bencoded::Kind::kInteger:
      out.Integer(*value.Integer());
      return;
    case Bencoded::Kind::kString:
      out.String(*value.String());
      return;
    case Bencoded::Kind::kList:
      out.OpenList();
      for (const Bencoded& item : value.items()) Write(item, out);
      out.Close();
      return;
    case Bencoded::Kind::kDictionary:
      out.OpenDictionary();
      for (size_t i = 0; i < value.items().size(); ++i) {
        out.String(value.keys()[i]);
        P2PD_CHECK(value.Find(value.keys()[i]) == &value.items()[i]);
        Write(value.items()[i], out);
      }
      out.Close();
      return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto value = Bencoded::Parse({data, size});
  if (!value) return 0;
  // One value has one way of being written, but for what came as a length with zeros before it,
  // which is refused.
  BencodeWriter out;
  Write(*value, out);
  P2PD_CHECK(out.bytes() == p2pd::Bytes(data, data + size));
  return 0;
}
