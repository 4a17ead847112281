// mnemed: flags and configuration; then serves, or looks at what is there without serving.
#include <absl/synchronization/mutex.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "core/base/fail_point.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "server/config/config.h"
#include "server/config/load.h"
#include "server/offline/offline.h"
#include "server/serve.h"

extern char** environ;

namespace mneme::server {
namespace {

constexpr char kVersion[] = MNEME_VERSION;

constexpr char kFooter[] = R"(
Every key can also stand in the YAML file and in the environment (data.dir is MNEME_DATA_DIR).
A flag wins over the environment, the environment over the file.

Examples:
  mnemed --data.dir=/var/lib/mneme
  mnemed --config /etc/mneme/mneme.yaml --log.format=json
  mnemed config check --config /etc/mneme/mneme.yaml
  mnemed --data.dir=/var/lib/mneme --recovery     (delete what breaks: memories are not loaded)
  mnemed fsck --data.dir=/var/lib/mneme           (while no daemon runs)

Exit codes: 0 stopped as asked, 1 failed, 2 flags or configuration, 3 data directory (of fsck: damage),
4 address, 5 log in doubt (restart to recover).)";

constexpr char kFsckFooter[] = R"(
Exit codes: 0 all is well, 3 damage (each with what to do about it), or the directory cannot be read.

Examples:
  mnemed fsck --data.dir=/var/lib/mneme
  mnemed fsck --data.dir=/var/lib/mneme --json | jq '.memories[] | select(.damage != [])')";

constexpr char kUpgradeFooter[] = R"(
Nothing is written. Back up before an upgrade: what a newer mnemed has written an older one refuses.

Exit codes: 0 this mnemed serves it, 3 it does not (newer, foreign or damaged), or a daemon has it open.

Examples:
  mnemed upgrade-check /var/lib/mneme
  mnemed upgrade-check /var/lib/mneme --json)";

constexpr char kDumpFooter[] = R"(
Examples:
  mnemed dump --data.dir=/var/lib/mneme
  mnemed dump --data.dir=/var/lib/mneme --memory=faces --what=items --limit=10 --vectors
  mnemed dump --data.dir=/var/lib/mneme --memory=faces --what=log)";

std::map<std::string, std::string> EnvironmentVariables() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string::npos) out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

// What the command line says besides the keys.
struct Commands {
  CLI::App* check = nullptr;
  CLI::App* print = nullptr;
  CLI::App* fsck = nullptr;
  CLI::App* dump = nullptr;
  CLI::App* upgrade_check = nullptr;
  bool recovery = false;
  bool json = false;
  std::string upgrade_dir;
  DumpOptions dump_options;
};

void AddCommands(CLI::App& app, Commands& commands) {
  app.require_subcommand(0, 1);
  app.add_flag("--recovery", commands.recovery,
               "Load no memory: they can be listed, described and deleted, and aliases changed");
  CLI::App* config = app.add_subcommand("config", "Look at the configuration without serving");
  config->require_subcommand(1);
  commands.check = config->add_subcommand(
      "check", "Exit 0 if the configuration is good, 2 with a sentence if not");
  commands.print =
      config->add_subcommand("print", "Print the configuration in use, all keys, as YAML");
  commands.fsck = app.add_subcommand(
      "fsck", "Check a data directory that no daemon serves; nothing is written to it");
  commands.fsck->add_flag("--json", commands.json, "One JSON object instead of a table");
  commands.fsck->footer(kFsckFooter);
  commands.dump = app.add_subcommand(
      "dump", "Print what a data directory holds, as JSON Lines, while no daemon serves it");
  DumpOptions& dump = commands.dump_options;
  commands.dump->add_option("--memory", dump.memory, "Name of one memory [all]");
  commands.dump->add_option("--what", dump.what, "catalogue, log, items or state [catalogue]");
  commands.dump->add_option("--limit", dump.limit, "Lines a memory; 0: all [0]");
  commands.dump->add_flag("--vectors", dump.vectors, "With items: keys and responses too");
  commands.dump->footer(kDumpFooter);
  commands.upgrade_check = app.add_subcommand(
      "upgrade-check",
      "Say whether this mnemed can serve a data directory, and what it would change");
  commands.upgrade_check->add_option("DIR", commands.upgrade_dir, "The directory [data.dir]");
  commands.upgrade_check->add_flag("--json", commands.json, "One JSON object instead of a table");
  commands.upgrade_check->footer(kUpgradeFooter);
  for (CLI::App* sub : {config, commands.check, commands.print, commands.fsck, commands.dump,
                        commands.upgrade_check})
    sub->fallthrough();
}

int RunOffline(const Config& config, const Commands& commands) {
  math::SetBlasThreads(1);
  const bool checks_upgrade = commands.upgrade_check->parsed();
  const std::string& directory =
      checks_upgrade && !commands.upgrade_dir.empty() ? commands.upgrade_dir : config.data_dir;
  const absl::StatusOr<OfflineData> data = OpenOffline(directory, config.storage_memory_bytes);
  if (!data.ok()) return Fail(kExitDataDir, data.status());
  absl::Status status;
  if (checks_upgrade) {
    status = RunUpgradeCheck(*data->storage, directory, commands.json, std::cout);
  } else if (commands.fsck->parsed()) {
    std::ostream nowhere(nullptr);
    const bool shown = isatty(STDERR_FILENO) != 0;
    status = RunFsck(*data->storage, commands.json, std::cout, shown ? std::cerr : nowhere);
  } else {
    status = RunDump(*data->storage, commands.dump_options, std::cout);
  }
  std::cout.flush();
  if (absl::IsInvalidArgument(status)) return Fail(kExitUsage, status);
  return status.ok() ? kExitOk : Fail(kExitDataDir, status);
}

// Of what no flag was: the first that looks like a key, with the nearest that there is.
absl::Status UnknownKey(const std::vector<std::string>& rest) {
  for (const std::string& argument : rest) {
    if (!argument.starts_with("--")) continue;
    const std::string name = argument.substr(2, argument.find('=') - 2);
    if (std::ranges::count(ConfigKeys(), name, &ConfigKey::name) > 0) continue;
    Config unused;
    return SetKey(unused, name, "");
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  // A reload that is asked for before there is one is not the end: the configuration is read
  // anyway.
  signal(SIGHUP, SIG_IGN);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app{"mnemed: the mneme associative-memory daemon"};
  app.footer(kFooter);
  app.set_help_all_flag("--help-all", "Print the help of all commands");
  app.set_version_flag("--version", std::string(kVersion));
  std::string file;
  app.add_option("--config", file, "YAML file with keys")->envname("MNEME_CONFIG");
  std::string fail_points;  // for tests: hidden from --help, and no key of the configuration
  app.add_option("--debug.fail_points", fail_points)->group("");
  std::map<std::string, std::string> flags;
  for (const ConfigKey& key : ConfigKeys()) {
    app.add_option(key.flag(), flags[key.name], key.help + " [" + key.get(Config{}) + "]")
        ->option_text("VALUE")
        ->group("Keys");
  }
  Commands commands;
  AddCommands(app, commands);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError& error) {
    if (const absl::Status unknown = UnknownKey(app.remaining(true)); !unknown.ok())
      return Fail(kExitUsage, Annotate(unknown, "flag"));
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }

  // Again at each reload, from what the file says then.
  const auto load = [&app, &file, &flags]() -> absl::StatusOr<Config> {
    Config config;
    if (!file.empty()) MNEME_RETURN_IF_ERROR(ApplyYamlFile(config, file));
    MNEME_RETURN_IF_ERROR(ApplyEnvironment(config, EnvironmentVariables()));
    for (const ConfigKey& key : ConfigKeys()) {
      if (app.count(key.flag()) == 0) continue;
      MNEME_RETURN_IF_ERROR(Annotate(key.set(config, flags.at(key.name)), "flag"));
    }
    MNEME_RETURN_IF_ERROR(ValidateConfig(config));
    return config;
  };
  const absl::StatusOr<Config> config = load();
  if (!config.ok()) return Fail(kExitUsage, config.status());
  if (const absl::Status status = ArmFailPoints(fail_points); !status.ok())
    return Fail(kExitUsage, status);
  if (commands.check->parsed()) {
    std::puts("the configuration is good");
    return kExitOk;
  }
  if (commands.print->parsed()) {
    std::fputs(PrintConfig(*config).c_str(), stdout);
    return kExitOk;
  }
  for (const CLI::App* offline : {commands.fsck, commands.dump, commands.upgrade_check}) {
    if (!offline->parsed()) continue;
    signal(SIGHUP, SIG_DFL);
    return RunOffline(*config, commands);
  }
  return Serve(*config, load, commands.recovery);
}

}  // namespace
}  // namespace mneme::server

int main(int argc, char** argv) { return mneme::server::Main(argc, argv); }
