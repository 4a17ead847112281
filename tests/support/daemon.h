// Another process of ours (mnemed, an echo server) that writes its port to a file: started, killed,
// waited for.
#ifndef MNEME_TESTS_SUPPORT_DAEMON_H_
#define MNEME_TESTS_SUPPORT_DAEMON_H_

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

namespace mneme::test {

// A folder that is gone with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The folder of the running program: its siblings are there.
std::string ProgramDirectory();

class Daemon {
 public:
  // Starts `program` with `arguments`; it must write its port to `port_file` when it listens.
  // Output goes to `log_file`. port() is 0 if it ended or did not get there within `seconds_max`.
  Daemon(const std::string& program, std::vector<std::string> arguments,
         const std::string& port_file, const std::string& log_file, int seconds_max = 60);
  ~Daemon();  // SIGKILL, if it still runs
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // mnemed with its data in `directory`/data.
  static std::unique_ptr<Daemon> Mnemed(const std::string& program, const std::string& directory,
                                        std::vector<std::string> more = {});

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // A channel of its own (no sharing of connections), with messages up to 1 GiB.
  std::shared_ptr<grpc::Channel> Connect() const;
  // Sends the signal and waits for the end; the exit code, or -signal.
  int Stop(int signal);
  // Waits for the end without asking for it; what Stop answers.
  int Wait();
  bool running();
  // Once it does not run: its exit code, or -signal.
  int exit_code() const { return exit_code_; }
  pid_t pid() const { return pid_; }

 private:
  int End(int status);

  pid_t pid_ = -1;
  int exit_code_ = 0;
  int port_ = 0;
};

}  // namespace mneme::test

#endif  // MNEME_TESTS_SUPPORT_DAEMON_H_
