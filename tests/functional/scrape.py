# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks the daemon for its metrics, as Prometheus would."""
import re
import socket
import time

from client import PATIENCE
from prometheus_client.parser import text_string_to_metric_families


def connect(address):
    """address: a path, or a port of this machine."""
    sock = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    sock.settimeout(PATIENCE)
    sock.connect(address if isinstance(address, str) else ('127.0.0.1', address))
    return sock


def read_all(sock):
    data = b''
    while chunk := sock.recv(1 << 16):
        data += chunk
    return data


def ask(address, request=b'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'):
    """The status, and the body, which is as long as was said."""
    with connect(address) as sock:
        sock.sendall(request)
        head, _, body = read_all(sock).partition(b'\r\n\r\n')
    status = int(re.match(rb'HTTP/1\.1 (\d{3}) ', head)[1])
    assert int(re.search(rb'\r\nContent-Length: (\d+)', head)[1]) == len(body)
    return status, body.decode()


class Metrics:
    """One answer, which has to be valid: no sample twice, each family in one piece, and named."""

    def __init__(self, text):
        self.text = text
        self.samples, self.types = {}, {}
        for family in text_string_to_metric_families(text):
            assert family.documentation and family.name not in self.types, family
            self.types[family.name] = family.type
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert key not in self.samples, f'twice: {key}'
                self.samples[key] = sample.value
        names = re.findall(r'^# TYPE (\S+) ', text, re.M)
        assert len(names) == len(set(names))
        assert len(self.samples) == sum(not line.startswith('#') for line in text.splitlines())

    def __call__(self, name, **labels):
        return self.samples[f'xcp_bus_{name}', frozenset(labels.items())]

    def names(self):
        return {name for name, _ in self.samples}

    def labels(self, name):
        return {values for _, all_labels in self.samples for key, values in all_labels if key == name}


def scrape(address):
    status, text = ask(address)
    assert status == 200
    return Metrics(text)


def until(address, wanted):
    """The first answer that is as wanted: one may be a little older than what was done."""
    deadline = time.monotonic() + PATIENCE
    while not wanted(metrics := scrape(address)):
        assert time.monotonic() < deadline, metrics.text
        time.sleep(0.05)  # as long as that, it may be the same answer again
    return metrics
