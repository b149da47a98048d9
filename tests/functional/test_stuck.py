# SPDX-License-Identifier: LGPL-2.1-or-later
"""Back-pressure: a sender waits for a receiver that does not read, but not for ever (stuck_timeout,
which dbus-daemon does not have)."""
import wire
from client import echo_once
from crowd import send_what_goes
from echo import Echo
from test_load import echo_call

MIB = 1 << 20
NEVER = 3_600_000


def test_nobody_else_waits_for_a_sleeper(start_bus):
    """Its sender is not read from; whoever calls others, or the sender, goes on."""
    bus = start_bus(limits={'stuck_timeout': NEVER, 'max_incoming_bytes': MIB})
    sender, sleeper, innocents = bus.connect(), bus.connect(), bus.innocents()
    for client in (sleeper, innocents[0]):
        client.match("member='Flood'")
    signal = wire.signal('/a', 'a.b', 'Flood', 'ay', bytes(50_000), serial=7).encode()
    rest = send_what_goes(sender, [signal] * 400)
    assert len(rest) > 10 * MIB  # it has to wait
    for _ in range(50):
        echo_once(*innocents)
    # The sleeper wakes up: the sender goes on where it was, and everybody gets everything.
    while rest:
        rest = send_what_goes(sender, [rest])
        sleeper.fill()
        innocents[0].fill()
    for _ in range(400):
        # In turn: what one of them leaves unread is what the sender waits for.
        for client in (sleeper, innocents[0]):
            client.take_signal('Flood')
    echo_once(sender, sleeper)


def test_a_sender_waits_for_a_sleeper_only_so_long(start_bus):
    """After stuck_timeout it goes on, though nobody reads: the sleeper's queue has room."""
    bus = start_bus(limits={'stuck_timeout': 300, 'max_incoming_bytes': MIB})
    sender, sleeper, innocents = bus.connect(), bus.connect(), bus.innocents()
    sleeper.match("member='Flood'")
    signal = wire.signal('/a', 'a.b', 'Flood', 'ay', bytes(50_000), serial=7).encode()
    sender.send_bytes(signal * 400)
    sender.sync()
    for _ in range(50):
        echo_once(*innocents)
    for _ in range(400):
        sleeper.take_signal('Flood')
    echo_once(sender, sleeper)


def test_tiny_limits_still_work(start_bus):
    """dbus-test-tool does this: the limits throttle, they do not refuse. (dbus-daemon now and then forgets to
    read on.)"""
    bus = start_bus(limits={'max_incoming_bytes': 1, 'max_replies_per_connection': 10_000})
    caller = bus.connect()
    with Echo(bus.connect()) as echo:
        for n in range(1000, 3000, 100):
            caller.send_bytes(b''.join(echo_call(echo.name, k, signature='u', serial=k).encode()
                                       for k in range(n, n + 100)))
        for k in range(1000, 3000):
            assert caller.result(k) == k
