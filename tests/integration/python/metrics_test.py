#!/usr/bin/env python3
"""/metrics, read by a real Prometheus: the format, the page that lists the series, the dashboard and the alerts.

    metrics_test.py            tests
    metrics_test.py --write    writes the table of docs/metrics.md anew

Environment: TEST_BIN, the folder that holds mnemed. Tests that need Prometheus or promtool skip where they are absent.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import daemon

PAGE = os.path.join(daemon.ROOT, "docs/metrics.md")
DASHBOARD = os.path.join(daemon.ROOT, "deploy/grafana/mneme.json")
PROMETHEUS = os.path.join(daemon.ROOT, "deploy/prometheus/prometheus.yaml")
ALERTS = os.path.join(daemon.ROOT, "deploy/prometheus/alerts.yaml")
BEGIN = "<!-- the table is written by metrics_test.py --write -->\n"
SECONDS_MAX = 60
METRIC = re.compile(r"\bmneme_[a-z0-9_]+")
FEDERATION = """federations:
  - name: pair
    memory: shared
    spec: {key_dim: 4, response_dim: 4}
    nodes:
      - {name: here, address: 'unix:FOLDER/here.sock', interest: {here: 1, there: 1}}
      - {name: there, address: 'unix:FOLDER/there.sock', interest: {here: 1, there: 1}}
"""


def ask(port, path, message=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}",
                                     data=None if message is None else json.dumps(message).encode("utf-8"))
    with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:
        text = answer.read().decode("utf-8")
    return text if message is None else json.loads(text)


def unit_rows(count, cols):
    return {"rows": count, "cols": cols, "values": [float((i + j * j) % 7 == 0) + 0.1 * j for i in range(count) for j in range(cols)]}


def start(folder):
    """A daemon with something of everything: a trained and probed linear memory, a dense one, a federation."""
    with open(os.path.join(folder, "federation.yaml"), "w", encoding="utf-8") as file:
        file.write(FEDERATION.replace("FOLDER", folder))
    server = daemon.Daemon(folder, http="127.0.0.1:0", more=[
        "--federation.file=" + os.path.join(folder, "federation.yaml"), "--federation.node=here",
        f"--peer.listen=unix:{folder}/here.sock"]).start()
    port = server.http_port
    ask(port, "/v1/memories", {"memoryId": "dense", "memory": {"keyDim": 4, "dense": {}}})
    ask(port, "/v1/memories/dense:store", {"keys": unit_rows(10, 4)})
    ask(port, "/v1/memories/dense:retrieve", {"cues": unit_rows(1, 4), "top": 1})
    ask(port, "/v1/memories", {"memoryId": "linear", "memory": {
        "keyDim": 8, "responseDim": 8, "linear": {"rule": "LINEAR_RULE_TAM", "listSize": 2}}})
    ask(port, "/v1/memories/linear:store", {"keys": unit_rows(12, 8), "responses": unit_rows(12, 8)})
    training = ask(port, "/v1/memories/linear:train", {})
    ask(port, f"/v1/{training['name']}:wait", {"timeout": "50s"})
    ask(port, "/v1/memories:forecast", {"memory": "memories/linear", "probe": "PROBE_MODE_NOW"})
    return server


def parse(text):
    """{family: (type, help, label names)}, {name of a sample: [(labels, value)]}"""
    families, samples = {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, about = line.split(" ", 3)
            families[name] = ["", about, set()]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            families[name][0] = kind
        else:
            name, labels, value = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line).groups()
            pairs = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))
            samples.setdefault(name, []).append((pairs, float(value)))
            family = name if name in families else re.sub(r"_(bucket|sum|count)$", "", name)
            families[family][2] |= set(pairs) - {"le"}
    return families, samples


def table(families):
    rows = ["| series | type | labels | what |", "| --- | --- | --- | --- |"]
    for name, (kind, about, labels) in families.items():
        rows.append(f"| `{name}` | {kind} | {', '.join(sorted(labels))} | {about} |")
    return "\n".join(rows) + "\n"


def queries(node):
    """All PromQL in a dashboard."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "expr" and isinstance(value, str):
                yield value
            else:
                yield from queries(value)
    elif isinstance(node, list):
        for value in node:
            yield from queries(value)


def dashboard_queries():
    with open(DASHBOARD, encoding="utf-8") as file:
        return list(queries(json.load(file)))


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mneme-metrics-")
        cls.server = start(cls.folder.name)
        cls.families, cls.samples = parse(ask(cls.server.http_port, "/metrics"))

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log()
        cls.folder.cleanup()
        assert code == 0, log

    def sample(self, name, **labels):
        return next(value for pairs, value in self.samples[name] if labels.items() <= pairs.items())

    def test_names_say_their_units_and_kinds(self):
        for name, (kind, _, _) in self.families.items():
            self.assertTrue(name.startswith("mneme_"), name)
            self.assertEqual(name.endswith("_total"), kind == "counter", name)
            self.assertNotRegex(name, r"_(ms|millis|kb|mb)\b")

    def test_all_families_have_samples_here(self):
        for name, (kind, _, _) in self.families.items():
            self.assertIn(name + "_count" if kind == "histogram" else name, self.samples)

    def test_what_was_done_is_counted(self):
        self.assertEqual(self.sample("mneme_rpc_total", method="Store", code="OK"), 2)
        self.assertEqual(self.sample("mneme_rpc_total", method="Retrieve", code="OK"), 1)
        self.assertEqual(self.sample("mneme_rpc_total", method="GetBackup", code="DATA_LOSS"), 0)
        self.assertEqual(self.sample("mneme_rpc_seconds_count", method="Store"), 2)
        self.assertGreater(self.sample("mneme_rpc_seconds_sum", method="Store"), 0)
        self.assertEqual(self.sample("mneme_rpc_in_flight", method="Store"), 0)
        self.assertGreater(self.sample("mneme_rpc_received_bytes_total", method="Store"), 100)
        self.assertEqual(self.sample("mneme_memory_items", memory="dense"), 10)
        self.assertEqual(self.sample("mneme_memory_items", memory="_other"), 0)
        self.assertGreater(self.sample("mneme_commits_total"), 3)
        self.assertEqual(self.sample("mneme_commit_seconds_count"), self.sample("mneme_commits_total"))
        self.assertEqual(self.sample("mneme_jobs_ended_total", kind="train", end="done"), 1)
        self.assertAlmostEqual(self.sample("mneme_memory_load_ratio", memory="linear"), 12 / 64)
        self.assertGreater(self.sample("mneme_memory_capacity_used_ratio", memory="linear"), 0)
        self.assertGreater(self.sample("mneme_memory_probe_recall_ratio", memory="linear", first="10"), 0)

    def test_counters_only_grow_and_errors_are_counted_by_code(self):
        with self.assertRaises(urllib.error.HTTPError):
            ask(self.server.http_port, "/v1/memories/nowhere:get", {})
        _, later = parse(ask(self.server.http_port, "/metrics"))
        for name, samples in self.samples.items():
            if not name.endswith("_total"):
                continue
            for (labels, before), (_, after) in zip(samples, later[name]):
                self.assertGreaterEqual(after, before, (name, labels))
        after = next(v for p, v in later["mneme_rpc_total"] if p == {"method": "GetMemory", "code": "NOT_FOUND"})
        self.assertEqual(after, self.sample("mneme_rpc_total", method="GetMemory", code="NOT_FOUND") + 1)

    def test_the_page_lists_these_series(self):
        with open(PAGE, encoding="utf-8") as file:
            text = file.read()
        self.assertEqual(text.split(BEGIN)[1], table(self.families), "write it anew: metrics_test.py --write")

    def test_dashboard_and_alerts_ask_for_series_that_are_there(self):
        known = set(self.families)
        for name in list(known):
            if self.families[name][0] == "histogram":
                known |= {name + "_bucket", name + "_sum", name + "_count"}
        with open(ALERTS, encoding="utf-8") as file:
            asked = set(METRIC.findall(file.read()))
        with open(DASHBOARD, encoding="utf-8") as file:
            asked |= set(METRIC.findall(file.read()))
        self.assertGreater(len(asked), 20)
        self.assertEqual(asked - known, set())

    @unittest.skipIf(shutil.which("promtool") is None, "promtool is not here")
    def test_promtool_finds_nothing_wrong(self):
        text = ask(self.server.http_port, "/metrics")
        for command, given in ((["check", "metrics"], text), (["check", "rules", ALERTS], None),
                               (["check", "config", "--syntax-only", PROMETHEUS], None)):
            done = subprocess.run(["promtool", *command], input=given, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")

    @unittest.skipIf(shutil.which("prometheus") is None, "Prometheus is not here")
    def test_prometheus_scrapes_it_and_resolves_every_query(self):
        with tempfile.TemporaryDirectory(prefix="mneme-prometheus-") as folder:
            with open(PROMETHEUS, encoding="utf-8") as file:
                config = file.read()
            config = config.replace("127.0.0.1:7412", f"127.0.0.1:{self.server.http_port}")
            config = config.replace("alerts.yaml", ALERTS).replace("15s", "1s")
            with open(os.path.join(folder, "prometheus.yaml"), "w", encoding="utf-8") as file:
                file.write(config)
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            with open(os.path.join(folder, "log"), "wb") as log:
                prometheus = subprocess.Popen(
                    ["prometheus", "--config.file=" + os.path.join(folder, "prometheus.yaml"),
                     "--storage.tsdb.path=" + os.path.join(folder, "data"), f"--web.listen-address=127.0.0.1:{port}"],
                    stdout=log, stderr=log)
            try:
                self.query_all(port, os.path.join(folder, "log"))
            finally:
                prometheus.terminate()
                prometheus.wait(SECONDS_MAX)

    def query_all(self, port, log):
        def query(text):
            try:
                return json.loads(ask(port, "/api/v1/query?query=" + urllib.parse.quote(text)))["data"]["result"]
            except (urllib.error.URLError, ConnectionError):
                return []

        deadline = time.monotonic() + SECONDS_MAX
        while not (up := query('up{job="mneme"}')) or up[0]["value"][1] != "1":
            if time.monotonic() > deadline:
                with open(log, encoding="utf-8") as file:
                    self.fail(f"Prometheus has not scraped within {SECONDS_MAX} s: {up}\n{file.read()[-3000:]}")
            time.sleep(0.05)  # polls; nothing is assumed about how long it takes
        for name in self.families:
            kind = self.families[name][0]
            self.assertNotEqual(query(name + "_count" if kind == "histogram" else name), [], name)
        for text in dashboard_queries():
            answer = ask(port, "/api/v1/query?query=" + urllib.parse.quote(text.replace("$__rate_interval", "1m").replace("$instance", ".*")))
            self.assertEqual(json.loads(answer)["status"], "success", text)
        rules = json.loads(ask(port, "/api/v1/rules"))["data"]["groups"]
        self.assertGreater(sum(len(group["rules"]) for group in rules), 5)


def write():
    with tempfile.TemporaryDirectory(prefix="mneme-metrics-") as folder:
        server = start(folder)
        families, _ = parse(ask(server.http_port, "/metrics"))
        server.stop()
    with open(PAGE, encoding="utf-8") as file:
        head = file.read().split(BEGIN)[0]
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(head + BEGIN + table(families))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        unittest.main(verbosity=2)
