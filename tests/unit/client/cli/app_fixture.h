// Whole command lines of mnemectl against a server that does what the test says.
//
// Threads: as FakeServer.
#ifndef MNEME_TESTS_UNIT_CLIENT_CLI_APP_FIXTURE_H_
#define MNEME_TESTS_UNIT_CLIENT_CLI_APP_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/app.h"
#include "client/cli/matrix_file.h"
#include "tests/unit/client/fake_server.h"

namespace mneme::cli {

struct Outcome {
  ExitCode code;
  std::string out;
  std::string err;
};

class AppTest : public ::testing::Test {
 protected:
  AppTest() {
    folder_ = ::testing::TempDir() + "app_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~AppTest() override { std::filesystem::remove_all(folder_); }

  Outcome Run(std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.end(), {"--server", server_.target()});
    return RunBare(std::move(arguments), input);
  }

  Outcome RunBare(std::vector<std::string> arguments, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    const ExitCode code =
        RunApp(std::move(arguments), {.in = in, .out = out, .err = err, .stop = stop_.get_token()});
    return {code, out.str(), err.str()};
  }

  // rows x cols numbers 0, 1, 2, ...
  std::string SaveNpy(const std::string& name, size_t rows, size_t cols) {
    std::vector<float> numbers(rows * cols);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
    auto writer = NpyWriter::Create(folder_ + "/" + name);
    EXPECT_TRUE((*writer)->Write({numbers.data(), rows, cols}).ok());
    EXPECT_TRUE((*writer)->Finish().ok());
    return folder_ + "/" + name;
  }

  client::testing::FakeServer server_;
  std::stop_source stop_;
  std::string folder_;
};

}  // namespace mneme::cli

#endif  // MNEME_TESTS_UNIT_CLIENT_CLI_APP_FIXTURE_H_
