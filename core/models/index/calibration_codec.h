// A calibration as bytes, for checkpoints: docs/formats/engine.md.
#ifndef MNEME_CORE_MODELS_INDEX_CALIBRATION_CODEC_H_
#define MNEME_CORE_MODELS_INDEX_CALIBRATION_CODEC_H_

#include "core/base/bytes.h"
#include "core/models/index/calibration.h"

namespace mneme::models {

void PutCalibration(const Calibration& calibration, ByteWriter& out);
// After a read past the end, or a verdict of no name, `in` is not ok() or the verdict is "?".
Calibration GetCalibration(ByteReader& in);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_CALIBRATION_CODEC_H_
