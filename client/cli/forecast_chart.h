// A forecast as pictures: hit rates against load with the probed points on them, and the percentile
// profile.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CLI_FORECAST_CHART_H_
#define MNEME_CLIENT_CLI_FORECAST_CHART_H_

#include <string>

#include "client/plot/figure.h"
#include "mneme/forecast.h"

namespace mneme::cli {

// `subject`: what was forecast, for the title. No panels when the forecast came without curve and
// profile.
plot::Figure ForecastFigure(const client::ForecastResult& forecast, const std::string& subject);

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_FORECAST_CHART_H_
