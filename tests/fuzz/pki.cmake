# What strangers and files bring to pki.
p2pd_fuzz(pki_certificate LINK p2pd::pki p2pd::base)
p2pd_fuzz(pki_chain LINK p2pd::pki p2pd::base OpenSSL::Crypto)
p2pd_fuzz(pki_crl LINK p2pd::pki p2pd::base)
p2pd_fuzz(pki_csr LINK p2pd::pki p2pd::base)
p2pd_fuzz(pki_pem_key LINK p2pd::pki p2pd::base)
p2pd_fuzz(pki_pkcs12 LINK p2pd::pki p2pd::base)
p2pd_fuzz(pki_cms LINK p2pd::pki p2pd::base)

# Makes their seeds; run by hand (make_pki_corpus.cc).
add_executable(p2pd_make_pki_corpus EXCLUDE_FROM_ALL make_pki_corpus.cc)
target_link_libraries(p2pd_make_pki_corpus PRIVATE p2pd::pki OpenSSL::Crypto GTest::gtest)
target_include_directories(p2pd_make_pki_corpus PRIVATE ${CMAKE_SOURCE_DIR})
target_compile_options(p2pd_make_pki_corpus PRIVATE ${P2PD_WARNINGS})
