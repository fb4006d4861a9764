// Makes the seeds of store_object and store_message: argument 1 is tests/fuzz/corpus. Run by hand
// when the objects' or messages' shape changed; its output is kept in the repository.
#include <cstdio>
#include <string>

#include "libcore/base/check.h"
#include "libcore/base/file.h"
#include "libcore/store/messages.h"
#include "tests/unit/store/object_fixture.h"

namespace {

using namespace p2pd;         // NOLINT(google-build-using-namespace)
using namespace p2pd::store;  // NOLINT(google-build-using-namespace)

void Save(const std::string& folder, const std::string& name, ByteView bytes) {
  P2PD_CHECK(MakeFolder(folder).ok());
  P2PD_CHECK(WriteFileAtomically(folder + "/" + name, bytes, FileMode::kPublic).ok());
}

void SaveRequests(const std::string& folder, const Object& object) {
  const std::string place = object.key().ToString();
  StoreRequest put;
  put.mutable_put()->set_place(place);
  put.mutable_put()->set_object(ToText(object.bytes()));
  put.mutable_put()->set_wanted(5);
  Save(folder, "request_put", Encode(put));
  StoreRequest get;
  get.mutable_get()->set_place(place);
  get.mutable_get()->add_kinds(object.kind());
  get.mutable_get()->set_max_bytes(4096);
  get.mutable_get()->set_want_replicas(true);
  Save(folder, "request_get", Encode(get));
  StoreRequest replicate;
  wire::v1::Replica& replica = *replicate.mutable_replicate()->add_replicas();
  replica.set_place(place);
  replica.set_object(ToText(object.bytes()));
  replica.set_account("N123");
  Save(folder, "request_replicate", Encode(replicate));
  StoreRequest compare;
  compare.mutable_compare()->set_from(std::string(20, '\0'));
  for (const char end : {'\x10', '\x70'}) {
    compare.mutable_compare()->add_chunks()->set_to(std::string(20, end));
  }
  Save(folder, "request_compare", Encode(compare));
  StoreRequest pull;
  pull.mutable_pull()->add_rows()->set_place(place);
  Save(folder, "request_pull", Encode(pull));
  StoreRequest subscribe;
  subscribe.mutable_subscribe()->set_place(place);
  subscribe.mutable_subscribe()->set_kind(object.kind());
  subscribe.mutable_subscribe()->set_lease(600);
  Save(folder, "request_subscribe", Encode(subscribe));
}

void SaveReplies(const std::string& folder, const Object& object, const std::string& record) {
  StoreReply put;
  put.mutable_put()->set_status(wire::v1::STORE_STATUS_OK);
  put.mutable_put()->add_holders(std::string(20, 'h'));
  put.mutable_put()->set_replicas(8);
  Save(folder, "reply_put", Encode(put));
  StoreReply get;
  get.mutable_get()->set_status(wire::v1::STORE_STATUS_OK);
  get.mutable_get()->add_objects(ToText(object.bytes()));
  wire::v1::RowName& row = *get.mutable_get()->add_rows();
  row.set_kind(object.kind());
  row.set_slot(ToText(object.slot()));
  row.set_sequence(object.sequence().value());
  get.mutable_get()->add_replicas(record);
  get.mutable_get()->set_replica_count(8);
  Save(folder, "reply_get", Encode(get));
  StoreReply compare;
  compare.mutable_compare()->add_differing(0);
  compare.mutable_compare()->set_covered(1);
  compare.mutable_compare()->add_rows()->set_place(object.key().ToString());
  Save(folder, "reply_compare", Encode(compare));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s tests/fuzz/corpus\n", argv[0]);
    return 2;
  }
  const std::string root = argv[1];
  ObjectFixture f;
  for (const Bytes& encoded : f.OneOfEach()) {
    const Object object = *Validate(encoded, f.now).object;
    Save(root + "/store_object", std::string(ObjectKindName(object.kind())), encoded);
  }
  const Object raw = f.Raw("a value");
  SaveRequests(root + "/store_message", raw);
  SaveReplies(root + "/store_message", raw, ToText(f.record.bytes()));
  return 0;
}
