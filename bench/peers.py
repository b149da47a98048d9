# SPDX-License-Identifier: LGPL-2.1-or-later
"""The brokers that are compared, each started and stopped in the same way."""

import os
import shutil
import signal
import socket
import subprocess
import time

import controller

DEADLINE_S = 60

LIMITS = {
    "max_incoming_bytes": 1 << 30,
    "max_outgoing_bytes": 1 << 30,
    "max_connections_per_user": 10000,
    "max_completed_connections": 10000,
    "max_match_rules_per_connection": 100000,
    "max_replies_per_connection": 100000,
}

POLICY = """
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>"""


class Failure(Exception):
    """Something that a sentence explains and a traceback does not."""


def configuration(path, policy="", limits=None):
    lines = [f'\n  <limit name="{name}">{value}</limit>' for name, value in (limits or {}).items()]
    return f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>{policy}{"".join(lines)}
</busconfig>
"""


class Peer:
    """One broker. `wrapper` is put before the command line: valgrind, for instance."""

    name = ""

    def __init__(self, build, scratch):
        self.build = build
        self.scratch = scratch
        self.path = os.path.join(scratch, self.name.replace(" ", "-"))
        self.log = self.path + ".log"
        self.process = None

    def available(self):
        return True

    def command(self):
        raise NotImplementedError

    def can(self, options):
        """Whether the load can be put on this peer at all."""
        return True

    def load(self, options):
        """The command that puts this load on the peer, still without count and CPU."""
        program = os.path.join(self.build, "bench", "load")
        return [program, f"--address={self.address}", *options.split()]

    @property
    def address(self):
        return f"unix:path={self.path}"

    @property
    def pid(self):
        return self.process.pid

    def spawn(self, wrapper, options):
        return subprocess.Popen([*wrapper, *self.command()], **options)

    def start(self, wrapper=(), cpu=None, environment=None):
        if os.path.exists(self.path):
            os.unlink(self.path)  # of the last run
        log = open(self.log, "wb")
        options = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL,
                   "env": os.environ | (environment or {})}
        try:
            with log:
                self.process = self.spawn(wrapper, options)
            if cpu is not None:
                os.sched_setaffinity(self.process.pid, {cpu})
            self.wait_until_it_listens()
        except BaseException:
            self.stop()
            raise

    def wait_until_it_listens(self, path=None):
        deadline = time.monotonic() + DEADLINE_S
        while True:
            with socket.socket(socket.AF_UNIX) as probe:
                if probe.connect_ex(path or self.path) == 0:
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"{self.name} did not start: {self.last_words()}")
            time.sleep(0.01)

    def last_words(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read().strip()[-500:] or "no word from it"

    def stop(self):
        """Also of what has not quite started."""
        if not self.process:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Raw(Peer):
    """The relay: the limit. It looks at nothing, so it needs no authentication."""

    name = "raw"

    def load(self, options):
        return [*super().load(options), "--raw"]

    def command(self):
        return [os.path.join(self.build, "bench", "relay"), self.path]

    def wait_until_it_listens(self):
        """A probe would be taken for the first client; the name appears when it listens."""
        deadline = time.monotonic() + DEADLINE_S
        while not os.path.exists(self.path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"the relay did not start: {self.last_words()}")
            time.sleep(0.01)


class DbusDaemon(Peer):
    name = "dbus-daemon"

    def available(self):
        return shutil.which("dbus-daemon") is not None

    def command(self):
        config = os.path.join(self.scratch, "dbus-daemon.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(configuration(self.path, POLICY, LIMITS))
        return ["dbus-daemon", "--nofork", f"--config-file={config}"]


class DbusBroker(Peer):
    name = "dbus-broker"
    link = None

    def available(self):
        return shutil.which("dbus-broker") is not None

    def spawn(self, wrapper, options):
        process, self.link = controller.start(self.path, wrapper, **options)
        return process

    def stop(self):
        super().stop()
        if self.link:
            self.link.close()
            self.link = None


class XcpBusd(Peer):
    """With the limits it comes with."""

    name = "xcp-busd"
    policy = ""  # the built-in one

    def available(self):
        return os.access(self.command()[0], os.X_OK)

    def command(self):
        config = os.path.join(self.scratch, "xcp-busd.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(configuration(self.path, self.policy))
        return [os.path.join(self.build, "xcp-busd"), "--nofork", f"--config-file={config}"]


class XcpBusdRings(XcpBusd):
    """The daemon in dom0 of a hosted Xen, and nothing but rings to it.

    Calls that are answered go from one guest to another; what has only one direction
    goes from one ring of a guest to another ring of it, because its sender must know
    what has arrived.
    """

    name = "xcp-busd rings"
    address = "vchan:domain=0"
    # The callee has no name of the platform.
    policy = '''<policy domain="*"><allow send_destination="*"/>
    <allow receive_sender="*"/></policy>'''
    ANSWER_WINDOW = 1024
    is_hosted = False
    callee = None
    callee_name = ""

    @property
    def hx(self):
        return os.path.join(self.build, "hosted-xen", "hx")

    def available(self):
        return super().available() and os.access(self.hx, os.X_OK)

    def can(self, options):
        return "--receivers=" not in options  # a guest has not the pages for 100 rings

    def hosted(self, *arguments):
        done = subprocess.run([self.hx, *arguments], capture_output=True, text=True, check=False,
                              env=os.environ | self.environment)
        if done.returncode != 0:
            raise Failure(f"hx {' '.join(arguments)}: {done.stderr.strip()}")

    @property
    def environment(self):
        return {"HX_DIR": os.path.join(self.scratch, "hx")}

    def spawn(self, wrapper, options):
        self.hosted("start")
        self.is_hosted = True
        for guest in ("g1", "g2"):
            self.hosted("create", guest, "--store", "xcp-bus/own=*")
        command = [*wrapper, *self.command(), "--address=vchan:", "--print-address=1"]
        options["env"] = options["env"] | self.environment
        return subprocess.Popen([self.hx, "run", "dom0", *command], **options)

    def wait_until_it_listens(self):
        """There is nothing to connect to, but it prints its addresses when it listens."""
        deadline = time.monotonic() + DEADLINE_S
        while os.path.getsize(self.log) == 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"{self.name} did not start: {self.last_words()}")
            time.sleep(0.01)

    def in_guest(self, guest, command):
        return ["env", f"HX_DIR={self.environment['HX_DIR']}", self.hx, "run", guest, *command]

    def load(self, options):
        command = super().load(options)
        if "call-reply" in options:
            command.append(f"--to={self.callee_in_g2()}")
        return self.in_guest("g1", command)

    def callee_in_g2(self):
        if not self.callee:
            command = super().load(f"--serve --window={self.ANSWER_WINDOW}")
            self.callee = subprocess.Popen(self.in_guest("g2", command), stdout=subprocess.PIPE,
                                           text=True)
            self.callee_name = self.callee.stdout.readline().strip()
            if not self.callee_name:
                raise Failure("the callee in the other guest did not start")
        return self.callee_name

    def stop(self):
        if self.callee:
            self.callee.terminate()
            self.callee.communicate()
            self.callee = None
        super().stop()
        if self.is_hosted:
            self.is_hosted = False
            self.hosted("stop")


ALL = {peer.name: peer for peer in (Raw, DbusDaemon, DbusBroker, XcpBusd, XcpBusdRings)}
