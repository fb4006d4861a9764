if(P2PD_ONLY STREQUAL "all")
  p2pd_bench(api LINK p2pd::clients_common)
endif()
