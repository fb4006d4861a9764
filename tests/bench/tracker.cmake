p2pd_bench(tracker_load LINK p2pd::archive_tracker p2pd::runtime)
