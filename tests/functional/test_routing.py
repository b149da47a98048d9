# SPDX-License-Identifier: LGPL-2.1-or-later
"""From one peer to another: calls, replies owed and not owed, order, and the sender field."""
import struct

import pytest

import wire
from client import BUS, BUS_PATH, Refused, echo_once

ERR = 'org.freedesktop.DBus.Error.'
SERVICE = 'org.example.Service'
GONE = 'Message recipient disconnected from message bus without replying'
LATE = 'Message did not receive a reply (timeout by message bus)'

EVERYTHING = 'ybnqiuxtdsogasa{sv}(i(s)v)aavaayad'
EVERYTHING_BODY = (
    255, True, -2, 65535, -2 ** 31, 2 ** 32 - 1, -2 ** 63, 2 ** 64 - 1, 0.1, 'grün \U0001f600',
    '/a/b_1', 'a{sv}', ['', 'x'], {'k': wire.Variant('as', ['y']), '': wire.Variant('d', 2.5)},
    (1, ('in',), wire.Variant('v', wire.Variant('y', 3))), [[], [wire.Variant('u', 4)]],
    [b'', b'\0\1\2'], [])


def a_call(destination, signature=None, *body, member='Method', **more):
    return wire.call(destination, '/org/example/object', 'org.example.Iface', member, signature,
                     *body, **more)


def test_a_call_and_its_reply(bus):
    caller, service = bus.connect(), bus.connect()
    serial = caller.send(a_call(service.name, EVERYTHING, *EVERYTHING_BODY))
    request = service.take_call()
    assert (request.path, request.interface, request.member) == (
        '/org/example/object', 'org.example.Iface', 'Method')
    assert (request.sender, request.destination, request.serial) == (
        caller.name, service.name, serial)
    assert request.body == EVERYTHING_BODY
    service.send(wire.reply_to(request, EVERYTHING, *EVERYTHING_BODY))
    answer = caller.take_reply(serial)
    assert (answer.sender, answer.destination, answer.body) == (
        service.name, caller.name, EVERYTHING_BODY)


@pytest.mark.parametrize('endian', 'lB')
def test_both_byte_orders_from_end_to_end(bus, endian):
    caller, service = bus.connect(), bus.connect()
    other = 'B' if endian == 'l' else 'l'
    message = a_call(service.name, EVERYTHING, *EVERYTHING_BODY, endian=endian)
    serial = caller.send(message)
    request = service.take_call()
    assert (request.endian, request.serial, request.body) == (endian, serial, EVERYTHING_BODY)
    assert request.raw.endswith(message.encode_body())
    service.send(wire.reply_to(request, EVERYTHING, *EVERYTHING_BODY, endian=other))
    answer = caller.take_reply(serial)
    assert (answer.endian, answer.body) == (other, EVERYTHING_BODY)


@pytest.mark.parametrize('endian', 'lB')
def test_the_bus_understands_both_byte_orders(bus, endian):
    client = bus.connect()
    serial = client.send(wire.call(BUS, BUS_PATH, BUS, 'RequestName', 'su', SERVICE, 4,
                                   endian=endian))
    assert client.result(serial) == 1


def test_an_error_as_the_answer(bus):
    caller, service = bus.connect(), bus.connect()
    serial = caller.send(a_call(service.name))
    service.send(wire.error_to(service.take_call(), 'org.example.Error.Sorry', 'sorry'))
    with pytest.raises(Refused) as refused:
        caller.result(serial)
    assert (refused.value.name, refused.value.text) == ('org.example.Error.Sorry', 'sorry')
    assert refused.value.message.sender == service.name


def test_calls_by_well_known_name(bus):
    caller, service = bus.connect(), bus.connect()
    service.own(SERVICE)
    serial = caller.send(a_call(SERVICE))
    request = service.take_call()
    assert request.destination == SERVICE
    service.send(wire.reply_to(request))
    # The answer says who answered, not under which name.
    assert caller.take_reply(serial).sender == service.name


def test_a_name_that_moves_takes_its_callers_along(bus):
    caller, first, second = bus.connect(), bus.connect(), bus.connect()
    first.own(SERVICE, 1)
    serial = caller.send(a_call(SERVICE))
    request = first.take_call()
    second.own(SERVICE, 2)
    echo_once(caller, second, SERVICE)
    # What was asked of the old owner it may still answer.
    first.send(wire.reply_to(request))
    caller.result(serial)


def test_calling_oneself(bus):
    client = bus.connect()
    echo_once(client, client)


@pytest.mark.parametrize('name, error, text', [
    ('org.example.None', 'ServiceUnknown',
     'The name org.example.None was not provided by any .service files'),
    (':1.99999', 'ServiceUnknown', 'The name :1.99999 was not provided by any .service files'),
])
def test_nobody_there(bus, name, error, text):
    with pytest.raises(Refused) as refused:
        bus.connect().call(name, '/', 'a.b', 'C')
    assert refused.value.name == ERR + error
    assert refused.value.text == text
    assert refused.value.message.sender == BUS


def test_nobody_there_and_no_activation_wanted(bus):
    client = bus.connect()
    serial = client.send(wire.call('org.example.None', '/', 'a.b', 'C',
                                   flags=wire.NO_AUTO_START))
    answer = client.take_reply(serial)
    assert answer.error_name == ERR + 'NameHasNoOwner'
    assert answer.text() == 'Name "org.example.None" does not exist'


def test_a_call_to_nobody_in_particular(bus):
    """No destination: on a bus, that means the bus, which knows Peer and no more."""
    client = bus.connect()
    with pytest.raises(Refused):
        client.call(None, '/', 'org.example.Iface', 'Nothing')
    client.sync()


# --- the sender ---

def test_a_forged_sender_is_replaced(bus):
    liar, victim, receiver = bus.connect(), bus.connect(), bus.connect()
    receiver.match("member='Changed'")
    for name in victim.name, BUS, SERVICE:
        liar.send(wire.signal('/a', 'a.b', 'Changed', sender=name))
        assert receiver.take_signal('Changed').sender == liar.name
        liar.send(wire.call(receiver.name, '/a', 'a.b', 'C', sender=name))
        assert receiver.take_call().sender == liar.name


@pytest.mark.parametrize('at', range(6))
@pytest.mark.parametrize('endian', 'lB')
def test_the_sender_is_found_wherever_it_stands(bus, at, endian):
    """Cutting a field out of a header shifts what follows; its padding must stay right."""
    liar, receiver = bus.connect(), bus.connect()
    for forged in ':1.1', ':1.12', ':1.123456789', 'org.example.VeryLongNameOfSomebodyElse':
        message = wire.call(receiver.name, '/a', 'a.b', 'C', 's', 'body', endian=endian)
        fields = message.header_fields()
        fields.insert(at, (7, wire.Variant('s', forged)))
        liar.serial += 1
        message.serial = liar.serial
        liar.send_bytes(message.encode(fields=fields))
        got = receiver.take_call('C')
        assert (got.sender, got.path, got.body) == (liar.name, '/a', ('body',))
        assert (got.interface, got.destination) == ('a.b', receiver.name)


@pytest.mark.parametrize('signature, value', [
    ('s', 'text'), ('y', 1), ('t', 2 ** 63), ('as', ['a', 'b']),
    ('(sv)', ('x', wire.Variant('u', 1))), ('a{sv}', {'k': wire.Variant('s', 'v')}),
])
def test_unknown_header_fields_are_taken_out(bus, signature, value):
    """The feature is called HeaderFiltering."""
    sender, receiver = bus.connect(), bus.connect()
    for code in 11, 77, 255:
        message = wire.call(receiver.name, '/a', 'a.b', 'C', 's', 'body')
        message.extra = [(code, signature, value)]
        sender.send(message)
        got = receiver.take_call('C')
        assert got.extra == [] and got.sender == sender.name and got.body == ('body',)
        fields = message.header_fields()
        message.serial = sender.serial = sender.serial + 1
        sender.send_bytes(message.encode(fields=fields[-1:] + fields[:-1]))
        got = receiver.take_call('C')
        assert got.extra == [] and got.sender == sender.name and got.body == ('body',)


def test_unknown_flags_and_types_are_no_crime(bus):
    sender, receiver = bus.connect(), bus.connect()
    sender.send(wire.call(receiver.name, '/a', 'a.b', 'C', flags=0xf0))
    receiver.take_call('C')
    sender.send(wire.Message(type=17, destination=receiver.name, path='/a', interface='a.b',
                             member='D'))
    sender.sync()


# --- replies ---

def test_forged_replies_are_refused(bus):
    caller, service, liar = bus.connect(), bus.connect(), bus.connect()
    serial = caller.send(a_call(service.name))
    request = service.take_call()
    liar.send(wire.reply_to(request, 's', 'lie'))
    liar.send(wire.error_to(request, 'org.example.Lie', 'lie'))
    liar.sync()
    service.send(wire.reply_to(request, 's', 'truth'))
    assert caller.result(serial) == 'truth'
    assert not [m for m in caller.drain() if m.sender == liar.name]


def test_a_reply_is_owed_once(bus):
    caller, service = bus.connect(), bus.connect()
    serial = caller.send(a_call(service.name))
    request = service.take_call()
    for answer in 'first', 'second':
        service.send(wire.reply_to(request, 's', answer))
    service.sync()
    assert [m.body for m in caller.drain() if m.reply_serial == serial] == [('first',)]


def test_a_reply_to_what_was_never_asked(bus):
    victim, liar = bus.connect(), bus.connect()
    victim.drain()
    for serial in 1, 2, 3, 77, 2 ** 32 - 1:
        liar.send(wire.Message(wire.METHOD_RETURN, destination=victim.name, reply_serial=serial))
        liar.send(wire.Message(wire.ERROR, destination=victim.name, reply_serial=serial,
                               error_name='a.b'))
    liar.sync()
    assert victim.drain() == []


def test_no_reply_expected_means_none_is_passed_on(bus):
    caller, service = bus.connect(), bus.connect()
    caller.drain()
    caller.send(a_call(service.name, flags=wire.NO_REPLY_EXPECTED))
    request = service.take_call()
    assert request.flags & wire.NO_REPLY_EXPECTED
    service.send(wire.reply_to(request))
    service.sync()
    assert caller.drain() == []


def test_no_reply_expected_from_nobody(bus):
    client = bus.connect()
    client.drain()
    client.send(wire.call('org.example.None', '/', 'a.b', 'C', flags=wire.NO_REPLY_EXPECTED))
    answered = [m for m in client.sync() if m.error_name]
    assert bool(answered) == bus.caps.answers_unasked


def test_a_service_that_dies_answers_all_its_callers(bus):
    callers, service = [bus.connect() for _ in range(5)], bus.connect()
    serials = [(c, c.send(a_call(service.name))) for c in callers for _ in range(3)]
    for _ in serials[:7]:
        service.take_call()
    service.close()
    for caller, serial in serials:
        answer = caller.take_reply(serial)
        assert (answer.error_name, answer.text(), answer.sender) == (ERR + 'NoReply', GONE, BUS)


def test_an_answer_after_the_caller_has_gone(bus):
    caller, service = bus.connect(), bus.connect()
    caller.send(a_call(service.name))
    request = service.take_call()
    caller.close()
    service.match(f"member='NameOwnerChanged',arg0='{request.sender}'")
    while service.bus('NameHasOwner', 's', request.sender):
        pass
    service.send(wire.reply_to(request))
    service.sync()


def test_a_reply_that_takes_too_long(start_bus):
    bus = start_bus(limits={'reply_timeout': 200})
    caller, service = bus.connect(), bus.connect()
    serial = caller.send(a_call(service.name))
    request = service.take_call()
    answer = caller.take_reply(serial)
    assert (answer.error_name, answer.text()) == (ERR + 'NoReply', LATE)
    # Too late is too late.
    service.send(wire.reply_to(request))
    service.sync()
    assert not [m for m in caller.drain() if m.reply_serial == serial]
    echo_once(caller, service)


def test_limit_of_calls_under_way(start_bus):
    bus = start_bus(limits={'max_replies_per_connection': 10})
    caller, service = bus.connect(), bus.connect()
    serials = [caller.send(a_call(service.name)) for _ in range(11)]
    answer = caller.take_reply(serials[-1])
    assert answer.error_name == ERR + 'LimitsExceeded'
    for _ in serials[:-1]:
        service.send(wire.reply_to(service.take_call()))
    for serial in serials[:-1]:
        caller.result(serial)
    echo_once(caller, service)


def test_the_same_serial_twice(bus):
    """A caller that reuses a serial harms itself at most."""
    caller, service = bus.connect(), bus.connect()
    innocents = bus.innocents()
    for _ in range(3):
        message = a_call(service.name)
        message.serial = 1000
        caller.send_bytes(message.encode())
    echo_once(*innocents)
    service.sync()


def test_last_words_are_delivered(bus):
    """What was sent before the end arrives, and before the news of the end."""
    watcher, service = bus.connect(), bus.connect()
    for _ in range(20):
        client = bus.connect()
        watcher.match(f"sender='{client.name}'")
        watcher.match(f"member='NameOwnerChanged',arg0='{client.name}'")
        watcher.drain()
        client.send_bytes(
            wire.signal('/a', 'a.b', 'Last', 'ay', bytes(50_000), serial=8).encode()
            + a_call(service.name, serial=9, flags=wire.NO_REPLY_EXPECTED).encode())
        client.close()
        assert [watcher.read_message().member for _ in range(2)] == ['Last', 'NameOwnerChanged']
        assert service.take_call().sender == client.name


def test_more_in_the_write_that_says_hello(bus):
    client, service = bus.open().auth(), bus.connect()
    client.send_bytes(wire.call(BUS, BUS_PATH, BUS, 'Hello', serial=1).encode()
                      + wire.call(BUS, BUS_PATH, BUS, 'GetId', serial=2).encode()
                      + a_call(service.name, serial=3).encode())
    client.name = client.result(1)
    assert len(client.result(2)) == 32
    assert service.take_call().sender == client.name


# --- order ---

def test_messages_of_one_sender_stay_in_order(bus):
    sender, receiver = bus.connect(), bus.connect()
    receiver.match("member='Changed'")
    receiver.drain()
    for number in range(300):
        if number % 3:
            sender.send(wire.signal('/a', 'a.b', 'Changed', 'u', number))
        else:
            sender.send(a_call(receiver.name, 'u', number, flags=wire.NO_REPLY_EXPECTED))
    sender.sync()
    assert [m.body[0] for m in receiver.drain()] == list(range(300))


def test_everybody_sees_signals_in_the_same_order(bus):
    senders = [bus.connect() for _ in range(4)]
    receivers = [bus.connect().match("interface='org.example.Order'") for _ in range(4)]
    for receiver in receivers:
        receiver.drain()
    for number in range(40):
        for index, sender in enumerate(senders):
            sender.send(wire.signal('/a', 'org.example.Order', 'X', 'uu', index, number))
    for sender in senders:
        sender.sync()
    seen = [[m.body for m in receiver.drain()] for receiver in receivers]
    assert len(seen[0]) == 160
    assert all(order == seen[0] for order in seen)


def test_a_signal_before_a_reply_stays_before_it(bus):
    caller, service = bus.connect(), bus.connect()
    caller.match("member='Progress'")
    caller.drain()
    serial = caller.send(a_call(service.name))
    request = service.take_call()
    service.send(wire.signal('/a', 'a.b', 'Progress'))
    service.send(wire.reply_to(request))
    caller.take_reply(serial)
    assert [m.member for m in caller.inbox] == ['Progress']


def test_messages_cut_at_every_byte(bus):
    """A message may come in pieces of any size."""
    caller, service = bus.connect(), bus.connect()
    service.drain()
    message = a_call(service.name, 'sa{sv}', 'x', {'k': wire.Variant('u', 1)},
                     flags=wire.NO_REPLY_EXPECTED)
    raw = message.encode()
    for cut in range(1, len(raw)):
        caller.send_bytes(raw[:cut])
        caller.send_bytes(raw[cut:])
    for byte in raw:
        caller.send_bytes(bytes([byte]))
    caller.sync()
    assert [m.body for m in service.drain()] == [message.body] * len(raw)


def test_what_a_receiver_gets_is_canonical(bus):
    """Serial, flags and body as sent; the sender field is there exactly once."""
    sender, receiver = bus.connect(), bus.connect()
    sender.send(a_call(receiver.name, 's', 'x', sender=':1.5'))
    raw = receiver.take_call().raw
    field = struct.pack('<BBBxI', 7, 1, ord('s'), len(sender.name)) + sender.name.encode()
    assert raw.count(field) == 1
