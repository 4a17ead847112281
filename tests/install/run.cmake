# Installs the client, then configures, builds and runs a foreign project against it.
#   cmake -DBUILD=... -DSOURCE=... -DSCRATCH=... -DCOMPILER=... -DFLAGS=... -P run.cmake
function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "failed with ${result}: ${ARGN}")
  endif()
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --component client --prefix ${SCRATCH}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/foreign -B ${SCRATCH}/build -DCMAKE_PREFIX_PATH=${SCRATCH}/prefix
  -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_FLAGS=${FLAGS} -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF)
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)
run(${SCRATCH}/build/foreign)

# The installed headers must stand alone: none names a file of the source tree.
file(GLOB_RECURSE headers ${SCRATCH}/prefix/include/mneme/*.h)
foreach(header IN LISTS headers)
  file(STRINGS ${header} wrong REGEX "#include +\"(core|server|client)/")
  if(wrong)
    message(FATAL_ERROR "${header} includes what is not installed: ${wrong}")
  endif()
endforeach()
