# Included by tests/unit/core/models/CMakeLists.txt.
mneme_unit_test(core/models/index/binary_index DEPS mneme::models LABELS core TIMEOUT 300)
mneme_unit_test(core/models/index/calibration DEPS mneme::models LABELS core)
mneme_unit_test(core/models/index/graph_index DEPS mneme::models LABELS core TIMEOUT 300)
mneme_unit_test(core/models/index/rescore DEPS mneme::models LABELS core)
