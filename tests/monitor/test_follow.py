# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-monitor follow: lines and numbers are what was sent."""
import re
import signal
import subprocess
import time

import pytest

import bus as bus_module
import wire
from client import BUS, BUS_PATH, Refused, echo_once
from services import Service, described
from watching import Emitter, Looker, Watch

KINDS = {wire.METHOD_CALL: 'call', wire.METHOD_RETURN: 'answer', wire.ERROR: 'error',
         wire.SIGNAL: 'signal'}
STORAGE, VDI = 'org.xen.xcp.storage1', 'org.xen.xcp.storage1.VDI'


@pytest.fixture
def storage(hosted_bus, new_guest):
    """A service in a domain that is called storage."""
    client = new_guest('storage').connect()
    client.own(STORAGE)
    yield client
    client.close()


def domain_of(client):
    return int(client.name[1:].split('.')[0])


def is_member(name):
    return lambda line: line is not None and line.get('member') == name


def answer(service, serial, caller, *body):
    request = service.take(lambda m: m.type == wire.METHOD_CALL and m.serial == serial
                           and m.sender == caller.name)
    service.send(wire.reply_to(request, *body))


# ---- What is shown ----

def test_every_message_is_a_line_with_what_the_bus_shows(hosted_bus, storage, build):
    caller = hosted_bus.connect()
    looker = Looker(hosted_bus)
    with Watch(build, hosted_bus) as watch:
        begin = time.time() * 1e6
        caller.send(wire.signal('/begin', 'a.b', 'Begin'))
        for size in 0, 10, 5000:
            echo_once(caller, storage, STORAGE, bytes(size))
        storage.send(wire.signal('/o', 'a.b', 'Emitted', 'su', 'x', 7))
        storage.sync()
        with pytest.raises(Refused):
            caller.call('org.nobody', '/x', 'a.b', 'Ask')
        caller.send(wire.signal('/end', 'a.b', 'End'))
        watch.until(is_member('End'))
        lines = watch.end()
    seen = looker.until(lambda m: m.member == 'End')
    seen = seen[next(i for i, m in enumerate(seen) if m.member == 'Begin'):]
    lines = lines[next(i for i, line in enumerate(lines) if line['member'] == 'Begin'):]
    # Ours is one more observer, and what the bus says of lookers only one of both sees.
    ends = {caller.name, storage.name}
    seen = [m for m in seen if m.sender in ends or m.destination in ends]
    lines = [line for line in lines if line['from']['unique'] in ends or
             (line['to'] and line['to']['unique'] in ends)]
    assert len(lines) == len(seen)
    for line, message in zip(lines, seen):
        assert line['kind'] == KINDS[message.type]
        assert line['serial'] == message.serial
        assert line.get('reply_serial') == message.reply_serial
        assert line['size'] == len(message.raw)
        assert line['signature'] == (message.signature or '')
        assert begin <= line['time_us'] <= time.time() * 1e6
        if message.type in (wire.METHOD_CALL, wire.SIGNAL):
            assert (line['path'], line['interface'], line['member']) == \
                (message.path, message.interface, message.member)
    times = [line['time_us'] for line in lines]
    assert times == sorted(times)


def test_both_ends_have_names_and_domains(hosted_bus, storage, build):
    caller = hosted_bus.connect()
    local = {'unique': caller.name, 'name': None, 'domid': 0, 'domain': 'Domain-0'}
    remote = {'unique': storage.name, 'name': STORAGE, 'domid': domain_of(storage), 'domain': 'storage'}
    with Watch(build, hosted_bus, "interface='org.example.Echo'") as watch:
        echo_once(caller, storage, STORAGE)
        echo_once(caller, storage)
        watch.take_lines(4)
        watch.end()
    for asked, answered in (watch.lines[:2], watch.lines[2:]):
        assert (asked['from'], asked['to']) == (local, remote)
        assert (answered['from'], answered['to']) == (remote, local)
        assert answered['member'] == 'Echo' and answered['interface'] == 'org.example.Echo'
    assert [line.get('called') for line in watch.lines] == [None, STORAGE, None, storage.name]


def test_names_follow_those_who_own_them(hosted_bus, storage, new_guest, build):
    caller = hosted_bus.connect()
    with Watch(build, hosted_bus, "interface='org.example.Echo'") as watch:
        echo_once(caller, storage, STORAGE)
        storage.release(STORAGE)
        other = new_guest('second').connect()
        other.own(STORAGE)
        other.own('org.example.more')
        echo_once(caller, other, STORAGE)
        echo_once(caller, other, 'org.example.more')
        echo_once(caller, storage)
        watch.take_lines(8)
        watch.end()
    asked = [line for line in watch.lines if line['kind'] == 'call']
    assert [(line['to']['name'], line['to']['unique'], line['to']['domain']) for line in asked] == [
        (STORAGE, storage.name, 'storage'), (STORAGE, other.name, 'second'),
        ('org.example.more', other.name, 'second'), (None, storage.name, 'storage')]
    other.close()


def test_a_line_for_people(hosted_bus, storage, build):
    caller = hosted_bus.connect()
    with Watch(build, hosted_bus, f"interface='{VDI}'", "interface='a.b'", is_json=False) as watch:
        serial = caller.send(wire.call(STORAGE, '/sr', VDI, 'Attach3', 's', 'vdi-1'))
        answer(storage, serial, caller, 'u', 5)
        caller.result(serial)
        caller.send(wire.signal('/o', 'a.b', 'Passed'))
        with pytest.raises(Refused):
            caller.call('org.nobody', '/x', 'a.b', 'Ask')
        watch.take_lines(5)
        watch.end()
    clock, number = r'\d\d:\d\d:\d\d\.\d{6} ', r'\d+ B'
    here, there = rf'{caller.name}@dom0', rf'{STORAGE}@storage\({domain_of(storage)}\)'
    took = r'[\d.]+ (us|ms|s)'
    for line, expected in zip(watch.lines, [
            rf'{clock}call   {here} -> {there}  {VDI}\.Attach3 /sr  {number}',
            rf'{clock}answer {there} -> {here}  {VDI}\.Attach3  {number}  {took}',
            rf'{clock}signal {here} -> all  a\.b\.Passed /o  {number}',
            rf'{clock}call   {here} -> org\.nobody  a\.b\.Ask /x  {number}',
            rf'{clock}error  org\.freedesktop\.DBus -> {here}  a\.b\.Ask of org\.nobody  {number}  {took}  '
            r'org\.freedesktop\.DBus\.Error\.ServiceUnknown: .*org\.nobody.*']):
        assert re.fullmatch(expected, line), (expected, line)
    assert '\033' not in ''.join(watch.lines)


def test_answer_times(hosted_bus, storage, build):
    caller = hosted_bus.connect()
    with Watch(build, hosted_bus, "interface='a.b'") as watch:
        serial = caller.send(wire.call(STORAGE, '/x', 'a.b', 'Slow'))
        request = storage.take_call('Slow')
        watch.until(is_member('Slow'))  # the call has its time now
        time.sleep(0.08)
        storage.send(wire.reply_to(request))
        caller.result(serial)
        assert watch.until(is_member('Slow'))['took_us'] >= 80000
        watch.end()


def test_bodies_are_shown_if_wanted(hosted_bus, guest, build):
    caller = hosted_bus.connect()
    body = ['text "quoted"', 5, -3, True, 2.5, ['a', 'b'], {'key': wire.Variant('u', 9)}, b'\1\2', b'plain',
            (1, 'x')]
    many = ['--body', '--timeout=60s', '--count=1', "member='Many'"]
    sent = wire.call(STORAGE, '/x', 'a.b', 'Many', 'suibdasa{sv}ayay(us)', *body, flags=1)
    with Service(guest.connect(), STORAGE, {(None, 'a.b', 'Many'): lambda _: None}), \
            Watch(build, hosted_bus, *many) as watch, \
            Watch(build, hosted_bus, *many, is_json=False) as text, \
            Watch(build, hosted_bus, '--count=1', "member='Many'", is_json=False) as plain:
        caller.send(sent)
        (line,), lines, without = watch.wait(), text.wait(), plain.wait()
    assert line['body'] == ['text "quoted"', 5, -3, True, 2.5, ['a', 'b'], {'key': 9}, [1, 2], 'plain',
                            [1, 'x']]
    assert lines[1] == ('    ("text "quoted"", 5, -3, true, 2.5, ["a", "b"], {"key": <9>}, 0x0102, b"plain", '
                        '(1, "x"))')
    assert len(without) == 1 and 'quoted' not in without[0]


SECRETS = """<node><interface name="org.example.Vault">
<method name="Open"><arg name="user" type="s" direction="in"/><arg name="password" type="s" direction="in"/>
<arg name="hint" type="s" direction="out"/><arg name="key" type="s" direction="out"/>
<annotation name="org.xen.xcp.Secret" value="password key"/></method>
<signal name="Changed"><arg name="user" type="s"/><arg name="password" type="s">
<annotation name="org.xen.xcp.Secret" value="true"/></arg></signal>
<property name="Master" type="s" access="readwrite">
<annotation name="org.xen.xcp.Secret" value="true"/></property>
<property name="Label" type="s" access="readwrite"/></interface>
<interface name="org.example.Plain"><method name="Open">
<arg name="password" type="s" direction="in"/></method>
</interface></node>"""
PROPERTIES = 'org.freedesktop.DBus.Properties'


def test_secrets_are_not_shown(hosted_bus, guest, build):
    caller, remote = hosted_bus.connect(), guest.connect()
    vault = 'org.example.Vault'
    methods = {**described({'/v': SECRETS}), (None, vault, 'Open'): lambda _: ('ss', 'hint', 'hush'),
               (None, None, 'Open'): lambda _: ('ss', 'hint', 'hush'),
               (None, 'org.example.Plain', 'Open'): lambda _: ('s', 'open'),
               (None, PROPERTIES, 'Get'): lambda call: (
                   'v', wire.Variant('s', 'hush' if call.body[1] == 'Master' else 'open')),
               (None, PROPERTIES, 'GetAll'): lambda _: ('a{sv}', {'Master': wire.Variant('s', 'hush')}),
               (None, PROPERTIES, 'Set'): lambda _: ()}
    rules = ['--timeout=60s', "type='method_call',path='/v'", "type='signal',path='/v'"]
    with Emitter(remote, vault, methods) as service, Watch(build, hosted_bus, '--body', *rules) as watch, \
            Watch(build, hosted_bus, '--body', *rules, is_json=False) as text:
        ask = lambda *call: caller.call(vault, '/v', *call)
        ask(vault, 'Open', 'ss', 'me', 'hush')
        ask(None, 'Open', 'ss', 'me', 'hush')  # whichever interface has it
        ask('org.example.Plain', 'Open', 's', 'open')
        ask(PROPERTIES, 'Get', 'ss', vault, 'Master')
        ask(PROPERTIES, 'Get', 'ss', vault, 'Label')
        ask(PROPERTIES, 'GetAll', 's', vault)
        ask(PROPERTIES, 'Set', 'ssv', vault, 'Master', wire.Variant('s', 'hush'))
        ask(PROPERTIES, 'Set', 'ssv', vault, 'Label', wire.Variant('s', 'open'))
        service.emit(caller, wire.signal('/v', vault, 'Changed', 'ss', 'me', 'hush'),
                     wire.signal('/v', PROPERTIES, 'PropertiesChanged', 'sa{sv}as', vault,
                                 {'Master': wire.Variant('s', 'hush')}, []),
                     wire.signal('/v', 'a.b', 'End'))
        watch.until(is_member('End'))
        lines = watch.end()
        text.until(lambda line: 'a.b.End' in line)
        text.end()
    assert 'hush' not in str(lines) + str(text.lines)
    bodies = [line['body'] for line in lines if line['interface'] != 'org.freedesktop.DBus.Introspectable']
    assert bodies == [
        ['me', None], ['hint', None], ['me', None], ['hint', None],
        ['open'], ['open'], [vault, 'Master'], [None], [vault, 'Label'], ['open'], [vault], [None],
        [vault, 'Master', None], [], [vault, 'Label', 'open'], [], ['me', None], [vault, None, []], []]
    assert '    ("me", (not shown))' in text.lines


def test_what_may_be_secret_and_is_not_known_is_not_shown(hosted_bus, storage, build):
    """Who is asked does not answer."""
    with Watch(build, hosted_bus, '--body', '--count=1', "member='Told'") as watch:
        storage.send(wire.signal('/x', 'a.b', 'Told', 's', 'hush'))
        (line,) = watch.wait()
    assert line['body'] == [None] and line['is_partial']


# ---- What is chosen ----

def test_rules_choose_calls_with_their_answers(hosted_bus, storage, build):
    caller = hosted_bus.connect()
    with Watch(build, hosted_bus, "type='method_call',member='Echo'", "member='End'") as watch:
        storage.own('org.example.another')
        echo_once(caller, storage, STORAGE)
        serial = caller.send(wire.call(STORAGE, '/x', 'a.b', 'Other'))
        answer(storage, serial, caller, 's', 'x')
        caller.send(wire.signal('/end', 'a.b', 'End'))
        watch.until(is_member('End'))
        lines = watch.end()
    assert [(line['kind'], line['member']) for line in lines] == [
        ('call', 'Echo'), ('answer', 'Echo'), ('signal', 'End')]


def test_rules_by_what_is_sent(hosted_bus, build):
    """Those which are asked again, of messages that the bus sends anyway."""
    client = hosted_bus.connect()
    client.own('org.example.first')
    with Watch(build, hosted_bus, "member='NameOwnerChanged',arg0='org.example.second'",
               "type='error',destination='org.example.first'", "arg0namespace='org.example.third'",
               "path_namespace='/a/b'") as watch:
        client.own('org.example.second')
        client.own('org.example.third')
        client.own('org.example.third.more')
        with pytest.raises(Refused):
            client.bus('NoSuchMethod')
        client.send(wire.signal('/a/bc', 'a.b', 'Not'))
        client.send(wire.signal('/a/b/c', 'a.b', 'End'))
        watch.until(is_member('End'))
        lines = watch.end()
    got = [(line['kind'], line['member']) for line in lines if line['from']['unique'] == BUS]
    assert ('error', None) in got and 'Not' not in [line['member'] for line in lines]
    # Of third: the calls and the bus's signals that name it.
    assert [line['kind'] for line in lines if line['member'] == 'NameOwnerChanged'] == ['signal'] * 3
    assert [line['kind'] for line in lines if line['member'] == 'RequestName'] == \
        ['call', 'answer', 'call', 'answer']


@pytest.mark.parametrize('which', ['name', 'domid', 'service'])
def test_one_domain_or_service(hosted_bus, storage, guest, build, which):
    caller, other = hosted_bus.connect(), guest.connect()
    choice = {'name': '--domain=storage', 'domid': f'--domain={domain_of(storage)}',
              'service': f'--service={STORAGE}'}[which]
    with Watch(build, hosted_bus, choice) as watch:
        echo_once(caller, other)
        echo_once(caller, storage)
        echo_once(other, storage, STORAGE)
        storage.send(wire.signal('/end', 'a.b', 'End'))
        watch.until(is_member('End'))
        lines = watch.end()
    assert [(line['kind'], line['member'], line['from']['unique']) for line in lines] == [
        ('call', 'Echo', caller.name), ('answer', 'Echo', storage.name),
        ('call', 'Echo', other.name), ('answer', 'Echo', storage.name),
        ('signal', 'End', storage.name)]
    other.close()


def test_only_slow_answers_and_at_the_end_those_that_are_missing(hosted_bus, storage, build):
    caller = hosted_bus.connect()
    with Watch(build, hosted_bus, '--slower-than', '60ms') as watch, \
            Watch(build, hosted_bus, "interface='a.b'") as seen:
        echo_once(caller, storage, STORAGE)
        caller.send(wire.call(STORAGE, '/x', 'a.b', 'Never'))
        serial = caller.send(wire.call(STORAGE, '/x', 'a.b', 'Slow'))
        request = storage.take_call('Slow')
        seen.until(is_member('Slow'))
        caller.drain()
        # The two are different processes: the first has seen what was sent before this.
        time.sleep(0.3)
        storage.send(wire.reply_to(request))
        caller.result(serial)
        line = watch.until(is_member('Slow'))
        watch.end()
        seen.end()
    assert line['took_us'] >= 60000
    assert all(one['took_us'] >= 60000 for one in watch.lines)
    waiting = [one for one in watch.errors.splitlines() if one.startswith('no answer for ')]
    assert [one for one in waiting if one.endswith(
        f': {caller.name}@dom0 -> {STORAGE}@storage({domain_of(storage)})  a.b.Never')]


def test_a_call_that_was_answered_does_not_wait(hosted_bus, storage, build):
    """Whatever is shown of it, and calls that nobody asked about are not counted."""
    caller = hosted_bus.connect()
    open_call = wire.call(STORAGE, '/sr', VDI, 'Attach3')
    with Watch(build, hosted_bus, '--errors', '--service=org.nobody') as watch:
        echo_once(caller, storage, STORAGE)
        caller.send(open_call)
        with pytest.raises(Refused):
            caller.call('org.nobody', '/x', 'a.b', 'Ask')
        watch.take_lines(1)
        watch.end()
    assert watch.summary == (1, 0, 0, 1, 0, 0, 0)


# ---- The end ----

@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_summary_at_the_end(hosted_bus, storage, build, how):
    caller = hosted_bus.connect()
    with Watch(build, hosted_bus, "interface='org.example.Echo'", "interface='a.b'") as watch:
        for _ in range(5):
            echo_once(caller, storage)
        caller.send(wire.call(STORAGE, '/x', 'a.b', 'Stay'))
        with pytest.raises(Refused):
            caller.call('org.nobody', '/x', 'a.b', 'Ask')
        for _ in range(3):
            caller.send(wire.signal('/x', 'a.b', 'Last'))
        watch.take_lines(16)
        watch.end(how)
    assert watch.summary == (16, 7, 5, 1, 3, 1, 0)
    assert watch.errors.count('\n') == 1


def test_it_ends_after_a_time_or_a_number(hosted_bus, build):
    client = hosted_bus.connect()
    with Watch(build, hosted_bus, '--for=100ms') as watch:
        watch.wait()
    with Watch(build, hosted_bus, '--count=3', "member='Some'") as watch:
        for _ in range(10):
            client.send(wire.signal('/x', 'a.b', 'Some'))
        assert len(watch.wait()) == 3
    assert watch.summary[0] == 3


def test_it_ends_with_its_reader(hosted_bus, build):
    client = hosted_bus.connect()
    with Watch(build, hosted_bus, is_json=False) as watch:
        watch.process.stdout.close()
        while watch.process.poll() is None:
            client.send(wire.signal('/x', 'a.b', 'Some'))
            client.sync()
        assert watch.process.returncode == -signal.SIGPIPE
        watch.process.stdout = open('/dev/null', encoding='utf-8')


def test_it_says_that_the_bus_has_ended(start_bus, build):
    bus = start_bus()
    with Watch(build, bus) as watch:
        bus.stop()
        watch.wait(status=1)
    assert 'the bus has ended the connection' in watch.errors


@pytest.mark.parametrize('arguments', [
    ['--slower-than=soon'], ['--timeout=0'], ['--count=0'], ['--count=x'], ['--for=1y'],
    ['--no-such-option'], ['--domain'],
    ["member='open"], ["nonsense='x'"], ["type='call'"], ['nonsense'], ['who-called'],
    ['who-called', '--errors', 'x'], ['sequence', 'a', 'b'], ['sequence', '--slower-than=1s'],
    ['sequence', '--'], ['sequence', '--', 'frob'], ['sequence', 'a b'], ['who-called', 'a b'],
    ['who-called', 'a.b.c d'], ['who-called', ''], ['--service=a b'], ['--service=storage'],
    ['tree', '--timeout=0', 'a.b'],
    ['stuck', '--older-than'], ['top', '--no-such'], ['names', '--no-such'],
    ['call', '--no-such'], ['health', '--no-such'], ['tree', '--no-such'], ['domains', '--no-such'],
])
def test_bad_command_lines(shared_bus, build, arguments):
    result = subprocess.run([f'{build}/xcp-bus-monitor', f'--address=unix:path={shared_bus.path}',
                             *arguments], capture_output=True, text=True, timeout=60)
    assert result.returncode == 2 and result.stderr.startswith('xcp-bus-monitor: '), result
    assert len(result.stderr.splitlines()) == 2, result  # what is wrong, and where it is said how


def test_a_name_of_nobody_is_said_and_waited_for(hosted_bus, new_guest, build):
    nobody = "nobody on the bus has the name org.example.late; waiting"
    nowhere = "nobody on the bus is of a domain late; waiting"
    with Watch(build, hosted_bus, '--service=org.example.late', '--count=1') as name, \
            Watch(build, hosted_bus, '--domain=late', '--count=1') as domain, \
            Watch(build, hosted_bus, '--domain=dom0', '--service=org.freedesktop.DBus') as known:
        late = new_guest('late').connect()
        late.own('org.example.late')
        late.send(wire.signal('/x', 'a.b', 'Here'))
        for watch, said in (name, nobody), (domain, nowhere):
            watch.wait()
            assert said in watch.errors and watch.errors.count('nobody') == 1
        known.end()
    assert 'nobody' not in known.errors
    late.close()


def test_no_bus_and_no_permission(hosted_bus, tmp_path, build):
    program = f'{build}/xcp-bus-monitor'
    result = subprocess.run([program, f'--address=unix:path={tmp_path}/none'], capture_output=True,
                            text=True, timeout=60)
    assert result.returncode == 1 and 'no connection to the bus' in result.stderr


# ---- Elsewhere ----

def test_it_works_on_a_bus_that_knows_no_domains(tmp_path, build):
    bus = bus_module.Bus('dbus-daemon', build, tmp_path / 'bus')
    try:
        caller, service = bus.innocents()
        service.own(STORAGE)
        with Watch(build, bus, "interface='org.example.Echo'") as watch, \
                Watch(build, bus, "interface='org.example.Echo'", '--count=2', is_json=False) as text:
            echo_once(caller, service, STORAGE)
            watch.take_lines(2)
            watch.end()
            lines = text.wait()
        assert watch.lines[0]['to'] == {'unique': service.name, 'name': STORAGE, 'domid': None,
                                        'domain': None}
        assert f' {caller.name} -> {STORAGE}  org.example.Echo.Echo ' in lines[0]
    finally:
        bus.stop()


def test_the_bus_says_no_to_guests(hosted_bus, guest, build, xen):
    result = subprocess.run(
        xen.command('run', guest.domid, f'{build}/xcp-bus-monitor', '--address=vchan:domain=0'),
        env=xen.env, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and 'does not let us look on' in result.stderr, result


def test_help_says_what_there_is(build):
    run = lambda *words: subprocess.run([f'{build}/xcp-bus-monitor', *words], capture_output=True,
                                        text=True, check=True, timeout=60).stdout
    text = run('--help')
    for command in re.findall(r'^  ([a-z][a-z-]+) ', text.partition('Commands:')[2], re.M):
        assert run(command, '--help').startswith(f'Usage: xcp-bus-monitor {command} ')
    assert re.fullmatch(r'xcp-bus-monitor \d+\.\d+\.\d+\n', run('--version'))
    assert BUS_PATH not in text
