# SPDX-License-Identifier: LGPL-2.1-or-later
"""Services of the Python binding: what becomes of what their authors do, and of what callers send."""
import asyncio

import pytest
import torture1
import xcpbus
from torture1 import Colour, Everything, Shape, Torture1, Torture1Service
from xcpbus import Variant, service as service_module

NAME, PATH = 'org.example.torture1', '/org/example/torture1'
PROPERTIES = 'org.freedesktop.DBus.Properties'


class Careless(Torture1Service):
    """An author who makes all mistakes."""
    count = 'many'

    async def echo_everything(self, debug_info, everything):
        if debug_info == 'raise':
            raise ZeroDivisionError('secret')
        if debug_info == 'error':
            raise xcpbus.Error('so it is', name='org.example.Error.Mine')
        if debug_info == 'no name':
            raise xcpbus.Error('so it is', name='no name')
        if debug_info == 'no text':
            raise xcpbus.Error('a\0b\ud800')
        if debug_info == 'bad error':
            raise torture1.BadShape('round', (1, 2))
        return {'none': None, 'field': Everything(a_byte=256)}[debug_info]

    async def draw(self, shape, colour):
        return shape

    async def poke(self, end):
        return end

    @property
    def favourite(self):
        raise ZeroDivisionError

    @favourite.setter
    def favourite(self, value):
        raise xcpbus.AccessDenied('not yours')


def call_careless(bus, run, function):
    async def main():
        async with (await xcpbus.serve(Careless(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            return await function(Torture1(client))

    result = run(main())
    reports = [report['exception'] for report in run.reports]
    run.reports.clear()
    return result, reports


async def error_of(awaitable):
    with pytest.raises(xcpbus.Error) as caught:
        await awaitable
    return caught.value


@pytest.mark.parametrize('what,reported', [
    ('raise', ZeroDivisionError), ('none', xcpbus.Invalid), ('field', OverflowError)])
def test_what_goes_wrong_in_a_service_is_reported_there(bus, run, what, reported):
    error, reports = call_careless(bus, run, lambda torture: error_of(
        torture.echo_everything(what, Everything())))
    assert error.name.endswith('.Failed') and 'secret' not in error.message
    assert [type(problem) for problem in reports] == [reported]


@pytest.mark.parametrize('what,name', [
    ('error', 'org.example.Error.Mine'), ('no name', 'org.freedesktop.DBus.Error.Failed'),
    ('no text', 'org.freedesktop.DBus.Error.Failed'),
    ('bad error', 'org.freedesktop.DBus.Error.Failed')])
def test_an_error_that_a_service_raises_is_the_answer(bus, run, what, name):
    error, reports = call_careless(bus, run, lambda torture: error_of(
        torture.echo_everything(what, Everything())))
    assert error.name == name and error.message and not reports


def test_too_few_results_and_too_many(bus, run):
    async def both(torture):
        for call in torture.draw(Shape.Empty(), Colour.Red), torture.poke(1):
            await error_of(call)

    assert [type(problem) for problem in call_careless(bus, run, both)[1]] == [xcpbus.Invalid] * 2


def test_properties_that_fail(bus, run):
    async def all_of_them(torture):
        for awaitable in torture.get_count(), torture.get_favourite():
            await error_of(awaitable)
        return await error_of(torture.set_favourite(Colour.Red))

    error, reports = call_careless(bus, run, all_of_them)
    assert isinstance(error, xcpbus.AccessDenied) and error.message == 'not yours'
    assert [type(problem) for problem in reports] == [TypeError, ZeroDivisionError]


def test_what_is_not_there_is_not_on_the_bus(bus, run):
    class Half(Torture1Service):
        version = '1'

        async def echo_everything(self, debug_info, everything):
            return everything

    async def main():
        async with await xcpbus.serve(Half(), address=bus.address) as client:
            torture = Torture1(client)
            assert await torture.echo_everything('', Everything()) == Everything()
            for awaitable in (torture.poke(1), torture.extra.wait(1), torture.get_count(),
                              torture.set_favourite(Colour.Red)):
                assert isinstance(await error_of(awaitable), xcpbus.UnknownMethod)
            text, = await client.call(NAME, PATH, 'org.freedesktop.DBus.Introspectable', 'Introspect')
            assert 'EchoEverything' in text and 'Poked' in text and 'Draw' not in text
            assert '"org.xen.xcp.Idempotent" value="true"' in text and 'EmitsChangedSignal' in text
            assert '"org.xen.xcp.Secret" value="everything result"' in text

    run(main())
    assert Half.unimplemented() == ['EchoBasic', 'Draw', 'EchoContainers', 'Poke', 'Count', 'Favourite']


@pytest.mark.parametrize('member,signature,values', [
    ('EchoEverything', 's', ('',)),
    ('EchoEverything', 'sa{sv}', ('', {'a_byte': Variant('s', '')})),
    ('EchoEverything', 'sa{sv}', ('', {'label': Variant('a{sv}', {})})),
    ('EchoEverything', 'sa{sv}', ('', {'holes': Variant('aas', [['a', 'b']])})),
    ('EchoEverything', 'sa{sv}', ('', {'pair': Variant('(sax)', ('', [1, 2]))})),
    ('EchoEverything', 'sa{sv}', ('', {'shape': Variant('(sv)', ('Circle', Variant('s', '')))})),
    ('Draw', '(sv)s', (('Group', Variant('a(sv)', [('Device', Variant('y', 1))])), '')),
    ('Draw', 'vs', (Variant('s', ''), '')),
])
def test_arguments_of_a_wrong_type(bus, run, member, signature, values):
    async def main():
        async with (await xcpbus.serve(Careless(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            with pytest.raises(xcpbus.InvalidArgs):
                await client.call(NAME, PATH, NAME, member, signature, values)
            with pytest.raises(xcpbus.InvalidArgs):
                await client.call(NAME, PATH, PROPERTIES, 'Set', 'ssv',
                                  (NAME, 'Favourite', Variant('i', 1)))

    run(main())


def test_who_floods_a_service_is_refused(bus, run):
    class Slow(Torture1Service):
        async def poke(self, end):
            await gate.wait()

    gate = asyncio.Event()
    more = 10

    async def main():
        async with (await xcpbus.serve(Slow(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            calls = [asyncio.ensure_future(Torture1(client).poke(1))
                     for _ in range(service_module.CALLS_MAX + more)]
            for call in calls[-more:]:
                assert isinstance(await error_of(call), xcpbus.LimitsExceeded)
            gate.set()
            assert await asyncio.gather(*calls[:-more]) == [None] * service_module.CALLS_MAX

    run(main())


def test_a_service_that_ends_answers_what_it_has_not(bus, run):
    class Slow(Torture1Service.Extra):
        async def wait(self, delay):
            await asyncio.Event().wait()

    async def main():
        async with await xcpbus.connect(bus.address) as client:
            service = await xcpbus.serve(Slow(), address=bus.address)
            waiting = asyncio.ensure_future(Torture1(client).extra.with_timeout(60).wait(1))
            while not service._tasks:
                await asyncio.sleep(0)
            await service.close()
            assert isinstance(await error_of(waiting), xcpbus.NoReply)
            await asyncio.sleep(0)
            assert not service._tasks

    run(main())


def test_two_objects_of_one_class_and_one_that_goes(bus, run):
    class Numbered(Torture1Service):
        def __init__(self, count):
            self.count = count

        count = 0

    async def main():
        async with await xcpbus.connect(bus.address) as client:
            one, two = Numbered(1), Numbered(2)
            exports = [xcpbus.export(client, service, f'/n{service.count}') for service in (one, two)]
            with pytest.raises(xcpbus.Error):
                xcpbus.export(client, one, '/n1')
            proxies = [Torture1(client, client.unique_name, f'/n{n}') for n in (1, 2)]
            assert [await proxy.get_count() for proxy in proxies] == [1, 2]
            with proxies[1].changes() as changes:
                two.count = 7
                two.changed('count')
                assert await anext(changes) == {'count': 7}
            exports[0].close()
            assert isinstance(await error_of(proxies[0].get_count()), xcpbus.UnknownMethod)
            assert await proxies[1].get_count() == 7

    run(main())


def test_who_called(bus, run):
    class Who(Torture1Service):
        async def poke(self, end):
            callers.append(xcpbus.current_call())

    callers = []

    async def main():
        async with (await xcpbus.serve(Who(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            await Torture1(client).poke(1)
            assert (callers[0].sender, callers[0].member) == (client.unique_name, 'Poke')
            assert callers[0].domid == int(client.unique_name[1:].split('.')[0])

    run(main())


def test_what_is_secret_is_not_shown(bus, run):
    """Not in what is printed of a record, nor in what is said when it is wrong."""
    text = repr(Everything(origin=torture1.Origin(x=4711, y=815)))
    assert '4711' not in text and 'Origin(y=815)' in text
    for wrong in ({'a_string': b'4711'}, {'shape': '4711'}, {'labels': '4711'}, {'words': '4711'},
                  {'label': '4711'}, {'pair': ('4711',)}, {'address': '4711'}):
        with pytest.raises((TypeError, ValueError)) as caught:
            call_careless(bus, run, lambda torture, wrong=wrong: torture.echo_everything(
                '', Everything(**wrong)))
        assert '4711' not in str(caught.value)
