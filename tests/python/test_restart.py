# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that may be made twice are made again when the service, or the bus, went away: as in OCaml."""
import asyncio

import pytest
import torture1
import xcpbus
from client import PATIENCE
from torture1 import Colour, Everything, Shape, Torture1, Torture1Service, Torture1Sync


class Torture(Torture1Service):
    """Its first EchoEverything is never answered, if the test says so."""
    gate = None
    count = 5

    async def echo_everything(self, debug_info, everything):
        if self.gate:
            self.gate.set()
            await asyncio.Event().wait()
        return everything

    async def draw(self, shape, colour):
        self.gate.set()
        await asyncio.Event().wait()


def echo(torture):
    return torture.with_timeout(4 * PATIENCE).echo_everything('', Everything())


def count_calls(client):
    """How often the connection was asked to call something: (list of members, an event for each)."""
    members, news, call = [], asyncio.Event(), client.call_with_signature

    async def counting(destination, path, interface, member, *rest):
        try:
            return await call(destination, path, interface, member, *rest)
        finally:
            members.append(member)
            news.set()

    client.call_with_signature = counting
    return members, news


async def until(condition, news):
    while not condition():
        news.clear()
        await news.wait()


def test_a_service_that_comes_back_is_found_again(bus, run):
    async def main():
        async with await xcpbus.connect(bus.address) as client:
            torture = Torture1(client)
            with pytest.raises(xcpbus.ServiceUnknown):
                await echo(torture)  # it was never there
            async with await xcpbus.serve(Torture(), address=bus.address):
                assert await echo(torture) == Everything()
            members, news = count_calls(client)
            calls = [asyncio.ensure_future(one) for one in (
                echo(torture), torture.with_timeout(4 * PATIENCE).get_count())]
            await until(lambda: members.count('Get') > 1 and members.count('EchoEverything') > 1, news)
            with pytest.raises(xcpbus.ServiceUnknown):
                await torture.draw(Shape.Empty(), Colour.Red)  # not to be called twice
            async with await xcpbus.serve(Torture(), address=bus.address):
                assert await asyncio.gather(*calls) == [Everything(), 5]

    run(main())


@pytest.mark.parametrize('is_idempotent', [True, False])
def test_a_service_that_goes_in_the_middle(bus, run, is_idempotent):
    async def main():
        async with await xcpbus.connect(bus.address) as client:
            torture, silent = Torture1(client), Torture()
            silent.gate = asyncio.Event()
            service = await xcpbus.serve(silent, address=bus.address)
            call = asyncio.ensure_future(echo(torture) if is_idempotent else
                                         torture.draw(Shape.Empty(), Colour.Red))
            await silent.gate.wait()
            service.abort()
            if not is_idempotent:
                with pytest.raises(xcpbus.NoReply):
                    await call
                return
            async with await xcpbus.serve(Torture(), address=bus.address):
                assert await call == Everything()

    run(main())


def test_the_time_of_a_call_is_that_of_all_attempts(bus, run):
    async def main():
        async with await xcpbus.connect(bus.address) as client:
            torture, left = Torture1(client), []
            async with await xcpbus.serve(Torture(), address=bus.address):
                await echo(torture)

            async def nobody(*call):
                left.append(call[-1])
                raise xcpbus.ServiceUnknown('of the test')

            client.call_with_signature = nobody
            with pytest.raises(xcpbus.ServiceUnknown):
                await torture.with_timeout(1).echo_everything('', Everything())
            assert left[0] == 1 and left[1:] and left == sorted(left, reverse=True) and left[-1] > 0

    run(main())


def test_a_call_is_made_again_on_the_next_bus(daemon, build, tmp_path, run):
    import bus as bus_module

    async def main():
        first = bus_module.Bus(daemon, build, tmp_path / 'bus')
        silent = Torture()
        silent.gate = asyncio.Event()
        async with (await xcpbus.serve(silent, address=first.address) as service,
                    await xcpbus.connect(first.address, reconnect=True) as client,
                    await xcpbus.connect(first.address) as other):
            call, given_up = [asyncio.ensure_future(echo(Torture1(one))) for one in (client, other)]
            while len(service._tasks) < 2:
                await asyncio.sleep(0)
            silent.gate = None
            first.stop()
            (tmp_path / 'bus/bus').unlink(missing_ok=True)
            with pytest.raises(xcpbus.Disconnected):
                await given_up  # that connection is over for good
            second = bus_module.Bus(daemon, build, tmp_path / 'bus')
            assert await call == Everything()
        second.stop()

    run(main())


def test_a_call_that_is_waiting_to_be_made_again_can_be_cancelled(bus, run):
    async def main():
        async with await xcpbus.connect(bus.address) as client:
            torture = Torture1(client)
            async with await xcpbus.serve(Torture(), address=bus.address):
                await echo(torture)
            members, news = count_calls(client)
            calls = [asyncio.ensure_future(echo(torture)) for _ in range(2)]
            await until(lambda: len(members) > 2, news)
            calls[0].cancel()
            with pytest.raises(asyncio.CancelledError):
                await calls[0]
            client.abort()
            with pytest.raises(xcpbus.Disconnected):
                await calls[1]

    run(main())


def test_without_a_loop(bus):
    with xcpbus.sync.connect(bus.address) as client:
        torture = Torture1Sync(client)
        service = client.wait(xcpbus.serve(Torture(), address=bus.address))
        torture.echo_everything('', Everything())
        service.abort()
        members, news = client.wait(_count_calls(client.bus))

        async def come_back():
            await until(lambda: members, news)
            return await xcpbus.serve(Torture(), address=bus.address)

        again = client._loop.create_task(come_back())
        assert torture.with_timeout(4 * PATIENCE).echo_everything('', Everything()) == Everything()
        client.wait(_close(again))


async def _count_calls(bus):
    return count_calls(bus)


async def _close(task):
    await (await task).close()
