# What every target of ours is compiled with. Linked PRIVATE, never exported.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Tests, and warnings as errors: only for those who work on mneme itself.
option(MNEME_DEV "Build the tests; treat warnings as errors" OFF)
set(MNEME_SANITIZE "" CACHE STRING "Value for -fsanitize=, empty for none")
# Without it the programs of tests/fuzz only feed their corpora.
option(MNEME_FUZZ "Link libFuzzer into the programs of tests/fuzz (clang)" OFF)
option(MNEME_TIDY "Run clang-tidy on the sources of core, server and client as they compile" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(MNEME_CCACHE ccache)
if(MNEME_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${MNEME_CCACHE})
endif()

add_library(mneme_options INTERFACE)
target_include_directories(mneme_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_features(mneme_options INTERFACE cxx_std_20)

add_library(mneme_warnings INTERFACE)
target_compile_options(mneme_warnings INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wswitch -Wimplicit-fallthrough
  -Wno-missing-field-initializers)  # designated initialisers leave defaults out on purpose
if(MNEME_DEV)
  target_compile_options(mneme_warnings INTERFACE -Werror)
endif()
# g++ 12 reports overruns inside libstdc++'s own std::string and std::vector code that are not there.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(mneme_warnings INTERFACE
    -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
    -Wno-maybe-uninitialized)
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(mneme_warnings INTERFACE -Wthread-safety -Werror=thread-safety)
endif()

if(MNEME_SANITIZE)
  add_compile_options(-fsanitize=${MNEME_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MNEME_SANITIZE})
  if(MNEME_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
