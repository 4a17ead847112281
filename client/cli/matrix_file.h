// Matrices in files: .npy (NumPy's format, versions 1 to 3) and .fvecs (each row an int32 length
// and its float32s).
//
// Threads: one thread for each file.
#ifndef MNEME_CLIENT_CLI_MATRIX_FILE_H_
#define MNEME_CLIENT_CLI_MATRIX_FILE_H_

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mneme/types.h"

namespace mneme::cli {

// Rows of numbers, read from first to last.
class MatrixFile {
 public:
  virtual ~MatrixFile() = default;
  size_t rows() const { return rows_; }
  size_t cols() const { return cols_; }
  // The next rows as float32, at most `rows_max`; a matrix of no rows at the end. An error (USAGE)
  // where the file has become shorter since it was opened, or cannot be read on.
  virtual absl::StatusOr<client::Matrix> Read(size_t rows_max) = 0;

 protected:
  size_t rows_ = 0;
  size_t cols_ = 0;
};

// Opens by the ending of the name. A one-dimensional .npy of n numbers is one row of n. One in
// Fortran order is read row by row all the same, at a seek for each column and Read.
absl::StatusOr<std::unique_ptr<MatrixFile>> OpenMatrix(const std::string& path);

// All numbers of an .npy of one dimension, or of one column or row.
absl::StatusOr<std::vector<uint64_t>> ReadWholeNumbers(const std::string& path);
absl::StatusOr<std::vector<float>> ReadColumn(const std::string& path);

// Writes float32 rows as .npy; the file takes its name when it is complete.
class NpyWriter {
 public:
  static absl::StatusOr<std::unique_ptr<NpyWriter>> Create(const std::string& path);
  // Removes what was not finished.
  ~NpyWriter();

  absl::Status Write(client::MatrixRef rows);
  absl::Status Finish();

 private:
  explicit NpyWriter(std::string path) : path_(std::move(path)) {}
  std::string part_path() const { return path_ + ".part"; }

  const std::string path_;
  std::ofstream file_;
  size_t rows_ = 0;
  size_t cols_ = 0;
  bool finished_ = false;
};

}  // namespace mneme::cli

#endif  // MNEME_CLIENT_CLI_MATRIX_FILE_H_
