# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who owns what: Hello, RequestName with all flags, the queue, and what is announced."""
import re

import pytest

from client import BUS, BUS_PATH, Refused
from wire import METHOD_RETURN, call

ALLOW_REPLACEMENT, REPLACE, DO_NOT_QUEUE = 1, 2, 4
PRIMARY_OWNER, IN_QUEUE, EXISTS, ALREADY_OWNER = 1, 2, 3, 4
RELEASED, NON_EXISTENT, NOT_OWNER = 1, 2, 3
NAME = 'org.example.Name'
ERR = 'org.freedesktop.DBus.Error.'


def news(client):
    """The signals of the bus that a client got, short."""
    return [(m.member, *m.body) for m in client.drain() if m.sender == BUS and m.interface == BUS]


def quiet(*clients):
    for client in clients:
        client.drain()


def test_hello_gives_a_unique_name_and_announces_it(bus):
    client = bus.connect()
    assert re.fullmatch(re.escape(bus.caps.unique_prefix) + r'\d+', client.name)
    assert ('NameAcquired', client.name) in news(client)


def test_hello_reply_comes_before_name_acquired(bus):
    client = bus.open().auth()
    client.serial = 1
    client.send_bytes(call(BUS, BUS_PATH, BUS, 'Hello').encode())
    first, second = client.read_message(), client.read_message()
    assert first.type == METHOD_RETURN and first.destination == first.body[0]
    assert first.sender == BUS
    assert (second.member, second.body, second.destination) == (
        'NameAcquired', first.body, first.body[0])
    assert (second.path, second.interface, second.sender) == (BUS_PATH, BUS, BUS)


def test_hello_twice_is_refused(bus):
    refused = bus.connect().refusal('Hello')
    assert refused.name == ERR + 'Failed'
    assert refused.text == 'Already handled an Hello message'


def test_unique_names_are_never_given_twice(bus):
    seen = set()
    for _ in range(20):
        client = bus.connect()
        assert client.name not in seen
        seen.add(client.name)
        client.close()


def test_a_free_name_is_taken(bus):
    client, other = bus.connect(), bus.connect()
    quiet(client)
    assert client.own(NAME) == PRIMARY_OWNER
    assert news(client) == [('NameAcquired', NAME)]
    assert other.bus('GetNameOwner', 's', NAME) == client.name
    assert other.bus('NameHasOwner', 's', NAME) is True
    assert NAME in other.bus('ListNames')
    assert client.own(NAME) == ALREADY_OWNER
    assert news(client) == []


def test_name_acquired_comes_before_the_reply(bus):
    """Programs rely on it: once RequestName has returned, the name is theirs."""
    client = bus.connect()
    quiet(client)
    client.own(NAME)
    assert [(m.member, m.body) for m in client.inbox] == [('NameAcquired', (NAME,))]


def test_release(bus):
    client, other = bus.connect(), bus.connect()
    client.own(NAME)
    quiet(client)
    assert other.release(NAME) == NOT_OWNER
    assert client.release(NAME) == RELEASED
    assert [(m.member, m.body) for m in client.inbox] == [('NameLost', (NAME,))]
    assert client.release(NAME) == NON_EXISTENT
    assert other.bus('NameHasOwner', 's', NAME) is False


def test_the_second_waits_in_the_queue_and_gets_it(bus):
    first, second, third = bus.connect(), bus.connect(), bus.connect()
    first.own(NAME)
    assert second.own(NAME) == IN_QUEUE
    assert third.own(NAME) == IN_QUEUE
    assert second.own(NAME) == IN_QUEUE
    queue = [first.name, second.name, third.name]
    assert first.bus('ListQueuedOwners', 's', NAME) == queue
    quiet(first, second, third)
    first.release(NAME)
    assert news(first) == [('NameLost', NAME)]
    assert news(second) == [('NameAcquired', NAME)]
    assert first.bus('ListQueuedOwners', 's', NAME) == queue[1:]
    second.close()
    assert third.take_signal('NameAcquired').body == (NAME,)
    assert first.bus('GetNameOwner', 's', NAME) == third.name


def test_leaving_the_queue(bus):
    first, second = bus.connect(), bus.connect()
    first.own(NAME)
    second.own(NAME)
    quiet(first, second)
    assert second.release(NAME) == RELEASED
    assert news(first) == news(second) == []
    assert first.bus('ListQueuedOwners', 's', NAME) == [first.name]


def test_do_not_queue(bus):
    first, second = bus.connect(), bus.connect()
    first.own(NAME)
    assert second.own(NAME, DO_NOT_QUEUE) == EXISTS
    assert first.bus('ListQueuedOwners', 's', NAME) == [first.name]


def test_do_not_queue_takes_a_waiting_one_out_of_the_queue(bus):
    first, second = bus.connect(), bus.connect()
    first.own(NAME)
    assert second.own(NAME) == IN_QUEUE
    assert second.own(NAME, DO_NOT_QUEUE) == EXISTS
    assert first.bus('ListQueuedOwners', 's', NAME) == [first.name]


def test_replacement_needs_both_sides(bus):
    first, second = bus.connect(), bus.connect()
    first.own(NAME)
    assert second.own(NAME, REPLACE | DO_NOT_QUEUE) == EXISTS
    assert second.own(NAME, REPLACE) == IN_QUEUE
    second.release(NAME)
    assert first.own(NAME, ALLOW_REPLACEMENT) == ALREADY_OWNER
    assert second.own(NAME, DO_NOT_QUEUE) == EXISTS
    quiet(first, second)
    assert second.own(NAME, REPLACE | DO_NOT_QUEUE) == PRIMARY_OWNER
    assert news(first) == [('NameLost', NAME)]
    assert news(second) == [('NameAcquired', NAME)]


def test_who_is_replaced_waits_at_the_front(bus):
    first, second, third = bus.connect(), bus.connect(), bus.connect()
    first.own(NAME, ALLOW_REPLACEMENT)
    third.own(NAME)
    assert second.own(NAME, REPLACE) == PRIMARY_OWNER
    assert first.bus('ListQueuedOwners', 's', NAME) == [second.name, first.name, third.name]


def test_who_is_replaced_and_does_not_queue_is_out(bus):
    first, second = bus.connect(), bus.connect()
    first.own(NAME, ALLOW_REPLACEMENT | DO_NOT_QUEUE)
    assert second.own(NAME, REPLACE) == PRIMARY_OWNER
    assert first.bus('ListQueuedOwners', 's', NAME) == [second.name]


def test_a_waiting_one_can_jump_the_queue(bus):
    first, second, third = bus.connect(), bus.connect(), bus.connect()
    first.own(NAME, ALLOW_REPLACEMENT)
    second.own(NAME)
    third.own(NAME)
    assert third.own(NAME, REPLACE) == PRIMARY_OWNER
    assert first.bus('ListQueuedOwners', 's', NAME) == [third.name, first.name, second.name]


def test_flags_are_those_of_the_last_request(bus):
    first, second, third = bus.connect(), bus.connect(), bus.connect()
    first.own(NAME)
    second.own(NAME, ALLOW_REPLACEMENT)
    second.own(NAME, 0)
    first.release(NAME)
    assert third.own(NAME, REPLACE | DO_NOT_QUEUE) == EXISTS


def test_unknown_flags_do_no_harm(bus):
    assert bus.connect().own(NAME, 0xfffffff8) == PRIMARY_OWNER


def test_everybody_who_asks_hears_of_owners(bus):
    watcher, first, second = bus.connect(), bus.connect(), bus.connect()
    watcher.match(f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{NAME}'")
    quiet(watcher)
    first.own(NAME, ALLOW_REPLACEMENT)
    second.own(NAME, REPLACE)
    second.release(NAME)
    first.release(NAME)
    changes = [('NameOwnerChanged', NAME, '', first.name),
               ('NameOwnerChanged', NAME, first.name, second.name),
               ('NameOwnerChanged', NAME, second.name, first.name),
               ('NameOwnerChanged', NAME, first.name, '')]
    assert news(watcher) == changes


def test_coming_and_going_of_connections_is_announced(bus):
    watcher = bus.connect()
    watcher.match(f"sender='{BUS}',member='NameOwnerChanged'")
    quiet(watcher)
    client = bus.connect()
    client.own(NAME)
    client.close()
    first = watcher.take_signal()
    assert first.body == (client.name, '', client.name)
    assert (first.destination, first.sender, first.path) == (None, BUS, BUS_PATH)
    assert watcher.take_signal().body == (NAME, '', client.name)
    assert watcher.take_signal().body == (NAME, client.name, '')
    assert watcher.take_signal().body == (client.name, client.name, '')


def test_name_signals_go_only_to_whom_they_concern(bus):
    watcher, client = bus.connect(), bus.connect()
    watcher.match("member='NameAcquired'").match("member='NameLost'")
    quiet(watcher)
    client.own(NAME)
    client.release(NAME)
    assert news(watcher) == []


@pytest.mark.parametrize('name', [
    '', '.', 'nodot', '.org.example', 'org.example.', 'org..example', 'org.1example',
    'org.exa mple', 'org.exa/mple', 'org.ex\u00e4mple', 'a.' + 'b' * 254, ':1.1',
    ':0.999', 'org.example:x', BUS,
])
@pytest.mark.parametrize('method', ['RequestName', 'ReleaseName'])
def test_names_that_cannot_be_owned(bus, method, name):
    arguments = ('su', name, 0) if method == 'RequestName' else ('s', name)
    assert bus.connect().refusal(method, *arguments).name == ERR + 'InvalidArgs'


@pytest.mark.parametrize('name', ['a.b', '_._', 'org.example-x.y', 'a.' + 'b' * 253, 'A.Z9'])
def test_unusual_names_that_can(bus, name):
    client = bus.connect()
    assert client.own(name) == PRIMARY_OWNER
    assert client.release(name) == RELEASED


def test_the_wording_of_refusals(bus):
    client = bus.connect()
    assert 'reserved' in client.refusal('RequestName', 'su', BUS, 0).text
    assert ':1.7' in client.refusal('RequestName', 'su', ':1.7', 0).text
    assert client.refusal('RequestName', 'su', 'nodot', 0).text == (
        'Requested bus name "nodot" is not valid')


def test_asking_for_the_owner(bus):
    client = bus.connect()
    assert client.bus('GetNameOwner', 's', BUS) == BUS
    assert client.bus('GetNameOwner', 's', client.name) == client.name
    assert client.bus('NameHasOwner', 's', BUS) is True
    assert client.bus('ListQueuedOwners', 's', BUS) == [BUS]
    assert client.bus('ListQueuedOwners', 's', client.name) == [client.name]
    assert client.bus('NameHasOwner', 's', ':1.99999') is False
    refused = client.refusal('GetNameOwner', 's', 'org.example.None')
    assert refused.name == ERR + 'NameHasNoOwner'
    assert refused.text == "Could not get owner of name 'org.example.None': no such name"
    refused = client.refusal('ListQueuedOwners', 's', 'org.example.None')
    assert refused.name == ERR + 'NameHasNoOwner'
    assert refused.text == "Could not get owners of name 'org.example.None': no such name"


def test_list_names(bus):
    client = bus.connect()
    names = client.bus('ListNames')
    assert names[0] == BUS
    assert client.name in names
    assert len(set(names)) == len(names)


def test_names_go_with_their_owner(bus):
    client, watcher = bus.connect(), bus.connect()
    wanted = {f'org.example.Many{i}' for i in range(50)}
    for name in wanted:
        client.own(name)
    watcher.match("member='NameOwnerChanged',arg0namespace='org.example'")
    client.close()
    lost = {watcher.take_signal('NameOwnerChanged').body[0] for _ in wanted}
    assert lost == wanted
    assert not wanted & set(watcher.bus('ListNames'))


def test_limit_of_names(start_bus):
    client = start_bus(limits={'max_names_per_connection': 5}).connect()
    with pytest.raises(Refused) as refused:
        for i in range(10):
            client.own(f'org.example.Many{i}')
    assert refused.value.name == ERR + 'LimitsExceeded'
    # dbus-daemon counts the unique name too.
    assert i in (4, 5)
    client.release('org.example.Many0')
    assert client.own('org.example.Again') == PRIMARY_OWNER
