# What `cmake --install BUILD --component client` puts into a prefix: headers, two static libraries, the package config,
# and the .proto files for clients in other languages.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# mneme_proto is built for this tree; here it gets the interface it has when installed: its generated headers as a file
# set, and no link to mneme_options.
get_target_property(proto_sources mneme_proto SOURCES)
set(proto_headers ${proto_sources})
list(FILTER proto_headers INCLUDE REGEX "\\.pb\\.cc$")
list(TRANSFORM proto_headers REPLACE "\\.cc$" ".h")
set(proto_out ${PROJECT_BINARY_DIR}/proto/generated)
set_target_properties(mneme_proto PROPERTIES
  EXPORT_NAME proto
  INTERFACE_INCLUDE_DIRECTORIES "$<BUILD_INTERFACE:${proto_out}>"
  INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "$<BUILD_INTERFACE:${proto_out}>"
  INTERFACE_LINK_LIBRARIES "protobuf::libprotobuf;gRPC::grpc++")
target_sources(mneme_proto PUBLIC FILE_SET HEADERS BASE_DIRS ${proto_out} FILES ${proto_headers})

install(TARGETS mneme_client mneme_proto EXPORT mneme-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT client
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT client)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/mneme)
install(EXPORT mneme-targets NAMESPACE mneme:: DESTINATION ${package_folder} COMPONENT client)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/mneme-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES mneme-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/mneme-config-version.cmake
  DESTINATION ${package_folder} COMPONENT client)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto/ DESTINATION ${CMAKE_INSTALL_DATADIR}/mneme/proto
  COMPONENT client FILES_MATCHING PATTERN "*.proto")
