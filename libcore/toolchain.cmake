# Compiler, linker, cache and sanitizer settings that hold for every target.

find_program(P2PD_CCACHE ccache)
if(P2PD_CCACHE)
  # The base directory makes a fresh clone in another folder hit the cache; the sloppiness is what its manual asks for where
  # headers are precompiled.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${P2PD_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

find_program(P2PD_MOLD mold)
if(P2PD_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_link_options(-fuse-ld=lld)
endif()

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1 -fno-omit-frame-pointer")
# Nobody puts functions of his own in place of ours at load time, so that they may be inlined although the code could
# be moved; clang takes that for granted.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fno-semantic-interposition)
endif()

if(P2PD_SANITIZE)
  add_compile_options(-fsanitize=${P2PD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${P2PD_SANITIZE})
  if(P2PD_SANITIZE MATCHES "thread")
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      add_compile_options(-Wno-tsan)
    endif()
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # False positive in Asio's coroutine frames.
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
  endif()
else()
  # Hardening that costs next to nothing; sanitizers bring their own.
  add_compile_options(-fstack-protector-strong $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now)
endif()

# Coverage for libFuzzer; the fuzz targets themselves bring its main().
if(P2PD_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "P2PD_FUZZ needs clang: use the preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Warnings of our own code; generated code and system headers do without.
set(P2PD_WARNINGS -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Holds who may touch what under which lock (ABSL_GUARDED_BY).
  list(APPEND P2PD_WARNINGS -Wthread-safety)
  # libstdc++ 12's stable_sort uses what it deprecates itself, and clang says so.
  list(APPEND P2PD_WARNINGS -Wno-deprecated-declarations)
endif()
if(P2PD_WERROR)
  list(APPEND P2PD_WARNINGS -Werror)
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(LibtorrentRasterbar 2.0.8 REQUIRED CONFIG)
# Debian's library was built without its assertions, and with them some of its structs are of another size.
get_target_property(definitions LibtorrentRasterbar::torrent-rasterbar INTERFACE_COMPILE_DEFINITIONS)
list(FILTER definitions EXCLUDE REGEX TORRENT_USE_ASSERTS)
set_target_properties(LibtorrentRasterbar::torrent-rasterbar PROPERTIES INTERFACE_COMPILE_DEFINITIONS "${definitions}")
