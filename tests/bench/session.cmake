p2pd_bench(session LINK p2pd::session p2pd::store p2pd::sim_world)
