# SPDX-License-Identifier: LGPL-2.1-or-later
"""Code in OCaml: it is what it was, and compiles without warnings. `make ocaml-tests` compiles that of all
interface files, with the warnings of dune's dev profile as errors."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl import check, emit_ocaml, emit_ocaml_text  # noqa: E402

TORTURE = HERE / 'good/org.example.torture1.xml'
RULES = (ROOT / 'ocaml-bindings/rules.mk').read_text()
WARNINGS = re.search('^OCAML_WARNINGS := (.*)$', RULES, re.MULTILINE)[1]
HEAD = '''<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node><interface name="org.example.odd1">
<annotation name="org.gtk.GDBus.DocString" value="An odd one."/>
'''
DOC = '<annotation name="org.gtk.GDBus.DocString" value="What it is."/>'


def printed(text, path='odd.xml'):
    service, problems = check.load_text(text.encode(), path)
    assert not problems, [str(problem) for problem in problems]
    return emit_ocaml.emit(service)


def compiles(build, folder, files):
    for name, text in files.items():
        (folder / name).write_text(text)
    env = {**os.environ, 'OCAMLPATH': f'{build}/ocaml/_build/install/default/lib'}
    for name in sorted(files, reverse=True):  # .mli first
        done = subprocess.run(['ocamlfind', 'ocamlopt', '-w', WARNINGS, '-thread', '-package', 'xcpbus',
                               '-c', name], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr


def test_the_golden_files():
    """If the difference is wanted: make idl-golden."""
    golden = {path.name: path.read_text() for path in HERE.glob('golden/ocaml/*')}
    assert printed(TORTURE.read_text(), TORTURE) == golden


def test_all_files_were_compiled(build):
    made = {path.stem for path in Path(build, 'ocaml/idl').glob('*.cmx')}
    wanted = {path.stem.rpartition('.')[2].lower() for path in [TORTURE, *ROOT.glob('idl/*.xml')]}
    assert wanted <= made, 'make ocaml-tests'


def annotation(name, value):
    return f'<annotation name="org.xen.xcp.{name}" value="{value}"/>\n'


def test_types_that_need_each_other(build, tmp_path):
    text = HEAD + ''.join([
        annotation('Record.Folder', 'A folder.'),
        annotation('Field.Folder.entries', 'a Entry = [] - In it.'),
        annotation('Field.Folder.parent', '?Folder - Around it.'),
        annotation('Variant.Entry', 'What is in a folder.'),
        annotation('Case.Entry.Inner', 'Folder - One more.'),
        annotation('Case.Entry.Unknown', '- Nobody knows.'),
        annotation('Record.Empty', 'With nothing in it.'),
        f'<method name="Look">{DOC}<arg name="entry" type="(sv)" direction="out">{DOC}',
        annotation('Type', 'Entry'), '</arg></method></interface></node>'])
    files = printed(text)
    assert 'module rec Folder' in files['odd1.ml'] and 'Unknown_ of string' in files['odd1.mli']
    compiles(build, tmp_path, files)


def test_words_that_ocaml_keeps_to_itself(build, tmp_path):
    """Keywords, what the printed code calls by that name, and texts that its lexer would trip over."""
    names = ['f', 'class', 'method', 'value', 'body', 'bus', 'put', 'get', 'type', 'io', 'v', 'r', 'none']
    args = ''.join(f'<arg name="{name}" type="s" direction="{direction}">{DOC}</arg>'
                   for direction in ('in', 'out') for name in names)
    fields = ''.join(annotation(f'Field.{owner}.{name}', f's{default} - *) &quot; {{| [x] @see (*')
                     for owner, default in (('Put', ''), ('List', ' = &quot;\\&quot;&quot;'))
                     for name in names)
    members = ('Export', 'Serve', 'Unimplemented', 'GetCount', 'OnPoked', 'Method')
    text = HEAD + ''.join([
        annotation('Struct.Put', 'A &quot; of a string.'), annotation('Record.List', 'A list.'),
        annotation('Variant.String', 'Not text.'), annotation('Case.String.None', 'Put - A case.'),
        annotation('Case.String.Some', '(sst?x) - A case.'),
        annotation('Case.String.Error', 'List - A case.'),
        annotation('Error.Val', 'An error.'), annotation('Field.Val.val', 'String - It.'), fields,
        *(f'<method name="{name}">{DOC}{args}</method>' for name in members),
        f'<signal name="Poked">{DOC}<arg name="f" type="s">{DOC}</arg></signal>',
        f'<property name="Count" type="u" access="readwrite">{DOC}</property></interface>',
        f'<interface name="org.example.odd1.Types">{DOC}<method name="Do">{DOC}</method></interface>',
        f'<interface name="org.example.odd1.Put.Get">{DOC}<signal name="End">{DOC}</signal></interface>',
        '</node>'])
    compiles(build, tmp_path, printed(text))


@pytest.mark.parametrize('name,expected', [
    ('ReserveMemory', 'reserve_memory'), ('GetNVRAM', 'get_nvram'), ('Scan2', 'scan2'), ('End', 'end_'),
    ('SetIpv4Conf', 'set_ipv4_conf'), ('LPVSProxy', 'lpvs_proxy'),
])
def test_names(name, expected):
    assert emit_ocaml_text.snake(name) == expected


def test_errors_have_the_names_of_xapi():
    assert emit_ocaml_text.error_constructor('BadPowerState') == 'Bad_power_state'
