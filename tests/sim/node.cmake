p2pd_test(calls_nat SOURCES calls_nat_test.cc LINK p2pd::sim_node LABELS sim TIMEOUT 900)
