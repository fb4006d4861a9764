#include "libcore/store/memory_table.h"

#include "tests/unit/store/object_table_test.h"

namespace p2pd::store {
namespace {

struct MakeMemory {
  std::unique_ptr<ObjectTable> Make() { return std::make_unique<MemoryTable>(); }
};
INSTANTIATE_TYPED_TEST_SUITE_P(Memory, ObjectTableTest, MakeMemory);

TEST(MemoryTable, AFullDiskIsSaid) {
  ObjectFixture f;
  MemoryTable table;
  table.FailInserts(absl::ResourceExhaustedError("full"));
  const Object object = f.Raw("x");
  EXPECT_EQ(table.Insert({object, "a", f.now, object.key()}).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(table.total_objects(), 0u);
  table.FailInserts(absl::OkStatus());
  EXPECT_TRUE(table.Insert({object, "a", f.now, object.key()}).ok());
}

}  // namespace
}  // namespace p2pd::store
