# Included by core/models/CMakeLists.txt.
target_sources(mneme_models PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/codebook_scores.cc
  ${CMAKE_CURRENT_LIST_DIR}/federated_learner.cc
  ${CMAKE_CURRENT_LIST_DIR}/learners.cc
  ${CMAKE_CURRENT_LIST_DIR}/linear_codec.cc
  ${CMAKE_CURRENT_LIST_DIR}/linear_model.cc
  ${CMAKE_CURRENT_LIST_DIR}/linear_query.cc
  ${CMAKE_CURRENT_LIST_DIR}/linear_rows.cc
  ${CMAKE_CURRENT_LIST_DIR}/linear_sums.cc
  ${CMAKE_CURRENT_LIST_DIR}/linear_view.cc
  ${CMAKE_CURRENT_LIST_DIR}/ordered_learner.cc
  ${CMAKE_CURRENT_LIST_DIR}/ranked_items.cc
  ${CMAKE_CURRENT_LIST_DIR}/ridge_solver.cc
  ${CMAKE_CURRENT_LIST_DIR}/rls_learner.cc
  ${CMAKE_CURRENT_LIST_DIR}/row_steps.cc
  ${CMAKE_CURRENT_LIST_DIR}/served_weights.cc
  ${CMAKE_CURRENT_LIST_DIR}/sums_learner.cc
  ${CMAKE_CURRENT_LIST_DIR}/tam_certificates.cc
  ${CMAKE_CURRENT_LIST_DIR}/tam_learner.cc
  ${CMAKE_CURRENT_LIST_DIR}/tam_model.cc
  ${CMAKE_CURRENT_LIST_DIR}/tam_sum.cc
  ${CMAKE_CURRENT_LIST_DIR}/tam_training.cc
  ${CMAKE_CURRENT_LIST_DIR}/weights_writer.cc)
