# add_layer(NAME SOURCES a.cc … TESTS a_test.cc … LIBS x …)
#
# Makes the static library perdure_<name> (alias perdure::<name>, '/' becomes '_'). What it may link
# is read from src/layers.txt, so a call into a layer that is not named there does not link. Tests
# become <name>_test, which links only the layer and what lies below it, with the ctest label unit.
# TEST_LIBS are for the test alone. LABELS adds ctest labels (safety, concurrency).

file(STRINGS ${PROJECT_SOURCE_DIR}/src/layers.txt perdure_layer_lines REGEX "^[a-z]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/layers.txt)
foreach(line IN LISTS perdure_layer_lines)
  string(REGEX MATCH "^([a-z0-9_/]+):(.*)$" _ "${line}")
  string(REPLACE "/" "_" layer "${CMAKE_MATCH_1}")
  string(STRIP "${CMAKE_MATCH_2}" names)
  string(REGEX REPLACE " +" ";" names "${names}")
  set(PERDURE_LAYER_${layer} "")
  foreach(name IN LISTS names)
    string(REPLACE "/" "_" name "${name}")
    list(APPEND PERDURE_LAYER_${layer} perdure::${name})
  endforeach()
endforeach()

function(add_layer name)
  cmake_parse_arguments(L "" "" "SOURCES;TESTS;LIBS;TEST_LIBS;LABELS" ${ARGN})
  string(REPLACE "/" "_" target ${name})
  if(NOT DEFINED PERDURE_LAYER_${target})
    message(FATAL_ERROR "layer ${name} is not in src/layers.txt")
  endif()
  add_library(perdure_${target} STATIC ${L_SOURCES})
  add_library(perdure::${target} ALIAS perdure_${target})
  target_link_libraries(perdure_${target} PUBLIC ${PERDURE_LAYER_${target}}
    PRIVATE perdure_options ${L_LIBS})
  if(PERDURE_TESTS AND L_TESTS)
    add_executable(${target}_test ${L_TESTS})
    target_link_libraries(${target}_test PRIVATE perdure_options perdure::${target} ${L_TEST_LIBS}
      GTest::gtest_main)
    discover_tests(${target}_test LABELS unit ${L_LABELS})
  endif()
endfunction()
