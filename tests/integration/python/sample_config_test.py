#!/usr/bin/env python3
"""The sample configuration is good, names every key, and shows each one's default.

Environment: TEST_BIN, the folder that holds mnemed.
"""

import os
import re
import subprocess
import unittest

import daemon

SAMPLE = os.path.join(daemon.ROOT, "deploy/mneme.yaml")


def mnemed(*arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MNEME_")}
    return subprocess.run([daemon.program("mnemed"), *arguments], env=environment, capture_output=True, text=True,
                          check=False)


def keys_of(text):
    """section.key of a YAML document of two levels."""
    section, keys = "", []
    for line in text.splitlines():
        if match := re.match(r"^(\w+):\s*$", line):
            section = match.group(1)
        elif match := re.match(r"^  (\w+):", line):
            keys.append(f"{section}.{match.group(1)}")
    return keys


class SampleConfig(unittest.TestCase):
    def test_it_is_good(self):
        checked = mnemed("config", "check", "--config", SAMPLE)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_it_changes_no_default(self):
        self.assertEqual(mnemed("config", "print", "--config", SAMPLE).stdout, mnemed("config", "print").stdout)

    def test_it_names_every_key_in_the_order_of_the_daemon(self):
        with open(SAMPLE, encoding="utf-8") as file:
            self.assertEqual(keys_of(file.read()), keys_of(mnemed("config", "print").stdout))


if __name__ == "__main__":
    unittest.main(verbosity=2)
