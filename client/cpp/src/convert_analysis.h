// Wire <-> plain values of mneme/analysis.h.
//
// Threads: plain functions.
#ifndef MNEME_CLIENT_CPP_SRC_CONVERT_ANALYSIS_H_
#define MNEME_CLIENT_CPP_SRC_CONVERT_ANALYSIS_H_

#include "mneme/analysis.h"
#include "mneme/v1/analysis.pb.h"

namespace mneme::client {

void SetAnalysis(const AnalysisSpec& spec, v1::AnalyzeRequest* out);
AnalysisReport FromWire(const v1::AnalysisReport& wire);
AnalysisSample FromWire(const v1::AnalysisSample& wire);

}  // namespace mneme::client

#endif  // MNEME_CLIENT_CPP_SRC_CONVERT_ANALYSIS_H_
