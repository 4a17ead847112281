"""What the makers and checkers of golden data share: a daemon, questions, and their answers."""
import json
import pathlib
import subprocess
import time

# Cues of every memory below; the numbers are any.
CUES = ["0.9,0.1,0.2,-0.1", "-0.3,0.8,0.1,0.4", "0.1,0.1,0.1,0.9"]


class Daemon:
    """A mnemed on a unix socket in `directory`, with its data in directory/data."""

    def __init__(self, programs, directory, *more):
        self.programs, self.directory = pathlib.Path(programs), pathlib.Path(directory)
        self.address = f"unix:{directory}/s"
        self.log = open(f"{directory}/log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [self.programs / "mnemed", f"--data.dir={directory}/data", f"--server.listen={self.address}", *more], stdout=self.log, stderr=self.log)

    def __enter__(self):
        for _ in range(600):
            if self.process.poll() is not None:
                raise SystemExit(f"mnemed ended with {self.process.returncode}: {pathlib.Path(self.log.name).read_text(encoding='utf-8')}")
            if subprocess.run([self.programs / "mnemectl", "-s", self.address, "health"], capture_output=True, check=False).returncode == 0:
                return self
            time.sleep(0.1)
        raise SystemExit("mnemed did not become healthy within a minute")

    def __exit__(self, *_):
        self.process.terminate()
        if self.process.wait(60) != 0:
            raise SystemExit(f"mnemed stopped with {self.process.returncode}")
        self.log.close()

    def ctl(self, *arguments, text=None):
        """Standard output of mnemectl; SystemExit where it fails."""
        done = subprocess.run([self.programs / "mnemectl", "-s", self.address, *arguments], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"mnemectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def answers(self, memories):
        """What each memory answers: recalls, and lists where it keeps items."""
        out = {}
        for memory in memories:
            cues = [argument for cue in CUES for argument in ("--cue", cue)]
            recalls = [json.loads(line) for line in self.ctl("retrieve", memory, "--json", *cues).splitlines()]
            out[memory] = {"recalls": [line["recall"] for line in recalls if "recall" in line]}
            lists = self.ctl("query", memory, "--json", "--k", "3", *cues).splitlines()
            out[memory]["lists"] = [[item["id"] for item in json.loads(line).get("items", [])] for line in lists]
        return out
