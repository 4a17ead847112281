#include "core/models/index/calibration_codec.h"

namespace mneme::models {
namespace {

void PutShare(const MeasuredShare& share, ByteWriter& out) {
  out.Put(share.share);
  out.Put(share.low);
  out.Put(share.high);
}

MeasuredShare GetShare(ByteReader& in) {
  MeasuredShare share;
  share.share = in.Get<double>();
  share.low = in.Get<double>();
  share.high = in.Get<double>();
  return share;
}

}  // namespace

void PutCalibration(const Calibration& calibration, ByteWriter& out) {
  out.Put(static_cast<uint8_t>(calibration.verdict));
  out.PutBytes(calibration.why);
  out.Put(static_cast<uint64_t>(calibration.depth));
  PutShare(calibration.recall, out);
  out.Put(calibration.exact_ns);
  out.Put(calibration.rows);
  out.Put(static_cast<uint32_t>(calibration.table.size()));
  for (const DepthResult& line : calibration.table) {
    out.Put(static_cast<uint64_t>(line.depth));
    PutShare(line.recall, out);
    out.Put(line.candidates_ns);
    out.Put(line.rescore_ns);
  }
}

Calibration GetCalibration(ByteReader& in) {
  Calibration out;
  out.verdict = static_cast<IndexVerdict>(in.Get<uint8_t>());
  out.why = in.GetBytes();
  out.depth = in.Get<uint64_t>();
  out.recall = GetShare(in);
  out.exact_ns = in.Get<double>();
  out.rows = in.Get<uint64_t>();
  const uint32_t lines = in.Get<uint32_t>();
  for (uint32_t i = 0; i < lines && in.ok(); ++i) {
    DepthResult& line = out.table.emplace_back();
    line.depth = in.Get<uint64_t>();
    line.recall = GetShare(in);
    line.candidates_ns = in.Get<double>();
    line.rescore_ns = in.Get<double>();
  }
  return out;
}

}  // namespace mneme::models
