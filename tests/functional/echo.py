# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service in a thread of its own: it answers every call with the arguments of the call."""
import math
import socket
import threading

import wire
from client import Closed


class Echo:
    def __init__(self, client, name=None):
        self.client, self.calls, self.problem = client, 0, None
        self.name = client.name
        if name:
            assert client.own(name) == 1
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                self.answer_all()
        except Closed:
            pass
        except Exception as problem:  # shown by stop(), in the test's own thread
            self.problem = problem

    def answer_all(self):
        """Wait for a call, then answer all that have come, in one write."""
        client = self.client
        client.read_message(math.inf)
        while len(client.data) >= 16 and len(client.data) >= wire.size_of(client.data):
            client.read_message(math.inf)
        calls = [m for m in client.inbox if m.type == wire.METHOD_CALL]
        client.inbox = []
        answers = bytearray()
        for call in calls:
            client.serial += 1
            answer = wire.reply_to(call, call.signature, *call.body, serial=client.serial)
            answers += answer.encode()
        self.calls += len(calls)
        if answers:
            client.send_bytes(answers)

    def stop(self):
        self.client.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.client.close()
        if self.problem:
            raise self.problem

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
