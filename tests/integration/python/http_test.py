#!/usr/bin/env python3
"""The HTTP port as a shell user or a load balancer meets it, with nothing but Python's http.client.

Environment: TEST_BIN, the folder that holds mnemed.
"""

import base64
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import warnings

import daemon

SECONDS_MAX = 60
KEYS = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]


def values(rows):
    return {"rows": len(rows), "cols": len(rows[0]), "values": [x for row in rows for x in row]}


class Http:
    """One connection, kept alive over requests."""

    def __init__(self, port, tls=None):
        if tls is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_MAX)
        else:
            self.connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=SECONDS_MAX, context=tls)

    def ask(self, verb, path, body=None, headers=None):
        """(code, headers, text)"""
        self.connection.request(verb, path, body=body, headers=headers or {})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read().decode("utf-8")

    def get(self, path, **headers):
        return self.ask("GET", path, headers=headers)

    def post(self, path, message=None, **headers):
        """(code, what the JSON says)"""
        body = None if message is None else json.dumps(message)
        code, _, text = self.ask("POST", path, body, {"Content-Type": "application/json", **headers})
        return code, json.loads(text)

    def close(self):
        self.connection.close()


def reason_of(error):
    return next(d["reason"] for d in error["details"] if d["@type"].endswith("google.rpc.ErrorInfo"))


class HttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mneme-http-")
        cls.server = daemon.Daemon(cls.folder.name, http="127.0.0.1:0", more=["--limits.message_bytes_max=200000"]).start()

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log()
        cls.folder.cleanup()
        assert code == 0, log

    def setUp(self):
        self.http = Http(self.server.http_port)
        self.addCleanup(self.http.close)

    def make(self, name):
        code, made = self.http.post("/v1/memories", {"memoryId": name, "memory": {"keyDim": 4, "dense": {}}})
        self.assertEqual(code, 200, made)
        self.addCleanup(self.http.post, f"/v1/memories/{name}:delete")
        code, stored = self.http.post(f"/v1/memories/{name}:store", {
            "keys": values(KEYS), "ids": [{"number": 1}, {"number": "2"}, {"text": "three"}]})
        self.assertEqual((code, stored.get("stored")), (200, "3"), stored)

    # ---- health

    def test_health_and_readiness_need_nothing(self):
        self.assertEqual(self.http.get("/healthz")[0], 200)
        code, _, text = self.http.get("/readyz")
        self.assertEqual(code, 200, text)
        self.assertEqual(json.loads(text)["phase"], "serving")
        self.assertEqual(self.http.ask("HEAD", "/healthz")[::2], (200, ""))

    def test_a_name_that_was_made_to_point_here_is_not_served(self):
        for path in ("/healthz", "/readyz", "/metrics", "/openapi.json"):
            code, _, text = self.http.get(path, Host="rebound.example:7412")
            self.assertEqual((code, reason_of(json.loads(text))), (421, "HOST"), path)
            self.assertEqual(self.http.get(path, Host=f"localhost:{self.server.http_port}")[0], 200, path)
        self.assertEqual(self.http.post("/v1/memories:list", {}, Host="rebound.example")[0], 421)

    # ---- the JSON door

    def test_what_was_stored_is_recalled(self):
        self.make("recalled")
        code, answer = self.http.post("/v1/memories/recalled:retrieve",
                                      {"cues": values([[0, 0.9, 0.1, 0]]), "top": 1, "values": True, "beta": 50})
        self.assertEqual(code, 200, answer)
        self.assertEqual(answer["results"][0]["top"][0]["id"], {"number": "2"})
        for got, stored in zip(answer["recalls"]["values"], KEYS[1]):
            self.assertAlmostEqual(got, stored, places=4)

    def test_numbers_may_come_as_bytes(self):
        self.make("bytes")
        data = base64.b64encode(struct.pack("<4f", 0, 0, 1, 0)).decode("ascii")
        code, answer = self.http.post("/v1/memories/bytes:listwiseQuery", {
            "cues": {"dtype": "DTYPE_FLOAT32", "rows": 1, "cols": 4, "data": data}, "k": 1})
        self.assertEqual(code, 200, answer)
        self.assertEqual(answer["lists"][0]["items"][0]["id"], {"text": "three"})

    def test_calls_without_a_body_and_without_a_resource(self):
        self.make("listed")
        code, listed = self.http.post("/v1/memories:list")
        self.assertEqual(code, 200, listed)
        self.assertIn("memories/listed", [m["name"] for m in listed["memories"]])
        code, info = self.http.post("/v1/server:info", {})
        self.assertEqual(code, 200, info)
        self.assertIn("limits", info)

    def test_a_field_within_a_message_is_taken_from_the_path(self):
        self.make("updated")
        code, updated = self.http.post("/v1/memories/updated:update",
                                       {"memory": {"description": "new"}, "updateMask": "description"})
        self.assertEqual((code, updated.get("description")), (200, "new"), updated)

    def test_operations_are_there(self):
        self.make("source")
        code, begun = self.http.post("/v1/memories/source:clone", {"memoryId": "copy"})
        self.assertEqual(code, 200, begun)
        code, done = self.http.post(f"/v1/{begun['name']}:wait", {"timeout": "30s"})
        self.assertEqual((code, done.get("done")), (200, True), done)
        self.assertEqual(done["response"]["@type"], "type.googleapis.com/mneme.v1.CloneMemoryResponse")
        code, listed = self.http.post("/v1/operations:list")
        self.assertIn(begun["name"], [o["name"] for o in listed["operations"]])
        self.assertEqual(self.http.post(f"/v1/{begun['name']}:get")[0], 200)
        self.assertEqual(self.http.post(f"/v1/{begun['name']}:cancel")[0], 200)
        self.assertEqual(self.http.post(f"/v1/{begun['name']}:delete")[0], 200)
        code, error = self.http.post(f"/v1/{begun['name']}:get")
        self.assertEqual((code, reason_of(error)), (404, "OPERATION_NOT_FOUND"))
        self.http.post("/v1/memories/copy:delete")

    def test_errors_carry_their_details_and_the_code_that_belongs_to_them(self):
        code, error = self.http.post("/v1/memories/nowhere:get")
        self.assertEqual((code, error["code"], reason_of(error)), (404, 5, "MEMORY_NOT_FOUND"))
        self.make("taken")
        code, error = self.http.post("/v1/memories", {"memoryId": "taken", "memory": {"keyDim": 4, "dense": {}}})
        self.assertEqual((code, reason_of(error)), (409, "MEMORY_EXISTS"))
        code, error = self.http.post("/v1/memories/taken:store", {"keys": values([[1, 2]])})
        self.assertEqual((code, reason_of(error)), (400, "SHAPE"))
        code, error = self.http.post("/v1/backups/1:get", {})
        self.assertEqual(code, 404, error)

    def test_bad_bodies_say_what_is_wrong_with_them(self):
        for body in ['{"key": 1}', '{"cues": 7}', "{", "[]", '"x"', '{"top": "many"}', "null1", "\x00",
                     '{"cues": {"rows": -1}}', '{"beta": "1e999"}', "[" * 1000, '{"filter": "\ud800"}'.encode(
                         "utf-8", "surrogatepass")]:
            code, _, text = self.http.ask("POST", "/v1/memories/x:retrieve", body)
            self.assertEqual((code, reason_of(json.loads(text))), (400, "JSON"), body)
        code, _, text = self.http.ask("POST", "/v1/memories/x:retrieve", '{"key": 1}')
        self.assertIn("key", json.loads(text)["message"])

    def test_numbers_that_are_none_are_refused_by_the_engine(self):
        self.make("hostile")
        for bad in ("NaN", "Infinity", 1e300):
            code, error = self.http.post("/v1/memories/hostile:retrieve",
                                         {"cues": {"rows": 1, "cols": 4, "values": [0, 0, 0, bad]}})
            self.assertEqual(code, 400, (bad, error))
        code, stored = self.http.post("/v1/memories/hostile:listItems", {})
        self.assertEqual(len(stored["items"]), 3)

    def test_unknown_paths_and_verbs(self):
        code, error = self.http.post("/v1/memories/x:retreive", {})
        self.assertEqual((code, reason_of(error)), (404, "HTTP_PATH"))
        for path in ("/", "/v1", "/v1/", "/v1/memories/", "/v1/memories/x", "/v1/memories/:get", "/v1/memories/a/b:get",
                     "/v2/memories:list", "/metrics/", "/%00", "/v1/nothing/x:get"):
            code, error = self.http.post(path, {})
            self.assertIn((code, reason_of(error)), [(404, "HTTP_PATH"), (400, "MEMORY_NAME"), (400, "NAME")], path)
        code, headers, text = self.http.ask("GET", "/v1/memories:list")
        self.assertEqual((code, headers["Allow"]), (405, "POST"), text)
        code, headers, text = self.http.ask("POST", "/metrics", "{}")
        self.assertEqual((code, headers["Allow"]), (405, "GET"), text)

    def test_errors_speak_of_requests_and_not_of_mnemectl(self):
        self.make("spoken")
        for path, request in (("/v1/memories/nowhere:get", {}), ("/v1/memories/spoken:getItem", {"id": {"text": "x"}}),
                              ("/v1/memories/nowhere:deleteAlias", {}),
                              ("/v1/memories/spoken:retrieve", {"cues": {"rows": 1, "cols": 1, "values": [1]}})):
            _, _, text = self.http.ask("POST", path, json.dumps(request))
            self.assertIn("description", text, path)
            self.assertNotIn("mnemectl", text, path)

    def test_a_limit_that_waiting_does_not_lift_is_no_429(self):
        code, error = self.http.post("/v1/memories", {"memoryId": "large", "memory": {"keyDim": 40000, "dense": {}}})
        self.assertEqual((code, error["code"], reason_of(error)), (400, 8, "LIMIT"))
        self.assertIn("limits.dimension_max", json.dumps(error))

    def test_timeouts(self):
        self.assertEqual(self.http.post("/v1/server:info", {}, **{"Grpc-Timeout": "10S"})[0], 200)
        self.assertEqual(self.http.post("/v1/server:info", {}, **{"Grpc-Timeout": "99999999H"})[0], 200)
        code, error = self.http.post("/v1/server:info", {}, **{"Grpc-Timeout": "1n"})
        self.assertEqual((code, error["code"]), (504, 4))
        for bad in ("S", "5", "-5S", "5 S", "123456789S", "5s"):
            code, error = self.http.post("/v1/server:info", {}, **{"Grpc-Timeout": bad})
            self.assertEqual((code, reason_of(error)), (400, "TIMEOUT"), bad)

    def test_headers_that_grpc_would_not_bear_are_refused(self):
        for name in ("Authorization", "Traceparent"):
            code, error = self.http.post("/v1/server:info", {}, **{name: "B\xe4r\x7f"})
            self.assertEqual((code, reason_of(error)), (400, "HEADER"))
        self.assertEqual(self.http.get("/healthz")[0], 200)

    def test_pages_in_browsers_are_refused(self):
        code, error = self.http.post("/v1/memories:list", {}, Origin="http://evil.example")
        self.assertEqual((code, reason_of(error)), (403, "ORIGIN"))

    # ---- bounds

    def test_bodies_over_the_limit_are_refused_early_or_late(self):
        large = json.dumps({"filter": "x" * 200_000})
        code, _, text = self.http.ask("POST", "/v1/memories/x:retrieve", large, {"Expect": "100-continue"})
        self.assertEqual((code, reason_of(json.loads(text))), (413, "LIMIT"))
        other = Http(self.server.http_port)
        self.addCleanup(other.close)
        chunks = [b"x" * 110_000] * 2
        other.connection.request("POST", "/v1/memories/x:retrieve", body=iter(chunks), encode_chunked=True,
                                 headers={"Transfer-Encoding": "chunked"})
        response = other.connection.getresponse()
        self.assertEqual(response.status, 413)
        self.assertEqual(reason_of(json.loads(response.read())), "LIMIT")

    def test_pages_take_no_large_bodies(self):
        for headers in ({"Content-Length": "100000"}, {"Transfer-Encoding": "chunked"}):
            for path in ("/healthz", "/metrics"):
                other = Http(self.server.http_port)
                self.addCleanup(other.close)
                other.connection.putrequest("GET", path)
                for name, value in headers.items():
                    other.connection.putheader(name, value)
                other.connection.endheaders()
                response = other.connection.getresponse()  # before any of it was sent
                self.assertEqual((response.status, reason_of(json.loads(response.read()))), (400, "LIMIT"), path)

    def test_headers_over_the_limit_are_refused(self):
        code, _, _ = self.http.ask("GET", "/healthz", headers={"X": "x" * 40_000})
        self.assertIn(code, (400, 413, 431))

    def test_garbage_and_half_requests_leave_the_server_well(self):
        for garbage in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"POST /v1/memories:list HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
                        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.server.http_port), timeout=SECONDS_MAX) as raw:
                raw.sendall(garbage)
        self.assertEqual(self.http.get("/healthz")[0], 200)

    def test_many_at_once_are_all_answered(self):
        self.make("crowd")
        failures = []

        def ask():
            http_client = Http(self.server.http_port)
            try:
                for _ in range(20):
                    code, answer = http_client.post("/v1/memories/crowd:retrieve", {"cues": values(KEYS), "top": 1})
                    if code != 200 or len(answer["results"]) != 3:
                        failures.append((code, answer))
            finally:
                http_client.close()

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    # ---- OpenAPI

    def test_each_path_of_the_description_is_there(self):
        code, _, text = self.http.get("/openapi.json")
        self.assertEqual(code, 200)
        api = json.loads(text)
        self.assertEqual(api["openapi"], "3.1.0")
        self.assertGreater(len(api["paths"]), 30)
        for path, item in api["paths"].items():
            for verb in item:
                if verb == "get":
                    self.assertEqual(self.http.get(path)[0], 200, path)
                    continue
                # An unknown field: the request gets as far as the RPC's own message, and no further.
                code, error = self.http.post(path.replace("{name}", "x"), {"noSuchField": 1})
                self.assertEqual((code, reason_of(error)), (400, "JSON"), path)
                wanted = item[verb]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
                self.assertIn(wanted, json.dumps(error), path)

    def test_all_references_of_the_description_are_there(self):
        api = json.loads(self.http.get("/openapi.json")[2])
        schemas = api["components"]["schemas"]

        def walk(node):
            if isinstance(node, dict):
                if "$ref" in node:
                    self.assertIn(node["$ref"].removeprefix("#/components/schemas/"), schemas)
                for value in node.values():
                    walk(value)
            elif isinstance(node, list):
                for value in node:
                    walk(value)

        walk(api)

    def test_the_checked_in_description_is_this_one(self):
        with open(os.path.join(daemon.ROOT, "docs/api/openapi.json"), encoding="utf-8") as file:
            self.assertEqual(file.read(), self.http.get("/openapi.json")[2],
                             "take it anew: curl -s http://.../openapi.json > docs/api/openapi.json")


class Phases(unittest.TestCase):
    """Held up for HELD_MILLIS where a fail point says so; nothing is assumed to be faster than that but one request."""

    HELD_MILLIS = 4000

    def ready(self, client):
        code, _, text = client.get("/readyz")
        return code, json.loads(text)

    def test_a_server_that_reads_its_memories_lives_and_is_not_ready(self):
        with tempfile.TemporaryDirectory(prefix="mneme-http-phases-") as folder:
            server = daemon.Daemon(folder, http="127.0.0.1:0").start()
            client = Http(server.http_port)
            client.post("/v1/memories", {"memoryId": "read", "memory": {"keyDim": 4, "dense": {}}})
            client.post("/v1/memories/read:store", {"keys": values(KEYS)})
            client.close()
            self.assertEqual(server.stop(), 0)
            server = daemon.Daemon(folder, http="127.0.0.1:0",
                                   more=[f"--debug.fail_points=recovery.after_memory=pause-{self.HELD_MILLIS}"])
            server.begin()
            client = Http(server.http_port)
            code, state = self.ready(client)
            self.assertEqual((code, state["phase"], state["memories"]), (503, "starting", 1))
            self.assertEqual(client.get("/healthz")[0], 200)
            self.assertIn("mneme_startup_done 0", client.get("/metrics")[2])
            while state["phase"] == "starting":
                code, state = self.ready(client)
            self.assertEqual((code, state), (200, {"phase": "serving", "memories_done": 1, "memories": 1,
                                                   "progress": 1.0}))
            client.close()
            self.assertEqual(server.stop(), 0, server.log())

    def test_a_server_that_was_told_to_stop_is_draining(self):
        with tempfile.TemporaryDirectory(prefix="mneme-http-phases-") as folder:
            server = daemon.Daemon(folder, http="127.0.0.1:0",
                                   more=[f"--debug.fail_points=close.begin=pause-{self.HELD_MILLIS}"]).start()
            client = Http(server.http_port)
            server.process.terminate()
            code, state = self.ready(client)
            while state["phase"] == "serving":
                code, state = self.ready(client)
            self.assertEqual((code, state["phase"]), (503, "draining"))
            code, error = client.post("/v1/memories:list")
            self.assertEqual((code, reason_of(error)), (503, "STOPPING"))
            client.close()
            self.assertEqual(server.process.wait(SECONDS_MAX), 0, server.log())

    def test_recovery_mode_is_not_ready(self):
        with tempfile.TemporaryDirectory(prefix="mneme-http-phases-") as folder:
            server = daemon.Daemon(folder, http="127.0.0.1:0", more=["--recovery"]).start()
            client = Http(server.http_port)
            code, state = self.ready(client)
            self.assertEqual((code, state["phase"]), (503, "recovery"))
            self.assertEqual(client.post("/v1/memories:list")[0], 200)
            client.close()
            self.assertEqual(server.stop(), 0)


AUTH = """keys:
  - name: shell
    sha256: {digest}
    grants: [{{role: reader, memories: "*"}}]
  - name: narrow
    sha256: {narrow}
    grants: [{{role: reader, memories: "other-*"}}]
"""


class Secured(unittest.TestCase):
    """With keys, and over TLS."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mneme-https-")
        path = cls.folder.name
        cls.certificate, cls.key = os.path.join(path, "server.pem"), os.path.join(path, "server.key")
        cls.make_certificate()
        with open(os.path.join(path, "auth.yaml"), "w", encoding="utf-8") as file:
            file.write(AUTH.format(digest=hashlib.sha256(b"open-sesame").hexdigest(),
                                   narrow=hashlib.sha256(b"half-open").hexdigest()))
        cls.server = daemon.Daemon(path, http="127.0.0.1:0", more=[
            "--http.tls=true", f"--tls.certificate={cls.certificate}", f"--tls.key={cls.key}",
            f"--auth.file={path}/auth.yaml"]).start()

    @classmethod
    def make_certificate(cls):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", cls.key, "-out", cls.certificate, "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log()
        cls.folder.cleanup()
        assert code == 0, log

    def setUp(self):
        context = ssl.create_default_context(cafile=self.certificate)
        self.http = Http(self.server.http_port, context)
        self.addCleanup(self.http.close)

    def test_health_needs_no_key(self):
        self.assertEqual(self.http.get("/healthz")[0], 200)
        code, _, text = self.http.get("/readyz", Host="any.example")  # where callers are known, names do not matter
        # How many memories there are is not for everybody.
        self.assertEqual((code, json.loads(text)), (200, {"phase": "serving", "progress": 1.0}))

    def test_pages_and_rpcs_need_one(self):
        for path in ("/metrics", "/openapi.json"):
            code, headers, text = self.http.get(path)
            self.assertEqual((code, headers["WWW-Authenticate"]), (401, "Bearer"), text)
            self.assertEqual(self.http.get(path, Authorization="Bearer open-sesame")[0], 200)
            self.assertEqual(self.http.get(path, Authorization="Bearer open-sesam")[0], 401)
        code, error = self.http.post("/v1/memories:list")
        self.assertEqual((code, reason_of(error)), (401, "NO_CREDENTIALS"))
        self.assertEqual(self.http.post("/v1/memories:list", Authorization="Bearer open-sesame")[0], 200)

    def test_bodies_of_strangers_that_are_large_or_of_unknown_size_are_not_read(self):
        for name, value in (("Content-Length", "100000"), ("Transfer-Encoding", "chunked")):
            other = Http(self.server.http_port, ssl.create_default_context(cafile=self.certificate))
            self.addCleanup(other.close)
            other.connection.putrequest("POST", "/v1/memories/x:store")
            other.connection.putheader(name, value)
            other.connection.endheaders()
            response = other.connection.getresponse()  # before any of it was sent
            self.assertEqual((response.status, response.headers["Connection"]), (401, "close"), name)

    def test_a_reload_shows_the_new_certificate_and_keeps_connections(self):
        def shown():
            return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.server.http_port)))

        self.assertEqual(self.http.get("/healthz")[0], 200)
        before = shown()
        self.make_certificate()
        self.server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + SECONDS_MAX
        while shown() == before:
            self.assertLess(time.monotonic(), deadline, self.server.log())
        with open(self.certificate, encoding="ascii") as file:
            self.assertEqual(shown(), ssl.PEM_cert_to_DER_cert(file.read()))
        self.assertEqual(self.http.get("/healthz")[0], 200)

    def test_a_key_opens_what_it_is_for(self):
        code, error = self.http.post("/v1/memories", {"memoryId": "x", "memory": {"keyDim": 4, "dense": {}}},
                                     Authorization="Bearer open-sesame")
        self.assertEqual((code, reason_of(error)), (403, "PERMISSION"))
        code, error = self.http.post("/v1/memories/x:get", Authorization="Bearer half-open")
        self.assertEqual((code, reason_of(error)), (403, "PERMISSION"))
        self.assertEqual(self.http.get("/metrics", Authorization="Bearer half-open")[0], 403)

    def test_plain_http_and_old_tls_are_refused(self):
        plain = Http(self.server.http_port)
        with self.assertRaises((http.client.HTTPException, OSError)):
            plain.get("/healthz")
        plain.close()
        context = ssl.create_default_context(cafile=self.certificate)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(OSError):
            Http(self.server.http_port, context).get("/healthz")

    def test_tls_without_a_certificate_and_plain_http_beyond_loopback_do_not_start(self):
        for more, wanted in ((["--http.tls=true"], "tls.certificate"), (["--http.listen=0.0.0.0:7412"], "http.listen")):
            done = subprocess.run([daemon.program("mnemed"), "config", "check", *more], capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(wanted, done.stderr)


class Ending(unittest.TestCase):
    def test_a_call_under_way_is_answered_before_the_server_ends(self):
        with tempfile.TemporaryDirectory(prefix="mneme-http-end-") as folder:
            server = daemon.Daemon(folder, http="127.0.0.1:0").start()
            client = Http(server.http_port)
            self.assertEqual(client.post("/v1/memories:list")[0], 200)
            client.connection.request("POST", "/v1/memories/x:retrieve", body='{"top": 1}')
            self.assertEqual(server.stop(), 0, server.log())
            client.close()

    def test_two_daemons_do_not_share_a_port(self):
        with tempfile.TemporaryDirectory(prefix="mneme-http-two-") as folder:
            server = daemon.Daemon(folder, http="127.0.0.1:0").start()
            with tempfile.TemporaryDirectory(prefix="mneme-http-two-") as other:
                second = daemon.Daemon(other, http=f"127.0.0.1:{server.http_port}")
                with self.assertRaisesRegex(RuntimeError, "(?s)ended with 4.*--http.listen=none"):
                    second.start()
            self.assertEqual(server.stop(), 0)

    def test_slow_calls_are_logged_with_their_trace(self):
        with tempfile.TemporaryDirectory(prefix="mneme-http-slow-") as folder:
            server = daemon.Daemon(folder, http="127.0.0.1:0", more=["--log.slow_query_millis=1"]).start()
            client = Http(server.http_port)
            client.post("/v1/memories", {"memoryId": "slow", "memory": {"keyDim": 64, "dense": {}}})
            rows = [[float(i == j % 64) for i in range(64)] for j in range(2000)]
            trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            code, answer = client.post("/v1/memories/slow:store", {"keys": values(rows)},
                                       traceparent=f"00-{trace}-00f067aa0ba902b7-01")
            self.assertEqual(code, 200, answer)
            client.close()
            self.assertEqual(server.stop(), 0)
            self.assertRegex(server.log(), rf"slow: Store of memories/slow took [\d.]+ ms \(decode .*OK.*trace {trace}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
