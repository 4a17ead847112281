#!/usr/bin/env python3
"""Spans of a live server as a real OpenTelemetry Collector reads them.

usage: tests/deploy/collector/collector_test.py COLLECTOR

COLLECTOR: the program made of main.go. Environment: TEST_BIN, the folder that holds mnemed and mnemectl. Needs openssl.
"""

import collections
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "integration/python"))
import daemon  # noqa: E402

SECONDS_MAX = 60
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLERS = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1,other=2"}
SERVER, INTERNAL = 2, 1  # opentelemetry.proto.trace.v1.Span.SpanKind
SPANS_PER_BATCH = 512  # server/tracing/span_exporter.h
CONFIG = """
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 127.0.0.1:%d
        %s
exporters:
  file:
    path: %s
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [file]
"""


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def value_of(value):
    """JSON has 64-bit integers as text."""
    [(kind, what)] = value.items()
    return int(what) if kind == "intValue" else what


def attributes_of(holder):
    return {entry["key"]: value_of(entry["value"]) for entry in holder.get("attributes", [])}


class Collector:
    """The collector, on a port of its own; may be stopped and started again."""

    def __init__(self, folder, tls=""):
        self.folder = folder
        self.file = os.path.join(folder, "spans.json")
        self.port = free_port()
        self.process = None
        self._config = os.path.join(folder, "collector.yaml")
        with open(self._config, "w", encoding="utf-8") as file:
            file.write(CONFIG % (self.port, tls, self.file))

    def start(self):
        with open(os.path.join(self.folder, "collector.log"), "ab") as log:
            self.process = subprocess.Popen([COLLECTOR, "--config", self._config], stdout=log, stderr=log)
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"the collector does not listen:\n{self.log()}")

    def stop(self):
        """It writes what it has."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(SECONDS_MAX)
        if code != 0:
            raise RuntimeError(f"the collector ended with {code}:\n{self.log()}")

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self):
        with open(os.path.join(self.folder, "collector.log"), encoding="utf-8") as file:
            return file.read()[-4000:]

    def batches(self):
        """[(resource's attributes, scope, spans)], once it is stopped."""
        out = []
        if os.path.exists(self.file):
            with open(self.file, encoding="utf-8") as file:
                for resource in (entry for line in file for entry in json.loads(line)["resourceSpans"]):
                    for scope in resource["scopeSpans"]:
                        out.append((attributes_of(resource["resource"]), scope["scope"], scope["spans"]))
        return out

    def spans(self):
        return [span for _, _, spans in self.batches() for span in spans]


class CollectorTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mneme-collector-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, *more, ratio=0, tls=""):
        self.collector = Collector(self.folder, tls)
        self.addCleanup(self.collector.kill)
        self.server = daemon.Daemon(self.folder, http="127.0.0.1:0", more=(
            f"--tracing.otlp_endpoint=localhost:{self.collector.port}", f"--tracing.sample_ratio={ratio}", *more))
        self.addCleanup(lambda: self.server.is_running() and self.server.kill())
        self.collector.start()
        self.server.start()
        self.http = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=SECONDS_MAX)
        self.addCleanup(self.http.close)

    def post(self, path, message, headers=None):
        """Code of HTTP."""
        self.http.request("POST", path, json.dumps(message), headers or {})
        response = self.http.getresponse()
        response.read()
        return response.status

    def create_and_store(self, headers=None):
        self.assertEqual(self.post("/v1/memories", {"memoryId": "m", "memory": {"keyDim": 4, "dense": {}}}), 200)
        keys = {"rows": 2, "cols": 4, "values": [1, 0, 0, 0, 0, 1, 0, 0]}
        self.assertEqual(self.post("/v1/memories/m:store", {"keys": keys}, headers), 200)

    def retrieve(self, memory="m", headers=None):
        cues = {"rows": 1, "cols": 4, "values": [1, 0, 0, 0]}
        return self.post(f"/v1/memories/{memory}:retrieve", {"cues": cues}, headers)

    def metric(self, name):
        """What /metrics says, summed over its series."""
        self.http.request("GET", "/metrics")
        lines = self.http.getresponse().read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def wait_for_metric(self, name, at_least):
        deadline = time.monotonic() + SECONDS_MAX
        while self.metric(name) < at_least:
            self.assertLess(time.monotonic(), deadline, f"{name} stays below {at_least}")
            time.sleep(0.02)

    def stop_all(self):
        """All spans, by the collector's own account."""
        self.assertEqual(self.server.stop(), 0, self.server.log())
        self.collector.stop()
        return self.collector.spans()

    def laps_of(self, call, spans):
        """Names of a call's stages, which follow one another inside it."""
        laps = [span for span in spans if span.get("parentSpanId") == call["spanId"]]
        at = int(call["startTimeUnixNano"])
        for lap in laps:
            self.assertEqual((lap["traceId"], lap["kind"]), (call["traceId"], INTERNAL))
            self.assertEqual(int(lap["startTimeUnixNano"]), at, lap["name"])
            self.assertGreaterEqual(int(lap["endTimeUnixNano"]), at, lap["name"])
            at = int(lap["endTimeUnixNano"])
        self.assertLessEqual(at, int(call["endTimeUnixNano"]))
        return [lap["name"] for lap in laps]

    def one_call(self, spans, method):
        calls = [span for span in spans if span["name"] == f"mneme.v1.MemoryService/{method}"]
        self.assertEqual(len(calls), 1, [span["name"] for span in spans])
        self.assertEqual(calls[0]["kind"], SERVER)
        return calls[0]

    def test_names_parents_times_and_attributes(self):
        self.start()
        begin = time.time_ns()
        self.create_and_store(CALLERS)
        self.assertEqual(self.retrieve(headers=CALLERS), 200)
        end = time.time_ns()
        spans = self.stop_all()
        for resource, scope, _ in self.collector.batches():
            self.assertEqual(resource["service.name"], "mneme")
            self.assertEqual(scope, {"name": "mneme", "version": resource["service.version"]})
            self.assertIn(resource["host.name"], resource["service.instance.id"])

        store, retrieve = self.one_call(spans, "Store"), self.one_call(spans, "Retrieve")
        for call in (store, retrieve):
            self.assertEqual((call["traceId"], call["parentSpanId"]), (TRACE, PARENT))
            self.assertLessEqual(begin, int(call["startTimeUnixNano"]))
            self.assertLessEqual(int(call["endTimeUnixNano"]), end)
            self.assertEqual(call["status"], {})
        for span in spans:
            self.assertEqual(span["traceState"], CALLERS["tracestate"])
            # The caller's flag, and whether the parent is elsewhere (bit 8: it is known, bit 9: it is).
            self.assertEqual(span["flags"], 0x301 if span["kind"] == SERVER else 0x101)
        self.assertEqual(len({span["spanId"] for span in spans}), len(spans))
        self.assertNotIn("0" * 16, {span["spanId"] for span in spans})

        self.assertEqual(self.laps_of(store, spans), ["decode", "check", "queue", "prepare", "commit.fsync", "apply",
                                                      "publish", "encode", "respond"])
        laps = self.laps_of(retrieve, spans)
        self.assertEqual((laps[0], laps[-2:]), ("decode", ["encode", "respond"]))
        self.assertIn("scan", laps)
        self.assertEqual(len(spans), 2 + 9 + len(laps), "nothing else was asked for")
        for scan in (span for span in spans if span["name"] == "scan"):
            self.assertEqual(attributes_of(scan), {"mneme.parts": 1, "mneme.bytes": 32, "mneme.threads": 1})
        told = attributes_of(retrieve)
        self.assertGreater(told.pop("mneme.request_bytes"), 16)
        self.assertGreater(told.pop("mneme.response_bytes"), 16)
        self.assertIn("EXACTNESS_EXACT", told.pop("mneme.plan"))
        self.assertEqual(told, {"rpc.system": "grpc", "rpc.service": "mneme.v1.MemoryService", "rpc.method": "Retrieve",
                                "rpc.grpc.status_code": 0, "mneme.memory": "memories/m"})

    def test_a_call_without_a_caller_begins_a_trace_and_a_refused_one_says_its_code(self):
        self.start(ratio=1)
        self.assertEqual(self.retrieve("nowhere"), 404)
        spans = self.stop_all()
        call = self.one_call(spans, "Retrieve")
        self.assertEqual(call.get("parentSpanId", ""), "")
        self.assertNotEqual(int(call["traceId"], 16), 0)
        self.assertEqual(attributes_of(call)["rpc.grpc.status_code"], 5)
        self.assertEqual(call["status"], {}, "a wrong name is no error of the server")
        self.assertEqual(self.laps_of(call, spans)[0], "decode")

    def test_grpc_and_the_command_line_carry_the_trace(self):
        self.start()
        self.create_and_store()
        subprocess.run([daemon.program("mnemectl"), "--server", self.server.address, "query", "m", "--cue", "1,0,0,0", "-k", "1"],
                       check=True, stdout=subprocess.DEVNULL, env={**os.environ, "TRACEPARENT": CALLERS["traceparent"]})
        call = self.one_call(self.stop_all(), "ListwiseQuery")
        self.assertEqual((call["traceId"], call["parentSpanId"]), (TRACE, PARENT))

    def test_all_spans_of_many_batches_arrive(self):
        self.start(ratio=1)
        self.create_and_store()
        calls = 300
        for _ in range(calls):
            self.assertEqual(self.retrieve(), 200)
        self.wait_for_metric("mneme_tracing_spans_exported_total", SPANS_PER_BATCH)
        self.assertEqual(self.metric("mneme_tracing_spans_dropped_total"), 0)
        spans = self.stop_all()
        named = collections.Counter(span["name"] for span in spans)
        self.assertEqual(named["mneme.v1.MemoryService/Retrieve"], calls)
        self.assertEqual(len({span["spanId"] for span in spans}), len(spans))
        self.assertEqual(len({span["traceId"] for span in spans if span["kind"] == SERVER}), calls + 2)
        self.assertGreater(len(spans), 4 * SPANS_PER_BATCH)

    def test_a_collector_that_was_away_gets_what_waited(self):
        self.start(ratio=1)
        self.create_and_store()
        self.wait_for_metric("mneme_tracing_spans_exported_total", 1)
        self.collector.stop()
        self.assertEqual(self.retrieve(), 200)
        self.wait_for_metric("mneme_tracing_exports_total", 2)  # one was taken, one has failed
        self.collector.start()
        self.wait_for_metric("mneme_tracing_exports_total", 3)
        self.one_call(self.stop_all(), "Retrieve")
        self.assertIn("does not take spans", self.server.log())
        self.assertIn("is back", self.server.log())

    def test_by_tls(self):
        pem, key = os.path.join(self.folder, "cert.pem"), os.path.join(self.folder, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
                        "-out", pem, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, stderr=subprocess.DEVNULL)
        self.start("--tracing.tls=true", "--tracing.tls_ca=" + pem, tls=f"tls: {{cert_file: {pem}, key_file: {key}}}")
        self.create_and_store(CALLERS)
        self.assertEqual(self.one_call(self.stop_all(), "Store")["traceId"], TRACE)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__.strip())
        sys.exit(2)
    COLLECTOR = sys.argv.pop(1)
    unittest.main(verbosity=2)
