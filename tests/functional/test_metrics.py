# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metrics: what they say is what was done; who asks for them harms nobody."""
import json
import os
import re
import select
import socket
import stat
import subprocess
from pathlib import Path

import pytest

import bus as bus_module
import crowd
import wire
from client import PATIENCE, echo_once
from crowd import count_fds
from hosted import resident_kib
from logs import events, left_out
from scrape import Metrics, ask, connect, read_all, scrape, until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def measured(start_bus, tmp_path):
    """A bus with metrics at a socket, whose path is bus.metrics."""
    def start(**options):
        bus = start_bus(elements=f'<metrics>unix:path={tmp_path}/metrics</metrics>', **options)
        bus.metrics = f'{tmp_path}/metrics'
        return bus
    return start


LOCAL = {'domid': '0', 'domain': 'Domain-0'}


# ---- what they say ----

def test_what_was_done_is_counted(measured):
    bus = measured()
    caller, service = bus.connect(), bus.connect()
    service.own('a.b')
    service.match("member='X'")
    before = until(bus.metrics, lambda m: m('match_rules') == 1)
    for _ in range(20):
        echo_once(caller, service, body=b'x' * 1000)
    after = until(bus.metrics,
                  lambda m: m('messages_total', direction='sent') >= 40 +
                  before('messages_total', direction='sent'))
    # A call and a reply each: sent by one and received by the other.
    for scope, labels in (('', {}), ('domain_', LOCAL)):
        for direction in 'sent', 'received':
            name = f'{scope}messages_total'
            assert after(name, direction=direction, **labels) \
                == before(name, direction=direction, **labels) + 40
            name = f'{scope}message_bytes_total'
            assert 20 * 2000 < after(name, direction=direction, **labels) \
                - before(name, direction=direction, **labels) < 20 * 2500
        assert after(f'{scope}calls_total', **labels) == before(f'{scope}calls_total', **labels) + 20
        assert after(f'{scope}links', **labels) == 2
    assert after('answer_seconds_count') - before('answer_seconds_count') == 20
    assert after('domain_answers_total', **LOCAL) - before('domain_answers_total', **LOCAL) == 20
    assert after('domain_answer_seconds_total', **LOCAL) == after('answer_seconds_sum')
    assert after('answer_seconds_bucket', le='+Inf') == after('answer_seconds_count')
    assert after('links_accepted_total') == 2 and after('names') == 1
    assert after('info', version=version(bus)) == 1


def version(bus):
    said = subprocess.run([f'/proc/{bus.pid}/exe', '--version'], capture_output=True, text=True,
                          check=True)
    return said.stdout.split()[1]


def test_a_call_that_waits(measured):
    bus = measured()
    caller, service = bus.connect(), bus.connect()
    caller.send(wire.call(service.name, '/p', 'x.I', 'M'))
    metrics = until(bus.metrics, lambda m: m('oldest_call_seconds') > 0)
    assert metrics('calls_pending') == 1
    assert metrics('domain_oldest_call_seconds', **LOCAL) > 0
    service.close()
    metrics = until(bus.metrics, lambda m: m('calls_orphaned_total') == 1)
    assert metrics('calls_pending') == 0 and metrics('oldest_call_seconds') == 0


def test_refusals(measured):
    bus = measured(limits={'max_match_rules_per_user': 1}, policy='''
        <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
        <allow receive_sender="*"/><deny send_interface="x.I"/></policy>''')
    client, other = bus.connect(), bus.connect()
    client.match("member='A'")
    client.refusal('AddMatch', 's', "member='B'")
    for _ in range(30):
        client.send(wire.call(other.name, '/p', 'x.I', 'M'))
    client.sync()
    client.send_bytes(b'not dbus at all!' * 4, drain=False)
    client.wait_closed()
    metrics = until(bus.metrics, lambda m: m('refusals_total', reason='disconnected') == 1)
    for name, labels in (('refusals_total', {}), ('domain_refusals_total', LOCAL)):
        assert metrics(name, reason='over_quota', **labels) == 1
        assert metrics(name, reason='denied', **labels) == 30
        assert metrics(name, reason='disconnected', **labels) == 1
    metrics = until(bus.metrics, lambda m: m('log_lines_lost_total')
                    + len([e for e in events(bus) if 'remedy' in e]) == 32)
    lines = len(bus.stderr.read_text().splitlines())
    assert sum(metrics('log_lines_total', priority=p)
               for p in ('error', 'warning', 'info', 'debug')) <= lines


def test_guests(xen, start_hosted_bus, new_guest, tmp_path):
    """One line for a domain, whatever it does, under the name that the toolstack gave."""
    bus = start_hosted_bus(policy='', elements=f'<metrics>unix:path={tmp_path}/metrics</metrics>')
    path = f'{tmp_path}/metrics'
    dom0, guest, other = bus.connect(), new_guest('guest'), new_guest('other')
    evil = 'a"b,c} x\\\\y'  # as xenstore-write wants it: with one backslash
    xen.hx('run', 0, 'xenstore-write', f'/local/domain/{other.domid}/name', evil)
    clients, rest = [guest.connect() for _ in range(3)], [other.connect()]
    labels = {'domid': str(guest.domid), 'domain': 'guest'}
    metrics = until(path, lambda m: m('links') == 5)
    names = {dict(key[1])['domain'] for key in metrics.samples if key[0] == 'xcp_bus_domain_links'}
    assert names == {'guest', 'Domain-0', 'a"b,c} x\\y'}
    assert metrics('domain_links', **labels) == 3 and metrics('domains') == 2
    limit = {'limit': 'max_connections_per_domain', **labels}
    assert (metrics('domain_quota_used', **limit), metrics('domain_quota_allowed', **limit)) == (3, 128)
    few = len(metrics.samples)
    for client in clients:
        for number in range(20):
            client.own(f'a.guest{number}.made.up{client.name[3:].replace(".", "")}')
            client.match(f"member='M{number}'")
        for _ in range(50):
            client.send(wire.call(dom0.name, '/p', 'x.I', 'M'))
        client.sync()
    metrics = until(path, lambda m: m('domain_match_rules', **labels) == 60)
    assert len(metrics.samples) == few and 'made.up' not in metrics.text
    assert metrics('domain_refusals_total', reason='denied', **labels) == 150
    for client in clients:
        client.close()
    guest.destroy()
    until(path, lambda m: m('domains') == 1)
    assert rest


# ---- where they are ----

def test_without_asking_there_are_none(start_bus):
    def sockets(bus):
        fds = f'/proc/{bus.pid}/fd'
        return sum(os.readlink(f'{fds}/{fd}').startswith('socket:') for fd in os.listdir(fds))
    assert sockets(start_bus(options=['--metrics=tcp:port=0'])) == sockets(start_bus()) + 1


def port_of(bus):
    return int(re.search(r'metrics are at tcp:host=127.0.0.1,port=(\d+)', bus.stderr.read_text())[1])


def test_a_port(start_bus):
    bus = start_bus(options=['--metrics=tcp:host=localhost,port=0'])
    port = port_of(bus)
    assert scrape(port)('links') == 0
    with socket.socket() as sock, pytest.raises(OSError):
        sock.connect(('127.0.0.2', port))


def test_the_socket(start_bus, tmp_path):
    """For its own user and group; the file goes with the daemon, or is replaced."""
    path = tmp_path / 'metrics'
    option = f'--metrics=unix:path={path}'
    first = start_bus(options=[option])
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    first.stop(how=9)
    assert path.exists()
    second = start_bus(options=[option])
    scrape(str(path))
    second.stop()
    assert not path.exists()


@pytest.mark.parametrize('address, complaint', [
    ('tcp:host=0.0.0.0,port=1', 'this machine alone'), ('tcp:host=10.0.0.1,port=1', 'this machine alone'),
    ('tcp:host=::,port=1', 'this machine alone'), ('tcp:host=example.org,port=1', 'this machine alone'),
    ('tcp:host=127.0.0.1', 'without port='), ('tcp:port=99999', 'cannot have port=99999'),
    ('tcp:port=1,bind=*', "no key 'bind=*'"), ('vchan:', 'not at vchan:'),
    ('unix:abstract=xcp-bus-metrics', 'everybody could read them'), ('unix:', 'without path='),
    ('unix:path=/a;unix:path=/b', 'one address'), ('unix:path=/no/such/place', 'no such directory')])
def test_addresses_that_are_refused(build, tmp_path, address, complaint):
    said = subprocess.run([f'{build}/xcp-busd', f'--address=unix:path={tmp_path}/bus', '--nofork',
                           f'--metrics={address}'], capture_output=True, text=True, timeout=PATIENCE,
                          env=bus_module.sanitizer_environment(tmp_path))
    assert said.returncode == 1 and complaint in said.stderr, said


def test_the_configuration_says_so_too(start_bus, tmp_path):
    bus = start_bus(elements=f'<metrics>unix:path={tmp_path}/one</metrics>')
    scrape(f'{tmp_path}/one')
    bus.elements = '<metrics>tcp:host=8.8.8.8,port=53</metrics>'
    bus.configure()
    client = bus.connect()
    assert 'this machine alone' in client.refusal('ReloadConfig').text
    bus.elements = f'<metrics>unix:path={tmp_path}/two</metrics>'
    bus.configure()
    client.bus('ReloadConfig')
    assert 'count from the next start' in bus.stderr.read_text()
    scrape(f'{tmp_path}/one')


# ---- who asks ----

@pytest.mark.parametrize('request_, status', [
    (b'GET /metrics HTTP/1.0\r\n\r\n', 200), (b'GET /metrics?a=b HTTP/1.1\nAccept: */*\n\n', 200),
    (b'GET / HTTP/1.1\r\n\r\n', 404), (b'GET /metrics/ HTTP/1.1\r\n\r\n', 404),
    (b'POST /metrics HTTP/1.1\r\n\r\n', 405), (b'GET\r\n\r\n', 400), (b'\r\n\r\n', 400),
    (b'GET  /metrics HTTP/1.1\r\n\r\n', 400), (b'GET /metrics SPDY\r\n\r\n', 400),
    (b'\0' * 100 + b'\r\n\r\n', 400), (b'GET /metrics HTTP/1.1\r\nX: ' + b'x' * 4096, 431)])
def test_questions(measured, request_, status):
    bus = measured()
    assert ask(bus.metrics, request_)[0] == status
    scrape(bus.metrics)


def test_a_question_in_pieces(measured):
    bus = measured()
    with connect(bus.metrics) as sock:
        for byte in b'GET /metrics HTTP/1.1\r\n\r\n':
            sock.send(bytes([byte]))
        assert read_all(sock).startswith(b'HTTP/1.1 200 OK\r\n')


def test_a_question_in_too_many_pieces(measured):
    """Each piece costs the daemon a turn, so there are only so many."""
    bus = measured()
    innocents = bus.innocents()
    with connect(bus.metrics) as sock:
        sock.setblocking(False)
        sent = 0
        while not select.select([sock], [], [], 0)[0]:
            sock.send(b'x')
            echo_once(*innocents)  # by then that byte has been read
            sent += 1
        assert 60 <= sent < 4000
        assert sock.recv(1000).startswith(b'HTTP/1.1 431 ')
    scrape(bus.metrics)


def test_many_who_say_nothing(measured):
    """Of a hundred some are let in; the bus goes on, and they go when their time is up."""
    bus = measured()
    innocents = bus.innocents()
    fds = len(os.listdir(f'/proc/{bus.pid}/fd'))
    idle = [connect(bus.metrics) for _ in range(100)]
    for _ in range(200):
        echo_once(*innocents)
    assert len(os.listdir(f'/proc/{bus.pid}/fd')) <= fds + 8
    for sock in idle[8:]:
        sock.close()
    scrape(bus.metrics)  # behind the others, whose ten seconds have to pass
    for sock in idle[:8]:
        assert sock.recv(1) == b''
        sock.close()


def test_those_who_do_not_read(measured):
    bus = measured()
    innocents = bus.innocents()
    lazy = [connect(bus.metrics) for _ in range(8)]
    for sock in lazy:
        sock.send(b'GET /metrics HTTP/1.1\r\n\r\n')
        select.select([sock], [], [], PATIENCE)
    for _ in range(200):
        echo_once(*innocents)
    assert all(read_all(sock).count(b'\nxcp_bus_links ') == 1 for sock in lazy)
    for sock in lazy:
        sock.close()


def connect_narrow(port):
    """Where a few kilobytes are all that fits between the daemon and us."""
    sock = socket.socket()
    sock.settimeout(PATIENCE)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
    sock.connect(('127.0.0.1', port))
    return sock


def test_an_answer_that_goes_in_pieces(start_hosted_bus, new_guest):
    """It is written as it is read, and the bus goes on meanwhile; and somebody leaves within it."""
    bus = start_hosted_bus(options=['--metrics=tcp:port=0'])
    port, innocents = port_of(bus), bus.innocents()
    clients = [new_guest(f'x{number:060}').connect() for number in range(12)]
    size = len(until(port, lambda m: m('domains') == len(clients)).text)
    assert size > 40_000
    fds = count_fds(bus.pid)
    slow, gone = connect_narrow(port), connect_narrow(port)
    for sock in slow, gone:
        sock.send(b'GET /metrics HTTP/1.1\r\n\r\n')
        select.select([sock], [], [], PATIENCE)
    for _ in range(100):
        echo_once(*innocents)
    assert count_fds(bus.pid) == fds + 2, 'all of it has gone at once'
    gone.close()
    data = b''
    while chunk := slow.recv(3000):
        data += chunk
        echo_once(*innocents)
    slow.close()
    head, _, body = data.partition(b'\r\n\r\n')
    assert int(re.search(rb'\r\nContent-Length: (\d+)', head)[1]) == len(body)
    assert Metrics(body.decode())('domains') == len(clients)
    crowd.until(lambda: count_fds(bus.pid) == fds, innocents[0])


def test_those_who_ask_all_the_time(measured):
    """Only so many are let in; memory stays as it was."""
    bus = measured()
    innocents = bus.innocents()
    for _ in range(30):
        scrape(bus.metrics)
    before = resident_kib(bus.pid)
    for _ in range(100):
        scrape(bus.metrics)
        echo_once(*innocents)
    assert resident_kib(bus.pid) < before + 4000


def test_a_guest_that_does_what_it_can(start_hosted_bus, new_guest, tmp_path):
    """Links, names, denials, broken messages: the log and the metrics stay as small as they are."""
    bus = start_hosted_bus(policy='', elements=f'<metrics>unix:path={tmp_path}/metrics</metrics>')
    path = f'{tmp_path}/metrics'
    dom0, guest = bus.connect(), new_guest('guest')
    guest.start_agent()
    resident = guest.connect_agent()
    began = scrape(path)('uptime_seconds')
    for number in range(60):
        client = guest.connect_agent()
        client.own(f'org.example.N{number}')
        for member in range(20):
            client.send(wire.call(dom0.name, '/p', 'x.I', f'M{member}'))
            client.send(wire.call('org.freedesktop.DBus', '/p', 'x.I', f'M{member}'))
        client.sync()
        client.match(f"member='M{number}'")
        client.send_bytes(b'\xff' * 64, drain=False)
        client.wait_closed()
        client.close()
        if number == 0:
            samples = len(until(path, lambda m: m('domains') == 1).samples)
    metrics = until(path, lambda m: m('refusals_total', reason='disconnected') == 60)
    took = scrape(path)('uptime_seconds') - began
    assert len(metrics.samples) == samples and len(metrics.text) < 20_000
    about = [event for event in events(bus) if event.get('domain') == str(guest.domid)]
    assert 0 < len(about) <= 12 + took
    assert metrics('refusals_total', reason='denied') == 1200
    assert metrics('domain_links', domid=str(guest.domid), domain='guest') == 1
    resident.sync()
    until(path, lambda m: m('log_lines_lost_total') >= left_out(about))


# ---- what is said of them ----

def documented():
    text = (ROOT / 'docs/metrics.md').read_text()
    return set(re.findall(r'^\| `(xcp_bus_\w+)` \|', text, re.M))


def test_all_are_documented(measured):
    metrics = scrape(measured().metrics)
    names = set(re.findall(r'^# TYPE (\S+) ', metrics.text, re.M))
    assert documented() == names
    for name, kind in re.findall(r'^# TYPE (\S+) (\S+)', metrics.text, re.M):
        assert (kind == 'counter') == name.endswith('_total')
        assert f'| `{name}` | {kind} |' in (ROOT / 'docs/metrics.md').read_text()


def test_the_dashboard_shows_what_there_is(measured):
    board = json.loads((ROOT / 'data/grafana/xcp-bus.json').read_text())
    there = scrape(measured().metrics).names() | documented()
    panels = [panel for panel in board['panels'] if panel['type'] != 'row']
    queries = [target['expr'] for panel in panels for target in panel['targets']]
    queries += [v['query']['query'] for v in board['templating']['list'] if v['type'] == 'query']
    assert len(queries) > 20 and len({panel['id'] for panel in board['panels']}) == len(board['panels'])
    for query in queries:
        names = set(re.findall(r'\bxcp_bus_\w+', query))
        assert names and names <= there, query
        assert query.count('(') == query.count(')') and query.count('{') == query.count('}')
