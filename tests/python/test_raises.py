# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever is raised, wherever: who waits for an answer gets one, and the program hears of it."""
import asyncio
import sys

import pytest
import torture1
import xcpbus
from torture1 import Colour, Shape, Torture1, Torture1Service
from xcpbus.entries import PendingCall

PATIENCE = 60


class Raising(Torture1Service):
    """Draw raises what the test puts here."""
    problem = None

    async def draw(self, shape, colour):
        raise self.problem

    async def poke(self, end):
        self.poked(end, torture1.Label(text=''))


def draw(client):
    return Torture1(client).with_timeout(PATIENCE).draw(Shape.Empty(), Colour.Red)


@pytest.mark.parametrize('problem,name', [
    (lambda: xcpbus.Error('text', name='\ud800'), 'Failed'),
    (lambda: xcpbus.Error('text', name='org.example.\0Error'), 'org.example.Error'),
    (lambda: xcpbus.Error('text', name='x.' * 200 + 'y'), 'Failed'),
    (lambda: xcpbus.Error(5), 'Failed'),
    (lambda: torture1.BadShape(Shape.Empty(), ('a', 'b')), 'Failed'),
    (lambda: torture1.BadShape(Shape.Empty(), (2**70, 1)), 'Failed'),
    (lambda: torture1.BadShape(None, None), 'Failed'),
    (lambda: torture1.InternalError(b'reason'), 'Failed'),
    (lambda: torture1.InternalError('\ud800'), 'Failed'),
    (lambda: torture1.InternalError('x' * 70 * 2**20), 'Failed'),
])
def test_an_error_that_cannot_be_sent_is_another_error(bus, run, problem, name):
    async def main():
        async with (await xcpbus.serve(Raising(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            Raising.problem = problem()
            with pytest.raises(xcpbus.Error) as caught:
                await draw(client)
            assert caught.value.name.endswith(name) and caught.value.message
            Raising.problem = torture1.Nothing()
            with pytest.raises(torture1.Nothing):
                await draw(client)

    run(main())


class Odd(xcpbus.Error, name='org.example.Error.Odd'):
    """A class whose author did not expect what came."""
    problem = None

    @classmethod
    def from_values(cls, signature, values):
        raise cls.problem


@pytest.mark.parametrize('problem,reports', [
    (KeyError('x'), 1), (StopIteration(), 1), (RecursionError(), 1), (ValueError(), 0)])
def test_an_error_class_that_fails_leaves_the_error(bus, run, problem, reports):
    async def main():
        async with (await xcpbus.serve(Raising(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            Raising.problem, Odd.problem = xcpbus.Error('text', name=Odd.name), problem
            with pytest.raises(Odd) as caught:
                await draw(client)
            assert caught.value.message == 'text'

    run(main())
    assert len(run.reports) == reports
    run.reports.clear()


def test_what_is_no_error_of_an_error_class(bus, run, monkeypatch):
    monkeypatch.setattr(Odd, 'from_values', lambda *_: 'text')

    async def main():
        async with (await xcpbus.serve(Raising(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            Raising.problem = xcpbus.Error('text', name=Odd.name)
            with pytest.raises(xcpbus.Error):
                await draw(client)

    run(main())
    assert [type(report['exception']) for report in run.reports] == [TypeError]
    run.reports.clear()


@pytest.mark.parametrize('problem', [KeyboardInterrupt, SystemExit])
def test_a_service_can_end_the_program(bus, problem):
    """And its caller is told."""
    async def main():
        nonlocal error
        async with (await xcpbus.serve(Raising(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            Raising.problem = problem()
            try:
                await draw(client)
            finally:
                error = sys.exc_info()[1]

    error = None
    with pytest.raises(problem):
        asyncio.run(main())
    assert error is not None


@pytest.mark.parametrize('problem', [asyncio.CancelledError, GeneratorExit])
def test_a_service_that_cancels_itself_answers(bus, run, problem):
    async def main():
        async with (await xcpbus.serve(Raising(), address=bus.address) as service,
                    await xcpbus.connect(bus.address) as client):
            Raising.problem = problem()
            with pytest.raises(xcpbus.Error):
                await draw(client)
            assert not service._tasks

    run(main())
    run.reports.clear()


def test_a_call_that_is_cancelled_before_it_begins_is_answered(bus, run):
    async def main():
        async with (await xcpbus.serve(Raising(), address=bus.address) as service,
                    await xcpbus.connect(bus.address) as client):
            Raising.problem = torture1.Nothing()
            call = asyncio.ensure_future(draw(client))
            while not service._tasks:
                await asyncio.sleep(0)
            for task in service._tasks:
                task.cancel()
            with pytest.raises(xcpbus.Error) as caught:
                await call
            assert not isinstance(caught.value, torture1.Nothing)
            (export,) = (one for one in service._entries.values() if isinstance(one, xcpbus.Export))
            assert (export._running, export._size) == (0, 0)

    run(main())


@pytest.mark.parametrize('problem', [KeyboardInterrupt, SystemExit])
def test_a_callback_can_end_the_program(bus, problem):
    def fail(*_):
        raise problem

    async def main():
        async with (await xcpbus.serve(Raising(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            Torture1(client).poked(fail)
            await Torture1(client).poke(1)
            await asyncio.sleep(PATIENCE)

    with pytest.raises(problem):
        asyncio.run(main())


@pytest.mark.parametrize('problem', [asyncio.CancelledError, GeneratorExit])
def test_a_callback_cancels_nobody(bus, run, problem):
    def fail(*_):
        raise problem

    async def main():
        async with (await xcpbus.serve(Raising(), address=bus.address),
                    await xcpbus.connect(bus.address) as client):
            torture = Torture1(client)
            torture.poked(fail)
            with torture.poked() as pokes:
                await torture.poke(1)
                assert (await anext(pokes))[0] == 1

    run(main())
    assert [type(report['exception']) for report in run.reports] == [problem]
    run.reports.clear()


def interrupt_at(code):
    """Ctrl-C in the first instruction of a function."""
    def trace(frame, event, _):
        if frame.f_code is code:
            sys.settrace(None)
            raise KeyboardInterrupt

    sys.settrace(trace)


@pytest.mark.parametrize('where', ['at once', 'in the middle'])
def test_an_answer_that_is_interrupted_is_not_waited_for(bus, where):
    from xcpbus import entries
    code = PendingCall.on_reply.__code__ if where == 'in the middle' else next(
        one for one in vars(entries).values()
        if getattr(one, '__name__', '') == 'run_entry').__code__

    with xcpbus.sync.connect(bus.address) as client:
        arguments = ('org.freedesktop.DBus', '/', 'org.freedesktop.DBus.Peer', 'Ping')
        interrupt_at(code)
        try:
            with pytest.raises(KeyboardInterrupt):
                client.call(*arguments)
        finally:
            sys.settrace(None)
        assert client.call(*arguments) == ()
        assert [type(one).__name__ for one in client.bus._entries.values()] == ['Ends']


def test_who_is_told_of_the_end_may_fail(bus, run):
    """And the others are told all the same."""
    def fail(error):
        raise KeyError(error)

    async def main():
        client = await xcpbus.connect(bus.address)
        client.subscribe("type='signal'", print, fail)
        call = asyncio.ensure_future(draw(client))
        await asyncio.sleep(0)
        client.abort()
        with pytest.raises(xcpbus.Error):
            await call

    run(main())
    assert [type(report['exception']) for report in run.reports] == [KeyError]
    run.reports.clear()
