# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.freedesktop.DBus.Debug.Stats: the same numbers, by the same names, as dbus-daemon's."""
import os

import pytest

from client import BUS, BUS_PATH
from test_bus1 import plain
from wire import call

STATS = 'org.freedesktop.DBus.Debug.Stats'
# Of dbus-daemon's own allocator, and of queues that consist of messages: here they are bytes.
NOT_OURS = {'ListMemPoolUsedBytes', 'ListMemPoolCachedBytes', 'ListMemPoolAllocatedBytes',
            'IncomingMessages', 'OutgoingMessages'}
OF_ALL = {'Serial', 'ActiveConnections', 'IncompleteConnections', 'MatchRules', 'PeakMatchRules',
          'PeakMatchRulesPerConnection', 'BusNames', 'PeakBusNames', 'PeakBusNamesPerConnection'}
OF_ONE = {'Serial', 'UniqueName', 'MatchRules', 'PeakMatchRules', 'BusNames', 'PeakBusNames',
          'IncomingBytes', 'IncomingFDs', 'PeakIncomingBytes', 'PeakIncomingFDs',
          'OutgoingBytes', 'OutgoingFDs', 'PeakOutgoingBytes', 'PeakOutgoingFDs'}


@pytest.fixture
def bus(start_bus):
    return start_bus()


def of_all(client):
    return plain(client.call(BUS, BUS_PATH, STATS, 'GetStats'))


def of_one(client, name):
    return plain(client.call(BUS, BUS_PATH, STATS, 'GetConnectionStats', 's', name))


def specified(keys):
    return {key for key in keys if not key.startswith('org.') and key not in NOT_OURS}


def test_all_keys_are_there(bus):
    client = bus.connect()
    assert specified(of_all(client)) == OF_ALL
    assert specified(of_one(client, client.name)) == OF_ONE


def test_peaks_stay(bus):
    client, other = bus.connect(), bus.connect()
    rules = [f"type='signal',member='M{i}'" for i in range(5)]
    for rule in rules:
        other.match(rule)
    for rule in rules[1:]:
        other.unmatch(rule)
    for i in range(3):
        other.own(f'org.example.N{i}')
    other.release('org.example.N0')
    mine, stats = of_one(client, other.name), of_all(client)
    assert (mine['MatchRules'], mine['PeakMatchRules']) == (1, 5)
    assert (mine['BusNames'], mine['PeakBusNames']) == (3, 4)
    assert (stats['MatchRules'], stats['PeakMatchRules']) == (1, 5)
    assert stats['PeakMatchRulesPerConnection'] == 5
    assert stats['BusNames'] == 4 and stats['PeakBusNames'] == 5
    assert stats['PeakBusNamesPerConnection'] == 4
    client.match("member='NameOwnerChanged'")
    other.close()
    while client.take_signal('NameOwnerChanged').body[0] != other.name:
        pass
    stats = of_all(client)
    assert (stats['MatchRules'], stats['PeakMatchRules'], stats['BusNames']) == (1, 5, 1)
    assert stats['ActiveConnections'] == 1


def test_what_waits(bus):
    client, sender, sleeper = bus.connect(), bus.connect(), bus.connect(fds=True)
    sender.send(call(sleeper.name, '/a', 'a.b', 'C', 'ay', b'x' * 3_000_000, flags=1))
    client.sync()
    while not of_one(client, sleeper.name)['OutgoingBytes']:
        pass  # it is a large message, and takes its time to come
    mine = of_one(client, sleeper.name)
    assert mine['PeakOutgoingBytes'] >= mine['OutgoingBytes']
    sleeper.take_call()
    sleeper.sync()
    mine = of_one(client, sleeper.name)
    assert mine['OutgoingBytes'] == 0 and mine['PeakOutgoingBytes'] > 100_000


def test_descriptors_that_passed(bus):
    client, sender, receiver = bus.connect(), bus.connect(fds=True), bus.connect(fds=True)
    read_end, write_end = os.pipe()
    message = call(receiver.name, '/a', 'a.b', 'C', flags=1)
    message.unix_fds = 1
    sender.send(message, [read_end])
    receiver.take_call()
    receiver.sync()
    mine = of_one(client, receiver.name)
    assert (mine['OutgoingFDs'], mine['PeakOutgoingFDs']) == (0, 1)
    assert of_one(client, sender.name)['IncomingFDs'] == 0
    os.close(read_end)
    os.close(write_end)
