# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-monitor call, tree: what is sent is what was typed, what comes back is shown and harmless."""
import time

import pytest

import wire
from services import INTROSPECTABLE, Fail, Monitor, Service, described
from watching import FORBIDDEN

NAME, PATH, INTERFACE = 'org.xen.xcp.typed1', '/org/xen/xcp/typed1', 'org.xen.xcp.typed1'
SIGNATURES = {
    'Numbers': 'ynqiuxtd', 'Flags': 'bb', 'Texts': 'sog', 'Lists': 'asaiaay', 'Dictionaries': 'a{si}a{sas}',
    'Structures': '(si)a(sb)', 'Variants': 'vvvvvv', 'Options': 'a{sv}', 'Nothing': '', 'Handle': 'h',
}


def method(name, signature):
    arguments = ''.join(f'<arg type="{one}" name="values" direction="in"/>' for one in wire.split(signature))
    return f'<method name="{name}">{arguments}</method>'


XML = {
    '/': '<node><node name="org"/></node>', '/org': '<node><node name="xen"/></node>',
    '/org/xen': '<node><node name="xcp"/></node>', '/org/xen/xcp': '<node><node name="typed1"/></node>',
    PATH: f'<node><interface name="{INTERFACE}">'
          + ''.join(method(name, signature) for name, signature in SIGNATURES.items())
          + '<property name="Size" type="t" access="readwrite"/></interface>'
          + f'<interface name="{INTERFACE}.Other">' + method('Flags', '') + method('Alone', '')
          + '</interface></node>',
}


@pytest.fixture(scope='module')
def monitor(build, shared_bus):
    return Monitor(build, shared_bus)


def echo(call):
    return (call.signature, *call.body)


@pytest.fixture
def service(bus):
    methods = {**described(XML), **{(PATH, INTERFACE, name): echo for name in SIGNATURES}}
    with Service(bus.connect(), NAME, methods) as service:
        yield service


def send(monitor, service, method, *words, options=(), **more):
    """Calls it; what came back, and what had come there."""
    answers = monitor.json('call', *options, NAME, PATH, method, *words, **more)
    return answers[0], service.calls[-1]


# --- arguments ---

@pytest.mark.parametrize('method, words, body', [
    ('Numbers', ['255', '-32768', '65535', '-2147483648', '4294967295', '-9223372036854775808',
                 '18446744073709551615', '-1.5e3'],
     [255, -32768, 65535, -2**31, 2**32 - 1, -2**63, 2**64 - 1, -1500.0]),
    ('Numbers', ['0x10', '0x7fff', '007', '-0', '0', '0', '0xffffffffffffffff', '0'],
     [16, 32767, 7, 0, 0, 0, 2**64 - 1, 0.0]),
    ('Flags', ['true', 'false'], [True, False]),
    ('Texts', ['a "text", [as] it is: é\n', '/a/b', 'a{sv}'],
     ['a "text", [as] it is: é\n', '/a/b', 'a{sv}']),
    ('Texts', ['', '/', ''], ['', '/', '']),
    ('Lists', ['[one, "two, and \\"three\\"", a:b]', '[]', '[[1, 2], []]'],
     [['one', 'two, and "three"', 'a:b'], [], [b'\1\2', b'']]),
    ('Lists', ['["\\u00e9\\ud83d\\ude00\\n"]', ' [ 1 ,-2 ] ', '[]'], [['é😀\n'], [1, -2], []]),
    ('Dictionaries', ['{a: 1, "b c": 2}', '{x: [y, z], "{": []}'],
     [{'a': 1, 'b c': 2}, {'x': ['y', 'z'], '{': []}]),
    ('Structures', ['(a, 1)', '[["x", true], (y, false)]'], [('a', 1), [('x', True), ('y', False)]]),
])
def test_words_become_values_of_the_type_that_the_method_has(monitor, service, method, words, body):
    answer, call = send(monitor, service, f'{INTERFACE}.{method}', *words)
    assert call.signature == SIGNATURES[method] == answer['signature']
    assert [dict(value) if isinstance(value, dict) else value for value in call.body] == body


def test_a_variant_is_of_the_type_that_it_looks_like_or_says(monitor, service):
    words = ['7', '5000000000', '1.5', 'true', 'some text', '{"type": "a{sv}", "value": {k: "8", l: 8}}']
    _, call = send(monitor, service, 'Variants', *words)
    kinds = [value[0] for value in call.body]
    assert kinds == ['i', 'x', 'd', 'b', 's', 'a{sv}']
    assert [value[1] for value in call.body[:5]] == [7, 5000000000, 1.5, True, 'some text']
    assert dict(call.body[5][1]) == {'k': ('s', '8'), 'l': ('i', 8)}


def test_options_are_given_as_a_dictionary(monitor, service):
    answer, call = send(monitor, service, 'Options', '{size: {type: t, value: 4096}, name: disk}')
    assert dict(call.body[0]) == {'size': ('t', 4096), 'name': ('s', 'disk')}
    assert answer == {'signature': 'a{sv}', 'results': [{'size': 4096, 'name': 'disk'}]}


@pytest.mark.parametrize('method, words, complaint', [
    ('Numbers', ['256', *'0000000'], 'argument 1: a number from 0 to 255 is expected, not "256"'),
    ('Numbers', ['0', '0', '-1', *'00000'], 'argument 3: a number from 0 to 65535'),
    ('Numbers', ['', *'0000000'], 'argument 1: a number'),
    ('Numbers', [*'000000', '18446744073709551616', '0'], 'argument 7'),
    ('Numbers', [*'0000000', '1,5'], 'argument 8: a number is expected, not "1,5"'),
    ('Flags', ['true', 'yes'], 'argument 2: true or false is expected, not "yes"'),
    ('Flags', ['true'], '2 arguments are expected (bb), not 1'),
    ('Texts', ['a', 'b', 'g'], 'argument 2: an object path is expected, not "b"'),
    ('Texts', ['a', '/', 'a{'], 'argument 3: a signature'),
    ('Lists', ['one', '[]', '[]'], 'argument 1: [VALUE, ...] is expected, not "one"'),
    ('Lists', ['["one]', '[]', '[]'], 'a quotation mark at the end'),
    ('Lists', ['["\\x"]', '[]', '[]'], 'is expected, not'),
    ('Lists', ['[a] b', '[]', '[]'], 'nothing behind the value'),
    ('Lists', ['[a', '[]', '[]'], '"," or "]"'),
    ('Dictionaries', ['{a}', '{}'], 'behind a key'),
    ('Dictionaries', ['{a: b}', '{}'], 'argument 1: a number from'),
    ('Structures', ['(a)', '[]'], 'another member'),
    ('Structures', ['(a, 1, 2)', '[]'], 'the end of the structure'),
    ('Variants', ['[1]', *'00000'], 'SIGNATURE'),
    ('Variants', ['{"type": "ss", "value": 1}', *'00000'], 'the signature of one type'),
    ('Variants', ['{type: v, value: ' * 40 + '1' + '}' * 40, *'00000'], 'less deep'),
    ('Handle', ['3'], 'file descriptor'),
])
def test_what_does_not_fit_is_not_sent_and_explained(monitor, service, method, words, complaint):
    result = monitor.run('call', NAME, PATH, f'{INTERFACE}.{method}', *words, status=2)
    assert complaint in result.stderr
    assert 'org.freedesktop.DBus.Error.InvalidArgs' in result.stderr
    assert all(call.member == 'Introspect' for call in service.calls)


def test_bytes_that_are_no_text_are_not_sent(monitor, service):
    word = b'\xff'.decode(errors='surrogateescape')
    result = monitor.run('call', NAME, PATH, 'Texts', word, '/', '', status=2)
    assert 'UTF-8' in result.stderr


def test_what_begins_with_two_minus_signs_stands_behind_two(monitor, service):
    answer, call = send(monitor, service, 'Texts', '--', '--json', '/', '')
    assert call.body[0] == '--json'
    assert answer['results'][0] == '--json'


# --- which method ---

def test_a_method_that_two_interfaces_have_needs_its_interface(monitor, service):
    result = monitor.run('call', NAME, PATH, 'Flags', 'true', 'true', status=2)
    assert f'{INTERFACE}.Flags or {INTERFACE}.Other.Flags' in result.stderr


def test_a_method_that_is_not_there_is_answered_with_those_that_are(monitor, service):
    result = monitor.run('call', NAME, PATH, 'Nosuch', status=1)
    assert 'UnknownMethod' in result.stderr
    assert 'Numbers' in result.stderr and 'Alone' in result.stderr


def test_with_a_signature_nobody_is_asked(monitor, service):
    answer, call = send(monitor, service, f'{INTERFACE}.Flags', '5', '[a]', options=['--signature=uas'])
    assert (call.signature, *call.body) == ('uas', 5, ['a'])
    assert answer['results'] == [5, ['a']]
    assert [call.member for call in service.calls] == ['Flags']


@pytest.mark.parametrize('arguments', [
    [], ['a.b'], ['a.b', '/'], ['--signature=a{', 'a.b', '/', 'c.D'], ['--timeout=soon', 'a.b', '/', 'c.D'],
    ['--signature=', 'a.b', 'no/path', 'c.D'], ['--signature=', 'a.b', '/', 'c.not-a-member'],
    ['--nosuch', 'a.b', '/', 'c.D'],
])
def test_wrong_usage_is_status_2(monitor, arguments):
    assert 'xcp-bus-monitor' in monitor.run('call', *arguments, status=2).stderr


# --- answers ---

def test_results_are_lines(monitor, service):
    assert monitor.text('call', NAME, PATH, 'Structures', '(a, 1)', '[]') == '("a", 1)\n[]\n'
    assert monitor.text('call', NAME, PATH, 'Nothing') == ''


def test_what_is_too_long_for_a_line_is_one_line_for_each_part(monitor, service):
    words = ['{"a b": 1, ' + ', '.join(f'"key {i}": {i}' for i in range(20)) + '}', '{short: [x]}']
    lines = monitor.text('call', NAME, PATH, 'Dictionaries', *words).splitlines()
    assert lines[:2] == ['{', '  "a b": 1,'] and lines[21:] == ['  "key 19": 19', '}', '{"short": ["x"]}']
    words = '[]', str(list(range(30))), '[]'
    numbers = monitor.text('call', NAME, PATH, 'Lists', *words).splitlines()[1:-1]
    first, second = (', '.join(map(str, part)) for part in (range(21), range(21, 30)))
    assert numbers == ['[', f'  {first},', f'  {second}', ']']
    text = 'x' * 10000
    assert monitor.text('call', NAME, PATH, 'Texts', text, '/', '').splitlines() == [f'"{text}"', '"/"', '""']
    word = '{o: {type: "a{sv}", value: {p: "%s", q: 1}}}' % text[:90]
    shown = monitor.text('call', NAME, PATH, 'Options', word)
    assert shown.splitlines()[:3] == ['{', '  "o": <{', f'    "p": <"{text[:90]}">,']


def test_what_a_service_answers_cannot_control_the_terminal(bus, monitor):
    evil = '\x1b]0;owned\x07\n\u202e\x9b'
    methods = {**described(XML), (PATH, INTERFACE, 'Nothing'): lambda call: ('s', evil)}
    with Service(bus.connect(), NAME, methods):
        shown = monitor.text('call', NAME, PATH, 'Nothing')
        assert shown == '"\\x1b]0;owned\\a\\n\\u{202e}\\u{9b}"\n'
        assert monitor.json('call', NAME, PATH, 'Nothing')[0]['results'] == [evil]
        raw = monitor.text('--json', 'call', NAME, PATH, 'Nothing')
        assert all(' ' <= character for character in raw.strip())


def test_what_a_service_says_of_itself_cannot_either(bus, monitor):
    evil = 'a&#x9b;31m&#x202e;'
    xml = ''.join(f'<interface name="{evil}{i}"><method name="Go"/></interface>' for i in (1, 2))
    with Service(bus.connect(), NAME, described({PATH: f'<node>{xml}</node>'})):
        for arguments in ['Go'], ['Gone']:
            status = 2 if arguments == ['Go'] else 1
            result = monitor.run('call', NAME, PATH, *arguments, status=status)
            assert not FORBIDDEN.search(result.stderr), result.stderr
            assert '\\u{202e}' in result.stderr or status == 1


def test_errors_have_their_name_what_they_carry_and_a_remedy(bus, monitor):
    def deny(_):
        raise Fail('org.freedesktop.DBus.Error.AccessDenied', 'su', 'not \x1byou', 42)
    methods = {**described(XML), (PATH, INTERFACE, 'Nothing'): deny}
    with Service(bus.connect(), NAME, methods):
        result = monitor.run('call', NAME, PATH, 'Nothing', status=1)
        assert 'org.freedesktop.DBus.Error.AccessDenied: not \\x1byou' in result.stderr
        assert '42' in result.stderr and 'policy' in result.stderr and result.stdout == ''
        (answer,) = monitor.json('call', NAME, PATH, 'Nothing', status=1)
        assert answer['error'] == 'org.freedesktop.DBus.Error.AccessDenied'
        assert (answer['message'], answer['details']) == ('not \x1byou', [42])
        assert 'policy' in answer['remedy']


def test_who_is_not_there_is_named_with_what_to_do(monitor, bus):
    result = monitor.run('call', 'org.xen.xcp.nobody', '/', 'a.B', status=1)
    assert 'ServiceUnknown' in result.stderr
    assert 'xcp-bus-monitor names' in result.stderr


def test_no_answer_in_time_is_status_3(bus, monitor):
    methods = {**described(XML), (PATH, INTERFACE, 'Nothing'): lambda call: None}
    with Service(bus.connect(), NAME, methods):
        result = monitor.run('call', '--timeout=200ms', '--signature=', NAME, PATH, f'{INTERFACE}.Nothing',
                             status=3)
        assert 'NoReply' in result.stderr and 'stuck' in result.stderr


def test_without_a_bus_it_says_so(build, bus, tmp_path):
    class Nowhere:
        path, folder = tmp_path / 'nothing', tmp_path
    result = Monitor(build, Nowhere).run('call', NAME, PATH, 'Nothing', status=1)
    assert 'no connection' in result.stderr


# --- tree ---

def test_tree_shows_objects_and_their_interfaces(monitor, service):
    assert monitor.text('tree', NAME) == f'{PATH}\n  {INTERFACE}\n  {INTERFACE}.Other\n'


def test_tree_of_one_object_shows_what_it_has(monitor, service):
    shown = monitor.text('tree', NAME, PATH)
    assert '    Options(values: a{sv})\n' in shown
    assert '    property Size: t (read, write)\n' in shown
    (answer,) = monitor.json('tree', NAME, PATH)
    assert answer['object'] == PATH
    assert {'kind': 'property', 'name': 'Size', 'signature': 't', 'access': 'readwrite'} in \
        answer['interfaces'][INTERFACE]
    assert [member['signature'] for member in answer['interfaces'][INTERFACE]
            if member['name'] == 'Numbers'] == ['ynqiuxtd']


def test_tree_is_not_led_astray(bus, monitor):
    """A service may say that it has anything, below everything."""
    bomb = '<!DOCTYPE node [<!ENTITY a "lol">]><node/>'
    odd = ('<node><node name="a/b"/><node name=""/><node name="..."/><node name="é"/>'
           '<interface name="\u202ex"/></node>')
    for xml, status, shown in (bomb, 1, ''), (odd, 0, '/\n  \\u{202e}x\n'), ('<node>', 1, ''):
        with Service(bus.connect(), NAME, described({'/': xml})):
            assert monitor.text('tree', NAME, status=status) == shown


def test_a_tree_without_end_is_cut(bus, monitor):
    endless = described({None: '<node><interface name="a.B"/><node name="x"/></node>'})
    with Service(bus.connect(), NAME, endless):
        result = monitor.run('tree', NAME)
        assert result.stdout.count('a.B') < 10_000


def test_a_tree_has_its_time_for_all_together(bus, monitor):
    """One object is described, the others are not, or one after the other for ever."""
    def describe(call):
        if call.path != '/':
            time.sleep(0.05)
        return 's', '<node><interface name="a.B"/><node name="x"/><node name="y"/></node>'

    silent = {**described({'/': describe(wire.call(None, '/', 'a.B', 'C'))[1]}),
              (None, INTROSPECTABLE, 'Introspect'): lambda _: None}
    for methods in silent, {(None, INTROSPECTABLE, 'Introspect'): describe}:
        with Service(bus.connect(), NAME, methods) as service:
            result = monitor.run('tree', '--timeout=2s', NAME, status=3)
            assert result.stdout.startswith('/\n  a.B\n') and 'not all of its objects' in result.stderr
            assert '--timeout' in result.stderr
            *objects, error = monitor.json('tree', '--timeout=2s', NAME, status=3)
            assert objects[0]['object'] == '/' and error['error'].endswith('.NoReply')
            assert service.calls[-1].path.startswith('/x')
