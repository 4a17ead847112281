// Named numbers in the order in which they were set.
#ifndef MNEME_TESTS_LAB_QUANTITIES_H_
#define MNEME_TESTS_LAB_QUANTITIES_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mneme::lab {

class Quantities {
 public:
  void Set(std::string name, double value) {
    for (auto& [known, old] : entries_) {
      if (known == name) {
        old = value;
        return;
      }
    }
    entries_.emplace_back(std::move(name), value);
  }
  std::optional<double> Find(std::string_view name) const {
    for (const auto& [known, value] : entries_) {
      if (known == name) return value;
    }
    return std::nullopt;
  }
  const std::vector<std::pair<std::string, double>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, double>> entries_;
};

}  // namespace mneme::lab

#endif  // MNEME_TESTS_LAB_QUANTITIES_H_
