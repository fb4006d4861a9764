# Tests of the store on the simulated network.
p2pd_test(store_put_get SOURCES store_put_get_test.cc LINK p2pd::sim_world p2pd::store LABELS sim)
p2pd_test(store_durability SOURCES store_durability_test.cc LINK p2pd_crypto_model p2pd::sim_world p2pd::store LABELS sim TIMEOUT 600)
