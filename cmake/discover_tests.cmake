# discover_tests(TARGET LABELS a b … [FILTER PATTERN] [PROPERTIES NAME VALUE …])
#
# Registers every GoogleTest case of TARGET with ctest. In CMake 3.25 gtest_discover_tests() keeps
# only the first of several labels, so they are set by a script that ctest reads after discovery.
# The target concurrency_tests builds those with that label: all that the tsan build needs.
include(GoogleTest)

function(discover_tests target)
  cmake_parse_arguments(D "" "FILTER" "LABELS;PROPERTIES" ${ARGN})
  gtest_discover_tests(${target} TEST_FILTER "${D_FILTER}" DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60)
  get_property(count DIRECTORY PROPERTY PERDURE_DISCOVERED)
  math(EXPR count "${count} + 1")
  set_property(DIRECTORY PROPERTY PERDURE_DISCOVERED ${count})
  set(script ${CMAKE_CURRENT_BINARY_DIR}/${target}_labels_${count}.cmake)
  list(JOIN D_PROPERTIES " " properties)
  file(WRITE ${script} "if(${target}_TESTS)\n"
    "  set_tests_properties(\${${target}_TESTS} PROPERTIES LABELS \"${D_LABELS}\" ${properties})\n"
    "endif()\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${script})
  if("concurrency" IN_LIST D_LABELS)
    if(NOT TARGET concurrency_tests)
      add_custom_target(concurrency_tests)
    endif()
    add_dependencies(concurrency_tests ${target})
  endif()
endfunction()
