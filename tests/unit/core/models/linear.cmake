foreach(name linear_codebook linear_model linear_sums_learner linear_query)
  mneme_unit_test(core/models/${name} DEPS mneme::models LABELS core)
endforeach()
mneme_unit_test(core/models/linear_law DEPS mneme::models mneme::theory LABELS core)
