# One interface target that every target of ours links: warnings, hardening, sanitizers.
add_library(perdure_options INTERFACE)
target_compile_options(perdure_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -Werror=unused-result
  -fno-omit-frame-pointer -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms on std::string concatenation at -O2 and above: GCC PR 105651. And it takes the alternative
  # of a variant that is not there for uninitialised where a Result is moved, at -O3 or under sanitizers.
  target_compile_options(perdure_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
target_compile_definitions(perdure_options INTERFACE PERDURE_VERSION="${PROJECT_VERSION}"
  _FILE_OFFSET_BITS=64 _GNU_SOURCE $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
target_link_options(perdure_options INTERFACE -Wl,-z,relro,-z,now)
target_include_directories(perdure_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
if(PERDURE_SANITIZE)
  target_compile_options(perdure_options INTERFACE -fsanitize=${PERDURE_SANITIZE}
    -fno-sanitize-recover=all)
  target_link_options(perdure_options INTERFACE -fsanitize=${PERDURE_SANITIZE})
  # GCC's manual: sanitizers make this warning see what is not there. The other builds have it.
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(perdure_options INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(PERDURE_COVERAGE)
  target_compile_options(perdure_options INTERFACE --coverage)
  target_link_options(perdure_options INTERFACE --coverage)
endif()
if(PERDURE_FUZZ)
  target_compile_options(perdure_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
