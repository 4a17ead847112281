# find_package(mneme) gives mneme::client (the C++ client) and mneme::proto (the generated code of the contract).
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(Protobuf)  # before gRPC, whose config refers to it
find_dependency(gRPC CONFIG)
find_dependency(absl CONFIG)
include("${CMAKE_CURRENT_LIST_DIR}/mneme-targets.cmake")
