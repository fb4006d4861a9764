# What strangers and files bring to pki.
foreach(target certificate chain crl csr pem_key pkcs12 cms)
  p2pd_fuzz(pki_${target} LINK p2pd::pki p2pd::base OpenSSL::Crypto)
endforeach()

# Makes their seeds; run by hand (make_pki_corpus.cc).
add_executable(p2pd_make_pki_corpus EXCLUDE_FROM_ALL make_pki_corpus.cc)
target_link_libraries(p2pd_make_pki_corpus PRIVATE p2pd::pki OpenSSL::Crypto GTest::gtest)
target_include_directories(p2pd_make_pki_corpus PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(p2pd_make_pki_corpus PRIVATE ${P2PD_WARNINGS})
