# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ABI gate: what may be added in place, and what needs a new version of the interface."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl.check import load_text  # noqa: E402
from xcpidl.compare import compare, next_version  # noqa: E402

TORTURE = (HERE / 'good/org.example.torture1.xml').read_text()
DOC = '<annotation name="org.gtk.GDBus.DocString" value="Something."/>'


def note(name, value):
    return f'<annotation name="org.xen.xcp.{name}" value="{value}"/>'


LABEL = note('Field.Label.link', '?s - Where it leads to.')
CIRCLE = note('Case.Shape.Circle', 'd - Its radius.')
GREEN = note('Value.Colour.Dark_green', 'As ivy.')
LIMITS = note('Field.BadShape.limits', '(xx) - What would be.')
COUNT = '<property name="Count" type="u" access="read">'
ADDED = {  # what is put before what
    'a method': ('<method name="Draw">', f'<method name="More">{DOC}</method>'),
    'a signal': ('<signal name="Poked">', f'<signal name="Told">{DOC}</signal>'),
    'a property': (COUNT, f'<property name="Seen" type="s" access="read">{DOC}</property>'),
    'a field with a default': (LABEL, note('Field.Label.more', 'x = 1 - New.')),
    'an optional field': (LABEL, note('Field.Label.perhaps', '?x - New.')),
    'a value of an enum': (GREEN, note('Value.Colour.Blue', 'As the sky.')),
    'a case of a variant': (CIRCLE, note('Case.Shape.Star', 'x - How many points.')),
    'a type': (CIRCLE, note('Record.More', 'Something new.')),
    'an error': (CIRCLE, note('Error.Worse', 'Something new.')),
    'an interface': ('<interface name="org.example.torture1.Extra">',
                     f'<interface name="org.example.torture1.More">{DOC}</interface>'),
}
CHANGED = {  # of which text into what, and what is said
    'the object': ('1 /org/example/torture1', '1 /org/example/other', 'the service was'),
    'an interface goes': ('torture1.Extra', 'torture1.Other', 'Extra is gone'),
    'a method goes': ('<method name="Draw">', '<method name="Paint">', 'torture1.Draw is gone'),
    'a signal goes': ('<signal name="Poked">', '<signal name="Hit">', 'torture1.Poked is gone'),
    'a property goes': ('"Count"', '"Number"', 'torture1.Count is gone'),
    'a type goes': ('Origin', 'Source', 'type Origin is gone'),
    'an error goes': (note('Error.Nothing', 'An error that carries nothing.'),
                      note('Error.Naught', 'An error that carries nothing.'), 'error Nothing is gone'),
    'an argument goes': ('<arg name="a_byte" type="y" direction="in">' + DOC.replace(
        'Something', 'A byte') + '</arg>', '', 'argument a_byte of method'),
    'an argument comes': ('<arg name="end" type="u" direction="in">', '<arg name="more" type="s" '
                          f'direction="in">{DOC}</arg><arg name="end" type="u" direction="in">',
                          'argument end of method org.example.torture1.Poke is called more'),
    'a result comes': ('<arg name="delay"', f'<arg name="more" type="s" direction="out">{DOC}</arg>'
                       '<arg name="delay"', 'Wait has a new result more'),
    'the type of an argument': ('name="a_byte" type="y"', 'name="a_byte" type="u"',
                                'argument a_byte of method org.example.torture1.EchoBasic was y, is u'),
    'the meaning of an argument': (note('Type', '?s'), note('Type', 'as'), 'was ?s, is as'),
    'the unit of an argument': ('value="seconds"', 'value="minutes"', 'was seconds, is minutes'),
    'of a signal': ('<arg name="end" type="u">', '<arg name="end" type="t">',
                    'argument end of signal org.example.torture1.Poked was u, is t'),
    'no reply any more': ('<method name="Poke">', '<method name="Poke"><annotation name="org.freedesktop'
                          '.DBus.Method.NoReply" value="true"/>', 'has a reply'),
    'not idempotent': (note('Idempotent', 'true'), '', 'was idempotent'),
    'the type of a property': (COUNT, COUNT.replace('"u"', '"t"'), 'Count was u, is t'),
    'the access of a property': ('access="readwrite"', 'access="write"', 'was readwrite, is write'),
    'what a property emits': ('value="const"', 'value="false"', 'was const, is false'),
    'a field goes': (LABEL, '', 'field Label.link is gone'),
    'a required field comes': (LABEL, note('Field.Label.more', 'x - New.') + LABEL,
                               'new field more that is required'),
    'the type of a field': ('?s - Where it leads', '?x - Where it leads', 'was ?s, is ?x'),
    'the default of a field': ('d = 1.5', 'd = 1.25', 'was 1.5, is 1.25'),
    'a field becomes required': ('d = 1.5', 'd', 'was 1.5, is none, and it is required'),
    'a field becomes optional': ('s - What it says', 's = &quot;&quot; - What it says',
                                 'was none, and it is required, is ""'),
    'the order in a structure': (note('Field.Address.dev', 'y - The slot on the bus.'), '',
                                 'field dev of struct Address is called fn'),
    'a structure becomes a record': ('Struct.Address', 'Record.Address', 'is a record now'),
    'a value goes': (GREEN, note('Value.Colour.Green', 'As ivy.'), 'Colour.Dark_green is gone'),
    'a case goes': ('Case.Shape.Labelled', 'Case.Shape.Named', 'Shape.Labelled is gone'),
    'what a case carries': ('d - Its radius', 'x - Its radius', 'Circle carries was d, is x'),
    'what an error carries': (LIMITS, LIMITS.replace('(xx)', '(tt)'), 'was (xx), is (tt)'),
    'more in an error': (LIMITS, LIMITS + note('Field.BadShape.more', 's - New.'),
                         'error BadShape has a new field more'),
}


def service(text):
    return load_text(text.encode(), 'today.xml')


def changed(old, new):
    """The file after a change. Other parts may not fit to it any more, which is not what is looked at."""
    assert old in TORTURE
    text = TORTURE.replace(old, new)
    return service(text)[0], text


@pytest.mark.parametrize('what', ADDED)
def test_what_may_be_added(what):
    before, text = ADDED[what]
    assert before in TORTURE
    found, problems = service(TORTURE.replace(before, text + before))
    assert not problems
    assert not compare(service(TORTURE)[0], found)


@pytest.mark.parametrize('what', CHANGED)
def test_what_needs_a_new_version(what):
    old, new, said = CHANGED[what]
    found, text = changed(old, new)
    problems = compare(service(TORTURE)[0], found)
    about = [problem for problem in problems if said in problem.message]
    assert about, '\n'.join(map(str, problems))
    for problem in problems:
        assert 0 < problem.line <= len(text.splitlines())
        assert problem.path == 'today.xml'
        assert problem.remedy.endswith('or describe org.example.torture2 in a file of its own')


def test_what_may_change():
    text = TORTURE.replace('How large', 'What size').replace('value="90.5"', 'value="10"')
    text = text.replace(note('Throws', 'BadShape Nothing'), note('Throws', 'Nothing BadShape'))
    assert text != TORTURE
    assert not compare(service(TORTURE)[0], service(text)[0])
    deprecated = '<annotation name="org.freedesktop.DBus.Deprecated" value="true"/>'
    assert not compare(service(TORTURE)[0],
                       service(TORTURE.replace('<method name="Draw">',
                                               '<method name="Draw">' + deprecated))[0])


def test_the_next_version():
    assert next_version('org.example.Foo1') == 'org.example.Foo2'
    assert next_version('org.example.Foo19') == 'org.example.Foo20'


# ---- The gate itself ----
def gate(old, new, news=('0.2 (not released yet)', '0.1')):
    said = old.parent / 'NEWS.md'
    said.write_text(''.join(f'## {one}\n\nNews.\n\n' for one in news))
    result = subprocess.run([ROOT / 'scripts/check-abi', old, new, said], capture_output=True, text=True)
    numbers = re.fullmatch(r'(\d+) passed, (\d+) failed', result.stdout.splitlines()[-1])
    assert not result.stderr
    assert (result.returncode == 0) == (numbers[2] == '0')
    return result.stdout, int(numbers[1]), int(numbers[2])


@pytest.fixture
def folders(tmp_path):
    """Some interfaces, released and since then unchanged."""
    for name in ('old', 'new'):
        (tmp_path / name).mkdir()
        for path in [*HERE.glob('good/*.xml'), *ROOT.glob('idl/*.Task1.xml'),
                     *ROOT.glob('idl/*.squeezed1.xml')]:
            shutil.copy(path, tmp_path / name)
    return tmp_path / 'old', tmp_path / 'new'


def edit(folder, old, new):
    path = folder / 'org.example.torture1.xml'
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_gate_is_open_for_what_is_released():
    """The same in scripts/check: what was really released."""
    result = subprocess.run([ROOT / 'scripts/check-abi'], capture_output=True, text=True, cwd='/')
    assert result.returncode == 0, result.stdout


def test_the_gate_lets_new_things_through(folders):
    old, new = folders
    for before, text in ADDED.values():
        edit(new, before, text + before)
    (old / 'org.xen.xcp.Task1.xml').unlink()  # a file of today that was not there
    said, passed, failed = gate(old, new)
    assert failed == 0 and passed == len(list(old.iterdir())), said


def test_the_gate_stops_what_breaks_and_says_where(folders):
    old, new = folders
    edit(new, 'd = 1.5', 'd = 1.25')
    said, passed, failed = gate(old, new)
    line = next(number for number, text in enumerate(TORTURE.splitlines(), 1) if 'd = 1.5' in text)
    assert (f'org.example.torture1.xml:{line}: the default of field Label.size was 1.5, is 1.25; '
            'change it back, or describe org.example.torture2 in a file of its own') in said
    assert failed == 1 and passed == len(list(old.iterdir())) - 1


def test_dbus_interface_diff_has_a_say(folders):
    old, new = folders
    edit(new, '<method name="Draw">', '<method name="Paint">')
    said, _, failed = gate(old, new)
    assert 'method-removed' in said and failed == 1
    assert '\x1b' not in said


def test_a_released_file_that_is_gone(folders):
    old, new = folders
    (new / 'org.example.torture1.xml').unlink()
    said, _, failed = gate(old, new)
    assert 'org.example.torture1.xml:0: was released and is gone' in said and failed == 1


def test_nothing_is_compared_before_the_first_release_only(folders):
    old, new = folders
    shutil.rmtree(old)
    assert gate(old, new, ['0.1 (not released yet)'])[1:] == (0, 1)  # there is no folder
    old.mkdir()
    said, passed, failed = gate(old, new, ['0.1 (not released yet)'])
    assert 'nothing was compared' in said and (passed, failed) == (1, 0)
    said, _, failed = gate(old, new)
    assert 'there was a release, 0.1;' in said and failed == 1


def test_a_release_has_a_copy_of_all_its_files(folders):
    old, new = folders
    assert gate(old, new, ['0.2', '0.1'])[2] == 0
    edit(new, 'How large', 'What size')  # nothing that would break a program
    (old / 'org.xen.xcp.Task1.xml').unlink()
    assert gate(old, new)[2] == 0
    said, _, failed = gate(old, new, ['0.2', '0.1'])
    assert failed == 2
    for name in ('org.example.torture1', 'org.xen.xcp.Task1'):
        assert f'{name}.xml is released with 0.2, and ' in said


def test_a_file_that_cannot_be_read(folders):
    old, new = folders
    edit(new, '</node>', '')
    said, _, failed = gate(old, new)
    assert 'not XML' in said and failed == 1
