#!/usr/bin/env python3
"""Two daemons on loopback that learn from each other, with a memory of 4,096 x 8,192: 128 MiB each.

usage: large_federation.py [--rows=R] [--columns=C] [--round_ms=MS] [--rounds=N] [--compression=none|low_rank]

What one stores the other must recall. Prints the time and the processor time of a round, the bytes between the
two and the resident memory. Environment: TEST_BIN, the folder that holds mnemed. Needs 4 GiB and two minutes or three, so
that ctest runs it only where it is asked for: ctest --preset dev -C large -R large_federation
"""

import argparse
import math
import os
import random
import struct
import sys
import tempfile
import time

import daemon

STUBS = daemon.load_stubs()

# pylint: disable=wrong-import-position  (the stubs exist only now)
import grpc  # noqa: E402
from mneme.v1 import federation_service_pb2 as federations, federation_service_pb2_grpc  # noqa: E402
from mneme.v1 import memory_pb2, memory_service_pb2 as api, memory_service_pb2_grpc, vectors_pb2  # noqa: E402

SEED = 20261123
PATIENCE_SECONDS = 600  # longer is a failure
CALL_SECONDS = 120
ITEMS = 4
CLOSE_ENOUGH = 0.5  # of the response's length
MEBIBYTE = 1 << 20


def unit_rows(rng, rows, cols):
    out = []
    for _ in range(rows):
        row = [rng.gauss(0, 1) for _ in range(cols)]
        norm = math.sqrt(sum(x * x for x in row))
        out.append([x / norm for x in row])
    return out


def matrix(rows):
    flat = [x for row in rows for x in row]
    return vectors_pb2.Matrix(dtype=vectors_pb2.DTYPE_FLOAT32, rows=len(rows), cols=len(rows[0]),
                              data=struct.pack(f"<{len(flat)}f", *flat))


class Site:
    """A daemon that is a node, and its memory."""

    def __init__(self, name, folder, description, flags):
        self.name = name
        os.makedirs(folder)
        self.daemon = daemon.Daemon(folder, more=[
            "--federation.file=" + description, "--federation.node=" + name,
            f"--peer.listen=unix:{folder}.sock", "--log.level=warning"]).start()
        channel = grpc.insecure_channel(self.daemon.address, options=[("grpc.max_receive_message_length", -1)])
        self.memories = memory_service_pb2_grpc.MemoryServiceStub(channel)
        self.federations = federation_service_pb2_grpc.FederationServiceStub(channel)
        self.memories.CreateMemory(api.CreateMemoryRequest(memory_id="m", memory=memory_pb2.Memory(
            key_dim=flags.columns, response_dim=flags.rows,
            linear=memory_pb2.LinearSpec(rule=memory_pb2.LINEAR_RULE_FEDERATED))), timeout=CALL_SECONDS)

    def store(self, keys, responses):
        self.memories.Store(api.StoreRequest(memory="memories/m", keys=matrix(keys), responses=matrix(responses)),
                            timeout=CALL_SECONDS)

    def error(self, keys, responses):
        """Mean distance of the recalls from the responses."""
        answer = self.memories.Retrieve(api.RetrieveRequest(memory="memories/m", cues=matrix(keys)),
                                        timeout=CALL_SECONDS)
        flat = struct.unpack(f"<{len(answer.recalls.data) // 4}f", answer.recalls.data)
        cols = len(responses[0])
        return sum(math.dist(flat[i * cols:(i + 1) * cols], row) for i, row in enumerate(responses)) / len(responses)

    def status(self):
        return self.federations.GetFederationStatus(
            federations.GetFederationStatusRequest(name="federations/f"), timeout=CALL_SECONDS)

    def processor_seconds(self):
        with open(f"/proc/{self.daemon.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self):
        """Now and at most, in MiB."""
        with open(f"/proc/{self.daemon.process.pid}/status", encoding="ascii") as file:
            kib = dict(line.split(":", 1) for line in file)
        return tuple(int(kib[key].split()[0]) // 1024 for key in ("VmRSS", "VmHWM"))


def describe(path, folder, flags):
    with open(path, "w", encoding="ascii") as file:
        file.write(f"""federations:
  - name: f
    memory: m
    round_ms: {flags.round_ms}
    spec: {{key_dim: {flags.columns}, response_dim: {flags.rows}, min_contributors: 1, min_items: 1,
           stability_cap: false, probe_rounds: 1000000, compression: {flags.compression}}}
    nodes:
      - {{name: north, address: 'unix:{folder}/north.sock', interest: {{north: 1, south: 1}}}}
      - {{name: south, address: 'unix:{folder}/south.sock', interest: {{north: 1, south: 1}}}}
""")


def measure(sites, flags):
    """Stores at north until south recalls it, then `rounds` rounds more."""
    north, south = sites
    rng = random.Random(SEED)
    keys, responses = unit_rows(rng, ITEMS, flags.columns), unit_rows(rng, ITEMS, flags.rows)
    deadline = time.monotonic() + PATIENCE_SECONDS
    begin = time.monotonic()
    stored_round = None
    while True:
        status = north.status()
        if status.round != stored_round:  # once a round
            stored_round = status.round
            north.store(keys, responses)
            error = south.error(keys, responses)
            if error < CLOSE_ENOUGH:
                break
        if time.monotonic() > deadline:
            raise RuntimeError(f"south is {error} away after {PATIENCE_SECONDS} s:\n{south.status()}\n{status}")
        time.sleep(0.05)  # polls; nothing is assumed about how long it takes
    print(f"south recalls what north stored to {error:.2f} after {time.monotonic() - begin:.0f} s, "
          f"round {stored_round}", flush=True)
    before = [(site.status(), site.processor_seconds()) for site in sites]
    start = time.monotonic()
    first = before[0][0].round
    last = first
    while last < first + flags.rounds:
        status = north.status()
        if status.round != last:
            last = status.round
            north.store(keys, responses)
            south.store(keys, responses)
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {last - first} rounds within {PATIENCE_SECONDS} s")
        time.sleep(0.05)
    seconds = time.monotonic() - start
    for site, (old, processor) in zip(sites, before):
        new = site.status()
        rounds = max(1, new.round - old.round)
        sent = sum(e.payload_bytes_sent for e in new.edges) - sum(e.payload_bytes_sent for e in old.edges)
        now, most = site.resident()
        used = 1000 * (site.processor_seconds() - processor) / rounds
        print(f"{site.name}: {seconds / rounds:.2f} s a round, {used:.1f} ms of the processor, "
              f"{sent / rounds / MEBIBYTE:.2f} MiB sent, {now} MiB resident, {most} at most, drops {dict(new.drops)}",
              flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--columns", type=int, default=8192)
    parser.add_argument("--round_ms", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--compression", default="none")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mneme-large-") as folder:
        description = os.path.join(folder, "federation.yaml")
        describe(description, folder, flags)
        sites = []
        try:
            for name in ("north", "south"):
                sites.append(Site(name, os.path.join(folder, name), description, flags))
            measure(sites, flags)
            codes = [site.daemon.stop() for site in sites]
        finally:
            for site in sites:
                if site.daemon.is_running():
                    site.daemon.kill()
        if any(codes):
            print(f"mnemed ended with {codes}:\n{sites[0].daemon.log()}\n{sites[1].daemon.log()}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
