# SPDX-License-Identifier: LGPL-2.1-or-later
"""Python that xcp-bus-idl prints: what it looks like, that mypy agrees with it, that it can be imported."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl import check, emit_python  # noqa: E402

FILES = sorted([*HERE.glob('good/*.xml'), *ROOT.glob('idl/*.xml'),
                *ROOT.glob('python-bindings/examples/*.xml')])
DOC = '<annotation name="org.gtk.GDBus.DocString" value="It is there."/>'
# Words that mean something in Python, or to the classes beneath, wherever a name can be.
AWKWARD = f'''<?xml version="1.0"?>
<node><interface name="org.example.class1">{DOC}
  <annotation name="org.xen.xcp.Service" value="org.example.class1 /a"/>
  <annotation name="org.xen.xcp.Enum.List" value="A list \\ of 'words'&#34;"/>
  <annotation name="org.xen.xcp.Value.List.title" value="Of str."/>
  <annotation name="org.xen.xcp.Value.List.mro" value="Of type."/>
  <annotation name="org.xen.xcp.Value.List.None" value="A keyword."/>
  <annotation name="org.xen.xcp.Value.List.name" value="Of an enum."/>
  <annotation name="org.xen.xcp.Value.List._start" value="Begins with a _."/>
  <annotation name="org.xen.xcp.Value.List.end_" value="Ends with a _."/>
  <annotation name="org.xen.xcp.Variant.Variant" value="A name of ours."/>
  <annotation name="org.xen.xcp.Case.Variant.Any" value="List - A name in there."/>
  <annotation name="org.xen.xcp.Case.Variant.None" value="- A keyword."/>
  <annotation name="org.xen.xcp.Case.Variant.Unknown" value="s - Known."/>
  <annotation name="org.xen.xcp.Case.Variant.Variant" value="a Variant - Itself."/>
  <annotation name="org.xen.xcp.Record.Part" value="Has the name of an interface."/>
  <annotation name="org.xen.xcp.Field.Part.from" value="s = &quot;a'\\&quot;&quot; - A keyword."/>
  <annotation name="org.xen.xcp.Field.Part.int" value="x = 1 - A type."/>
  <annotation name="org.xen.xcp.Field.Part.bytes" value="ay = [1, 255] - A type."/>
  <annotation name="org.xen.xcp.Field.Part.list" value="as - A type."/>
  <annotation name="org.xen.xcp.Field.Part.field" value="a{{s Part}} = {{}} - Of dataclasses."/>
  <annotation name="org.xen.xcp.Field.Part.end_" value="?List = none - Ends with a _."/>
  <annotation name="org.xen.xcp.Struct.Optional" value="A name of ours."/>
  <annotation name="org.xen.xcp.Field.Optional.self" value="d - What methods have."/>
  <annotation name="org.xen.xcp.Error.Part" value="Has the name of a type."/>
  <annotation name="org.xen.xcp.Field.Part2.name" value="s - Of errors."/>
  <method name="List">{DOC}
    <arg name="self" type="as" direction="in">{DOC}</arg>
    <arg name="class" type="a{{sv}}" direction="out">{DOC}
      <annotation name="org.xen.xcp.Type" value="Part"/></arg>
  </method>
  <method name="GetState">{DOC}</method>
  <method name="Import">{DOC}<arg name="x" type="av" direction="out">{DOC}</arg></method>
  <method name="Property">{DOC}</method>
  <method name="Changed">{DOC}</method>
  <signal name="WithTimeout">{DOC}</signal>
  <property name="State" type="as" access="read">{DOC}</property>
  <property name="Secret" type="s" access="write">{DOC}</property>
</interface>
<interface name="org.example.class1.Part">{DOC}
  <method name="Str">{DOC}<arg name="part" type="a{{sv}}" direction="in">{DOC}
      <annotation name="org.xen.xcp.Type" value="Part"/></arg></method>
</interface>
</node>'''.replace('''  <annotation name="org.xen.xcp.Field.Part2.name" value="s - Of errors."/>
''', '''  <annotation name="org.xen.xcp.Error.Failure" value="It failed."/>
  <annotation name="org.xen.xcp.Field.Failure.name" value="s - Of errors."/>
  <annotation name="org.xen.xcp.Field.Failure.message" value="(s) - Of errors."/>
''')


def printed(service):
    return emit_python.emit(service)


@pytest.fixture(scope='module')
def everything(tmp_path_factory):
    """All interfaces there are, and the awkward one."""
    folder = tmp_path_factory.mktemp('printed')
    services = [check.load(path)[0] for path in FILES]
    awkward, problems = check.load_text(AWKWARD.encode())
    assert not problems, [str(problem) for problem in problems]
    for service in [*services, awkward]:
        for name, text in printed(service).items():
            (folder / name).write_text(text)
    return folder


def test_it_looks_as_it_did():
    service, _ = check.load(HERE / 'good/org.example.torture1.xml')
    for name, text in printed(service).items():
        assert text == (HERE / 'golden/python' / name).read_text(), 'make python-golden prints it anew'


def test_lines_are_not_too_long(everything):
    for path in everything.glob('*.py'):
        lines = path.read_text().splitlines()
        assert [line for line in lines if len(line) > 100 or line != line.rstrip()] == [], path.name


def mypy(folder, *files):
    return subprocess.run(['mypy', '--strict', '--no-error-summary', '--cache-dir', folder / 'cache', *files],
                          cwd=folder, env={'MYPYPATH': f'{ROOT}/python-bindings:{folder}',
                                           'PATH': '/usr/bin:/bin'},
                          capture_output=True, text=True, check=False)


def test_mypy_is_content(everything):
    result = mypy(everything, *everything.glob('*.py'), ROOT / 'python-bindings/xcpbus')
    assert result.returncode == 0, result.stdout


WRONG = '''
from typing import List
import squeezed1
import storage1
import torture1
import xcpbus

async def main(bus: xcpbus.Connection, sync: xcpbus.SyncConnection) -> None:
    squeezed = squeezed1.Squeezed1(bus)
    await squeezed.reserve_memory('me', 'session', 'much')  # wrong
    await squeezed.reserve_memory('me', 'session')  # wrong
    number: int = await squeezed.reserve_memory('me', 'session', 1)  # wrong
    text: str = await squeezed.reserve_memory('me', 'session', 1)
    text = squeezed1.Squeezed1Sync(sync).reserve_memory('me', 'session', 1)
    count: str = await torture1.Torture1(bus).get_count()  # wrong
    await torture1.Torture1(bus).set_favourite(torture1.Colour.Blue)  # wrong
    torture1.Label()  # wrong
    async for end, label in torture1.Torture1(bus).poked():
        text = end  # wrong
        text = label.text
    policy = await squeezed.get_domain_zero_policy('me')
    if isinstance(policy, squeezed1.DomainZeroPolicy.Fixed_size):
        text = policy.value  # wrong
    squeezed.balance_memory('me').wrong()  # wrong

class Mine(torture1.Torture1Service):
    async def poke(self, end: str) -> None:  # wrong
        pass
    async def draw(self, shape: torture1.Shape.Any, colour: torture1.Colour
                   ) -> tuple[torture1.Shape.Any, torture1.Colour]:
        self.poked(1, 2)  # wrong
        return shape, colour
'''


def test_mypy_finds_what_is_wrong(everything, tmp_path):
    (tmp_path / 'wrong.py').write_text(WRONG)
    result = subprocess.run(['mypy', '--strict', '--cache-dir', everything / 'cache', 'wrong.py'],
                            cwd=tmp_path, env={'MYPYPATH': f'{ROOT}/python-bindings:{everything}',
                                               'PATH': '/usr/bin:/bin'},
                            capture_output=True, text=True, check=False)
    found = {int(number) for number in re.findall(r'^wrong.py:(\d+): error', result.stdout, re.MULTILINE)}
    expected = {number for number, line in enumerate(WRONG.splitlines(), 1) if '# wrong' in line}
    assert found == expected, result.stdout


USE = '''
import importlib, pathlib, sys
import xcpbus
from xcpbus import codec, service

for path in pathlib.Path('.').glob('*.py'):
    module = importlib.import_module(path.stem)
    todo = [one for one in vars(module).values() if isinstance(one, type)]
    for cls in todo:
        todo += [one for one in vars(cls).values() if isinstance(one, type) and one not in todo]
        if issubclass(cls, (xcpbus.Record, xcpbus.Struct)) and cls.__module__ == path.stem:
            codec.of(cls)
        if issubclass(cls, xcpbus.Record) and cls.__module__ == path.stem:
            codec.of(cls).looked_up()
        if issubclass(cls, xcpbus.Service) and cls is not xcpbus.Service:
            for member in cls._members.values():
                member.codecs()
            assert issubclass(cls, xcpbus.Service) and cls._interface
            service._table_of(type('Mine', (cls,), {}))

import class1
part = class1.Part(list=['x'])
assert codec.of(class1.Part).encoded(part) == {
    'from': ('s', 'a\\'"'), 'int': ('x', 1), 'bytes': ('ay', b'\\1\\xff'), 'list': ('as', ['x']),
    'field': ('a{sa{sv}}', {})}, codec.of(class1.Part).encoded(part)
assert codec.of(class1.Part).decoded({'end_': xcpbus.Variant('s', 'end_'), 'list': xcpbus.Variant(
    'as', [])}).end__ is class1.List_.end__
assert [word.value for word in class1.List_] == ['title', 'mro', 'None', 'name', '_start', 'end_']
variant = codec.of(class1.Variant_.Any)
for case in (class1.Variant_.Any_(class1.List_.title_), class1.Variant_.None_(),
             class1.Variant_.Unknown('x'), xcpbus.Unknown('New', xcpbus.Variant('y', 1))):
    assert variant.decoded(variant.encoded(case)) == case
assert class1.Failure('a', ('b',)).to_values() == ('s(s)', ('a', ('b',)))
print('good')
'''


def test_all_of_it_can_be_used(everything, build):
    """Each type, method, signal and property has what it travels as."""
    result = subprocess.run(['/usr/bin/python3', '-B', '-c', USE], cwd=everything, capture_output=True,
                            env={'PYTHONPATH': f'{build}/python:{everything}'}, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, 'good\n'), result.stderr
