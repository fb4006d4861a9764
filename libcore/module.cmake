# The shelf of libcore, bottom first, by folder. A module may depend on modules before it only, so a cycle or an upward
# dependency cannot be written down; tests/lint/check_layers.py holds the includes to the same lines.
set(P2PD_SHELF base db net http metrics pki ice overlay store session presence media archive/torrent archive/tracker archive/pieces archive/lt archive archive/federation archive/submission archive/catalogue archive/intake runtime node)

# Modules that must not see what lies below them on the shelf although the order would let them.
set(P2PD_ONLY_runtime base net)

# p2pd_unity(TARGET): in trees that are built once and never edited what is heavy is read once for eight files, so that no
# two of a target have a name of their own in common.
function(p2pd_unity target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${P2PD_BUILT_ONCE} UNITY_BUILD_BATCH_SIZE 8)
  if(P2PD_BUILT_ONCE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # A class of one file may have fields of that file's own types, which several files at a time look like a header's.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# p2pd_module(NAME DEPS module... SOURCES file... [PRIVATE target...] [PUBLIC target...])
#
# Makes the static library p2pd_NAME with the alias p2pd::NAME and the repository root as include directory; for a module
# in a folder of another, archive/tracker, that is p2pd_archive_tracker and p2pd::archive_tracker.
# DEPS are modules of libcore; PRIVATE and PUBLIC are foreign targets to link.
function(p2pd_module name)
  string(REPLACE "/" "_" target ${name})
  cmake_parse_arguments(arg "" "" "DEPS;SOURCES;PRIVATE;PUBLIC" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "p2pd_module(${name}): what is '${arg_UNPARSED_ARGUMENTS}'?")
  endif()
  list(FIND P2PD_SHELF ${name} place)
  if(place EQUAL -1)
    message(FATAL_ERROR "p2pd_module(${name}): not on the shelf of libcore/module.cmake")
  endif()
  add_library(p2pd_${target} STATIC ${arg_SOURCES})
  add_library(p2pd::${target} ALIAS p2pd_${target})
  foreach(dep IN LISTS arg_DEPS)
    list(FIND P2PD_SHELF ${dep} dep_place)
    if(dep_place EQUAL -1 OR NOT dep_place LESS place)
      message(FATAL_ERROR "p2pd_module(${name}): '${dep}' does not lie below '${name}'")
    endif()
    if(DEFINED P2PD_ONLY_${name} AND NOT dep IN_LIST P2PD_ONLY_${name})
      message(FATAL_ERROR "p2pd_module(${name}): may see ${P2PD_ONLY_${name}} only, not '${dep}'")
    endif()
    string(REPLACE "/" "_" dep_target ${dep})
    target_link_libraries(p2pd_${target} PUBLIC p2pd::${dep_target})
  endforeach()
  target_include_directories(p2pd_${target} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(p2pd_${target} PRIVATE ${P2PD_WARNINGS})
  target_link_libraries(p2pd_${target} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  p2pd_unity(p2pd_${target})
endfunction()
