# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host itself is short of something, or xenstored does not answer."""
import os
import subprocess

import wire
from client import BUS, BUS_PATH
from crowd import until


def limit_fds(pid, soft):
    subprocess.run(['prlimit', f'--pid={pid}', f'--nofile={soft}:'], check=True)


def test_xenstored_is_stopped_for_a_while(steady, guest, xen):
    """The bus goes on; new links wait, and then arrive."""
    client = guest.connect()
    xen.hx('fault', 'xenstored=stop')
    try:
        waiting = guest.begin_ring()
        steady.talk(20)
        client.sync()
        local = steady.bus.connect()
        local.call(BUS, BUS_PATH, BUS + '.Peer', 'Ping')
        local.close()
    finally:
        xen.hx('fault', 'xenstored=cont')
    assert waiting.report().startswith('offered ')
    assert waiting.report() == 'accepted\n'
    waiting.auth().hello().close()
    client.close()
    steady.settled()


def test_xenstored_is_stopped_while_a_ring_is_offered(steady, guest, xen):
    """The offer is in xenstore, the daemon cannot see it yet."""
    xen.hx('fault', 'xenstored=slow:200')
    try:
        ring = guest.ring()
        steady.talk(20)
        assert ring.report() == 'accepted\n'
    finally:
        xen.hx('fault', 'clear')
    ring.auth().hello().close()
    steady.settled()


def test_a_client_leaves_while_xenstored_is_stopped(steady, guest, xen):
    client, caller = guest.connect(), steady.bus.connect()
    serial = caller.send(wire.call(client.name, '/a', 'a.b', 'C'))
    client.take_call('C')
    xen.hx('fault', 'xenstored=stop')
    try:
        client.kill()
        assert caller.take_reply(serial).error_name == 'org.freedesktop.DBus.Error.NoReply'
        steady.talk(10)
    finally:
        xen.hx('fault', 'xenstored=cont')
    client.close()
    caller.close()
    steady.settled()


def test_out_of_file_descriptors(steady, guest):
    """New ones wait or are refused; those that are in keep talking; it recovers."""
    client = guest.connect()
    limit_fds(steady.bus.pid, len(os.listdir(f'/proc/{steady.bus.pid}/fd')) + 2)
    rings = [guest.ring() for _ in range(3)]
    local = [steady.bus.open() for _ in range(10)]
    steady.talk(20)
    client.sync()
    limit_fds(steady.bus.pid, 1024)
    for ring in rings:
        ring.close()
    for other in local:
        other.close()
    guest.connect().close()
    steady.bus.connect().close()
    client.close()
    steady.settled()


def test_a_guest_without_grants(steady, guest, xen):
    """Its programs fail with a sentence; nothing else happens. Afterwards they work."""
    client = guest.connect()
    xen.hx('fault', 'grants=0')
    try:
        failed = guest.popen(xen.build / 'tests' / 'functional' / 'ring-pipe', 65536, 65536,
                             stderr=subprocess.PIPE, text=True)
        _, said = failed.communicate(timeout=30)
        assert failed.returncode == 1 and 'server_init' in said
        agent = guest.open_agent()
        agent.wait_closed()
        agent.close()
        client.sync()
        steady.talk(10)
    finally:
        xen.hx('fault', 'clear')
    guest.connect().close()
    client.close()
    steady.settled()


def test_no_event_channels_left(steady, guest, xen):
    client = guest.connect()
    xen.hx('fault', 'ports=0')
    try:
        failed = guest.popen(xen.build / 'tests' / 'functional' / 'ring-pipe', 65536, 65536,
                             stderr=subprocess.PIPE, text=True)
        failed.communicate(timeout=30)
        assert failed.returncode == 1
        client.sync()
        steady.talk(10)
    finally:
        xen.hx('fault', 'clear')
    guest.connect().close()
    client.close()
    steady.settled()


def test_the_hypervisor_has_no_memory_to_find_a_domain(steady, guest, xen):
    """Nobody comes or goes: it is when a ring waits that it is found out, and said."""
    client, watcher = guest.connect(), steady.bus.connect()
    xen.hx('fault', 'sysctl=fail')
    try:
        ring = guest.begin_ring()
        assert ring.report().startswith('offered ')
        until(lambda: 'domains cannot be listed' in steady.bus.stderr.read_text(), watcher)
        client.sync()
    finally:
        xen.hx('fault', 'clear')
    assert ring.report() == 'accepted\n'
    ring.auth().hello().close()
    watcher.close()
    client.close()
    steady.settled()


def test_the_hypervisor_has_no_memory_to_list_domains(steady, guest, new_guest, xen):
    """It says neither who is there nor who is not: nobody who is connected is taken for gone."""
    client, goes = guest.connect(), new_guest('goes')
    victim, watcher = goes.connect(), steady.bus.connect()
    xen.hx('fault', 'sysctl=fail')
    try:
        late = new_guest('late')
        until(lambda: 'domains cannot be listed' in steady.bus.stderr.read_text(), watcher)
        steady.talk(10)
        client.sync()
        victim.sync()
        rings = [guest.begin_ring(), late.begin_ring()]
        for ring in rings:
            assert ring.report().startswith('offered ')
        goes.destroy()
        client.sync()
    finally:
        xen.hx('fault', 'clear')
    for ring in rings:
        assert ring.report() == 'accepted\n'
        ring.auth().hello().close()
    until(lambda: not watcher.bus('NameHasOwner', 's', victim.name), watcher)
    late.destroy()
    watcher.close()
    client.close()
    steady.settled()
