// A simulated day of the keeper with room for half of everything, no holder that stays: first they
// leave one by one, then, in a second trace, all at once.
#include <cstdio>

#include "tests/unit/archive/keeper_day.h"

int main() {
  using p2pd::archive::Day;
  using p2pd::archive::kGroups;
  std::printf("seed  below availability 1  most used of the quota  fetched again of what went\n");
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Day day(seed);
    day.Run();
    std::printf("%4d  %19d s  %20.2f %%  %24.2f %%\n", static_cast<int>(seed),
                day.below_one * static_cast<int>(absl::ToInt64Seconds(p2pd::archive::kStep)),
                100 * static_cast<double>(day.most_used) / static_cast<double>(day.quota()),
                100 * static_cast<double>(day.refetched) / static_cast<double>(day.dropped));
  }
  Day day(6);
  day.Run();
  const int held = day.held();
  day.AllLeave();
  std::printf("all leave at once: of %u groups %d were held and %d are, %d count as lost\n",
              kGroups, held, day.held(), day.Lost());
  return 0;
}
