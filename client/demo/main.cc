// mneme-demo: the main job of deploy/quickstart, against a server that runs.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "client/cli/connection_flags.h"
#include "client/cli/context.h"
#include "client/cli/stop.h"
#include "client/demo/images.h"
#include "client/demo/job.h"
#include "client/demo/report.h"

namespace mneme::demo {
namespace {

struct Flags {
  cli::Context context;
  std::string images;
  size_t count = 10'000;
  JobOptions job;
  bool check = false;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.footer(
      "It deletes and makes anew the memories demo-images and demo-classes.\n"
      "Example:\n"
      "  mneme-demo --images build/data/mnist.img\n"
      "Exit codes: 0 done; 1 failed, or --check was not met; 2 wrong command line or file; 4 no "
      "answer");
  app.option_defaults()->always_capture_default();
  cli::AddConnectionFlags(app, flags.context);
  app.add_option("--images", flags.images, "File of images, made by tests/tools/make_images.py")
      ->required();
  app.add_option("--count", flags.count, "Images to store")->check(CLI::PositiveNumber);
  app.add_option("--cues", flags.job.cues, "Cues of each damage")->check(CLI::PositiveNumber);
  app.add_option("--single-cues", flags.job.single_cues, "Of these, sent alone for the latency")
      ->check(CLI::PositiveNumber);
  app.add_option("--batch", flags.job.batch, "Cues in a request otherwise")
      ->check(CLI::PositiveNumber);
  app.add_option("--seed", flags.job.seed, "Of the noise");
  app.add_flag("--json", flags.context.json, "Print JSON instead of tables and pictures");
  app.add_flag("--check", flags.check,
               "Fail unless 98 % of the masked cues and 99 % of those with salt and pepper are "
               "recalled");
}

absl::Status Run(Flags& flags) {
  const auto images = LoadImages(flags.images, flags.count);
  if (!images.ok()) return images.status();
  auto client = cli::MakeClient(flags.context);
  if (!client.ok()) return client.status();
  const auto report = RunJob(*client, *images, flags.job, flags.context.io);
  if (!report.ok()) return report.status();
  if (flags.context.json) {
    PrintJson(*report, std::cout);
  } else {
    PrintText(*report, images->width, DetectColors(), DetectColumns(), std::cout);
  }
  std::cout.flush();
  return flags.check ? Check(*report) : absl::OkStatus();
}

int Main(int argc, char** argv) {
  Flags flags{.context = {.io = {.in = std::cin,
                                 .out = std::cout,
                                 .err = std::cerr,
                                 .err_columns = cli::ColumnsOf(STDERR_FILENO),
                                 .stop = cli::StopOnSignals()}}};
  CLI::App app("Stores images in mneme, damages them, recalls them, and measures.", "mneme-demo");
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? cli::kExitOk : cli::kExitUsage;
  }
  const absl::Status status = Run(flags);
  if (!status.ok()) cli::PrintError(status, "mneme-demo", flags.context.json, std::cerr);
  return cli::ExitCodeOf(status);
}

}  // namespace
}  // namespace mneme::demo

int main(int argc, char** argv) { return mneme::demo::Main(argc, argv); }
