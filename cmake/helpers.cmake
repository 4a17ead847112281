# What is compiled from core, server and client is the product: target `product` builds all of it, and where MNEME_TIDY
# is on clang-tidy reads its sources (.clang-tidy at the root).
add_custom_target(product)
if(MNEME_TIDY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/.clang-tidy)
  file(MD5 ${PROJECT_SOURCE_DIR}/.clang-tidy tidy_checks)
endif()
function(mneme_product name)
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE folder)
  if(folder MATCHES "^(core|server|client)(/|$)")
    add_dependencies(product ${name})
    if(MNEME_TIDY)
      set_target_properties(${name} PROPERTIES CXX_CLANG_TIDY "${MNEME_CLANG_TIDY};--quiet")
      target_compile_definitions(${name} PRIVATE MNEME_TIDY_CHECKS=${tidy_checks})  # other checks: look again
    endif()
  endif()
endfunction()

# mneme_library(storage SOURCES a.cc DEPS mneme::base PRIVATE_DEPS RocksDB::rocksdb-shared)
# makes the static library mneme_storage with the alias mneme::storage.
function(mneme_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(mneme_${name} STATIC ${ARG_SOURCES})
  add_library(mneme::${name} ALIAS mneme_${name})
  target_link_libraries(mneme_${name} PUBLIC mneme_options ${ARG_DEPS}
                        PRIVATE mneme_warnings ${ARG_PRIVATE_DEPS})
  mneme_product(mneme_${name})
endfunction()

# mneme_program(mnemed SOURCES main.cc DEPS ...) makes build/PRESET/bin/mnemed.
function(mneme_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE mneme_options mneme_warnings ${ARG_DEPS})
endfunction()

# mneme_unit_test(core/models/dense/partial DEPS mneme::models LABELS core)
# compiles tests/unit/core/models/dense/partial_test.cc into unit_core_models_dense_partial: the path is written
# once and gives both names. Label `core` means: no gRPC, runs under ThreadSanitizer too.
function(mneme_unit_test path)
  cmake_parse_arguments(ARG "" "TIMEOUT" "DEPS;LABELS" ${ARGN})
  string(REPLACE "/" "_" name "unit_${path}")
  add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/unit/${path}_test.cc)
  target_link_libraries(${name} PRIVATE mneme_options mneme_warnings ${ARG_DEPS}
                        GTest::gtest GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "unit;${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  if("core" IN_LIST ARG_LABELS)
    add_dependencies(core_tests ${name})
  endif()
endfunction()
