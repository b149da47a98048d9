# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service in a thread of its own: it answers every call with the arguments of the call."""
import math

import wire
from server import Server


class Echo(Server):
    def __init__(self, client):
        self.calls = 0
        super().__init__(client)

    def serve(self):
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
