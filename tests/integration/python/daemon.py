"""Starts and stops the daemon under test, and loads the stubs generated from proto/."""

import os
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60


def load_stubs():
    """Generates the stubs into a folder that lives as long as the process, and puts it in front of sys.path."""
    folder = tempfile.TemporaryDirectory(prefix="mneme-stubs-")
    subprocess.run(
        [os.path.join(ROOT, "client/python/generate-stubs"), folder.name,
         os.path.join(os.path.dirname(os.path.abspath(__file__)), "wire"), "health.proto", "reflection.proto"],
        check=True)
    sys.path.insert(0, folder.name)
    return folder


def program(name):
    """Path of a program of the preset under test (TEST_BIN)."""
    path = os.path.join(os.environ["TEST_BIN"], name)
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not there: build it first")
    return path


class Daemon:
    """mnemed on a free loopback port, with its data in `folder`. May be started again after it ended.

    `http`: the address of its HTTP port; `more`: further arguments.
    """

    def __init__(self, folder, http="none", more=()):
        self.folder = folder
        self.process = None
        self.address = None
        self.http_port = None
        self._http = http
        self._more = list(more)

    def start(self):
        """Returns once it serves."""
        port_file = self.begin()
        self.address = f"127.0.0.1:{self._wait_for_port(port_file)}"
        return self

    def begin(self):
        """Returns once its HTTP port is open, where it has one. The path of the file with the port of gRPC."""
        port_file = os.path.join(self.folder, "port")
        http_port_file = os.path.join(self.folder, "http-port")
        for file in (port_file, http_port_file):
            if os.path.exists(file):
                os.remove(file)
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [program("mnemed"), "--data.dir=" + os.path.join(self.folder, "data"),
                 "--server.listen=127.0.0.1:0", "--server.port_file=" + port_file,
                 "--http.listen=" + self._http, "--http.port_file=" + http_port_file, *self._more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment())
        if self._http != "none":
            self.http_port = self._wait_for_port(http_port_file)
        return port_file

    @staticmethod
    def _environment():
        """Without configuration that the caller's shell may hold."""
        return {name: value for name, value in os.environ.items() if not name.startswith("MNEME_")}

    def _wait_for_port(self, port_file):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"mnemed ended with {self.process.returncode} while starting:\n{self.log()}")
            try:
                with open(port_file, encoding="ascii") as file:
                    text = file.read()
            except FileNotFoundError:
                text = ""
            if text.strip():
                return int(text)
            time.sleep(0.01)  # polls a file; nothing is assumed about how long it takes
        raise RuntimeError(f"mnemed wrote no port within {START_SECONDS_MAX} s:\n{self.log()}")

    def stop(self):
        """SIGTERM: drain, flush, end. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS_MAX)

    def kill(self):
        """SIGKILL: what a power cut of the process looks like."""
        self.process.kill()
        self.process.wait(STOP_SECONDS_MAX)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]
