// Capacities: what load, and how many items, by each criterion? Theory alone; nothing is drawn at
// random, so that what is measured is what is predicted.
#include "core/theory/capacity.h"

#include "core/theory/hard_margin.h"
#include "core/theory/tail_average.h"
#include "tests/lab/experiments.h"

namespace mneme::lab {
namespace {

Quantities Capacities(const Parameters& parameters) {
  const double d_k = parameters.Real("d_k"), d_v = parameters.Real("d_v");
  const double r = parameters.Real("r"), alpha = parameters.Real("alpha");
  Quantities out;
  out.Set("kappa", theory::TailMean(r));
  out.Set("alpha_c", theory::TamCriticalLoad(r));
  out.Set("alpha_0", theory::TamCollapseLoad(r));
  out.Set("theta", theory::HardMarginThreshold(alpha));
  out.Set("t_star", theory::HardMarginWorstPercentile(alpha));
  out.Set("r_c", theory::HardMarginTailFraction(alpha));
  const auto set_count = [&](const char* name, uint64_t n) {
    out.Set(name, static_cast<double>(n));
  };
  set_count("n_list", theory::TamCapacityCertified(d_k, d_v, r));
  set_count("n_top1_all", theory::CmmCapacityAllLimit(d_k, d_v));
  set_count("n_top1_typical", theory::CmmCapacityTypicalLimit(d_k, d_v));
  set_count("n_cmm_all_top1", theory::CmmCapacityAllTop1(d_k, d_v, parameters.Real("p")));
  set_count("n_cmm_mean_top1", theory::CmmCapacityMeanTop1(d_k, d_v, parameters.Real("share")));
  set_count("n_cmm_list",
            theory::CmmCapacityList(d_k, d_v, parameters.Real("t"), parameters.Real("h")));
  set_count("n_ridge_recall", theory::RidgeCapacityRecall(d_k, parameters.Real("x")));
  set_count("n_opt_worst_list", theory::OptimalCapacityWorstList(d_k, d_v, parameters.Real("K")));
  return out;
}

absl::Status RunCapacity(const Parameters& parameters, Run& run) {
  const Quantities capacities = Capacities(parameters);
  for (const auto& [name, value] : capacities.entries()) run.Measure(name, value);
  return absl::OkStatus();
}

void PredictCapacity(const Parameters& parameters, const Quantities&, Quantities& predicted) {
  predicted = Capacities(parameters);
}

Flag ShareFlag(std::string_view name, std::string_view default_value, std::string_view help) {
  return {.name = name,
          .kind = FlagKind::kReal,
          .default_value = default_value,
          .help = help,
          .least = 0,
          .most = 1 - 1e-15,
          .above_least = true};
}

Flag DimensionFlag(std::string_view name, std::string_view help) {
  return {.name = name,
          .kind = FlagKind::kReal,
          .default_value = "64",
          .unit = "numbers",
          .help = help,
          .least = 2,
          .most = 1e5};
}

}  // namespace

Experiment CapacityExperiment() {
  return {
      .name = "capacity",
      .summary = "linear memories: critical loads, and the number of items by each criterion",
      .source = "capacity theory of linear associative memory: laws of scores, tail-average margin",
      .slope_of = "n_cmm_all_top1",
      .flags = {ShareFlag("r", "0.1", "tail fraction of kappa, alpha_c, alpha_0, n_list"),
                DimensionFlag("d_k", "dimension of keys, effective ones too (--d: of both)"),
                DimensionFlag("d_v", "dimension of responses"),
                {.name = "alpha",
                 .kind = FlagKind::kReal,
                 .default_value = "0.2",
                 .unit = "items / (d_k d_v)",
                 .help = "load of theta, t_star, r_c",
                 .least = 0,
                 .most = 1e6,
                 .above_least = true},
                ShareFlag("p", "0.5", "chance of n_cmm_all_top1: all items first"),
                ShareFlag("share", "0.5", "share of n_cmm_mean_top1: items first"),
                ShareFlag("t", "0.01", "list of n_cmm_list, as a share of n"),
                ShareFlag("h", "0.95", "share of n_cmm_list: items in the list"),
                {.name = "K",
                 .kind = FlagKind::kReal,
                 .default_value = "10",
                 .unit = "items",
                 .help = "list of n_opt_worst_list, which holds the worst item",
                 .least = 0,
                 .most = 1e9,
                 .above_least = true},
                {.name = "x",
                 .kind = FlagKind::kReal,
                 .default_value = "1",
                 .help = "1/SNR of n_ridge_recall",
                 .least = 0,
                 .most = 1e6}},
      .run = RunCapacity,
      .predict = PredictCapacity,
  };
}

}  // namespace mneme::lab
