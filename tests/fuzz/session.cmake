p2pd_fuzz(session_envelope LINK p2pd::session)
p2pd_fuzz(session_hello LINK p2pd::session p2pd::store)
p2pd_fuzz(session_ack LINK p2pd::session p2pd::store)
p2pd_fuzz(session_packet LINK p2pd::session p2pd::store)
p2pd_fuzz(session_rekey LINK p2pd::session)
p2pd_fuzz(session_referral LINK p2pd::session)
p2pd_fuzz(session_call_signal LINK p2pd::session p2pd::store p2pd::sim_world)

# Makes their seeds; run by hand (make_session_corpus.cc).
add_executable(p2pd_make_session_corpus EXCLUDE_FROM_ALL make_session_corpus.cc)
target_link_libraries(p2pd_make_session_corpus PRIVATE p2pd::session p2pd::store)
target_include_directories(p2pd_make_session_corpus PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(p2pd_make_session_corpus PRIVATE ${P2PD_WARNINGS})
