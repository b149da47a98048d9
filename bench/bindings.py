#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a call costs in Python: the binding beside dbus-fast, each as client and as service of its own, on
one xcp-busd. CPU time of both programs, in rounds in which both have their turn."""
import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import peers  # noqa: E402

INTERFACE, PATH = 'org.example.bench1', '/org/example/bench1'
ROWS = (('text', 1), ('text', 32), ('dictionary', 1), ('dictionary', 32))
LIBRARIES = ('xcpbus', 'dbus_fast')


# ---- the programs: a service, and a client of it ----

def declared():
    import xcpbus

    class Bench(xcpbus.Service, interface=INTERFACE, name=INTERFACE + '.xcpbus', path=PATH):
        @xcpbus.method('Text', results=('result',))
        async def text(self, value: str) -> str:
            return value

        @xcpbus.method('Dictionary', results=('result',))
        async def dictionary(self, value: dict[str, xcpbus.Variant]) -> dict[str, xcpbus.Variant]:
            return value

    return Bench


async def serve_xcpbus():
    import xcpbus
    inherited = declared()

    class Service(inherited):
        async def text(self, value):
            return value

        async def dictionary(self, value):
            return value

    bus = await xcpbus.serve(Service())
    print('ready', flush=True)
    await bus.wait_closed()


async def call_xcpbus(row):
    import xcpbus
    interface = declared()
    proxy = xcpbus.Proxy(await xcpbus.connect(), interface._name, PATH)
    method, value = getattr(interface, row), value_of(row, xcpbus.Variant)
    return lambda: proxy._call(method, value)


async def serve_dbus_fast():
    from dbus_fast.service import ServiceInterface, method

    class Service(ServiceInterface):
        @method()
        async def Text(self, value: 's') -> 's':  # noqa: F821
            return value

        @method()
        async def Dictionary(self, value: 'a{sv}') -> 'a{sv}':  # noqa: F821, F722
            return value

    bus = await connect_dbus_fast()
    bus.export(PATH, Service(INTERFACE))
    await bus.request_name(INTERFACE + '.dbus_fast')
    print('ready', flush=True)
    await bus.wait_for_disconnect()


async def call_dbus_fast(row):
    from dbus_fast import Variant
    bus, name = await connect_dbus_fast(), INTERFACE + '.dbus_fast'
    proxy = bus.get_proxy_object(name, PATH, await bus.introspect(name, PATH))
    method, value = getattr(proxy.get_interface(INTERFACE), 'call_' + row), value_of(row, Variant)
    return lambda: method(value)


def connect_dbus_fast():
    from dbus_fast.aio import MessageBus
    return MessageBus(bus_address=os.environ['XCP_BUS_ADDRESS']).connect()


def value_of(row, variant):
    return 'hello' if row == 'text' else {f'key {i}': variant('s', 'value') for i in range(20)}


async def call(library, row, flight):
    """For each number that comes, makes as many calls and says so."""
    one = await globals()['call_' + library](row)

    async def many(count):
        for _ in range(count):
            await one()

    for line in sys.stdin:
        await asyncio.gather(*[many(int(line) // flight) for _ in range(flight)])
        print('done', flush=True)


# ---- what they cost ----

def cpu_us(process):
    """Of all its threads that live; the only one that counts does."""
    with open(f'/proc/{process.pid}/schedstat', encoding='ascii') as file:
        return int(file.read().split()[0]) / 1000


class Program:
    def __init__(self, environment, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, os.path.realpath(__file__), *arguments], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def say(self, word=''):
        if word:
            print(word, file=self.process.stdin, flush=True)
        if not self.process.stdout.readline():
            raise peers.Failure('a program ended')

    def stop(self):
        self.process.terminate()
        self.process.communicate()


def cost_us(client, service, count):
    before = cpu_us(client.process) + cpu_us(service.process)
    client.say(count)
    return (cpu_us(client.process) + cpu_us(service.process) - before) / count


def measure(environment, services, row, options):
    clients = {library: Program(environment, '--call', library, row[0], str(row[1]))
               for library in LIBRARIES}
    try:
        for client in clients.values():
            client.say(32)
        rounds = [[cost_us(clients[library], services[library], options.calls)
                   for library in LIBRARIES] for _ in range(options.rounds)]
    finally:
        for client in clients.values():
            client.stop()
    ours, theirs = (statistics.median(column) for column in zip(*rounds))
    print(f'| {row[0]}, {row[1]} in flight'.ljust(27) + f'| {theirs:9.1f} | {ours:6.1f} '
          f'| {statistics.median(one / other for one, other in rounds):12.2f} |', flush=True)


def compare(options):
    with tempfile.TemporaryDirectory() as scratch:
        bus = peers.XcpBusd(os.path.abspath(options.build), scratch)
        bus.start()
        environment = {**os.environ, 'XCP_BUS_ADDRESS': bus.address,
                       'PYTHONPATH': os.path.abspath(options.build) + '/python'}
        services = {}
        try:
            for library in LIBRARIES:
                services[library] = Program(environment, '--serve', library)
                services[library].say()
            print('| call and answer, CPU us  | dbus-fast | xcpbus | vs dbus-fast |\n'
                  '|--------------------------|----------:|-------:|-------------:|')
            for row in ROWS:
                measure(environment, services, row, options)
        finally:
            for service in services.values():
                service.stop()
            bus.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', default='build', help="make's directory; default %(default)s")
    parser.add_argument('--rounds', type=int, default=9, help='default %(default)s')
    parser.add_argument('--calls', type=int, default=3200, help='of each round; default %(default)s')
    parser.add_argument('--serve', choices=LIBRARIES, help=argparse.SUPPRESS)
    parser.add_argument('--call', nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(globals()['serve_' + options.serve]())
    elif options.call:
        library, row, flight = options.call
        asyncio.run(call(library, row, int(flight)))
    else:
        compare(options)


if __name__ == '__main__':
    main()
