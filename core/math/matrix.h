// Row-major matrices: an owner with aligned rows, and a view that borrows.
#ifndef MNEME_CORE_MATH_MATRIX_H_
#define MNEME_CORE_MATH_MATRIX_H_

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>

namespace mneme {

// Borrowed rows x cols numbers, contiguous, row-major. Cheap to copy.
template <typename T>
struct BasicMatrixView {
  const T* data = nullptr;
  size_t rows = 0;
  size_t cols = 0;

  std::span<const T> row(size_t i) const { return {data + i * cols, cols}; }
  std::span<const T> flat() const { return {data, rows * cols}; }
  BasicMatrixView slice(size_t first, size_t count) const {
    return {data + first * cols, count, cols};
  }
  bool empty() const { return rows == 0 || cols == 0; }
};
using MatrixView = BasicMatrixView<float>;
using MatrixViewD = BasicMatrixView<double>;

// Owned, 64-byte aligned, contiguous; zeroed on construction. Move-only; Clone() copies on purpose.
template <typename T>
class BasicMatrix {
 public:
  BasicMatrix() = default;
  BasicMatrix(size_t rows, size_t cols) : data_(Allocate(rows * cols)), rows_(rows), cols_(cols) {
    if (rows * cols > 0) std::memset(data_.get(), 0, rows * cols * sizeof(T));
  }
  BasicMatrix(BasicMatrix&&) noexcept = default;
  BasicMatrix& operator=(BasicMatrix&&) noexcept = default;

  static BasicMatrix Copy(BasicMatrixView<T> from) {
    BasicMatrix out(from.rows, from.cols);
    if (!from.empty()) std::memcpy(out.data(), from.data, from.rows * from.cols * sizeof(T));
    return out;
  }
  BasicMatrix Clone() const { return Copy(view()); }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t rows() const { return rows_; }
  size_t cols() const { return cols_; }
  size_t bytes() const { return rows_ * cols_ * sizeof(T); }
  bool empty() const { return rows_ == 0 || cols_ == 0; }
  T& at(size_t i, size_t j) { return data_[i * cols_ + j]; }
  T at(size_t i, size_t j) const { return data_[i * cols_ + j]; }
  std::span<T> row(size_t i) { return {data_.get() + i * cols_, cols_}; }
  std::span<const T> row(size_t i) const { return {data_.get() + i * cols_, cols_}; }
  std::span<T> flat() { return {data_.get(), rows_ * cols_}; }
  std::span<const T> flat() const { return {data_.get(), rows_ * cols_}; }
  BasicMatrixView<T> view() const { return {data_.get(), rows_, cols_}; }
  operator BasicMatrixView<T>() const {
    return view();
  }  // NOLINT: a view of it is what callees take

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  static std::unique_ptr<T[], Free> Allocate(size_t count) {
    if (count == 0) return nullptr;
    const size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
    T* p = static_cast<T*>(std::aligned_alloc(64, bytes));
    if (p == nullptr) throw std::bad_alloc();
    return std::unique_ptr<T[], Free>(p);
  }

  std::unique_ptr<T[], Free> data_;
  size_t rows_ = 0;
  size_t cols_ = 0;
};
using Matrix = BasicMatrix<float>;
using MatrixD = BasicMatrix<double>;

}  // namespace mneme

#endif  // MNEME_CORE_MATH_MATRIX_H_
