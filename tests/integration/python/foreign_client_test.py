#!/usr/bin/env python3
"""The contract, proved by a client that is not ours: Python's stock gRPC library with stubs generated from proto/.

Nothing here uses a line of mneme's own code. Recalls are compared with the formulas written out in Python.
Environment: TEST_BIN, the folder that holds mnemed.
"""

import math
import random
import struct
import tempfile
import unittest
import uuid

import daemon

STUBS = daemon.load_stubs()

# pylint: disable=wrong-import-position  (the stubs exist only now)
import grpc  # noqa: E402
import health_pb2  # noqa: E402
import health_pb2_grpc  # noqa: E402
import reflection_pb2  # noqa: E402
import reflection_pb2_grpc  # noqa: E402
from google.protobuf import descriptor_pb2  # noqa: E402
from google.longrunning import operations_pb2, operations_pb2_grpc  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402
from mneme.v1 import memory_pb2, memory_service_pb2 as api, memory_service_pb2_grpc, vectors_pb2  # noqa: E402

SERVICE = "mneme.v1.MemoryService"
SEED = 20261122
DEADLINE_SECONDS = 60
FLOAT32 = vectors_pb2.DTYPE_FLOAT32
BFLOAT16 = vectors_pb2.DTYPE_BFLOAT16
FLOAT16 = vectors_pb2.DTYPE_FLOAT16
INT8 = vectors_pb2.DTYPE_INT8


def matrix(rows):
    """Rows as contiguous little-endian bytes."""
    flat = [x for row in rows for x in row]
    return vectors_pb2.Matrix(dtype=FLOAT32, rows=len(rows), cols=len(rows[0]), data=struct.pack(f"<{len(flat)}f", *flat))


def narrow(rows, dtype):
    """Rows in one of the narrower types (bfloat16 by cutting off)."""
    flat = [x for row in rows for x in row]
    m = vectors_pb2.Matrix(dtype=dtype, rows=len(rows), cols=len(rows[0]))
    if dtype == FLOAT16:
        m.data = struct.pack(f"<{len(flat)}e", *flat)
    elif dtype == BFLOAT16:
        m.data = b"".join(struct.pack("<f", x)[2:] for x in flat)
    else:
        scales = [as_float32(max(abs(x) for x in row) / 127) for row in rows]
        m.data = b"".join(struct.pack("<b", round(x / scale)) for row, scale in zip(rows, scales) for x in row)
        m.scales = struct.pack(f"<{len(scales)}f", *scales)
    return m


def numbers_of(m):
    """All numbers of a matrix, of whichever type, as its format says."""
    count = m.rows * m.cols
    if m.dtype == FLOAT16:
        return list(struct.unpack(f"<{count}e", m.data))
    if m.dtype == BFLOAT16:
        return [struct.unpack("<f", b"\0\0" + m.data[2 * i : 2 * i + 2])[0] for i in range(count)]
    if m.dtype == INT8:
        scales = struct.unpack(f"<{m.rows}f", m.scales)
        return [as_float32(code * scales[i // m.cols]) for i, code in enumerate(struct.unpack(f"<{count}b", m.data))]
    return list(struct.unpack(f"<{count}f", m.data))


def rows_of(m):
    flat = list(m.values) or numbers_of(m)
    return [list(flat[i * m.cols : (i + 1) * m.cols]) for i in range(m.rows)]


def number(n):
    return vectors_pb2.ItemId(number=n)


def text(s):
    return vectors_pb2.ItemId(text=s)


def as_float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def gaussian_rows(rng, rows, cols):
    return [[as_float32(rng.gauss(0, 1)) for _ in range(cols)] for _ in range(rows)]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def unit(v):
    length = math.sqrt(dot(v, v))
    return [x / length for x in v]


def softmax(exponents):
    largest = max(exponents)
    e = [math.exp(x - largest) for x in exponents]
    return [x / sum(e) for x in e]


def mix(shares, rows):
    return [sum(p * row[j] for p, row in zip(shares, rows)) for j in range(len(rows[0]))]


def mask_bits(known):
    data = bytearray((len(known) + 7) // 8)
    for j, is_known in enumerate(known):
        if is_known:
            data[j // 8] |= 1 << (j % 8)
    return bytes(data)


class AnyText:
    """Equal to any text that is not empty: where the exact reason is not part of what is tested."""

    def __eq__(self, other):
        return isinstance(other, str) and other != ""


class Client:
    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.stub = memory_service_pb2_grpc.MemoryServiceStub(self.channel)

    def __getattr__(self, rpc):
        """self.Store(field=...) calls the RPC with a deadline."""
        request_name = "GetServerInfoRequest" if rpc == "GetServerInfo" else f"{rpc}Request"
        return lambda **fields: getattr(self.stub, rpc)(getattr(api, request_name)(**fields), timeout=DEADLINE_SECONDS)

    def create(self, memory_id, **spec):
        return self.CreateMemory(memory_id=memory_id, memory=memory_pb2.Memory(**spec))


class TestCase(unittest.TestCase):
    def assert_close(self, given, expected, tolerance=1e-4):
        self.assertEqual(len(given), len(expected))
        for row_given, row_expected in zip(given, expected):
            self.assertEqual(len(row_given), len(row_expected))
            scale = max(1.0, max(abs(x) for x in row_expected))
            for x, y in zip(row_given, row_expected):
                self.assertLessEqual(abs(x - y), tolerance * scale, (row_given, row_expected))


class ForeignClient(TestCase):
    """One daemon for all; each test makes memories of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mneme-foreign-")
        cls.daemon = daemon.Daemon(cls.folder.name).start()
        cls.client = Client(cls.daemon.address)

    @classmethod
    def tearDownClass(cls):
        cls.client.channel.close()
        code = cls.daemon.stop()
        log = cls.daemon.log()
        cls.folder.cleanup()
        assert code == 0, f"mnemed ended with {code} on SIGTERM:\n{log}"

    def setUp(self):
        self.rng = random.Random(SEED)
        self.name = "t-" + uuid.uuid4().hex[:12]
        self.memory = f"memories/{self.name}"
        print(f"{self.id()}: seed {SEED}")

    def item_count(self):
        return self.client.GetMemory(name=self.memory).state.item_count

    # ---- the services around the contract

    def test_health_says_serving(self):
        health = health_pb2_grpc.HealthStub(self.client.channel)
        for service in ("", SERVICE):
            reply = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=DEADLINE_SECONDS)
            self.assertEqual(reply.status, health_pb2.HealthCheckResponse.SERVING)

    def test_reflection_shows_the_contract_that_the_stubs_were_made_from(self):
        ask = reflection_pb2.ServerReflectionRequest
        stub = reflection_pb2_grpc.ServerReflectionStub(self.client.channel)
        replies = list(stub.ServerReflectionInfo(
            iter([ask(list_services=""), ask(file_containing_symbol=SERVICE)]), timeout=DEADLINE_SECONDS))
        services = [s.name for s in replies[0].list_services_response.service]
        self.assertIn(SERVICE, services)
        self.assertIn("grpc.health.v1.Health", services)
        served = {}
        for data in replies[1].file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            served[file.name] = file
        ours = descriptor_pb2.FileDescriptorProto()
        api.DESCRIPTOR.CopyToProto(ours)
        methods = [m.name for m in served["mneme/v1/memory_service.proto"].service[0].method]
        self.assertEqual(methods, [m.name for m in ours.service[0].method])

    def test_server_info_tells_version_and_limits(self):
        info = self.client.GetServerInfo()
        self.assertRegex(info.version, r"^\d+\.\d+\.\d+")
        self.assertGreater(info.limits.rows_per_store_max, 0)
        self.assertGreater(info.limits.message_bytes_max, 0)

    # ---- storing and recalling

    def test_dense_auto_recalls_the_item_behind_a_noisy_cue(self):
        keys = gaussian_rows(self.rng, 100, 64)
        self.client.create(self.name, key_dim=64, dense=memory_pb2.DenseSpec())
        self.client.Store(memory=self.memory, keys=matrix(keys), ids=[number(i) for i in range(100)])
        cues = [[x + self.rng.gauss(0, 0.3) for x in key] for key in keys[:10]]
        reply = self.client.Retrieve(memory=self.memory, cues=matrix(cues), top=3)
        self.assertEqual([r.top[0].id.number for r in reply.results], list(range(10)))
        self.assertEqual([[s.rank for s in r.top] for r in reply.results], [[1, 2, 3]] * 10)
        self.assertEqual({r.status for r in reply.results}, {api.ANSWER_STATUS_CONVERGED})
        self.assertEqual(reply.exactness, api.EXACTNESS_EXACT)
        # Keys of 64 random numbers stand far apart: one step lands on the key itself.
        self.assert_close(rows_of(reply.recalls), keys[:10], tolerance=1e-2)

    def test_dense_hetero_equals_the_weighted_softmax_of_the_responses(self):
        beta = 0.2
        keys = gaussian_rows(self.rng, 40, 12)
        responses = gaussian_rows(self.rng, 40, 5)
        weights = [as_float32(self.rng.uniform(0.5, 2)) for _ in range(40)]
        self.client.create(self.name, key_dim=12, response_dim=5, dense=memory_pb2.DenseSpec(beta=beta))
        self.client.Store(memory=self.memory, keys=matrix(keys), responses=matrix(responses), weights=weights)
        cues = gaussian_rows(self.rng, 3, 12)
        expected = []
        for cue in cues:
            scores = [-0.5 * sum((x - y) ** 2 for x, y in zip(cue, key)) for key in keys]
            expected.append(mix(softmax([beta * s + math.log(w) for s, w in zip(scores, weights)]), responses))
        reply = self.client.Retrieve(memory=self.memory, cues=matrix(cues))
        self.assert_close(rows_of(reply.recalls), expected)

    def test_dense_mask_scores_by_the_known_coordinates_scaled_to_all(self):
        beta = 0.5
        keys = gaussian_rows(self.rng, 30, 16)
        self.client.create(self.name, key_dim=16, dense=memory_pb2.DenseSpec(beta=beta))
        self.client.Store(memory=self.memory, keys=matrix(keys))
        known = [j < 7 for j in range(16)]
        cue = [x if k else 1000.0 for x, k in zip(keys[4], known)]
        lists = self.client.ListwiseQuery(
            memory=self.memory, cues=matrix([cue]), mask=api.Mask(bits=mask_bits(known)), k=30, beta=beta).lists
        scale = len(known) / sum(known)  # an estimate of the whole distance from the known part
        scores = [-0.5 * scale * sum((x - y) ** 2 for x, y, k in zip(keys[4], key, known) if k) for key in keys]
        self.assert_close([[s.score for s in lists[0].items]], [sorted(scores, reverse=True)])
        self.assertAlmostEqual(lists[0].mass, 1, places=5)

    def test_repeated_floats_and_bytes_are_the_same_vectors(self):
        keys = gaussian_rows(self.rng, 8, 6)
        by_hand = vectors_pb2.Matrix(rows=8, cols=6, values=[x for row in keys for x in row])
        self.client.create(self.name, key_dim=6, dense=memory_pb2.DenseSpec(beta=1))
        self.client.Store(memory=self.memory, keys=by_hand)
        as_bytes = self.client.Retrieve(memory=self.memory, cues=matrix(keys[:2]))
        as_values = self.client.Retrieve(
            memory=self.memory, cues=vectors_pb2.Matrix(rows=2, cols=6, values=keys[0] + keys[1]), values=True)
        self.assertEqual(len(as_values.recalls.values), 12)
        self.assert_close(rows_of(as_values.recalls), rows_of(as_bytes.recalls), tolerance=1e-6)

    def test_a_vector_of_a_narrower_type_is_the_float32_vector_of_its_numbers(self):
        self.client.create(self.name, key_dim=19, response_dim=5, dense=memory_pb2.DenseSpec(beta=0.2))
        keys, responses, cues = (gaussian_rows(self.rng, rows, cols) for rows, cols in ((10, 19), (10, 5), (3, 19)))
        for i, dtype in enumerate((BFLOAT16, FLOAT16, INT8)):
            with self.subTest(vectors_pb2.Dtype.Name(dtype)):
                sent, answers = narrow(keys, dtype), narrow(responses, dtype)
                self.client.Store(memory=self.memory, keys=sent, responses=answers, upsert=i > 0,
                                  ids=[number(n) for n in range(10)])
                items = self.client.ListItems(memory=self.memory, include_vectors=True).items
                items = sorted(items, key=lambda item: item.id.number)
                self.assertEqual({item.key.dtype for item in items}, {FLOAT32})
                self.assertEqual([rows_of(item.key)[0] for item in items], rows_of(sent))
                self.assertEqual([rows_of(item.response)[0] for item in items], rows_of(answers))
                asked = narrow(cues, dtype)
                plain = self.client.Retrieve(memory=self.memory, cues=matrix(rows_of(asked)), top=4)
                reply = self.client.Retrieve(memory=self.memory, cues=asked, top=4)
                self.assertEqual(reply.recalls, plain.recalls)
                self.assertEqual(list(reply.results), list(plain.results))
                short = self.client.Retrieve(memory=self.memory, cues=asked, recall_dtype=dtype).recalls
                self.assertEqual((short.dtype, len(short.data)), (dtype, 15 if dtype == INT8 else 30))
                self.assert_close(rows_of(short), rows_of(plain.recalls), tolerance=2**-8)

    def test_pairs_and_candidates_of_a_narrower_type_are_those_of_its_numbers(self):
        keys, responses = gaussian_rows(self.rng, 6, 16), gaussian_rows(self.rng, 6, 8)
        for dtype in (BFLOAT16, FLOAT16, INT8):
            with self.subTest(vectors_pb2.Dtype.Name(dtype)):
                name = f"{self.name}-{dtype}"
                memory = f"memories/{name}"
                self.client.create(name, key_dim=16, response_dim=8, retain=memory_pb2.RETAIN_STATISTICS,
                                   linear=memory_pb2.LinearSpec(rule=memory_pb2.LINEAR_RULE_CMM))
                pairs = {"keys": narrow(keys, dtype), "responses": narrow(responses, dtype)}
                self.client.Store(memory=memory, **pairs)
                lists = self.client.ListwiseQuery(memory=memory, cues=narrow(keys[2:3], dtype), k=6,
                                                  candidate_responses=narrow(responses, dtype)).lists
                plain = self.client.ListwiseQuery(
                    memory=memory, cues=matrix(rows_of(narrow(keys[2:3], dtype))), k=6,
                    candidate_responses=matrix(rows_of(narrow(responses, dtype)))).lists
                self.assertEqual(lists[0].items, plain[0].items)
                self.assertEqual(lists[0].items[0].id.number, 2)
                self.assertEqual(self.client.DeleteItems(memory=memory, **pairs).item_count, 0)

    def test_linear_cmm_recalls_the_sum_of_responses_times_overlaps_and_lists_by_it(self):
        keys = gaussian_rows(self.rng, 20, 32)
        responses = gaussian_rows(self.rng, 20, 8)
        self.client.create(self.name, key_dim=32, response_dim=8,
                           linear=memory_pb2.LinearSpec(rule=memory_pb2.LINEAR_RULE_CMM))
        self.client.Store(memory=self.memory, keys=matrix(keys), responses=matrix(responses),
                          ids=[text(f"item-{i:02}") for i in range(20)])
        cue = [x + self.rng.gauss(0, 0.2) for x in keys[7]]
        overlaps = [dot(unit(key), unit(cue)) for key in keys]
        recall = mix(overlaps, [unit(r) for r in responses])
        reply = self.client.Retrieve(memory=self.memory, cues=matrix([cue]))
        self.assert_close(rows_of(reply.recalls), [recall])

        scores = sorted(((dot(unit(r), recall), f"item-{i:02}") for i, r in enumerate(responses)), reverse=True)
        listed = self.client.ListwiseQuery(memory=self.memory, cues=matrix([cue]), k=4)
        self.assertEqual(listed.items_scored, 20)
        self.assertEqual([s.id.text for s in listed.lists[0].items], [name for _, name in scores[:4]])
        self.assert_close([[s.score for s in listed.lists[0].items]], [[score for score, _ in scores[:4]]])

    def test_linear_ridge_recalls_what_it_has_room_for(self):
        keys = gaussian_rows(self.rng, 16, 64)
        responses = [unit(row) for row in gaussian_rows(self.rng, 16, 8)]
        self.client.create(self.name, key_dim=64, response_dim=8,
                           linear=memory_pb2.LinearSpec(rule=memory_pb2.LINEAR_RULE_RIDGE, **{"lambda": 1e-6}))
        self.client.Store(memory=self.memory, keys=matrix(keys), responses=matrix(responses))
        reply = self.client.Retrieve(memory=self.memory, cues=matrix(keys))
        # 16 independent keys in 64 dimensions, hardly any penalty: W interpolates.
        self.assert_close(rows_of(reply.recalls), responses, tolerance=1e-3)

    def test_linear_delta_recalls_the_newest_response_of_a_key_exactly(self):
        spec = memory_pb2.LinearSpec(
            rule=memory_pb2.LINEAR_RULE_DELTA, response_normalization=memory_pb2.NORMALIZATION_NONE)
        self.client.create(self.name, key_dim=8, response_dim=5, linear=spec)
        key, others = gaussian_rows(self.rng, 1, 8), gaussian_rows(self.rng, 6, 8)
        old, new, theirs = (gaussian_rows(self.rng, n, 5) for n in (1, 1, 6))
        self.client.Store(memory=self.memory, keys=matrix(key), responses=matrix(old))
        self.client.Store(memory=self.memory, keys=matrix(others), responses=matrix(theirs))
        self.client.Store(memory=self.memory, keys=matrix(key), responses=matrix(new))
        self.assert_close(rows_of(self.client.Retrieve(memory=self.memory, cues=matrix(key)).recalls), new)

    def test_a_training_is_a_long_running_operation_that_certifies_lists(self):
        spec = memory_pb2.LinearSpec(rule=memory_pb2.LINEAR_RULE_TAM, list_size=8)
        self.client.create(self.name, key_dim=16, response_dim=16, linear=spec)
        keys = gaussian_rows(self.rng, 30, 16)
        self.client.Store(memory=self.memory, keys=matrix(keys), responses=matrix(gaussian_rows(self.rng, 30, 16)),
                          ids=[number(i) for i in range(30)])
        jobs = operations_pb2_grpc.OperationsStub(self.client.channel)
        job = self.client.Train(memory=self.memory)
        while not job.done:
            job = jobs.WaitOperation(operations_pb2.WaitOperationRequest(name=job.name), timeout=DEADLINE_SECONDS)
        trained = api.TrainResponse()
        self.assertTrue(job.response.Unpack(trained), job.error)
        reply = self.client.ListwiseQuery(memory=self.memory, cues=matrix(keys))
        self.assertEqual((reply.certificates, reply.list_size), (api.CERTIFICATE_STATE_SEALED, 8))
        certified = 0
        for i, found in enumerate(reply.lists):
            ids = [item.id.number for item in found.items if item.id.number == i and item.certificate.certified]
            certified += len(ids)
        self.assertEqual(certified, trained.memory.state.trained.certified)
        self.assertGreater(certified, 0)

    def test_candidates_are_ranked_and_unknown_ones_come_last_as_not_found(self):
        keys = gaussian_rows(self.rng, 10, 8)
        self.client.create(self.name, key_dim=8, dense=memory_pb2.DenseSpec(beta=1))
        self.client.Store(memory=self.memory, keys=matrix(keys), ids=[number(i) for i in range(10)])
        items = self.client.ListwiseQuery(memory=self.memory, cues=matrix([keys[3]]), k=5,
                                          candidates=[number(99), number(5), number(3)]).lists[0].items
        self.assertEqual([(s.id.number, s.found) for s in items], [(3, True), (5, True), (99, False)])

    def test_an_empty_memory_answers_that_it_is_empty(self):
        self.client.create(self.name, key_dim=4, dense=memory_pb2.DenseSpec())
        reply = self.client.Retrieve(memory=self.memory, cues=matrix([[1, 2, 3, 4]]))
        self.assertEqual(reply.results[0].status, api.ANSWER_STATUS_EMPTY_STORE)
        self.assertEqual(reply.results[0].confidence, 0)

    # ---- items

    def test_items_come_back_as_they_were_stored(self):
        attributes = vectors_pb2.Attributes(values={
            "big": vectors_pb2.AttributeValue(int64_value=2**53 + 1),
            "name": vectors_pb2.AttributeValue(string_value="käse"),
            "tags": vectors_pb2.AttributeValue(string_list=vectors_pb2.StringList(values=["b", "a"]))})
        self.client.create(self.name, key_dim=2, response_dim=3, dense=memory_pb2.DenseSpec())
        stored = self.client.Store(
            memory=self.memory, keys=matrix([[1, 2], [3, 4]]), responses=matrix([[5, 6, 7], [8, 9, 10]]),
            ids=[text("a"), number(2**64 - 1)], weights=[2, 0.5], payloads=[b"\x00\xff", b""],
            attributes=[attributes, vectors_pb2.Attributes()])
        self.assertEqual((stored.stored, stored.item_count, stored.replayed), (2, 2, False))
        item = self.client.GetItem(memory=self.memory, id=text("a"))
        self.assertEqual((rows_of(item.key), rows_of(item.response)), ([[1, 2]], [[5, 6, 7]]))
        self.assertEqual((item.weight, item.payload, item.attributes), (2, b"\x00\xff", attributes))
        self.assertEqual(self.client.GetItem(memory=self.memory, id=number(2**64 - 1)).weight, 0.5)

    def test_pages_of_items_hold_each_item_once_in_the_order_of_storing(self):
        self.client.create(self.name, key_dim=1, dense=memory_pb2.DenseSpec())
        self.client.Store(memory=self.memory, keys=matrix([[i] for i in range(25)]),
                          ids=[number(100 - i) for i in range(25)])
        seen, token, pages = [], "", 0
        while True:
            page = self.client.ListItems(memory=self.memory, page_size=10, page_token=token, include_vectors=True)
            seen += [(item.id.number, rows_of(item.key)[0][0]) for item in page.items]
            pages, token = pages + 1, page.next_page_token
            if not token:
                break
        self.assertEqual(seen, [(100 - i, i) for i in range(25)])
        self.assertEqual(pages, 3)

    def test_a_forgotten_item_is_gone_from_answers_and_lists(self):
        keys = gaussian_rows(self.rng, 6, 8)
        self.client.create(self.name, key_dim=8, dense=memory_pb2.DenseSpec())
        self.client.Store(memory=self.memory, keys=matrix(keys), ids=[number(i) for i in range(6)])
        gone = self.client.DeleteItems(memory=self.memory, ids=[number(2)])
        self.assertEqual((gone.deleted, gone.item_count), (1, 5))
        reply = self.client.Retrieve(memory=self.memory, cues=matrix([keys[2]]), top=5, read_token=gone.read_token)
        self.assertNotIn(2, [s.id.number for s in reply.results[0].top])
        self.assert_refused(grpc.StatusCode.NOT_FOUND, "ITEM_NOT_FOUND", self.client.GetItem,
                            memory=self.memory, id=number(2))

    def test_upsert_replaces_and_says_so(self):
        self.client.create(self.name, key_dim=2, dense=memory_pb2.DenseSpec(beta=10))
        self.client.Store(memory=self.memory, keys=matrix([[0, 0], [9, 9]]), ids=[number(1), number(2)])
        reply = self.client.Store(memory=self.memory, keys=matrix([[5, 0]]), ids=[number(1)], upsert=True)
        self.assertEqual((reply.replaced, reply.item_count), (1, 2))
        self.assertEqual(rows_of(self.client.GetItem(memory=self.memory, id=number(1)).key), [[5, 0]])

    def test_a_read_with_a_token_sees_the_write_it_came_from(self):
        self.client.create(self.name, key_dim=2, dense=memory_pb2.DenseSpec(beta=50))
        for i in range(20):
            token = self.client.Store(memory=self.memory, keys=matrix([[i, -i]]), ids=[number(i)]).read_token
            reply = self.client.Retrieve(memory=self.memory, cues=matrix([[i, -i]]), top=1, read_token=token)
            self.assertEqual(reply.results[0].top[0].id.number, i)

    # ---- retries

    def test_a_repeated_request_id_is_answered_from_the_first_time(self):
        self.client.create(self.name, key_dim=2, dense=memory_pb2.DenseSpec())
        request = {"memory": self.memory, "keys": matrix([[1, 2], [3, 4]]), "request_id": str(uuid.uuid4())}
        first = self.client.Store(**request)
        again = self.client.Store(**request)
        self.assertEqual((first.replayed, again.replayed), (False, True))
        self.assertEqual((again.position, again.first_id, again.stored), (first.position, first.first_id, 2))
        self.assertEqual(self.item_count(), 2)
        self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED", self.client.Store,
                            **{**request, "keys": matrix([[1, 2], [3, 5]])})
        self.assertEqual(self.item_count(), 2)

    # ---- errors: what was given, what was expected, what to do next; and nothing stored

    def assert_refused(self, code, reason, call, **fields):
        """The call fails with this code, and with details that a program can read. Returns the ErrorInfo."""
        with self.assertRaises(grpc.RpcError) as caught:
            call(**fields)
        error = caught.exception
        self.assertEqual(error.code(), code, error)
        trailers = dict(error.trailing_metadata())
        self.assertIn("grpc-status-details-bin", trailers, error)
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
        self.assertEqual((status.code, status.message), (code.value[0], error.details()))
        info, help_ = error_details_pb2.ErrorInfo(), error_details_pb2.Help()
        found = {type(m).__name__ for m in (info, help_) for detail in status.details if detail.Unpack(m)}
        self.assertEqual(found, {"ErrorInfo", "Help"}, status)
        self.assertEqual((info.domain, info.reason), ("mneme", reason), status)
        self.assertTrue(help_.links[0].description, "an error says what to do next")
        return info

    def test_bad_batches_are_refused_whole(self):
        self.client.create(self.name, key_dim=3, dense=memory_pb2.DenseSpec(similarity=memory_pb2.SIMILARITY_COSINE))
        good = [[1, 2, 3]]
        self.client.Store(memory=self.memory, keys=matrix(good), ids=[number(1)])
        invalid = grpc.StatusCode.INVALID_ARGUMENT
        short = matrix(good)
        short.data = short.data[:-1]
        no_dtype = vectors_pb2.Matrix(rows=1, cols=3, data=matrix(good).data)
        float64 = vectors_pb2.Matrix(dtype=vectors_pb2.DTYPE_FLOAT64, rows=1, cols=3, data=struct.pack("<3d", 1, 2, 3))
        overflow = vectors_pb2.Matrix(dtype=FLOAT16, rows=1, cols=3, data=struct.pack("<3e", 1, 2, math.inf))
        no_scale = vectors_pb2.Matrix(dtype=INT8, rows=1, cols=3, data=b"\1\2\3")
        minus_scale = vectors_pb2.Matrix(dtype=INT8, rows=1, cols=3, data=b"\1\2\3", scales=struct.pack("<f", -1))
        cases = [
            ("not a number", invalid, "NOT_FINITE", {"keys": matrix([[1, 2, 3], [1, math.nan, 3]])}),
            ("infinite", invalid, "NOT_FINITE", {"keys": matrix([[1, 2, math.inf]])}),
            ("wrong dimension", invalid, "SHAPE", {"keys": matrix([[1, 2]])}),
            ("no rows", invalid, None, {"keys": vectors_pb2.Matrix(dtype=FLOAT32, rows=0, cols=3)}),
            ("no keys", invalid, None, {}),
            ("bytes missing", invalid, None, {"keys": short}),
            ("no dtype", invalid, None, {"keys": no_dtype}),
            ("dtype of a later version", grpc.StatusCode.UNIMPLEMENTED, "DTYPE", {"keys": float64}),
            ("infinite float16", invalid, "NOT_FINITE", {"keys": overflow}),
            ("int8 without a scale", invalid, "MATRIX", {"keys": no_scale}),
            ("int8 with a negative scale", invalid, "MATRIX", {"keys": minus_scale}),
            ("one id twice", invalid, "DUPLICATE_ID",
             {"keys": matrix([[1, 2, 3], [4, 5, 6]]), "ids": [number(7), number(7)]}),
            ("too few ids", invalid, "SHAPE", {"keys": matrix([[1, 2, 3], [4, 5, 6]]), "ids": [number(7)]}),
            ("id present", grpc.StatusCode.ALREADY_EXISTS, "ITEM_EXISTS",
             {"keys": matrix([[4, 5, 6], [1, 2, 3]]), "ids": [number(8), number(1)]}),
            ("weight zero", invalid, "WEIGHT", {"keys": matrix(good), "weights": [0]}),
            ("zero vector under cosine", invalid, None, {"keys": matrix([[1, 2, 3], [0, 0, 0]])}),
            ("responses where there are none", invalid, "SHAPE", {"keys": matrix(good), "responses": matrix([[1]])}),
        ]
        for what, code, reason, fields in cases:
            with self.subTest(what):
                self.assert_refused(code, reason or AnyText(), self.client.Store, memory=self.memory, **fields)
                self.assertEqual(self.item_count(), 1)

    def test_errors_name_what_was_given_and_what_was_expected(self):
        self.client.create(self.name, key_dim=3, dense=memory_pb2.DenseSpec())
        info = self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, "SHAPE", self.client.Store,
                                   memory=self.memory, keys=matrix([[1, 2]]))
        self.assertIn("2", info.metadata["given"])
        self.assertIn("3", info.metadata["expected"])

    def test_unknown_and_taken_names_are_told_apart(self):
        self.assert_refused(grpc.StatusCode.NOT_FOUND, "MEMORY_NOT_FOUND", self.client.Retrieve,
                            memory="memories/nowhere", cues=matrix([[1]]))
        self.client.create(self.name, key_dim=3, dense=memory_pb2.DenseSpec())
        self.assert_refused(grpc.StatusCode.ALREADY_EXISTS, "MEMORY_EXISTS", self.client.create,
                            memory_id=self.name, key_dim=3, dense=memory_pb2.DenseSpec())
        self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, "MEMORY_NAME", self.client.create,
                            memory_id="Not a name", key_dim=3, dense=memory_pb2.DenseSpec())

    def test_over_a_limit_names_it_and_is_no_invitation_to_retry(self):
        limits = self.client.GetServerInfo().limits
        self.client.create(self.name, key_dim=1, dense=memory_pb2.DenseSpec())
        rows = limits.rows_per_store_max + 1
        info = self.assert_refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT", self.client.Store, memory=self.memory,
                                   keys=matrix([[1]] * rows))
        self.assertEqual(info.metadata["given"], str(rows))
        self.assertEqual(self.item_count(), 0)

    def test_a_message_over_the_limit_is_refused_with_the_limit(self):
        limit = self.client.GetServerInfo().limits.message_bytes_max
        self.client.create(self.name, key_dim=1024, dense=memory_pb2.DenseSpec())
        rows = limit // 4096 + 1
        keys = vectors_pb2.Matrix(dtype=FLOAT32, rows=rows, cols=1024, data=bytes(rows * 4096))
        info = self.assert_refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT", self.client.Store,
                                   memory=self.memory, keys=keys)
        self.assertIn(str(limit), info.metadata["expected"])
        self.assertEqual(self.item_count(), 0)

    def test_bytes_that_are_no_message_end_the_call_and_not_the_daemon(self):
        store = self.client.channel.unary_unary(f"/{SERVICE}/Store")
        for body in (b"\xff" * 100, b"\x0a\x7fshort", self.rng.randbytes(1000)):
            with self.assertRaises(grpc.RpcError):
                store(body, timeout=DEADLINE_SECONDS)
        self.assertTrue(self.daemon.is_running())
        self.assertGreater(self.client.GetServerInfo().limits.cues_max, 0)


class Restart(TestCase):
    """Acknowledged means durable: after SIGKILL the daemon answers as before."""

    def test_after_a_kill_everything_acknowledged_is_there_and_answers_are_the_same(self):
        print(f"{self.id()}: seed {SEED}")
        rng = random.Random(SEED)
        keys, responses = gaussian_rows(rng, 50, 16), gaussian_rows(rng, 50, 4)
        cues = matrix(gaussian_rows(rng, 5, 16))
        specs = {"dense": {"dense": memory_pb2.DenseSpec()}, "ridge": {"linear": memory_pb2.LinearSpec()}}
        with tempfile.TemporaryDirectory(prefix="mneme-restart-") as folder:
            server = daemon.Daemon(folder).start()
            try:
                client, before = Client(server.address), {}
                for name, spec in specs.items():
                    client.create(name, key_dim=16, response_dim=4, **spec)
                    for i in range(0, 50, 10):
                        client.Store(memory=f"memories/{name}", keys=matrix(keys[i : i + 10]),
                                     responses=matrix(responses[i : i + 10]),
                                     ids=[number(n) for n in range(i, i + 10)], request_id=f"batch-{i}")
                    client.DeleteItems(memory=f"memories/{name}", ids=[number(7), number(31)])
                    before[name] = client.Retrieve(memory=f"memories/{name}", cues=cues, top=5)
                client.channel.close()
                server.kill()

                client = Client(server.start().address)
                for name in specs:
                    memory = client.GetMemory(name=f"memories/{name}")
                    self.assertEqual((memory.state.item_count, memory.state.position), (48, 6))
                    after = client.Retrieve(memory=f"memories/{name}", cues=cues, top=5)
                    self.assert_close(rows_of(after.recalls), rows_of(before[name].recalls), tolerance=1e-5)
                    self.assertEqual([[s.id for s in r.top] for r in after.results],
                                     [[s.id for s in r.top] for r in before[name].results])
                    retried = client.Store(memory=f"memories/{name}", keys=matrix(keys[:10]),
                                           responses=matrix(responses[:10]), ids=[number(n) for n in range(10)],
                                           request_id="batch-0")
                    self.assertTrue(retried.replayed)
                client.channel.close()
                self.assertEqual(server.stop(), 0, server.log())
            finally:
                if server.is_running():
                    server.kill()


if __name__ == "__main__":
    unittest.main(verbosity=2)
