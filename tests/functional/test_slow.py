# SPDX-License-Identifier: LGPL-2.1-or-later
"""A receiver that does not read, or slowly: who waits for it, for how long, who is told, and who never
notices."""
import wire
from client import echo_once
from crowd import send_what_goes

MIB = 1 << 20
ERR = 'org.freedesktop.DBus.Error.'


def calls(destination, count, size, first=1000):
    call = wire.call(destination, '/a', 'a.b', 'C', 'ay', bytes(size))
    for call.serial in range(first, first + count):
        yield call.encode()


def test_calls_of_a_sleeping_service(start_bus):
    """Those that fit into its queue wait there, all others are refused, none is lost."""
    bus = start_bus(limits={'max_outgoing_bytes': 2_000_000, 'max_replies_per_connection': 1000})
    caller, sleeper, innocents = bus.connect(), bus.connect(), bus.innocents()
    caller.send_bytes(b''.join(calls(sleeper.name, 100, 50_000)))
    caller.sync()
    refused = {m.reply_serial for m in caller.inbox if m.type == wire.ERROR}
    assert {m.error_name for m in caller.inbox if m.type == wire.ERROR} == {ERR + 'LimitsExceeded'}
    assert 40 < len(refused) < 90
    for _ in range(50):
        echo_once(*innocents)
    # Awake, it finds all the others, in order, and the innocent may call it as before.
    waiting = [n for n in range(1000, 1100) if n not in refused]
    for number in waiting:
        request = sleeper.take_call('C')
        assert request.serial == number
        sleeper.send(wire.reply_to(request))
    for number in waiting:
        caller.result(number)
    echo_once(innocents[0], sleeper)


def test_a_slow_reader_gets_everything(start_bus):
    """One that reads a little now and then is waited for, and is not cut off."""
    bus = start_bus(limits={'max_outgoing_bytes': 3 * MIB, 'max_incoming_bytes': MIB})
    sender, reader, innocents = bus.connect(), bus.connect(), bus.innocents()
    reader.match("member='Flood'")
    rest = b''.join(wire.signal('/a', 'a.b', 'Flood', 'uay', n, bytes(20_000), serial=7).encode()
                    for n in range(500))
    for n in range(500):
        while rest and len(reader.data) < 20_100:
            rest = send_what_goes(sender, [rest])
            reader.fill()
        assert reader.take_signal('Flood').body[0] == n
        if n % 20 == 0:
            echo_once(*innocents)
    echo_once(sender, reader)
