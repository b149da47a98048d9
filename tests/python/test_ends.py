# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ends that nobody planned: loops that are closed, things that nobody keeps, forks, threads, the end of the
program. A program of its own may die here; it must neither crash, nor hang, nor complain."""
import asyncio
import gc
import subprocess
import threading

import pytest
import torture1
import xcpbus
from client import BUS, BUS_PATH, PATIENCE

PING = (BUS, BUS_PATH, 'org.freedesktop.DBus.Peer', 'Ping')
SERVICE = '''
import asyncio, gc, os, sys, threading
import torture1, xcpbus
PING = ('org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus.Peer', 'Ping')

class Silent(torture1.Torture1Service.Extra):
    async def wait(self, delay):
        await asyncio.Event().wait()

async def wait_for_ever(bus):
    xcpbus.export(bus, Silent())
    call = asyncio.ensure_future(
        torture1.Torture1(bus, bus.unique_name).extra.with_timeout(60).wait(1))
    while not bus._tasks:
        await asyncio.sleep(0)
    return call
'''


# ---- loops ----

def test_a_loop_that_is_closed_with_calls_in_it(program):
    """Both ends of the call, the connection and the loop are garbage together, in any order."""
    program(SERVICE + '''
def once():
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # it says that tasks were destroyed
    bus = loop.run_until_complete(xcpbus.connect())
    call = loop.run_until_complete(wait_for_ever(bus))
    loop.close()

for _ in range(20):
    once()
gc.collect()
assert len(os.listdir('/proc/self/fd')) < 10, os.listdir('/proc/self/fd')
''')


def test_what_closes_itself_may_be_freed_after_its_connection(program):
    program(SERVICE + '''
class Closes:
    def __del__(self):
        self.subscription.close()

def once():
    loop = asyncio.new_event_loop()
    bus = loop.run_until_complete(xcpbus.connect())
    closes = Closes()
    closes.subscription, closes.bus, bus.closes = bus.subscribe("type='signal'", print), bus, closes
    loop.close()

for _ in range(20):
    once()
gc.collect()
''')


def test_a_connection_outlives_its_loop(bus):
    async def main():
        client = await xcpbus.connect(bus.address)
        await client.call(*PING)
        return client, client.subscribe("type='signal'", print)

    async def other(how):
        client, subscription = ours
        with pytest.raises(RuntimeError):
            await client.call(*PING)
        with pytest.raises(RuntimeError):
            client.subscribe("type='signal'", print)
        assert len(client._entries) == 2
        subscription.close()
        await client.close() if how == 'close' else client.abort()
        with pytest.raises(xcpbus.Disconnected):
            await client.call(*PING)

    for how in 'close', 'abort':
        ours = asyncio.run(main())
        asyncio.run(other(how))


def test_two_loops(bus):
    """One that turns cannot be used by another."""
    with xcpbus.sync.connect(bus.address) as client:
        async def inside():
            for wrong in (lambda: client.call(*PING), lambda: client.run(),
                          torture1.Torture1Sync(client).get_count):
                with pytest.raises(RuntimeError):
                    wrong()

        asyncio.run(inside())
        client.bus.add_listener(print)
        client.wait(inside())
        assert client.call(*PING) == ()


def test_a_callback_of_a_sync_program_cannot_wait(bus):
    seen = []

    def on_owner(_):
        try:
            client.call(*PING)
        except RuntimeError as error:
            seen.append(error)

    with xcpbus.sync.connect(bus.address) as client:
        client.wait(_watch(client.bus, on_owner))
        while not seen:
            client.run(0.001)


async def _watch(bus, callback):
    bus.watch_name('org.example.n1', callback)


# ---- the program's end ----

@pytest.mark.parametrize('text', [
    # In what is left of the interpreter everything has gone, in an order of its own.
    '''
loop = asyncio.new_event_loop()
loop.set_exception_handler(lambda *_: None)
bus = loop.run_until_complete(xcpbus.connect())
call = loop.run_until_complete(wait_for_ever(bus))
pokes = torture1.Torture1(bus).poked()
''', '''
bus = xcpbus.sync.connect()
pokes = torture1.Torture1Sync(bus).poked()
bus.itself = bus
''', '''
bus = xcpbus.sync.connect()
sys.modules['kept'] = bus
import atexit
atexit.register(lambda: bus.call(*PING))
''', '''
async def main():
    bus = await xcpbus.connect()
    await wait_for_ever(bus)
    sys.exit(0)
asyncio.run(main())
'''])
def test_the_end_of_the_interpreter(program, text):
    program(SERVICE + text)


# ---- fork ----

FORK = SERVICE + '''
bus = xcpbus.sync.connect()
torture, seen = torture1.Torture1Sync(bus), []
pokes = torture.poked()
bus.call(*PING)
number = bus.bus._fd
child = os.fork()
if not child:
    for wrong in (lambda: bus.call(*PING), lambda: torture.get_count(), lambda: torture.poked(),
                  lambda: bus.bus.unique_name, lambda: bus.bus.emit('/', 'a.b', 'C')):
        try:
            wrong()
        except xcpbus.Disconnected:
            continue
        os._exit(3)
    try:
        os.fstat(number)
        os._exit(4)
    except OSError:
        pass
    pokes.close()
    HOW
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert bus.call(*PING) == ()
bus.close()
'''


@pytest.mark.parametrize('how', ['pass', 'bus.close()', 'bus.bus.abort()', 'del bus, torture; gc.collect()',
                                 'asyncio.run(bus.bus.close())', 'os._exit(0)'])
def test_a_child_leaves_the_connection_to_its_parent(program, how):
    program(FORK.replace('HOW', how))


@pytest.mark.parametrize('how', ['pass', 'bus.close()'])
def test_a_child_leaves_a_ring_to_its_parent(xen, hosted_bus, new_guest, python_env, how):
    """Whose memory it shares: what it wrote there would be the parent's word."""
    process = xen.popen(new_guest('forks').domid, '/usr/bin/python3', '-c', FORK.replace('HOW', how),
                        env=python_env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    out, _ = process.communicate(timeout=4 * PATIENCE)
    assert (process.returncode, out) == (0, '')


def test_a_child_that_stays_does_not_keep_a_name(program):
    """The bus sees the parent go, and somebody else gets the name."""
    program(SERVICE + '''
async def own():
    service = await xcpbus.connect()
    service.request_name('org.example.forked1')
    await service.call(*PING)
    return service

loop = asyncio.new_event_loop()
service = loop.run_until_complete(own())
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.close(writing)
    os.read(reading, 1)
    os._exit(0)
loop.run_until_complete(service.close())
with xcpbus.sync.connect() as client:
    owners = []
    async def watch():
        client.bus.watch_name('org.example.forked1', owners.append)
    client.wait(watch())
    while '' not in owners:
        client.run(0.01)
os.close(writing)
os.waitpid(child, 0)
loop.close()
''')


# ---- threads ----

def test_threads_that_want_the_same_connection(bus):
    """One has it, the others are told, and it lives on."""
    wrong, good = [], []

    def work(client, begin):
        begin.wait()
        for _ in range(100):
            try:
                good.append(client.call(*PING))
                with torture1.Torture1Sync(client).poked():
                    torture1.Torture1Sync(client).extra.forget()
            except RuntimeError as error:
                wrong.append(str(error))

    with xcpbus.sync.connect(bus.address) as client:
        begin = threading.Barrier(4)
        threads = [threading.Thread(target=work, args=(client, begin)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert good and set(wrong) <= {'another thread uses the connection'}
        assert client.call(*PING) == ()


def test_threads_with_connections_of_their_own(bus):
    done = []

    def work():
        with xcpbus.sync.connect(bus.address) as client:
            for _ in range(100):
                client.call(*PING)
        done.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 4


def test_a_thread_beside_a_loop_that_turns(bus, run):
    wrong = []

    def work(client, subscription):
        for function in (lambda: client.emit('/', 'a.b', 'C'), client.abort, subscription.close,
                         lambda: client.subscribe("type='signal'", print),
                         lambda: asyncio.run(client.call(*PING)), lambda: asyncio.run(client.close())):
            try:
                function()
            except RuntimeError as error:
                wrong.append(error)

    async def main():
        async with await xcpbus.connect(bus.address) as client:
            subscription = client.subscribe("type='signal'", print)
            await asyncio.get_running_loop().run_in_executor(None, work, client, subscription)
            assert await client.call(*PING) == ()
            assert len(wrong) == 6

    run(main())


# ---- what is left ----

def test_nothing_is_left_of_what_could_not_begin(bus, run):
    async def main():
        async with await xcpbus.connect(bus.address) as client:
            before = set(client._entries)
            for wrong in (lambda: client.subscribe('\ud800', print), lambda: client.subscribe('a', print),
                          lambda: client.watch_name('\ud800', print),
                          lambda: client.watch_name('org.example\0', print),
                          lambda: xcpbus.export(client, object(), '/x'),
                          lambda: xcpbus.export(client, torture1.Torture1Service(), '/\ud800'),
                          lambda: xcpbus.export(client, torture1.Torture1Service(), 'x')):
                with pytest.raises((xcpbus.Error, ValueError, AttributeError)):
                    wrong()
            for values in (('h', (9999,)), ('s', ('\ud800',)), ('s', (None,)), ('y', (256,))):
                with pytest.raises((OSError, ValueError, TypeError, OverflowError)):
                    await client.call(*PING, *values)
            assert set(client._entries) == before

    run(main())


def test_a_call_that_fails_leaves_no_cycle(bus, run):
    """Memory would only come back when the collector runs."""
    async def main():
        async with await xcpbus.connect(bus.address) as client:
            gc.collect()
            gc.disable()
            try:
                before = len(gc.get_objects())
                for _ in range(100):
                    with pytest.raises(xcpbus.UnknownMethod):
                        await client.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Peer', 'Pong')
                assert len(gc.get_objects()) - before < 100
            finally:
                gc.enable()

    run(main())


def test_an_answer_to_a_call_that_was_cancelled_is_nobody_s(bus, run):
    class Late(torture1.Torture1Service.Extra):
        async def wait(self, delay):
            await gate.wait()

    gate = asyncio.Event()

    async def main():
        async with await xcpbus.connect(bus.address) as client:
            xcpbus.export(client, Late())
            call = asyncio.ensure_future(torture1.Torture1(client, client.unique_name).extra.wait(1))
            while not client._tasks:
                await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            before = set(client._entries)
            gate.set()
            assert await client.call(*PING) == ()  # behind the late answer
            assert set(client._entries) == before and not client._tasks

    run(main())


def test_the_connection_is_closed_in_whatever_it_calls(bus, run):
    async def main(begin):
        client = await xcpbus.connect(bus.address)
        begin(client)
        with pytest.raises(xcpbus.Disconnected):
            while True:
                await client.call(*PING)

    class Closing(torture1.Torture1Service):
        @property
        def count(self):
            self.client.abort()
            return 1

    def property_(client):
        service = Closing()
        service.client = client
        xcpbus.export(client, service)
        torture = torture1.Torture1(client, client.unique_name)
        client.call_in_test = asyncio.ensure_future(error_of(torture.get_count()))

    async def error_of(awaitable):
        with pytest.raises(xcpbus.Disconnected):
            await awaitable

    run(main(property_))
    run(main(lambda client: client.watch_name(client.unique_name, lambda _: client.abort())))
    run(main(lambda client: client.watch_name(
        client.unique_name, lambda _: asyncio.ensure_future(client.close()))))
    run(main(lambda client: client._loop.call_soon(client.abort)))
