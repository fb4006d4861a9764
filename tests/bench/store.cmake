p2pd_bench(store LINK p2pd::store p2pd::sim_world GTest::gtest)
