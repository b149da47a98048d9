# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-idl mock: a service with any interface, which answers what it was told to."""
import json
import shlex
import subprocess
import sys
from pathlib import Path

import bus as bus_module
import pytest
from python_binding import ROOT, Command, build as build_binding

sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl.check import load  # noqa: E402
from xcpidl.emit_html_examples import ADDRESS, examples  # noqa: E402
from xcpidl.mock_answers import Answers, fill_in  # noqa: E402
from xcpidl.problem import Problem  # noqa: E402

TORTURE = Path(__file__).parent / 'good/org.example.torture1.xml'
SQUEEZED = ROOT / 'idl/org.xen.xcp.squeezed1.xml'
SERVED = [TORTURE, *(ROOT / f'idl/org.xen.xcp.{name}.xml' for name in
                     ('squeezed1', 'storage1', 'xenopsd1', 'networkd1', 'rrdd1'))]
ME = 'who'


@pytest.fixture(scope='module')
def bus(daemon, build, tmp_path_factory):
    bus = bus_module.Bus(daemon, build, tmp_path_factory.mktemp('bus'))
    yield bus
    bus.stop()


@pytest.fixture
def command(bus, build):
    command = Command(bus.address, build_binding(build))
    yield command
    command.stop()


@pytest.fixture
def mock(command, tmp_path):
    """mock(answers, option...): the process; calls are made with command."""
    def start(answers=None, *options, path=SQUEEZED):
        if answers is not None:
            (tmp_path / 'answers.json').write_text(json.dumps(answers))
            options = ('--answers', tmp_path / 'answers.json', *options)
        return command.start('mock', path, *options)
    return start


def answer(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout) if result.stdout else None


@pytest.mark.parametrize('path', SERVED, ids=lambda path: path.stem)
def test_every_example_of_busctl_is_answered(path, bus, mock):
    """With answers that are made up; busctl itself checks that they are what introspection says."""
    mock(path=path)
    service, _ = load(path)
    count = 0
    for interface in service.interfaces:
        for method in interface.methods[:6]:  # a process each: some of every interface
            for language, text in examples(service, interface, method):
                if language == 'busctl':
                    words = shlex.split(text.replace('\\\n', '').replace(ADDRESS, bus.address))
                    result = subprocess.run(words, capture_output=True, text=True, check=False)
                    assert result.returncode == 0, f'{text}\n{result.stderr}'
                    expected = ''.join(arg.type.signature() for arg in method.outputs)
                    # A structure is shown in parentheses, several results are not.
                    assert result.stdout.split(' ')[0].strip() == expected
                    count += 1
    assert count


def test_introspection_has_what_the_file_has(bus, mock):
    mock(path=TORTURE)
    service, _ = load(TORTURE)
    result = subprocess.run(['busctl', f'--address={bus.address}', 'introspect', '--xml-interface',
                             service.name, service.object_path], capture_output=True, text=True)
    for interface in service.interfaces:
        assert f'<interface name="{interface.name}">' in result.stdout
        for member in interface.members():
            assert f'name="{member.name}"' in result.stdout


def test_given_answers(mock, command):
    mock({'Login': {'result': 'session of $service_name'},
          'GetHostReservedMemory': {'result': 4096},
          'ReserveMemoryRange': {'results': {'size_kib': '$maximum_kib'}},
          'ReserveMemory': {'error': 'CannotFreeThisMuchMemory', 'message': 'not $size_kib KiB',
                            'fields': {'required_kib': '$size_kib'}},
          'BalanceMemory': {'error': 'org.freedesktop.DBus.Error.NoMemory', 'message': 'none'}})
    assert answer(command.run('call', SQUEEZED, 'Login', 'xenopsd')) == 'session of xenopsd'
    assert answer(command.run('call', SQUEEZED, 'GetHostReservedMemory')) == 4096
    assert answer(command.run('call', SQUEEZED, 'ReserveMemoryRange', 's', '--minimum-kib', '1',
                              '--maximum-kib', '99')) == {'reservation_id': 'reservation_id',
                                                          'size_kib': 99}
    result = command.run('call', SQUEEZED, 'ReserveMemory', 's', '--size-kib=512')
    assert result.stderr.startswith('org.xen.xcp.squeezed1.Error.CannotFreeThisMuchMemory: '
                                    'not 512 KiB\n')
    assert json.loads(result.stderr.partition('\n')[2]) == {'required_kib': 512, 'free_kib': 262144}
    result = command.run('call', SQUEEZED, 'BalanceMemory')
    assert result.stderr == 'org.freedesktop.DBus.Error.NoMemory: none\n'


def test_it_remembers(mock, command):
    mock({'TransferReservationToDomain': {'remember': {'domain/$domid': '$reservation_id'}},
          'QueryReservationOfDomain': {'recall': 'domain/$domid',
                                       'otherwise': {'error': 'NoReservation'}},
          'DeleteReservation': {'forget': 'domain/$reservation_id'}})
    result = command.run('call', SQUEEZED, 'QueryReservationOfDomain', 's', '5')
    assert result.returncode == 1 and 'Error.NoReservation' in result.stderr
    answer(command.run('call', SQUEEZED, 'TransferReservationToDomain', 's', 'r-7', '5'))
    assert answer(command.run('call', SQUEEZED, 'QueryReservationOfDomain', 's', '5')) == 'r-7'
    answer(command.run('call', SQUEEZED, 'DeleteReservation', 's', '5'))
    assert command.run('call', SQUEEZED, 'QueryReservationOfDomain', 's', '5').returncode == 1


def test_in_turn_and_the_last_one_from_then_on(mock, command):
    mock({'Login': {'answers': [{'result': 'one'}, {'error': 'InternalError'}, {'result': 'two'}]}})
    said = [command.run('call', SQUEEZED, 'Login', ME) for _ in range(4)]
    assert [result.returncode for result in said] == [0, 1, 0, 0]
    assert [json.loads(said[index].stdout) for index in (0, 2, 3)] == ['one', 'two', 'two']


def test_a_delay_is_longer_than_who_does_not_wait(mock, command):
    """And others are answered in the meantime."""
    mock({'BalanceMemory': {'delay': 3600}})
    result = command.run('call', '--timeout=0.2', SQUEEZED, 'BalanceMemory')
    assert result.returncode == 1 and 'Error.NoReply' in result.stderr
    assert answer(command.run('call', SQUEEZED, 'GetHostReservedMemory')) == 262144


def test_the_log_has_calls_and_answers(mock, command):
    process = mock({'Login': {'result': 'x'}}, '--log')
    answer(command.run('call', SQUEEZED, 'Login', ME))
    assert json.loads(process.stdout.readline()) == {
        'call': 'Login', 'arguments': {'debug_info': 'xcp-bus-idl', 'service_name': ME},
        'results': {'session_id': 'x'}}


def order(process, **what):
    process.stdin.write(json.dumps(what) + '\n')
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def test_it_is_told_what_to_do_while_it_runs(mock, command):
    process = mock({}, '--control', path=TORTURE)
    watcher = command.start('watch', TORTURE, '--count', '2', ready='stderr')
    assert order(process, emit={'Poked': {'end': 9}}) == {'done': True}
    assert order(process, set={'Count': 12}) == {'done': True}
    assert order(process, answers={'Draw': {'error': 'Nothing'}}) == {'done': True}
    lines = [json.loads(line) for line in watcher.communicate(timeout=60)[0].splitlines()]
    assert lines[0]['arguments']['end'] == 9 and lines[0]['arguments']['label']['text'] == 'text'
    assert lines[1] == {'changed': {'Count': 12}}
    result = command.run('call', TORTURE, 'Draw', 'Empty', 'Red')
    assert result.stderr.startswith('org.example.torture1.Error.Nothing')
    for wrong in ({'emit': {'Poked': {'start': 1}}}, {'set': {'Count': -1}}, {'do': 1},
                  {'answers': {'Draw': {'result': 5, 'x': 1}}}):
        assert order(process, **wrong)['done'] is False
    process.communicate(timeout=60)  # the end of its input
    assert process.returncode == 0


def test_answers_that_cannot_be_are_told_at_the_call_or_before(mock, command, tmp_path):
    mock({'Login': {'result': '$debug_info', 'delay': 0},
          'GetHostReservedMemory': {'result': '$debug_info'}})
    assert answer(command.run('call', SQUEEZED, 'Login', ME)) == 'xcp-bus-idl'
    result = command.run('call', SQUEEZED, 'GetHostReservedMemory')
    assert result.returncode == 1 and 'size_kib is "xcp-bus-idl"' in result.stderr
    (tmp_path / 'wrong.json').write_text('{"Login": {"result": 5}}')
    result = command.run('mock', SQUEEZED, '--answers', tmp_path / 'wrong.json')
    assert result.returncode == 2 and 'wrong.json: Login: session_id is 5' in result.stderr


def test_the_name_is_taken(mock, command):
    mock()
    result = command.run('mock', SQUEEZED)
    assert result.returncode == 2 and 'somebody else has the name' in result.stderr


def test_an_interface_that_any_service_may_have(command):
    path = ROOT / 'idl/org.xen.xcp.Health1.xml'
    where = '--destination=org.example.foo1', '--path=/org/example/foo1'
    assert command.run('mock', path).returncode == 2
    command.start('mock', path, *where)
    assert answer(command.run('call', *where, path, 'Check', 'disk'))


def test_wrong_arguments_are_refused_and_it_lives_on(bus, mock, command):
    """A record without what it needs, from somebody who does not look at the file."""
    mock(path=TORTURE)
    result = subprocess.run([
        'busctl', f'--address={bus.address}', 'call', 'org.example.torture1', '/org/example/torture1',
        'org.example.torture1', 'EchoContainers', 'asaya(sa{sv})a{sv}v', '0', '0', '0', '0', 's', 'x'],
        capture_output=True, text=True)
    assert result.returncode and 'field name is missing' in result.stderr
    assert answer(command.run('call', TORTURE, 'Count')) == 1


def other_file(folder, *changes):
    """Of a service that is not what the caller takes it for."""
    text = TORTURE.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / TORTURE.name
    path.write_text(text)
    return path


def test_answers_and_errors_of_another_type_are_told(mock, command, tmp_path):
    other = other_file(
        tmp_path, ('<property name="Count" type="u"', '<property name="Count" type="s"'),
        ('value="s - Why."', 'value="x - Why."'), ('value="s - Of this node."', 'value="x - Why."'),
        ('Field.BadShape.limits" value="(xx)', 'Field.BadShape.limits" value="(ss)'),
        ('<arg name="drawn" type="(sv)" direction="out">\n', '<arg name="drawn" type="s" direction="out">\n'))
    other.write_text(other.read_text().replace(
        '<annotation name="org.gtk.GDBus.DocString" value="The same form."/>\n        '
        '<annotation name="org.xen.xcp.Type" value="Shape"/>',
        '<annotation name="org.gtk.GDBus.DocString" value="The same form."/>'))
    mock({'Draw': {'answers': [{}, {'error': 'BadShape'}, {'error': 'InternalError'}]}}, path=other)
    said = [command.run('call', TORTURE, *words) for words in (
        ['Count'], ['Draw', 'Empty', 'Red'], ['Draw', 'Empty', 'Red'], ['Draw', 'Empty', 'Red'],
        ['EchoContainers', 'null', '', '[]', '{"name": "x"}', '1'])]
    assert [result.returncode for result in said] == [1] * 5
    assert 'InvalidReply: the answer to Count is of type "s"' in said[0].stderr
    assert 'InvalidReply: the answer to Draw is of type "ss"' in said[1].stderr
    assert said[2].stderr.startswith('org.example.torture1.Error.BadShape: ')
    assert said[3].stderr.startswith('org.example.torture1.Error.InternalError: ')
    assert said[2].stderr.count('\n') == said[3].stderr.count('\n') == 1
    assert 'InvalidArgs' in said[4].stderr
    assert 'Traceback' not in ''.join(result.stderr for result in said)


def test_when_the_bus_goes_they_say_so(start_bus, build):
    bus = start_bus()
    command = Command(bus.address, build_binding(build))
    processes = [command.start('mock', SQUEEZED), command.start('watch', TORTURE, ready='stderr')]
    bus.stop()
    for process in processes:
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 1
        assert 'Disconnected' in said and 'Traceback' not in said


@pytest.mark.parametrize('rules,said', [
    ([], 'answers are an object'), ({'Logon': {}}, 'has no "Logon"'), ({'Login': 5}, 'not an answer'),
    ({'Login': {'answer': 5}}, 'not an answer'), ({'Login': {'results': {'x': 1}}}, 'has no "x"'),
    ({'Login': {'result': 5}}, 'session_id is 5'), ({'Login': {'emit': {'X': {}}}}, 'has no "X"'),
    ({'BalanceMemory': {'result': 5}}, 'has no result'),
    ({'Login': {'answers': [{'result': 5}]}}, 'session_id is 5')])
def test_answers_that_cannot_be(rules, said):
    with pytest.raises(Problem) as problem:
        Answers(load(SQUEEZED)[0]).add(rules, 'here')
    assert said in str(problem.value)


def test_the_example_of_the_manual_page_is_good():
    text = (ROOT / 'docs/man/xcp-bus-idl.1.scd').read_text()
    example = text[text.index('{"Login"'):text.index('\n$ xcp-bus-idl mock')]
    answers = Answers(load(SQUEEZED)[0])
    answers.add(json.loads(example), 'the page')
    assert len(answers.rules) == 4


def test_arguments_are_filled_in():
    given = {'id': 'a', 'n': 5, 'list': [1]}
    assert fill_in({'x/$id': ['$n', '$n of $id', '$none', '$list', 7]}, given) == {
        'x/a': [5, '5 of a', '$none', [1], 7]}
