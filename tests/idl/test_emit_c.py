# SPDX-License-Identifier: LGPL-2.1-or-later
"""Code in C: it is what it was, it compiles with all warnings, and clang-format would leave it alone."""
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl import check, emit_c  # noqa: E402
from xcpidl.emit_c_names import snake  # noqa: E402
from xcpidl.problem import Problem  # noqa: E402

TORTURE = HERE / 'good/org.example.torture1.xml'
FILES = [TORTURE, *sorted(ROOT.glob('idl/*.xml'))]
WARNINGS = ('-Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes '
            '-Wvla').split()


def printed(path):
    service, problems = check.load(path)
    assert not problems
    return emit_c.emit(service)


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, **options)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope='module')
def flags():
    found = subprocess.run(['pkg-config', '--cflags', 'dbus-1'], capture_output=True, text=True,
                           check=True)
    return ['-D_GNU_SOURCE', f'-I{ROOT}/libxcpbus', *found.stdout.split()]


def test_the_golden_files():
    """If the difference is wanted: make idl-golden."""
    golden = {path.name: path.read_text() for path in HERE.glob('golden/c/*')}
    assert printed(TORTURE) == golden


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_it_compiles_and_is_in_form(tmp_path, flags, path):
    files = printed(path)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    source, header = (next(name for name in files if name.endswith(end)) for end in ('.c', '.h'))
    run('gcc', '-std=gnu11', '-fsyntax-only', *WARNINGS, *flags, source, cwd=tmp_path)
    run('g++', '-fsyntax-only', '-x', 'c++', '-Wall', '-Wextra', '-Werror', *flags, '-I.', '-',
        cwd=tmp_path, input=f'#include "{header}"')
    run('clang-format', f'--style=file:{ROOT}/.clang-format', '--dry-run', '--Werror', source, header,
        cwd=tmp_path)


@pytest.mark.parametrize('name,expected', [
    ('ReserveMemory', 'reserve_memory'), ('PVSProxy', 'pvs_proxy'), ('VM', 'vm'),
    ('EnableIPv6', 'enable_ipv6'), ('Dark_green', 'dark_green'), ('Import2', 'import2'),
    ('SRScan', 'sr_scan'), ('torture1', 'torture1'),
])
def test_names(name, expected):
    assert snake(name) == expected


def service(declarations):
    text = TORTURE.read_text()
    begin, end = text.index('    <annotation name="org.xen.xcp.Struct.Address"'), text.index('  </interface>')
    text = text[:begin] + declarations + text[end:]
    text = text.replace('<annotation name="org.xen.xcp.Throws" value="InternalError"/>', '')
    found, problems = check.load_text(text.encode(), 'text.xml')
    assert not problems, [str(problem) for problem in problems]
    return found


def record(name, *fields):
    text = f'<annotation name="org.xen.xcp.Record.{name}" value="A record."/>\n'
    return text + ''.join(f'<annotation name="org.xen.xcp.Field.{name}.{field}" value="{value}"/>\n'
                          for field, value in fields)


def test_two_things_of_one_name_are_said():
    """A method's function and one of a type: the compiler would say it less well."""
    clash = record('Extra', ('wait', 's - A text.'))
    clash += '<method name="ExtraWait"><annotation name="org.gtk.GDBus.DocString" value="Waits."/></method>'
    with pytest.raises(Problem, match='torture1_extra_wait would stand for two things'):
        emit_c.emit(service(clash))


def test_words_that_c_keeps_to_itself(tmp_path, flags):
    words = record('Words', ('default', 'i = 1 - A number.'), ('class', '?s - A text.'),
                   ('bus', 's = &quot;&quot; - A text.'))
    words += ('<method name="Register"><annotation name="org.gtk.GDBus.DocString" value="Does it."/>'
              + ''.join(f'<arg name="{name}" type="s" direction="in"><annotation '
                        'name="org.gtk.GDBus.DocString" value="A text."/></arg>'
                        for name in ('register', 'bus', 'error', 'data', 'in', 'results', 'this'))
              + '<arg name="out" type="s" direction="out"><annotation '
                'name="org.gtk.GDBus.DocString" value="A text."/></arg></method>')
    for name, text in emit_c.emit(service(words)).items():
        (tmp_path / name).write_text(text)
    run('gcc', '-std=gnu11', '-fsyntax-only', *WARNINGS, *flags, 'torture1.c', cwd=tmp_path)
    run('g++', '-fsyntax-only', '-x', 'c++', *flags, '-I.', '-', cwd=tmp_path,
        input='#include "torture1.h"')


def test_a_value_of_endless_size_is_refused():
    endless = record('Snake', ('tail', 'Snake - It bites.'))
    with pytest.raises(Problem, match='contains itself'):
        emit_c.emit(service(endless))
