# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values as people write them; xcp-bus-idl call and watch, against a mock on a real bus."""
import base64
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import bus as bus_module
import pytest
from python_binding import ROOT, Command, build as build_binding

sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl import types, values  # noqa: E402
from xcpidl.check import load  # noqa: E402
from xcpidl.command_arguments import assign, cut, find_member, split  # noqa: E402
from xcpidl.problem import Problem  # noqa: E402

TORTURE = Path(__file__).parent / 'good/org.example.torture1.xml'
SERVICE = load(TORTURE)[0]
TYPES = [(f'{interface.name}.{method.name}', arg) for path in
         [TORTURE, *sorted(ROOT.glob('idl/*.xml'))] for interface in load(path)[0].interfaces
         for method in interface.methods for arg in method.inputs + method.outputs]


class Variant:
    def __init__(self, signature, value):
        self.signature, self.value = signature, value

    def __eq__(self, other):
        return (self.signature, self.value) == (other.signature, other.value)


def type_of(text):
    found = types.parse_type(text)
    for item in types.walk(found):
        if isinstance(item, types.Named):
            item.declaration = SERVICE.types[item.name]
    return found


def encode(value, text):
    return values.Encoder(Variant).encode(value, type_of(text), 'x')


# ---- values ----
@pytest.mark.parametrize('text,written,travelling', [
    ('y', 255, 255), ('x', -2**63, -2**63), ('t', 2**64 - 1, 2**64 - 1), ('i', 2.0, 2),
    ('d', 1, 1.0), ('d', '-Infinity', -math.inf), ('b', True, True), ('s', 'ü\n', 'ü\n'),
    ('ay', 'AP8=', b'\x00\xff'), ('aay', ['AA=='], [b'\x00']), ('as', [], []),
    ('a{us}', {'7': 'x'}, {7: 'x'}), ('a{bs}', {'true': 'x'}, {True: 'x'}),
    ('a{ss}', {'7': 'x'}, {'7': 'x'}), ('(sx)', ['a', 1], ('a', 1)), ('?s', None, []),
    ('?s', 'null', ['null']), ('a?s', ['x', None], [['x'], []]),
    ('v', {'type': 'as', 'value': ['x']}, Variant('as', ['x'])), ('Colour', 'Red', 'Red'),
    ('Colour', 'Ultraviolet', 'Ultraviolet'), ('Shape', 'Empty', ('Empty', Variant('b', True))),
    ('Shape', {'Circle': 2.5}, ('Circle', Variant('d', 2.5))),
    ('Shape', {'Blob': {'type': 'x', 'value': 1}}, ('Blob', Variant('x', 1))),
    ('Shape', {'Group': ['Empty']}, ('Group', Variant('a(sv)', [('Empty', Variant('b', True))]))),
    ('Address', {'domain': 0, 'bus': 1, 'dev': 2, 'fn': 3}, (0, 1, 2, 3)),
])
def test_a_value_and_back(text, written, travelling):
    encoded = encode(written, text)
    assert encoded == travelling and type(encoded) is type(travelling)
    assert values.decode(encoded, type_of(text)) == written


def test_other_ways_to_write():
    assert encode([0, 255], 'ay') == b'\x00\xff'
    assert encode([0, 1, 2, 3], 'Address') == (0, 1, 2, 3)
    assert encode(5, 'v') == Variant('x', 5)
    assert encode(True, 'v') == Variant('b', True)
    assert encode({'text': 'x', 'link': None}, 'Label') == {'text': Variant('s', 'x')}
    assert math.isnan(encode('NaN', 'd'))
    assert values.decode(math.nan, types.Basic('d')) == 'NaN'


def test_what_is_absent_takes_its_default():
    label = values.decode({'text': Variant('s', 'x'), 'new': Variant('s', 'y')}, type_of('Label'))
    assert label == {'text': 'x', 'colour': 'Dark_green', 'size': 1.5, 'link': None}
    everything = values.decode({}, type_of('Everything'))
    assert everything['shape'] == {'Group': ['Empty', {'Circle': 1.0}, {'Segment': [-1, 1]}]}
    assert everything['address'] == {'domain': 0, 'bus': 1, 'dev': 2, 'fn': 3}
    assert everything['pair'] == ['one', None] and everything['maybe_numbers'] is None
    assert encode(everything, 'Everything')


@pytest.mark.parametrize('text,written', [
    ('y', 256), ('y', -1), ('x', 2**63), ('x', 1.5), ('x', True), ('x', '1'), ('d', 'much'),
    ('b', 1), ('s', 1), ('s', 'a\0b'), ('s', None), ('as', 'x'), ('as', [1]), ('ay', 'not base64'),
    ('ay', [256]), ('ay', 5), ('(sx)', ['a']), ('(sx)', ['a', 1, 2]), ('a{us}', {'x': 'y'}),
    ('a{ss}', []), ('v', None), ('v', {'type': 's'}), ('v', {'type': 'Label', 'value': {}}),
    ('v', {'type': 'zz', 'value': 1}), ('Label', {}), ('Label', {'text': 'x', 'txt': 1}),
    ('Label', []), ('Address', [1]), ('Address', {'domain': 1}), ('Colour', 5), ('Shape', 5),
    ('Shape', {'Circle': 1, 'Empty': None}), ('Shape', {'Circle': 'x'}), ('h', 1),
    ('Label', {'text': 5})])
def test_what_does_not_fit_is_refused(text, written):
    with pytest.raises(Problem) as problem:
        encode(written, text)
    assert str(problem.value)


@pytest.mark.parametrize('text,travelling', [
    ('Label', {}), ('Label', {'text': Variant('x', 1)}), ('?s', ['a', 'b']),
    ('Shape', ('Circle', Variant('s', 'x'))), ('Shape', 5), ('Tree', {'name': 5})])
def test_what_came_and_is_not_of_the_type(text, travelling):
    with pytest.raises(Problem):
        values.decode(travelling, type_of(text))


def test_an_example_is_of_its_type():
    for where, arg in TYPES:
        if types.Basic('h') not in types.walk(arg.type):
            encoder = values.Encoder(Variant)
            wire = encoder.encode(values.example(arg.type, arg.name), arg.type, where)
            values.decode(wire, arg.type)
            assert not encoder.warnings


# ---- words of a command line ----
def test_arguments_by_position_and_by_name():
    draw = find_member(SERVICE, 'Draw')[1].inputs
    assert assign('Draw', draw, ['Empty', 'Red']) == {'shape': 'Empty', 'colour': 'Red'}
    assert assign('Draw', draw, ['--colour=Red', '{"Circle": 1}']) == {
        'shape': {'Circle': 1}, 'colour': 'Red'}
    everything = find_member(SERVICE, 'org.example.torture1.EchoEverything')[1].inputs
    assert assign('E', everything, ['{}'])['debug_info'] == 'xcp-bus-idl'
    assert assign('E', everything, ['me', '{}'])['debug_info'] == 'me'
    assert assign('E', everything, ['--debug-info', 'me', '{}'])['debug_info'] == 'me'
    assert split(['-1', '--a-b', '-2', '--', '--c']) == (['-1', '--c'], {'a_b': '-2'})
    assert cut(['--address', 'x', 'F', '--path=/', 'M', '--address', 'y']) == (
        ['--address', 'x', '--path=/', 'F', 'M'], ['--address', 'y'])


@pytest.mark.parametrize('words,said', [
    (['Empty'], 'colour is missing'), (['Empty', 'Red', 'x'], '"x" is too much'),
    (['--color=Red', 'Empty'], 'no argument "color"'), (['Empty', '--colour'], 'without a value'),
    (['{"Circle": }', 'Red'], 'not JSON')])
def test_wrong_words(words, said):
    with pytest.raises(Problem) as problem:
        assign('Draw', find_member(SERVICE, 'Draw')[1].inputs, words)
    assert said in str(problem.value) and problem.value.remedy or 'value' in said


def test_a_name_that_is_nearly_right():
    with pytest.raises(Problem) as problem:
        find_member(SERVICE, 'Extra.Wiat')
    assert problem.value.remedy == 'there are: Extra.Wait, Extra.Forget'


# ---- on a bus ----
@pytest.fixture(scope='module')
def python_path(build):
    return build_binding(build)


@pytest.fixture(scope='module')
def command(daemon, build, python_path, tmp_path_factory):
    bus = bus_module.Bus(daemon, build, tmp_path_factory.mktemp('bus'))
    found = Command(bus.address, python_path)
    found.start('mock', TORTURE, '--answers', answers_file(tmp_path_factory.mktemp('answers')))
    yield found
    found.stop()
    bus.stop()


def answers_file(folder):
    path = folder / 'answers.json'
    path.write_text(json.dumps({
        'EchoEverything': {'result': '$everything'},
        'Draw': {'answers': [{'results': {'drawn': '$shape', 'used': '$colour'}},
                             {'error': 'BadShape', 'fields': {'shape': '$shape', 'limits': [1, 2]},
                              'message': 'no $colour here'}]},
        'EchoContainers': {'results': {'maybe_out': '$maybe', 'bytes_out': '$bytes',
                                       'records_out': '$records', 'tree_out': '$tree',
                                       'anything_out': '$anything'}},
        'Poke': {'emit': {'Poked': {'end': '$end', 'label': {'text': 'poked $end times'}}}}}))
    return path


def answer(result):
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    return json.loads(result.stdout) if result.stdout else None


def test_call_prints_what_is_answered(command):
    result = answer(command.run('call', TORTURE, 'EchoEverything', '{"a_byte": 3, "label": '
                                '{"text": "ü"}, "shape": {"Segment": [1, 2]}}'))
    assert result['a_byte'] == 3 and result['a_double'] == -0.125
    assert result['label'] == {'text': 'ü', 'colour': 'Dark_green', 'size': 1.5, 'link': None}
    assert result['shape'] == {'Segment': [1, 2]}


def test_call_with_all_kinds_of_containers(command):
    tree = {'name': 'a', 'children': [{'name': 'b', 'children': []}]}
    records = [['x', {'text': 'y', 'colour': 'Red', 'size': 2.0, 'link': 'z'}]]
    blob = base64.b64encode(bytes(range(256)) * 64).decode()
    words = ['--maybe', 'perhaps', '--bytes', blob, '--records', json.dumps(records),
             '--tree', json.dumps(tree), '--anything', '{"type": "a{sv}", "value": {"k": 1}}']
    assert answer(command.run('call', TORTURE, 'EchoContainers', *words)) == {
        'maybe_out': 'perhaps', 'bytes_out': blob, 'records_out': records, 'tree_out': tree,
        'anything_out': {'type': 'a{sv}', 'value': {'k': {'type': 'x', 'value': 1}}}}


def test_results_errors_and_unknown_words(command):
    result = command.run('call', TORTURE, 'Draw', 'Empty', 'Mauve')
    assert json.loads(result.stdout) == {'drawn': 'Empty', 'used': 'Mauve'}
    assert result.stderr == 'warning: colour: "Mauve" is not one of Red, Dark_green, None\n'
    result = command.run('call', TORTURE, 'Draw', '{"Circle": 1.5}', 'Red')
    assert result.returncode == 1 and not result.stdout
    first, _, rest = result.stderr.partition('\n')
    assert first == 'org.example.torture1.Error.BadShape: no Red here'
    assert json.loads(rest) == {'shape': {'Circle': 1.5}, 'limits': [1, 2]}


def test_properties_and_methods_without_answer(command):
    assert answer(command.run('call', TORTURE, 'Favourite', 'Dark_green')) is None
    assert answer(command.run('call', TORTURE, 'Favourite')) == 'Dark_green'
    assert answer(command.run('call', TORTURE, 'Extra.Forget')) is None
    result = command.run('call', TORTURE, 'Count', '5')
    assert result.returncode == 1 and 'PropertyReadOnly' in result.stderr


def test_without_a_member_call_lists_them():
    result = subprocess.run([ROOT / 'idl/xcp-bus-idl', 'call', TORTURE], capture_output=True, text=True)
    assert 'Draw(shape Shape, colour Colour) -> drawn Shape, used Colour' in result.stdout
    assert 'Extra.Wait(delay d)' in result.stdout and 'Favourite = Colour (can be set)' in result.stdout


def test_nobody_is_there(command):
    result = command.run('call', '--destination=org.example.nobody1', TORTURE, 'Extra.Forget2')
    assert result.returncode == 2 and 'has no "Extra.Forget2"' in result.stderr
    result = command.run('call', ROOT / 'idl/org.xen.xcp.squeezed1.xml', 'Login', 'me')
    assert result.returncode == 1
    assert result.stderr.startswith('org.freedesktop.DBus.Error.ServiceUnknown: ')
    result = command.run('call', ROOT / 'idl/org.xen.xcp.Health1.xml', 'Check')
    assert result.returncode == 2 and '--destination=NAME --path=/OBJECT/PATH' in result.stderr
    result = command.run('call', TORTURE, '--address=unix:path=/nonexistent', 'Poke', '1')
    assert result.returncode == 1 and '/nonexistent' in result.stderr


def test_without_the_binding_it_is_said_what_is_missing(tmp_path):
    (tmp_path / 'xcpbus.py').write_text('raise ImportError("no such thing")')
    result = subprocess.run([ROOT / 'idl/xcp-bus-idl', 'call', TORTURE, 'Poke', '1'], text=True,
                            capture_output=True, env={**os.environ, 'PYTHONPATH': str(tmp_path)})
    assert result.returncode == 2 and 'install the package python3-xcpbus' in result.stderr


def test_watch_prints_signals_and_changes(command):
    process = command.start('watch', TORTURE, '--count', '3', ready='stderr')
    answer(command.run('call', TORTURE, 'Poke', '7'))
    answer(command.run('call', TORTURE, 'Favourite', 'Red'))
    answer(command.run('call', TORTURE, 'Poke', '8'))
    said, complaints = process.communicate(timeout=60)
    lines = [json.loads(line) for line in said.splitlines()]
    assert not complaints and process.returncode == 0
    assert lines[0] == {'signal': 'Poked', 'arguments': {'end': 7, 'label': {
        'text': 'poked 7 times', 'colour': 'Dark_green', 'size': 1.5, 'link': None}}}
    assert lines[1] == {'changed': {'Favourite': 'Red'}}
    assert lines[2]['arguments']['end'] == 8


def test_watch_ends_when_told_to(command):
    process = command.start('watch', TORTURE, 'Poked', ready='stderr')
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    result = command.run('watch', TORTURE, 'Poke')
    assert result.returncode == 2 and 'there are: Poked' in result.stderr


@pytest.mark.parametrize('words', [['call'], ['watch']], ids=['call', 'watch'])
def test_a_bad_file(words, tmp_path):
    path = tmp_path / 'bad.xml'
    path.write_text('<node>')
    result = subprocess.run([ROOT / 'idl/xcp-bus-idl', *words, path], capture_output=True, text=True)
    assert result.returncode == 2 and f'{path}:' in result.stderr
