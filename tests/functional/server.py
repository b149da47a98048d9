# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service in a thread of its own. What it does with what comes is serve() of a class that derives from it,
in which all is there when this __init__ is called."""
import socket
import threading

from client import Closed


class Server:
    def __init__(self, client, name=None):
        self.client, self.problem = client, None
        self.name = name or client.name
        if name:
            assert client.own(name) == 1
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            while True:
                self.serve()
        except Closed:
            pass
        except Exception as problem:  # shown by stop(), in the test's own thread
            self.problem = problem

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
