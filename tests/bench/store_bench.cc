// What an object costs a storing node: judging it beside the bare signature check that it cannot do
// without, keeping it in memory and on disk beside a bare file write; and put and get on a
// simulated ring of 20 nodes, in round trips of the network.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "libcore/base/check.h"
#include "libcore/store/memory_table.h"
#include "libcore/store/sqlite_table.h"
#include "tests/sim/store_host.h"
#include "tests/unit/store/object_fixture.h"

namespace p2pd::store {
namespace {

void JudgeState(benchmark::State& state) {
  const ObjectFixture f;
  const Object object = f.State();
  for (auto _ : state) {
    P2PD_CHECK(Validate(object.bytes(), f.now).object.has_value());
  }
}
BENCHMARK(JudgeState);

void JudgeAuthentication(benchmark::State& state) {
  const ObjectFixture f;
  const Object object = f.Authentication();
  for (auto _ : state) {
    P2PD_CHECK(Validate(object.bytes(), f.now).object.has_value());
  }
}
BENCHMARK(JudgeAuthentication);

// The reference of both: one P-256 signature.
void BareSignatureCheck(benchmark::State& state) {
  const ObjectFixture f;
  const Bytes signature = *f.person.key.Sign(f.spki());
  for (auto _ : state) P2PD_CHECK(f.person.key.public_key().Verify(f.spki(), signature));
}
BENCHMARK(BareSignatureCheck);

template <class Insert>
void InsertRows(benchmark::State& state, Insert insert) {
  const ObjectFixture f;
  std::vector<Object> objects;
  for (int i = 0; i < 1000; ++i) {
    objects.push_back(
        f.Raw(std::string(1000, 'x'), absl::Hours(24), HashKey("bench", AsBytes(absl::StrCat(i)))));
  }
  size_t next = 0;
  for (auto _ : state) {
    const Object& object = objects[next++ % objects.size()];
    insert(StoredRow{object, "N", f.now, object.key()});
  }
}

void InsertMemory(benchmark::State& state) {
  MemoryTable table;
  InsertRows(state, [&](const StoredRow& row) { P2PD_CHECK(table.Insert(row).ok()); });
}
BENCHMARK(InsertMemory);

std::string Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "p2pd_bench_XXXXXX").string();
  P2PD_CHECK(mkdtemp(name.data()) != nullptr);
  return name;
}

void InsertSqlite(benchmark::State& state) {
  const std::string folder = Folder();
  {
    const auto table = *SqliteTable::Open(folder + "/objects.db");
    InsertRows(state, [&](const StoredRow& row) { P2PD_CHECK(table->Insert(row).ok()); });
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(InsertSqlite);

// The reference: the same bytes appended to a file, without a sync either.
void AppendToAFile(benchmark::State& state) {
  const std::string folder = Folder();
  {
    std::ofstream file(folder + "/rows");
    InsertRows(state, [&](const StoredRow& row) {
      file.write(reinterpret_cast<const char*>(row.object.bytes().data()),
                 static_cast<std::streamsize>(row.object.bytes().size()));
      file.flush();
    });
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(AppendToAFile);

// Simulated time of one operation over the simulated mean round trip: what the protocol costs,
// whatever the machine.
void RoundTrips(benchmark::State& state, bool get) {
  sim::LinkOptions links;
  links.latency_min = links.latency_max = absl::Milliseconds(20);
  links.jitter = absl::ZeroDuration();
  sim::StoreRing ring(1, links);
  ring.Grow(20);
  ring.world.RunFor(absl::Minutes(2));
  absl::Duration total;
  int operations = 0;
  for (auto _ : state) {
    const Object object = ring.Raw();
    sim::StoreHost* host = ring.RandomActive();
    Instant start = ring.world.now();
    P2PD_CHECK(host->Put(object).status.ok());
    if (get) {
      sim::StoreHost* reader = ring.RandomActive();
      GetOptions options;
      options.kind = wire::v1::OBJECT_KIND_RAW;
      start = ring.world.now();
      P2PD_CHECK(reader->Get(object.key(), options).status.ok());
    }
    total += ring.world.now() - start;
    ++operations;
  }
  state.counters["round_trips"] = absl::FDivDuration(total, absl::Milliseconds(40)) / operations;
}
void PutRoundTrips(benchmark::State& state) { RoundTrips(state, false); }
void GetRoundTrips(benchmark::State& state) { RoundTrips(state, true); }
BENCHMARK(PutRoundTrips)->Iterations(50);
BENCHMARK(GetRoundTrips)->Iterations(50);

}  // namespace
}  // namespace p2pd::store

BENCHMARK_MAIN();
