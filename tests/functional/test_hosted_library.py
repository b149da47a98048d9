# SPDX-License-Identifier: LGPL-2.1-or-later
"""libxcpbus over a ring. Its own tests, which need nothing but a bus, run in a guest."""
import subprocess
import time

import pytest

import bus as bus_module
from client import PATIENCE

ADDRESS = 'vchan:domain=0'


def run(guest, program, **more):
    xen = guest.xen
    env = {**xen.env, **bus_module.sanitizer_environment(xen.top), **more}
    return subprocess.run(xen.command('run', guest.domid, xen.build / program), env=env,
                          timeout=4 * PATIENCE, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)



# --- before there is a bus ---

def test_without_a_bus_connecting_fails_and_says_so(guest):
    before = time.monotonic()
    result = run(guest, 'examples/hello-client', XCP_BUS_ADDRESS=ADDRESS)
    assert result.returncode not in (0, 99)
    assert 'no bus in domain 0 took the ring within' in result.stderr
    assert time.monotonic() - before < PATIENCE
    assert guest.xen.store_nodes(guest.domid) <= 1


def test_a_stopped_xenstored_does_not_hold_it_up(guest):
    guest.xen.hx('fault', 'xenstored=stop')
    try:
        result = run(guest, 'examples/hello-client', XCP_BUS_ADDRESS=ADDRESS)
    finally:
        guest.xen.hx('fault', 'xenstored=cont')
    assert result.returncode not in (0, 99)
    assert 'xenstore does not answer' in result.stderr


def test_no_grants_are_explained(guest):
    guest.xen.hx('fault', 'grants=0')
    try:
        result = run(guest, 'examples/hello-client', XCP_BUS_ADDRESS=ADDRESS)
    finally:
        guest.xen.hx('fault', 'clear')
    assert result.returncode not in (0, 99)
    assert 'no grant pages' in result.stderr


def test_dom0_offers_no_ring_to_itself(xen):
    result = subprocess.run(xen.command('run', 0, xen.build / 'examples/hello-client'),
                            env={**xen.env, 'XCP_BUS_ADDRESS': ADDRESS}, timeout=PATIENCE,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert result.returncode != 0
    assert 'is this domain' in result.stderr


def test_who_named_no_bus_is_told_where_it_was_looked_for(xen):
    result = subprocess.run(xen.command('run', 0, xen.build / 'examples/hello-client'),
                            env={**xen.env, 'XCP_BUS_ADDRESS': ''}, timeout=PATIENCE,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert result.returncode != 0
    assert 'XCP_BUS_ADDRESS' in result.stderr and '/run/xcp-bus/bus' in result.stderr


def offers(guest):
    path = f'/local/domain/{guest.domid}/data/xcp-bus'
    return guest.xen.hx('run', 0, 'xenstore-list', path).split()


def test_a_refusal_is_read_out_and_taken_away(guest):
    """We are the bus here, and a rude one."""
    xen = guest.xen
    xen.hx('run', guest.domid, 'xenstore-write', 'data/xcp-bus', '')
    client = guest.popen(xen.build / 'examples/hello-client', stderr=subprocess.PIPE,
                         env={'XCP_BUS_ADDRESS': ADDRESS})
    deadline = time.monotonic() + PATIENCE
    while not (found := offers(guest)):
        assert time.monotonic() < deadline, 'there was no offer'
    offer = f'/local/domain/{guest.domid}/data/xcp-bus/{found[0]}'
    xen.hx('run', 0, 'xenstore-rm', f'{offer}/ring-ref')
    xen.hx('run', 0, 'xenstore-write', f'{offer}/error', 'not \x1b[31mtoday')
    assert client.wait(PATIENCE) == 1
    complaint = client.stderr.read().decode()
    client.stderr.close()
    assert 'refuses the ring: not \\x1b[31mtoday' in complaint
    assert not offers(guest)


# --- with one ---

@pytest.mark.parametrize('address', [ADDRESS, ADDRESS + ',size=1000', ADDRESS + ',size=262144'])
@pytest.mark.parametrize('part', ['service', 'signals', 'objects', 'fds', 'threads', 'fork', 'length'])
def test_its_own_tests_pass(start_hosted_bus, guest, part, address):
    start_hosted_bus(limits={'max_match_rules_per_domain': 512})
    result = run(guest, f'tests/unit/test-libxcpbus-{part}', XCP_BUS_TEST_ADDRESS=address)
    assert result.returncode == 0, result.stdout + result.stderr
    assert ' 0 failed' in result.stdout
    assert guest.xen.store_nodes(guest.domid) <= 1
