// Analyses: wire <-> engine.
#ifndef MNEME_SERVER_RPC_CONVERT_ANALYSIS_H_
#define MNEME_SERVER_RPC_CONVERT_ANALYSIS_H_

#include "absl/status/statusor.h"
#include "core/analysis/analysis.h"
#include "core/analysis/sample_ring.h"
#include "mneme/v1/analysis.pb.h"
#include "server/rpc/convert.h"

namespace mneme::server {

// InvalidArgument (ANALYSIS): none is named; what the fields say is checked by the engine.
absl::StatusOr<analysis::AnalysisSpec> DecodeAnalysis(const v1::AnalyzeRequest& request,
                                                      DecodeArena& arena);
void EncodeReport(const analysis::Report& from, v1::AnalysisReport* to);
void EncodeSample(const analysis::Sample& from, v1::AnalysisSample* to);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_CONVERT_ANALYSIS_H_
