# Included by core/models/CMakeLists.txt.
target_sources(mneme_models PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/auto_radius.cc
  ${CMAKE_CURRENT_LIST_DIR}/binary_sweep.cc
  ${CMAKE_CURRENT_LIST_DIR}/cue_encoding.cc
  ${CMAKE_CURRENT_LIST_DIR}/dense_choices.cc
  ${CMAKE_CURRENT_LIST_DIR}/dense_report.cc
  ${CMAKE_CURRENT_LIST_DIR}/dense_training.cc
  ${CMAKE_CURRENT_LIST_DIR}/nearest_distances.cc
  ${CMAKE_CURRENT_LIST_DIR}/separation.cc
  ${CMAKE_CURRENT_LIST_DIR}/shadow_count.cc
  ${CMAKE_CURRENT_LIST_DIR}/support_minima.cc
  ${CMAKE_CURRENT_LIST_DIR}/validate_dense.cc)
