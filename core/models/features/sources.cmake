# Included by core/models/CMakeLists.txt.
target_sources(mneme_models PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/encoder_losses.cc
  ${CMAKE_CURRENT_LIST_DIR}/encoder_training.cc
  ${CMAKE_CURRENT_LIST_DIR}/feature_map.cc
  ${CMAKE_CURRENT_LIST_DIR}/feature_model.cc
  ${CMAKE_CURRENT_LIST_DIR}/feature_query.cc
  ${CMAKE_CURRENT_LIST_DIR}/feature_recall.cc
  ${CMAKE_CURRENT_LIST_DIR}/feature_spec.cc
  ${CMAKE_CURRENT_LIST_DIR}/feature_state.cc
  ${CMAKE_CURRENT_LIST_DIR}/feature_sum.cc
  ${CMAKE_CURRENT_LIST_DIR}/linear_encoder.cc
  ${CMAKE_CURRENT_LIST_DIR}/quadratic_model.cc
  ${CMAKE_CURRENT_LIST_DIR}/quadratic_sum.cc)
