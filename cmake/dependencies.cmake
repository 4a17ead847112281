# Debian 12's packages; docs/DEPENDENCIES.md says why each. Protobuf before gRPC: gRPC's config refers to it.
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(RocksDB CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(hwy CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)

find_package(prometheus-cpp CONFIG REQUIRED)

# libmicrohttpd has no config of CMake's.
find_path(MNEME_MICROHTTPD_INCLUDE microhttpd.h REQUIRED)
find_library(MNEME_MICROHTTPD_LIBRARY microhttpd REQUIRED)
add_library(mneme_microhttpd INTERFACE)
target_include_directories(mneme_microhttpd SYSTEM INTERFACE ${MNEME_MICROHTTPD_INCLUDE})
target_link_libraries(mneme_microhttpd INTERFACE ${MNEME_MICROHTTPD_LIBRARY})

# OpenBLAS's config gives variables only.
find_package(OpenBLAS CONFIG REQUIRED)
add_library(mneme_openblas INTERFACE)
target_include_directories(mneme_openblas SYSTEM INTERFACE ${OpenBLAS_INCLUDE_DIRS})
target_link_libraries(mneme_openblas INTERFACE ${OpenBLAS_LIBRARIES})

if(MNEME_DEV)
  find_package(GTest CONFIG REQUIRED)
  find_package(benchmark CONFIG REQUIRED)
  find_package(Python3 COMPONENTS Interpreter)
  enable_testing()
endif()
if(MNEME_TIDY)
  find_program(MNEME_CLANG_TIDY NAMES clang-tidy-16 REQUIRED)
endif()
