# SPDX-License-Identifier: LGPL-2.1-or-later
"""What it costs the daemon that somebody looks at its metrics."""

import glob
import os
import socket
import time

import measure
from peers import Failure, XcpBusd

PAUSE_S = 0.12  # an answer that is younger is given once more
FEW, MANY = 5, 20


class Watched(XcpBusd):
    """xcp-busd with metrics."""

    name = "xcp-busd metrics"

    @property
    def metrics(self):
        return os.path.join(self.scratch, "metrics")

    def command(self):
        return [*super().command(), f"--metrics=unix:path={self.metrics}"]

    def look(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self.metrics)
            sock.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            answer = b""
            while chunk := sock.recv(65536):
                answer += chunk
        if b"\nxcp_bus_links " not in answer:
            raise Failure(f"{self.name}: {answer[:200]!r}")


def instructions_of_a_run(bus, count):
    out = os.path.join(bus.scratch, "callgrind.looking")
    for path in glob.glob(out + "*"):
        os.unlink(path)
    bus.start(["valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={out}"],
              environment=measure.COUNTABLE)
    try:
        bus.wait_until_it_listens(bus.metrics)  # a moment later than the bus
        for _ in range(count):
            bus.look()
            time.sleep(PAUSE_S)
    finally:
        bus.stop()
    return measure.callgrind_total(out + "*")


def instructions(build, scratch):
    """User instructions for one look at a bus with nobody on it."""
    bus = Watched(build, scratch)
    return (instructions_of_a_run(bus, MANY) - instructions_of_a_run(bus, FEW)) / (MANY - FEW)
