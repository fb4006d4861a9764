# Whatever a stranger may send to the overlay: datagrams to a whole node, frames inside a packet,
# what is sealed in a letter, what is said to all of a link; and what a neighbour passes on for another.
p2pd_fuzz(overlay_datagram LINK p2pd::overlay)
p2pd_fuzz(overlay_detour LINK p2pd::overlay)
p2pd_fuzz(overlay_frames LINK p2pd::overlay)
p2pd_fuzz(overlay_hints LINK p2pd::overlay)
p2pd_fuzz(overlay_record LINK p2pd::overlay)
p2pd_fuzz(overlay_letter LINK p2pd::overlay)
p2pd_fuzz(overlay_link_local LINK p2pd::overlay)

# Makes the letters among their seeds; run by hand (make_overlay_corpus.cc).
add_executable(p2pd_make_overlay_corpus EXCLUDE_FROM_ALL make_overlay_corpus.cc)
target_link_libraries(p2pd_make_overlay_corpus PRIVATE p2pd::overlay)
target_include_directories(p2pd_make_overlay_corpus PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(p2pd_make_overlay_corpus PRIVATE ${P2PD_WARNINGS})
