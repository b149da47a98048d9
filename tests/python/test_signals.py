# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signals: from which object they came, of one object or of any; and what becomes of those nobody takes."""
import asyncio

import pytest
import torture1
import xcpbus
from torture1 import Label, Torture1, Torture1Service, Torture1Sync
from xcpbus import ANY_OBJECT, proxy as proxy_module

PATHS = ['/org/example/torture1/vm/a', '/org/example/torture1/vm/b']


class Torture(Torture1Service):
    count = 1

    async def poke(self, end):
        self.poked(end, Label(text='poked'))


async def two_objects(address):
    """A service with two of them: the connection and both."""
    service = await xcpbus.serve(address=address)
    objects = [Torture(), Torture()]
    for path, one in zip(PATHS, objects):
        xcpbus.export(service, one, path)
    service.request_name('org.example.torture1')
    return service, objects


def test_signals_of_any_object_say_of_which(bus, run):
    async def main():
        service, objects = await two_objects(bus.address)
        async with service, await xcpbus.connect(bus.address) as client:
            everything, one = Torture1(client, path=ANY_OBJECT), Torture1(client, path=PATHS[1])
            called = []
            everything.poked(lambda end, label: called.append((end, xcpbus.current_signal())))
            with everything.poked() as pokes, one.poked() as of_one:
                with pytest.raises(LookupError):
                    pokes.last  # noqa: B018
                for end, path in enumerate(PATHS):
                    await Torture1(client, path=path).poke(end)
                for end, path in enumerate(PATHS):
                    assert (await anext(pokes))[0] == end
                    expected = xcpbus.Signal(service.unique_name, path, 'Poked')
                    assert pokes.last == expected and called[end] == (end, expected)
                    assert pokes.last.domid == int(service.unique_name[1:].split('.')[0])
                assert (await anext(of_one))[0] == 1 and of_one.last.path == PATHS[1]
            with everything.with_timeout(5).changes() as changes:
                for one in objects:
                    one.changed('count')
                assert await anext(changes) == {'count': 1}
                seen = {changes.last.path}
                assert await anext(changes) == {'count': 1}
                assert seen | {changes.last.path} == set(PATHS)
            with pytest.raises(LookupError):
                xcpbus.current_signal()

    run(main())


def test_nobody_else_can_send_them(bus, run):
    """A subscription is to a service, wherever its objects are."""
    async def main():
        service, _ = await two_objects(bus.address)
        async with (service, await xcpbus.connect(bus.address) as client,
                    await xcpbus.connect(bus.address) as thief):
            with Torture1(client, path=ANY_OBJECT).poked() as pokes:
                inputs = xcpbus.service.member_of(Torture1Service.poked).codecs()[0]
                await Torture1(client, path=PATHS[0]).poke(1)
                thief.emit(PATHS[0], 'org.example.torture1', 'Poked', inputs.signature,
                           inputs.encoded((2, Label(text='stolen'))))
                await thief.call('org.freedesktop.DBus', '/', 'org.freedesktop.DBus.Peer', 'Ping')
                await Torture1(client, path=PATHS[0]).poke(3)
                assert [(await anext(pokes))[0] for _ in range(2)] == [1, 3]

    run(main())


def test_any_object_cannot_be_called(bus, run):
    async def main():
        async with await xcpbus.connect(bus.address) as client:
            with pytest.raises(xcpbus.InvalidArgs):
                await Torture1(client, path=ANY_OBJECT).poke(1)

    run(main())


@pytest.mark.parametrize('where', [
    {'destination': "org.example.torture1',member='Other"}, {'path': "/a',member='Other"}, {'path': '/a/'},
    {'destination': "'"}, {'path': "/a'"}, {'path': '/\ud800'}, {'destination': 'a.b\0'}])
def test_a_name_is_not_read_as_a_rule(bus, run, where):
    async def main():
        async with await xcpbus.connect(bus.address) as client:
            with pytest.raises((xcpbus.InvalidArgs, ValueError)):
                Torture1(client, **where).poked()

    run(main())


def test_without_a_loop(bus):
    with xcpbus.sync.connect(bus.address) as client:
        service, objects = client.wait(two_objects(bus.address))
        everything = Torture1Sync(client, path=ANY_OBJECT)
        with everything.poked() as pokes, everything.changes() as changes:
            Torture1Sync(client, path=PATHS[1]).poke(7)
            assert pokes.take(30)[0] == 7 and pokes.last.path == PATHS[1]
            objects[0].changed('count')
            assert changes.take(30) == {'count': 1} and changes.last.path == PATHS[0]
        client.wait(service.close())


@pytest.mark.parametrize('limit,value', [('WAITING_MAX', 10), ('WAITING_SIZE_MAX', 5000)])
def test_what_nobody_takes_ends_the_subscription(bus, run, monkeypatch, limit, value):
    """Not the program's memory. What came before can still be taken."""
    monkeypatch.setattr(proxy_module, limit, value)

    async def main():
        async with (await xcpbus.serve(Torture(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            torture = Torture1(client)
            with torture.poked() as pokes:
                for end in range(100):
                    await torture.poke(end)
                taken = []
                with pytest.raises(xcpbus.LimitsExceeded):
                    async for end, _ in pokes:
                        taken.append(end)
                assert taken == list(range(len(taken))) and 5 < len(taken) < 50
                with pytest.raises(xcpbus.LimitsExceeded):
                    await anext(pokes)

    run(main())


def test_what_is_taken_in_time_does_not_count(bus, run, monkeypatch):
    monkeypatch.setattr(proxy_module, 'WAITING_SIZE_MAX', 5000)

    async def main():
        async with (await xcpbus.serve(Torture(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            torture = Torture1(client)
            with torture.poked() as pokes:
                for end in range(100):
                    await torture.poke(end)
                    assert (await anext(pokes))[0] == end

    run(main())


def test_calls_without_an_answer_are_limited_by_their_size(bus, run, monkeypatch):
    class Slow(Torture1Service):
        async def echo_everything(self, debug_info, everything):
            await gate.wait()
            return everything

    monkeypatch.setattr(xcpbus.service, 'CALLS_SIZE_MAX', 2**20)
    gate = asyncio.Event()

    async def main():
        async with (await xcpbus.serve(Slow(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            torture, text = Torture1(client), 'x' * 400000
            calls = [asyncio.ensure_future(torture.echo_everything(text, torture1.Everything()))
                     for _ in range(4)]
            for call in calls[2:]:
                with pytest.raises(xcpbus.LimitsExceeded):
                    await call
            gate.set()
            await asyncio.gather(*calls[:2])
            # One may be as large as it likes.
            await torture.echo_everything('x' * 2**21, torture1.Everything())

    run(main())
