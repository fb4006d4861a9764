# Tests of the simulated network, and of the overlay on it.
p2pd_test(sim_world SOURCES world_test.cc LINK p2pd::sim_world LABELS sim)
p2pd_test(overlay_join SOURCES overlay_join_test.cc LINK p2pd::sim_world p2pd::overlay LABELS sim)
p2pd_test(overlay_churn SOURCES overlay_churn_test.cc LINK p2pd::sim_world p2pd::overlay LABELS sim TIMEOUT 900)
# With the model of the cryptography: many nodes, and none of it depends on it.
p2pd_test(overlay_hints SOURCES overlay_hints_test.cc LINK p2pd_crypto_model p2pd::sim_world p2pd::overlay LABELS sim)
p2pd_test(overlay_nat SOURCES overlay_nat_test.cc LINK p2pd_crypto_model p2pd::sim_world p2pd::overlay LABELS sim)
p2pd_test(overlay_faults SOURCES overlay_faults_test.cc LINK p2pd::sim_world p2pd::overlay LABELS sim)
p2pd_test(overlay_link_local SOURCES overlay_link_local_test.cc LINK p2pd::sim_world p2pd::overlay LABELS sim)
p2pd_test(overlay_urgency SOURCES overlay_urgency_test.cc LINK p2pd::sim_world p2pd::overlay LABELS sim)
