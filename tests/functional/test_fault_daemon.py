# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon itself ends, in order or not, and comes back. No other daemon runs meanwhile."""
import signal


def test_the_daemon_is_killed(start_hosted_bus, guest):
    bus = start_hosted_bus()
    local, ring, agent = bus.connect(), guest.connect(), guest.connect_agent()
    bus.process.kill()
    for client in local, ring, agent:
        client.wait_closed()
    assert ring.report() == 'closed\n'
    ring.close()
    agent.close()
    bus.stop(signal.SIGKILL)
    # The next one starts afresh; programs in the guest come back without being restarted.
    start_hosted_bus()
    guest.connect().close()
    guest.connect_agent().close()
    assert guest.xen.store_nodes(guest.domid) == 0


def test_the_daemon_is_told_to_end(start_hosted_bus, guest):
    bus = start_hosted_bus()
    ring = guest.connect()
    bus.stop()
    ring.wait_closed()
    ring.close()


def test_offers_from_before_the_daemon_are_taken(start_hosted_bus, guest):
    early = guest.ring()
    start_hosted_bus()
    assert early.report() == 'accepted\n'
    early.auth().hello().close()
