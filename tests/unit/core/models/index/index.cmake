# Included by tests/unit/core/models/CMakeLists.txt.
mneme_unit_test(core/models/index/binary_index DEPS mneme::models LABELS core TIMEOUT 300)
mneme_unit_test(core/models/index/calibration DEPS mneme::models LABELS core)
mneme_unit_test(core/models/index/graph_index DEPS mneme::models LABELS core TIMEOUT 300)
mneme_unit_test(core/models/index/rescore DEPS mneme::models LABELS core)
if(MNEME_SANITIZE STREQUAL "thread")
  # hnswlib takes the locks of two rows in either order. A graph has one writer, so that it never waits for itself;
  # ThreadSanitizer's look-out for races stays on.
  set_tests_properties(unit_core_models_index_graph_index unit_core_models_dense_dense_index PROPERTIES
                       ENVIRONMENT "TSAN_OPTIONS=ignore_noninstrumented_modules=1 detect_deadlocks=0")
endif()
