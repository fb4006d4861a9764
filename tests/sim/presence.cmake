# Tests of presence on the simulated network.
p2pd_test(presence_login SOURCES presence_login_test.cc LINK p2pd::sim_world p2pd::presence LABELS sim)
