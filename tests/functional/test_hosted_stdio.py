# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-agent --stdio: a client starts its own agent ("unixexec:"), in a guest."""
import os
import signal
import socket
import subprocess
import time

import bus as bus_module
import wire
from client import PATIENCE, Client, echo_once


def environment(xen):
    return {**xen.env, **bus_module.sanitizer_environment(xen.top)}


def start(guest, *options, **more):
    xen = guest.xen
    return subprocess.Popen(
        xen.command('run', guest.domid, xen.build / 'xcp-bus-agent', '--stdio', *options),
        env=environment(xen), stderr=subprocess.PIPE, **more)


def start_client(guest, *options):
    ours, theirs = socket.socketpair()
    with theirs:
        agent = start(guest, *options, stdin=theirs, stdout=theirs)
    return Client(ours), agent


def ended(agent):
    status = agent.wait(PATIENCE)
    said = agent.stderr.read().decode()
    agent.stderr.close()
    return status, said


# --- before there is a bus ---

def test_without_a_bus_it_says_so(guest):
    client, agent = start_client(guest, '--bus=vchan:domain=0')
    status, said = ended(agent)
    assert status == 1 and 'no bus in domain 0 took the ring within' in said
    client.close()
    assert guest.xen.store_nodes(guest.domid) <= 1


def test_a_signal_takes_the_offer_away(guest):
    client, agent = start_client(guest, '--bus=vchan:domain=0')
    deadline = time.monotonic() + PATIENCE
    while guest.xen.store_nodes(guest.domid) <= 1:
        assert time.monotonic() < deadline, 'there was no offer'
    agent.send_signal(signal.SIGTERM)
    status, said = ended(agent)
    assert status == 1 and 'ended by a signal' in said
    client.close()
    assert guest.xen.store_nodes(guest.domid) <= 1


# --- with one ---

def test_the_end_of_the_bus_is_the_end(start_hosted_bus, guest):
    bus = start_hosted_bus()
    client, agent = start_client(guest)
    client.auth().hello()
    bus.stop()
    assert ended(agent) == (0, '')
    client.close()


def test_a_client_on_a_socket(hosted_bus, guest):
    client, agent = start_client(guest)
    client.auth().hello()
    assert client.name.startswith(f':{guest.domid}.')
    assert client.bus('GetId')
    assert guest.xen.store_nodes(guest.domid) <= 1
    client.close()
    assert ended(agent) == (0, '')
    hosted_bus.close_clients()


def test_big_messages_pass(hosted_bus, guest):
    service = hosted_bus.connect()
    client, agent = start_client(guest, '--ring-size=4096')
    client.auth().hello()
    echo_once(client, service, body=bytes(range(256)) * 4000)
    client.close()
    hosted_bus.close_clients()
    assert ended(agent) == (0, '')


def test_the_last_words_of_a_client_arrive(hosted_bus, guest):
    listener = hosted_bus.connect()
    listener.bus('AddMatch', 's', "member='Farewell'")
    client, agent = start_client(guest)
    client.auth().hello()
    for number in range(200):
        client.send(wire.signal('/p', 'test.Stdio', 'Farewell', 's', str(number) + 'x' * 1000))
    client.close()
    for number in range(200):
        message = listener.take_signal('Farewell')
        assert message.body[0].startswith(f'{number}x')
    assert ended(agent) == (0, '')
    hosted_bus.close_clients()


def test_pipes_will_do(hosted_bus, guest):
    """The input may end early: what was asked is answered all the same."""
    agent = start(guest, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    agent.stdin.write(b'\0AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n')
    agent.stdin.close()
    said = b''
    while said.count(b'\r\n') < 2:
        more = os.read(agent.stdout.fileno(), 4096)
        assert more, said
        said += more
    assert said.startswith(b'OK ') and b'\r\nERROR' in said
    agent.stdout.close()
    assert ended(agent) == (0, '')


def test_busctl_by_unixexec(hosted_bus, guest):
    xen = guest.xen
    address = f'unixexec:path={xen.build}/xcp-bus-agent,argv1=--stdio'
    result = subprocess.run(xen.command('run', guest.domid, 'busctl', f'--address={address}',
                                        'call', 'org.freedesktop.DBus', '/org/freedesktop/DBus',
                                        'org.freedesktop.DBus', 'GetNameOwner', 's',
                                        'org.freedesktop.DBus'),
                            env=environment(xen), timeout=PATIENCE, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, 's "org.freedesktop.DBus"\n'), result.stderr
    result = subprocess.run(xen.command('run', guest.domid, 'busctl', f'--address={address}',
                                        'list', '--no-pager'),
                            env=environment(xen), timeout=PATIENCE, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True)
    assert result.returncode == 0 and 'org.freedesktop.DBus' in result.stdout, result.stderr
    assert xen.store_nodes(guest.domid) <= 1
