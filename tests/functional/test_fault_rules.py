# SPDX-License-Identifier: LGPL-2.1-or-later
"""Match rules made to cost others time.

What it sends is through in a tenth of the time for which a test waits, unless its rules make the bus
do a hundred times the work.
"""
import itertools

import wire
from client import BUS, BUS_PATH
from crowd import bus_template
from test_fault_flood import pour, stop

PLENTY = 1000  # rules, of the 1024 that a domain may have


def add_rules(client, rules):
    for rule in itertools.islice(rules, PLENTY):
        client.send(wire.call(BUS, BUS_PATH, BUS, 'AddMatch', 's', rule,
                              flags=wire.NO_REPLY_EXPECTED))
    client.sync()


def shapes(deepest):
    """Different sets of keys, each with a namespace of each depth."""
    keys = "type='signal'", "interface='x.Other'", "member='Other'", "path='/other'", "arg1='o'"
    for depth in range(deepest, 0, -1):
        for chosen in itertools.product((False, True), repeat=len(keys)):
            yield ','.join(["arg0namespace='" + '.'.join('a' * depth) + "'",
                            *itertools.compress(keys, chosen)])


def flood(steady, hostile, message, times):
    message.serial = hostile.serial + 1
    hostile.send_bytes(message.encode() * times)
    steady.talk()
    hostile.close()
    steady.settled()


def test_namespaces_of_every_depth_and_a_name_without_end(steady, guest):
    """Each rule has another prefix of a string of 1 MB to look at."""
    hostile = guest.connect()
    add_rules(hostile, shapes(120))
    flood(steady, hostile, wire.signal('/p', 'x.I', 'S', 'ss', '.'.join(['b' * 8000] * 124), ''), 200)


def test_paths_of_every_depth_and_one_without_end(steady, guest):
    hostile = guest.connect()
    add_rules(hostile, (f"path_namespace='{'/a' * depth}'{more}" for depth in range(500, 0, -1)
                        for more in ('', ",member='Other'")))
    flood(steady, hostile, wire.signal('/' + '/'.join(['b' * 120] * 500), 'x.I', 'S'), 5000)


def test_many_rules_and_one_that_is_not_among_them(steady):
    """A program of dom0 looks for it, over and over."""
    hostile = steady.bus.connect()
    rules = bus_template('AddMatch', 's', "arg0path='/000000'")
    hostile.send_bytes(rules.bulk(range(25_000), 1))
    hostile.serial = 25_000
    hostile.drain()
    wanted = wire.call(BUS, BUS_PATH, BUS, 'RemoveMatch', 's', "arg0path='/none'",
                       flags=wire.NO_REPLY_EXPECTED)
    flood(steady, hostile, wanted, 300_000)


def test_names_that_come_and_go_cut_nobody_off(steady, xen, guest, new_guest):
    """Somebody else is told of each change, and reads more slowly than a ring can bring them about."""
    other = new_guest('other')
    subscriber = other.connect()
    subscriber.match("member='NameOwnerChanged'")
    change = [wire.call(BUS, BUS_PATH, BUS, member, signature, 'org.example.Blinks', *body, serial=5,
                        flags=wire.NO_REPLY_EXPECTED).encode()
              for member, signature, *body in (('RequestName', 'su', 0), ('ReleaseName', 's'))]
    program = pour(xen, guest, b''.join(change) * 3000, 100_000)
    for _ in range(800):
        subscriber.read_message()
        subscriber.inbox.clear()
    steady.talk(20)
    stop(program)
    subscriber.sync()
    subscriber.close()
    other.destroy()
    steady.settled()
