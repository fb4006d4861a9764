pkg_check_modules(SRTP2 REQUIRED IMPORTED_TARGET libsrtp2)
p2pd_bench(media LINK p2pd_media_testing PkgConfig::SRTP2)
