# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who comes in while others stand in the door: connections that never authenticate."""
import os
import select

import pytest

from bus import POLICY
from client import Closed
from logs import wait_event

LIMITS = {'max_incomplete_connections': 40, 'auth_timeout': 600_000}
NOBODY = 65534
USERS = 1001, 1002, 1003, 1004
# Nobody else can be several users.
needs_root = pytest.mark.parametrize('root', [0] if os.geteuid() == 0 else [])


def stand(bus, uid, count=30):
    return [bus.open(uid) for _ in range(count)]


def remaining(crowd):
    """Those that the bus has not ended: it says nothing to them else."""
    ended, _, _ = select.select([client.sock for client in crowd], [], [], 0)
    return [client for client in crowd if client.sock not in ended]


@needs_root
def test_several_users_do_not_keep_root_out(start_bus, root):
    bus = start_bus(limits=LIMITS, policy=POLICY)
    crowds = [stand(bus, uid) for uid in USERS]
    bus.connect().sync()
    left = [remaining(crowd) for crowd in crowds]
    assert sorted(len(crowd) for crowd in left) == [7, 7, 8, 8]
    for crowd, stayed in zip(crowds, left):
        assert stayed == crowd[-len(stayed):]  # the oldest went


@needs_root
@pytest.mark.parametrize('places', [2, 3, 5])
def test_nor_where_there_are_few_places(start_bus, places, root):
    bus = start_bus(limits={**LIMITS, 'max_incomplete_connections': places}, policy=POLICY)
    crowd = [bus.open(uid) for _ in range(places) for uid in USERS]
    bus.connect().sync()
    assert remaining(crowd) == crowd[1 - places:]
    bus.open(NOBODY).auth(uid=NOBODY).hello().sync()


@needs_root
def test_several_users_do_not_keep_another_out(start_bus, root):
    bus = start_bus(limits=LIMITS, policy=POLICY)
    crowds = [stand(bus, uid) for uid in USERS]
    slow = [bus.open(NOBODY) for _ in range(3)]
    for uid in USERS:
        stand(bus, uid)
    for client in slow:
        client.auth(uid=NOBODY).hello().sync()
    assert sum(len(remaining(crowd)) for crowd in crowds) < 30
    event = wait_event(bus, 'dropped', limit='max_incomplete_connections', allowed=40)
    assert int(event['uid']) in USERS and event['remedy']


@needs_root
def test_one_user_has_what_nobody_else_wants(start_bus, root):
    """A burst of honest programs is let in as long as there are places."""
    bus = start_bus(limits=LIMITS, policy=POLICY)
    crowd = stand(bus, NOBODY)
    for client in crowd:
        client.auth(uid=NOBODY).hello()
    crowd = stand(bus, NOBODY, 31)
    with pytest.raises(Closed):
        crowd[0].line()
    assert remaining(crowd) == crowd[1:]


def test_root_or_the_owner_waits_for_itself_alone(start_bus):
    """All places are its own: nobody is turned away, and the rest comes in when there is room."""
    bus = start_bus(limits=LIMITS, policy=POLICY)
    crowd = stand(bus, None, 60)
    assert remaining(crowd) == crowd
    for client in crowd:
        client.auth().hello()
