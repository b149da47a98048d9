# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every example of the manual page of xcp-bus-monitor, as it stands there, on a host where there is something
to be seen; only the times that are waited are shorter."""
import itertools
import os
import re
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import wire
from bus import sanitizer_environment
from client import PATIENCE
from services import Service, described

TOP = Path(__file__).resolve().parents[2]
STORAGE, XENOPSD = 'org.xen.xcp.storage1', 'org.xen.xcp.xenopsd1'
VDI, VM = STORAGE + '.VDI', XENOPSD + '.VM'
POLICY = f'''<policy domain="*"><allow send_destination="*"/><allow receive_sender="*"/></policy>
<policy domain="web-7"><allow send_destination="*"/>
<deny send_interface="{VDI}" send_member="Destroy"/></policy>'''
SLOW_S = 0.15

# What is seen, by the command.
SHOWN = {
    'xcp-bus-monitor top --by=domain --sort=p99': r'P50 +P99.*\nstorage\(',
    'xcp-bus-monitor --slower-than=100ms --for=1min': rf'(?m)^\S+ answer {STORAGE}@storage\(.*Attach3 .* ms$',
    'xcp-bus-monitor stuck --older-than=5s': rf'@web-7\(.*{STORAGE}@storage\(.*Copy ',
    'xcp-bus-monitor health': r'org\.freedesktop\.DBus ',
    'xcp-bus-monitor --errors | grep AccessDenied':
        rf'^\S+ error .*@web-7\(.* {VDI}\.Destroy of {STORAGE} .*AccessDenied: .*"web-7"',
    'xcp-bus-monitor domains web-7': r'[1-9]\d* denied by the policy',
    'journalctl -u xcp-busd | grep denied:': rf'denied: .*web-7.*{VDI}.*Destroy',
    'xcp-bus-monitor --domain=storage --for=1s': rf'call +\S+ -> {STORAGE}@storage\(',
    'xcp-bus-monitor --domain=storage --for=1s --body': r'Attach3 .*\n    \("for-a-test", ',
    'xcp-bus-monitor who-called org.xen.xcp.storage1.VDI.Attach3 --for=1h':
        rf'CALLER .*\n:0\.\d+ +dom0 .* [1-9]\d* .*{VDI}\.Attach3',
    'xcp-bus-monitor sequence -- call org.xen.xcp.xenopsd1 /org/xen/xcp/xenopsd1 '
    'org.xen.xcp.xenopsd1.VM.List by-hand':
        r'0\.000 ms +\|-+ VM\.List -+>\|\n.* ms +\|<\.+ [\d.]+ [mu]?s \.+\|\n',
    'xcp-bus-monitor --pcap=bus.pcap --for=10s': r'[1-9]\d* calls, [1-9]\d* answers, [1-9]\d* errors',
    'tshark -r bus.pcap': r'D-Bus .*Attach3',
    'xcp-bus-monitor --read=bus.pcap --errors': rf'error .*{VDI}\.Destroy of {STORAGE} .*AccessDenied',
    'xcp-bus-monitor sequence --read=bus.pcap org.xen.xcp.xenopsd1 --svg=start.svg': r'',
}
ONLY_STATUS = {'xcp-bus-monitor health': (0, 1)}  # how the bus feels about this machine


def examples():
    """The commands, in the blocks in which they belong together."""
    page = (TOP / 'docs/man/xcp-bus-monitor.1.scd').read_text()
    (section,) = re.findall(r'^# EXAMPLES\n(.*?)^# ', page, re.M | re.S)
    return [block.splitlines() for block in re.findall(r'^```\n(.*?)^```\n', section, re.M | re.S)]


def interface(name):
    return (TOP / f'idl/{name}.xml').read_text()


class Traffic(threading.Thread):
    """What an operator would see: xapi attaches disks, which takes a while, and asks for VMs; a tenant tries
    what it may not do."""

    def __init__(self, xapi, tenant):
        super().__init__(daemon=True)
        self.xapi, self.tenant, self.is_over, self.problem = xapi, tenant, threading.Event(), None

    def run(self):
        path = '/org/xen/xcp/storage1'
        try:
            while not self.is_over.is_set():
                self.xapi.call(STORAGE, path, VDI, 'Attach3', 'sssssb', 'for-a-test', 'vbd/7/xvda', 'sr',
                               'vdi', '7', True)
                self.xapi.call(XENOPSD, '/org/xen/xcp/xenopsd1', VM, 'List', 's', 'for-a-test')
                serial = self.tenant.send(wire.call(STORAGE, path, VDI, 'Destroy', 'sss', 'for-a-test', 'sr',
                                                    'vdi'))
                assert self.tenant.take_reply(serial).type == wire.ERROR
        except Exception as problem:  # shown by stop(), in the test's own thread
            self.problem = problem

    def stop(self):
        self.is_over.set()
        self.join()
        if self.problem:
            raise self.problem


@pytest.fixture(scope='module')
def hosted_bus(xen):
    bus = xen.bus(policy=POLICY)
    yield bus
    bus.stop()


@pytest.fixture
def host(xen, hosted_bus, new_guest, build, tmp_path):
    """A host with traffic, and a shell of its administrator in dom0."""
    def attach(_):
        time.sleep(SLOW_S)
        return 'a{sv}', {}

    storage = {**described({'/org/xen/xcp/storage1': interface(STORAGE)}),
               ('/org/xen/xcp/storage1', VDI, 'Attach3'): attach,
               ('/org/xen/xcp/storage1', VDI, 'Copy'): lambda _: None}
    xenopsd = {**described({'/org/xen/xcp/xenopsd1': interface(XENOPSD)}),
               ('/org/xen/xcp/xenopsd1', VM, 'List'): lambda _: ('a(a{sv}a{sv})', [])}
    programs = tmp_path / 'bin'
    programs.mkdir()
    (programs / 'xcp-bus-monitor').symlink_to(Path(build) / 'xcp-bus-monitor')
    (programs / 'journalctl').write_text(f'#!/bin/sh\nexec cat {hosted_bus.stderr}\n')
    (programs / 'journalctl').chmod(0o755)
    env = {**sanitizer_environment(hosted_bus.folder), 'PATH': f'{programs}:{os.environ["PATH"]}',
           'LC_ALL': 'C.UTF-8', 'HOME': '/nonexistent', 'XCP_BUS_ADDRESS': f'unix:path={hosted_bus.path}'}
    domain, web = new_guest('storage'), new_guest('web-7')
    tenant, waiting = web.connect(), web.connect()
    with Service(domain.connect(), STORAGE, storage), Service(hosted_bus.connect(), XENOPSD, xenopsd):
        waiting.send(wire.call(STORAGE, '/org/xen/xcp/storage1', VDI, 'Copy'))
        traffic = Traffic(hosted_bus.connect(), tenant)
        traffic.start()
        yield SimpleNamespace(env=env, folder=tmp_path)
        traffic.stop()
    tenant.close()
    waiting.close()
    hosted_bus.close_clients()


def shorter(command, seconds):
    """Who watches does so for that long, and presses ctrl-C then if no time was given."""
    command = re.sub(r'--for=\S+', f'--for={seconds}s', command)
    command = command.replace('--older-than=5s', '--older-than=500ms')
    if re.match(r'xcp-bus-monitor --', command) and not re.search(r'--(for|read)=', command):
        command = command.replace('xcp-bus-monitor', f'xcp-bus-monitor --for={seconds}s', 1)
    return command


def show(host, command):
    """Runs it until it shows what it should: on a busy machine, that may take longer."""
    seconds, deadline = 1, time.monotonic() + 4 * PATIENCE
    while True:
        result = subprocess.run(shorter(command, seconds), shell=True, cwd=host.folder, env=host.env,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=8 * PATIENCE)
        shown = result.stdout + result.stderr
        if result.returncode in ONLY_STATUS.get(command, (0,)) and re.search(SHOWN[command], shown):
            return
        assert time.monotonic() < deadline, (command, result.returncode, shown[-3000:])
        seconds = min(2 * seconds, 16)


def test_it_is_known_of_each_what_it_shows():
    assert sorted(itertools.chain(*examples())) == sorted(SHOWN)


@pytest.mark.parametrize('block', examples(), ids=lambda block: block[0].replace('xcp-bus-monitor ', ''))
def test_the_examples(host, block):
    for command in block:
        show(host, command)
    if '--svg=start.svg' in block[-1]:
        assert 'VM.List' in (host.folder / 'start.svg').read_text()
