// What the tests of Client share: a server that does what the test says, and rows to send it.
//
// Threads: as FakeServer.
#ifndef MNEME_TESTS_UNIT_CLIENT_CPP_CLIENT_FIXTURE_H_
#define MNEME_TESTS_UNIT_CLIENT_CPP_CLIENT_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "mneme/client.h"
#include "tests/unit/client/fake_server.h"

namespace mneme::client::testing {

class ClientTest : public ::testing::Test {
 protected:
  // Waits between tries are recorded, not waited for.
  ClientOptions Options() {
    ClientOptions options{.target = server_.target()};
    options.wait = [this](std::chrono::nanoseconds delay, std::stop_token stop) {
      waits_.push_back(delay);
      return !stop.stop_requested();
    };
    return options;
  }

  void SetLimits(uint32_t rows, uint32_t cues, uint64_t bytes) {
    v1::Limits limits;
    limits.set_rows_per_store_max(rows);
    limits.set_cues_max(cues);
    limits.set_message_bytes_max(bytes);
    server_.set_limits(limits);
  }

  // rows x 4 numbers: row i is i, i + 0.25, i + 0.5, i + 0.75.
  static Matrix Rows(size_t rows) {
    Matrix matrix{.data = std::vector<float>(rows * 4), .rows = rows, .cols = 4};
    for (size_t i = 0; i < matrix.data.size(); ++i) matrix.data[i] = 0.25f * static_cast<float>(i);
    return matrix;
  }

  FakeServer server_;
  std::vector<std::chrono::nanoseconds> waits_;
};

}  // namespace mneme::client::testing

#endif  // MNEME_TESTS_UNIT_CLIENT_CPP_CLIENT_FIXTURE_H_
