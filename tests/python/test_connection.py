# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections of the Python binding: their life, in whatever order things end."""
import asyncio
import gc
import signal
import warnings

import pytest
import torture1
import wire
import xcpbus
from client import BUS, BUS_PATH
from torture1 import Colour, Shape

NAME = 'org.example.torture1'


class Torture(torture1.Torture1Service):
    count = 3

    async def draw(self, shape, colour):
        return shape, colour

    async def poke(self, end):
        self.poked(end, torture1.Label(text=''))


class Extra(torture1.Torture1Service.Extra):
    async def wait(self, delay):
        await asyncio.Event().wait()


def ping(bus, **options):
    return bus.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Peer', 'Ping', **options)


def test_a_call_that_is_pending_when_the_connection_is_closed(bus, run):
    async def main(close):
        async with await xcpbus.serve(Torture(), Extra(), address=bus.address):
            client = await xcpbus.connect(bus.address)
            waiting = asyncio.ensure_future(torture1.Torture1(client).extra.wait(1))
            await ping(client)
            await close(client)
            with pytest.raises(xcpbus.Disconnected):
                await waiting
            with pytest.raises(xcpbus.Disconnected):
                await ping(client)
            assert isinstance(await client.wait_closed(), xcpbus.Disconnected)
            await client.close()
            client.abort()

    async def abort(client):
        client.abort()

    run(main(abort))
    run(main(xcpbus.Connection.close))


def test_everything_can_be_closed_after_the_connection(bus, run):
    async def main():
        service = await xcpbus.serve(Torture(), address=bus.address)
        export = xcpbus.export(service, Torture(), '/other')
        pokes = torture1.Torture1(service).poked()
        watch = service.watch_name(NAME, print)
        service.abort()
        with pytest.raises(xcpbus.Disconnected):
            await anext(pokes)
        for thing in export, pokes, watch:
            thing.close()
            thing.close()

    run(main())


def test_a_callback_may_end_the_connection(bus, run):
    async def main():
        async with await xcpbus.serve(Torture(), address=bus.address):
            client = await xcpbus.connect(bus.address)
            torture = torture1.Torture1(client)
            torture.poked(lambda *_: client.abort())
            with pytest.raises(xcpbus.Disconnected):
                await torture.poke(1)
                await ping(client)

    run(main())


def test_a_connection_that_nobody_closed_is_freed(bus, run):
    async def main():
        client = await xcpbus.connect(bus.address)
        torture1.Torture1(client).poked()
        await ping(client)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        run(main())
        gc.collect()
    assert [one.category for one in seen] == [ResourceWarning]


def test_a_cancelled_call_is_forgotten(bus, run):
    async def main():
        async with await xcpbus.serve(Torture(), Extra(), address=bus.address) as service:
            before = len(service._entries)
            call = asyncio.ensure_future(torture1.Torture1(service).extra.wait(1))
            await ping(service)
            assert len(service._entries) == before + 1
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert len(service._entries) == before

    run(main())


def test_what_a_callback_raises_is_reported(bus, run):
    def fail(*_):
        raise KeyError('of the test')

    async def main():
        async with await xcpbus.serve(Torture(), address=bus.address) as service:
            torture = torture1.Torture1(service)
            torture.poked(fail)
            service.watch_name(NAME, fail)
            await torture.poke(1)
            await ping(service)

    run(main())
    assert [type(report['exception']) for report in run.reports] == [KeyError, KeyError]
    run.reports.clear()


def test_the_bus_ends(start_bus, run):
    async def main():
        bus = start_bus()
        client = await xcpbus.connect(bus.address)
        service = await xcpbus.connect(bus.address)
        xcpbus.export(service, Extra())
        silent = torture1.Torture1(client, service.unique_name, timeout=60)
        call = asyncio.ensure_future(silent.extra.wait(-1))
        pokes = torture1.Torture1(client).poked()
        await ping(client)
        bus.stop(signal.SIGKILL)
        for awaitable in call, anext(pokes):
            with pytest.raises(xcpbus.Disconnected):
                await awaitable
        assert isinstance(await client.wait_closed(), xcpbus.Disconnected)
        assert not client.is_connected
        with pytest.raises(xcpbus.Disconnected):
            await ping(client)
        await client.close()
        await service.close()

    run(main())


def test_reconnecting(daemon, build, tmp_path, run):
    import bus as bus_module
    events = []

    async def main():
        first = bus_module.Bus(daemon, build, tmp_path / 'bus')
        async with (await xcpbus.serve(Torture(), address=first.address) as service,
                    await xcpbus.connect(first.address, reconnect=True) as client):
            back = {one: asyncio.Event() for one in (service, client)}
            for one in service, client:
                one.add_listener(lambda event, error, one=one: (
                    events.append(event), event == 'reconnected' and back[one].set()))
            torture, pokes = torture1.Torture1(client), torture1.Torture1(client).poked()
            await torture.poke(1)
            assert (await anext(pokes))[0] == 1
            first.stop()
            (tmp_path / 'bus/bus').unlink(missing_ok=True)
            second = bus_module.Bus(daemon, build, tmp_path / 'bus')
            for event in back.values():
                await event.wait()
            await torture.poke(2)
            assert (await anext(pokes))[0] == 2
            assert await torture.get_count() == 3
        second.stop()

    run(main())
    assert events.count('lost') == 2 and events.count('reconnected') == 2


def test_a_program_may_come_before_the_bus(daemon, build, tmp_path, run):
    import bus as bus_module

    async def main():
        address = f'unix:path={tmp_path}/bus/bus'
        with pytest.raises(xcpbus.Error):
            await xcpbus.connect(address)
        with pytest.raises(xcpbus.Error):
            await xcpbus.connect(address, wait=True, timeout=0.01)
        given_up = asyncio.ensure_future(xcpbus.connect(address, wait=True))
        waiting = asyncio.ensure_future(xcpbus.connect(address, wait=True))
        await asyncio.sleep(0)
        given_up.cancel()
        bus = bus_module.Bus(daemon, build, tmp_path / 'bus')
        async with await waiting as client:
            await ping(client)
        bus.stop()

    run(main())


def test_a_name_that_is_another_s_after_the_bus_came_back_is_reported(daemon, build, tmp_path, run):
    import bus as bus_module

    async def main():
        first = bus_module.Bus(daemon, build, tmp_path / 'bus')
        async with await xcpbus.connect(first.address, reconnect=True) as service:
            service.request_name(NAME, queue=False)
            first.stop()
            second = bus_module.Bus(daemon, build, tmp_path / 'second')
            async with await xcpbus.connect(second.address) as thief:
                assert thief.request_name(NAME)
                (tmp_path / 'bus/bus').unlink(missing_ok=True)
                (tmp_path / 'bus/bus').symlink_to(tmp_path / 'second/bus')
                while not run.reports:
                    await asyncio.sleep(0.01)
        second.stop()

    run(main())
    assert NAME in run.reports.pop()['exception'].message and not run.reports


def test_names(bus, run):
    async def main():
        async with (await xcpbus.connect(bus.address) as one,
                    await xcpbus.connect(bus.address) as other):
            owners = asyncio.Queue()
            other.watch_name('org.example.n1', owners.put_nowait)
            assert await owners.get() == ''
            assert one.request_name('org.example.n1')
            assert await owners.get() == one.unique_name
            assert not other.request_name('org.example.n1', queue=False)
            one.release_name('org.example.n1')
            assert await owners.get() == ''
            with pytest.raises(xcpbus.Error):
                one.request_name('no name')

    run(main())


def test_what_is_no_call(bus, run):
    async def main():
        async with await xcpbus.connect(bus.address) as client:
            for arguments in (('', '/', 'a.b', 'C'), ('a.b', 'x', 'a.b', 'C'), ('a.b', '/', '', 'C'),
                              ('a.b', '/', 'a.b', 'C D')):
                with pytest.raises(xcpbus.InvalidArgs):
                    await client.call(*arguments)
            with pytest.raises(ValueError):
                await ping(client, signature='(', values=(1,))
            with pytest.raises(TypeError):
                await ping(client, signature='ii', values=(1,))
            with pytest.raises(xcpbus.InvalidArgs):
                client.emit('/', 'a', 'b')
            with pytest.raises(xcpbus.Error):
                client.subscribe('nonsense', print)

    run(main())


def test_what_is_too_long_for_the_bus_does_not_end_the_connection(bus, run):
    """32 MiB, from a program of dom0: a call, a signal and an answer."""
    long = bytes(33 << 20)

    class Talkative(Torture):
        async def echo_everything(self, debug_info, everything):
            return torture1.Everything(a_string='x' * (33 << 20))

    async def main():
        async with (await xcpbus.serve(Talkative(), address=bus.address) as service,
                    await xcpbus.connect(bus.address) as client):
            with pytest.raises(xcpbus.LimitsExceeded, match='longer than the bus takes'):
                await client.call(BUS, BUS_PATH, 'a.B', 'C', 'ay', (long,))
            with pytest.raises(xcpbus.LimitsExceeded, match='longer than the bus takes'):
                client.emit('/a', 'a.B', 'C', 'ay', (long,))
            with pytest.raises(xcpbus.LimitsExceeded, match='the answer cannot be sent: '):
                await torture1.Torture1(client).echo_everything('', torture1.Everything())
            await ping(client)
            await ping(service)

    run(main())


@pytest.mark.parametrize('what', ['signal', 'call'])
def test_what_comes_while_the_bus_says_what_is_too_long(bus, run, what):
    """The descriptor does not tell of it any more: the library has read it."""
    async def main():
        other = bus.connect()
        async with await xcpbus.connect(bus.address) as client:
            came = asyncio.Event()
            client.subscribe("interface='a.B'", lambda *_: came.set())
            await ping(client)
            other.send(wire.signal('/a', 'a.B', 'C'))
            other.sync()
            with pytest.raises(xcpbus.LimitsExceeded):
                if what == 'signal':
                    client.emit('/a', 'a.B', 'C', 'ay', (bytes(33 << 20),))
                else:
                    await client.call(BUS, BUS_PATH, 'a.B', 'C', 'ay', (bytes(33 << 20),))
            await came.wait()
        other.close()

    run(main())


def test_a_descriptor_is_closed_by_whoever_got_it(bus, run, tmp_path):
    class Service(xcpbus.Service, interface='org.example.f1', path='/f'):
        @xcpbus.method('Take', results=('fd',))
        async def take(self, fd: xcpbus.Fd) -> xcpbus.Fd:
            raise NotImplementedError

    class Mine(Service):
        async def take(self, fd):
            return fd

    async def main():
        async with await xcpbus.connect(bus.address) as client:
            xcpbus.export(client, Mine())
            with open(tmp_path / 'x', 'w+') as file:
                file.write('content')
                file.flush()
                got = await xcpbus.Proxy(client, client.unique_name, '/f')._call(Service.take, file)
            number = got.fileno()
            with open(f'/proc/self/fd/{number}') as again:
                assert again.read() == 'content'
            del got
            await asyncio.sleep(0)  # what woke us up has it, too
            gc.collect()
            with pytest.raises(OSError):
                open(f'/proc/self/fd/{number}')

    run(main())


def test_a_sync_program(bus, build, python_env):
    """Callbacks run while it waits; what it interrupts is cancelled."""
    with xcpbus.sync.connect(bus.address) as client:
        client.wait(_serve(client.bus))
        torture, seen = torture1.Torture1Sync(client), []
        torture.poked(lambda end, label: seen.append(end))
        assert torture.draw(Shape.Circle(1.5), Colour.Red) == (Shape.Circle(1.5), Colour.Red)
        with torture.poked() as pokes:
            torture.poke(5)
            assert pokes.take(30)[0] == 5 and seen == [5]
            with pytest.raises(TimeoutError):
                pokes.take(0.01)
        assert torture.get_count() == 3
        with pytest.raises(xcpbus.NoReply):
            torture.extra.with_timeout(0.05).wait(1)
        with pytest.raises(xcpbus.UnknownMethod):
            torture.get_version()
    with pytest.raises(RuntimeError):
        torture.get_count()


async def _serve(bus):
    xcpbus.export(bus, Torture())
    xcpbus.export(bus, Extra())
    bus.request_name(NAME)
