# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reference pages: whole, well-formed, without scripts, with links that lead somewhere and examples that
are calls of the method."""
import html
import os
import re
import shlex
import subprocess
import sys
import textwrap
from html.parser import HTMLParser
from pathlib import Path

import pytest
from gi.repository import GLib

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl import __main__ as main, emit_c, emit_ocaml, emit_python  # noqa: E402
from xcpidl.check import load, load_text  # noqa: E402
from xcpidl.emit_html import emit_all  # noqa: E402
from xcpidl.emit_html_examples import examples  # noqa: E402
from xcpidl.emit_html_style import LANGUAGES  # noqa: E402

TORTURE = HERE / 'good/org.example.torture1.xml'
FILES = [*sorted(ROOT.glob('idl/*.xml')), TORTURE]
SERVICES = [load(path)[0] for path in FILES]
PAGES = emit_all(SERVICES)
VOID = {'meta', 'link', 'input', 'br'}
HOSTILE = '</p><script>alert(1)</script> " \' & &amp; <!-- ]]> ${x} \\n'
METHODS = [(service, interface, method) for service in SERVICES
           for interface in service.interfaces for method in interface.methods]


class Reader(HTMLParser):
    """Elements are closed in order; ids, links and texts are kept."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.kinds, self.ids, self.links, self.text = [], set(), [], [], ''
        self.codes = []  # (class of the example, text)
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.kinds.add(tag)
        assert not any(name.startswith('on') or name == 'style' for name in attrs)
        if 'id' in attrs:
            self.ids.append(attrs['id'])
        if 'href' in attrs:
            self.links.append(attrs['href'])
        if tag not in VOID:
            self.open.append((tag, attrs.get('class', '')))
        if tag == 'code' and any('example' in kind for _, kind in self.open):
            self.codes.append('')

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1][0] == 'code' and any('example' in k for _, k in self.open):
            self.codes[-1] += data


@pytest.mark.parametrize('name', [name for name in PAGES if name.endswith('.html')])
def test_a_page_is_whole_and_needs_nothing_else(name):
    page = Reader(PAGES[name])
    assert len(page.ids) == len(set(page.ids)), 'an anchor twice'
    assert not page.kinds & {'script', 'iframe', 'img', 'object', 'form'}
    for target in page.links:
        assert '://' not in target
        path, _, anchor = target.partition('#')
        assert (path or name) in PAGES
        if anchor:
            assert f'id="{html.escape(anchor)}"' in PAGES[path or name], target


def test_the_style_needs_nothing_else():
    assert '@import' not in PAGES['style.css'] and 'url(' not in PAGES['style.css']
    assert 'prefers-color-scheme: dark' in PAGES['style.css']
    assert PAGES['style.css'].count('{') == PAGES['style.css'].count('}')
    for language in LANGUAGES:
        assert f'#show-{language}:checked' in PAGES['style.css']


@pytest.mark.parametrize('service', SERVICES, ids=lambda service: service.root.name)
def test_everything_is_there(service):
    page = Reader(PAGES[f'{service.root.name}.html'])
    for interface in service.interfaces:
        short = service.short_name(interface)
        for member in interface.members():
            assert (f'{short}.{member.name}' if short else member.name) in page.ids
            assert plain(member.doc) in plain(page.text)
    assert {f'type-{name}' for name in service.types} <= set(page.ids)
    assert {f'error-{name}' for name in service.errors} <= set(page.ids)
    for error in service.errors.values():
        assert error.full_name in page.text
    assert f'{service.root.name}.html' in Reader(PAGES['index.html']).links


def test_what_c_has_for_signals_and_properties():
    page = Reader(PAGES['org.example.torture1.html'])
    for name in ('poked_subscribe', 'poked_emit', 'count_get', 'count_get_begin', 'count_watch',
                 'favourite_set_begin'):
        assert any(f'int torture1_{name}(struct xcpbus *bus' in code for code in page.codes), name


def plain(text):
    return re.sub(r'\s+', ' ', text).strip()


def test_anchors_are_stable():
    """These are links that somebody may have written down."""
    ids = Reader(PAGES['org.example.torture1.html']).ids
    assert {'interface', 'interface-Extra', 'Draw', 'Extra.Wait', 'Poked', 'Count', 'types', 'errors',
            'type-Shape', 'error-BadShape'} <= set(ids)


def test_hostile_texts_are_texts():
    """In every place where an interface file can have any text at all."""
    evil = html.escape(HOSTILE)
    text = TORTURE.read_text()
    text = re.sub(r'(DocString" value=")[^"]*', lambda match: match[1] + evil, text)
    text = re.sub(r'(xcp\.(?:Unit|Record\.\w+|Enum\.\w+|Value[\w.]+|Variant\.\w+|Error\.\w+)" value=")[^"]*',
                  lambda match: match[1] + evil, text)
    text = re.sub(r'( - )[^"]*', lambda match: match[1] + evil, text)
    text = text.replace('Since" value="1.0', f'Since" value="{evil}')
    text = text.replace('&quot;value&quot;', '&quot;&lt;script>&amp;&quot;')
    service, problems = load_text(text.encode(), TORTURE)
    assert not problems, problems
    for name, page in emit_all([service]).items():
        if name.endswith('.html'):
            read = Reader(page)
            assert 'script' not in read.kinds
            assert HOSTILE in read.text
            assert len(read.ids) == len(set(read.ids))


# ---- Examples ----
def test_each_method_has_an_example_in_each_language():
    for service, interface, method in METHODS:
        if not any('h' in arg.type.signature() for arg in method.inputs):
            assert [language for language, _ in examples(service, interface, method)] == list(LANGUAGES)


def example(service, interface, method, language):
    return dict(examples(service, interface, method)).get(language)


def ids(values):
    return [f'{interface.name}.{method.name}' for _, interface, method in values]


def test_busctl_and_dfeet_send_the_same_values_of_the_right_types():
    """A GLib.Variant is what D-Feet makes, just so; busctl's words are read by the same signature."""
    for service, interface, method in METHODS:
        if any('h' in arg.type.signature() for arg in method.inputs):
            continue
        signature = ''.join(arg.type.signature() for arg in method.inputs)
        text = example(service, interface, method, 'dfeet')
        value = GLib.Variant(f'({signature})', eval(f'({text},)' if text else '()',  # as D-Feet
                                                    {'GLib': GLib}))
        words = shlex.split(example(service, interface, method, 'busctl').replace('\\\n', ''))
        words = words[words.index('call') + 1:]
        assert words[2:4] == [interface.name, method.name]
        assert (words[4] if method.inputs else '') == signature
        rest = words[5:]
        for index in range(value.n_children()):
            take(value.get_child_value(index), rest)
        assert not rest


def take(value, words):
    """Takes from the front of words what busctl would read as this value."""
    kind = value.get_type_string()
    if kind == 'v':
        inner = value.get_variant()
        assert words.pop(0) == inner.get_type_string()
        take(inner, words)
    elif kind[0] in 'a({':
        if kind[0] == 'a':
            assert int(words.pop(0)) == value.n_children()
        for index in range(value.n_children()):
            take(value.get_child_value(index), words)
    elif kind in 'sog':
        assert words.pop(0) == value.get_string()
    else:
        assert float({'true': 1, 'false': 0}.get(words[0], words[0])) == float(value.unpack())
        words.pop(0)


def printed(emitter, service, folder):
    """The file that programs include."""
    for name, text in emitter.emit(service).items():
        (folder / name).write_text(text)
    return next(name for name in emitter.emit(service) if not name.endswith('.c'))


def calls(service, language):
    return [text for interface in service.interfaces for method in interface.methods
            if (text := example(service, interface, method, language))]


@pytest.mark.parametrize('service', SERVICES, ids=lambda service: service.root.name)
def test_examples_in_c_compile(service, tmp_path):
    """Against the header that is printed, with warnings."""
    lines = ['#include <stdio.h>', '#include <stdlib.h>',
             f'#include "{printed(emit_c, service, tmp_path)}"']
    for number, text in enumerate(calls(service, 'c')):
        lines += [f'void example_{number}(struct xcpbus *bus);', f'void example_{number}(struct xcpbus *bus)',
                  '{', 'struct xcpbus_error error;', text, '}']
    (tmp_path / 'examples.c').write_text('\n'.join(lines))
    flags = subprocess.run(['pkg-config', '--cflags', 'dbus-1'], capture_output=True, text=True).stdout
    result = subprocess.run(['cc', '-fsyntax-only', '-std=gnu11', '-Wall', '-Wextra', '-Werror',
                             f'-I{ROOT}/libxcpbus', *flags.split(), tmp_path / 'examples.c'],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_examples_in_python_are_of_the_right_types(tmp_path):
    """mypy looks at each call, and at all that is called."""
    modules, lines = [], []
    for service in SERVICES:
        modules.append(f'import {printed(emit_python, service, tmp_path)[:-3]}')
        for text in calls(service, 'python'):
            lines += [f'async def example_{len(lines)}() -> None:', textwrap.indent(text, '    ')]
    (tmp_path / 'examples.py').write_text('\n'.join(['import xcpbus', *modules, *lines]))
    result = subprocess.run(
        ['mypy', '--strict', f'--cache-dir={tmp_path}/cache', 'examples.py'], cwd=tmp_path, text=True,
        env={**os.environ, 'MYPYPATH': f'{ROOT}/python-bindings:{tmp_path}'}, capture_output=True)
    assert result.returncode == 0, result.stdout


def test_examples_in_ocaml_are_of_the_right_types(build, tmp_path):
    """Against the interfaces of the modules that are printed."""
    made = subprocess.run(['make', '-s', '-C', ROOT, f'BUILD={build}', f'{build}/ocaml/built'],
                          capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    environment = {**os.environ, 'OCAMLPATH': f'{build}/ocaml/_build/install/default/lib'}
    for service in SERVICES:
        interface = next(name + 'i' for name in emit_ocaml.emit(service) if name.endswith('.ml'))
        for name, text in emit_ocaml.emit(service).items():
            (tmp_path / name).write_text(text)
        modules = [f'module Example_{number} = struct\n{text}\nend\n'
                   for number, text in enumerate(calls(service, 'ocaml'))]
        (tmp_path / f'examples_{interface[:-1]}').write_text(''.join(modules))
        for words in (['-c', interface], ['-stop-after', 'typing', f'examples_{interface[:-1]}']):
            result = subprocess.run(['ocamlfind', 'ocamlc', '-thread', '-package', 'xcpbus', *words],
                                    cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert result.returncode == 0, result.stdout + result.stderr


def test_the_command_writes_all_pages(tmp_path):
    assert main.main(['html', *map(str, FILES), '-o', str(tmp_path / 'new')]) == 0
    assert {path.name for path in (tmp_path / 'new').iterdir()} == set(PAGES)
    assert (tmp_path / 'new/index.html').read_text() == PAGES['index.html']
