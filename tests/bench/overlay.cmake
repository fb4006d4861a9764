if(P2PD_ONLY STREQUAL "all")
  p2pd_bench(overlay_load LINK p2pd::clients_common)
endif()
