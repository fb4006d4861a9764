# Tests of the overlay on the simulated network.
p2pd_test(overlay_join SOURCES overlay_join_test.cc LINK p2pd::sim_world p2pd::overlay LABELS sim)
p2pd_test(overlay_churn SOURCES overlay_churn_test.cc LINK p2pd::sim_world p2pd::overlay LABELS sim)
