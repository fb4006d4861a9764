# Tests of presence on the simulated network.
foreach(part login environment faults)
  p2pd_test(presence_${part} SOURCES presence_${part}_test.cc LINK p2pd::sim_world p2pd::presence LABELS sim TIMEOUT 900)
endforeach()
