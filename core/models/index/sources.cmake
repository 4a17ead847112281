# Included by core/models/CMakeLists.txt. hnswlib is headers only, in a folder of the system.
target_sources(mneme_models PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/binary_code.cc
  ${CMAKE_CURRENT_LIST_DIR}/binary_index.cc
  ${CMAKE_CURRENT_LIST_DIR}/binary_scan.cc
  ${CMAKE_CURRENT_LIST_DIR}/calibration.cc
  ${CMAKE_CURRENT_LIST_DIR}/calibration_codec.cc
  ${CMAKE_CURRENT_LIST_DIR}/candidate_index.cc
  ${CMAKE_CURRENT_LIST_DIR}/code_store.cc
  ${CMAKE_CURRENT_LIST_DIR}/graph_index.cc
  ${CMAKE_CURRENT_LIST_DIR}/graph_rows.cc
  ${CMAKE_CURRENT_LIST_DIR}/graph_walk.cc
  ${CMAKE_CURRENT_LIST_DIR}/hnsw_graph.cc
  ${CMAKE_CURRENT_LIST_DIR}/rescore.cc)
