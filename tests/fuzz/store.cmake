# What strangers put, ask and answer.
p2pd_fuzz(store_object LINK p2pd::store)
p2pd_fuzz(store_message LINK p2pd::store)

# Makes their seeds; run by hand (make_store_corpus.cc).
add_executable(p2pd_make_store_corpus EXCLUDE_FROM_ALL make_store_corpus.cc)
target_link_libraries(p2pd_make_store_corpus PRIVATE p2pd::store GTest::gtest)
target_include_directories(p2pd_make_store_corpus PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(p2pd_make_store_corpus PRIVATE ${P2PD_WARNINGS})
