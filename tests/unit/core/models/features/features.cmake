# Included by tests/unit/core/models/CMakeLists.txt: of core/models/features, and what core/models/dense has of the family.
mneme_unit_test(core/models/dense/binary DEPS mneme::models LABELS core)
mneme_unit_test(core/models/dense/finite_support DEPS mneme::models LABELS core)
mneme_unit_test(core/models/dense/separation DEPS mneme::models LABELS core)
mneme_unit_test(core/models/features/encoder DEPS mneme::models LABELS core)
mneme_unit_test(core/models/features/feature_model DEPS mneme::models LABELS core)
mneme_unit_test(core/models/features/feature_sum DEPS mneme::models LABELS core)
