# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs in docs/idl-c.md compile as they are written there, are as short as they should be, and
say what the page says."""
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bus as bus_module
from client import PATIENCE

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'idl'))

from xcpidl import check, emit_c  # noqa: E402

PAGE = (ROOT / 'docs/idl-c.md').read_text()
OWN_LINES_MAX = 30
WARNINGS = '-Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes'.split()


def blocks(language):
    return re.findall(rf'```{language}\n(.*?)```', PAGE, re.DOTALL)


def is_sanitized(build):
    return b'__asan_init' in (Path(build) / 'xcp-busd').read_bytes()


@pytest.fixture(scope='module')
def programs(build, tmp_path_factory):
    folder = tmp_path_factory.mktemp('doc')
    service, _ = check.load(ROOT / 'idl/org.xen.xcp.squeezed1.xml')
    for name, text in emit_c.emit(service).items():
        (folder / name).write_text(text)
    dbus = subprocess.run(['pkg-config', '--cflags', '--libs', 'dbus-1'], capture_output=True, text=True,
                          check=True).stdout.split()
    sanitize = ['-fsanitize=address,undefined'] if is_sanitized(build) else []
    for name, text in zip(('service', 'caller'), blocks('c')):
        (folder / f'{name}.c').write_text(text)
        subprocess.run(['gcc', '-g', *WARNINGS, *sanitize, f'-I{ROOT}/libxcpbus', f'{name}.c', 'squeezed1.c',
                        '-o', name, f'-L{build}', '-lxcpbus', f'-Wl,-rpath,{build}', *dbus],
                       cwd=folder, check=True)
    return folder


def test_a_service_is_short():
    lines = [line for line in blocks('c')[0].splitlines() if line.strip()]
    assert len(lines) <= OWN_LINES_MAX


def test_they_are_in_form(programs):
    for name in ('service.c', 'caller.c'):
        subprocess.run(['clang-format', f'--style=file:{ROOT}/.clang-format', '--dry-run', '--Werror', name],
                       cwd=programs, check=True)


def test_they_say_what_the_page_says(xen, hosted_bus, guest, programs, tmp_path):
    env = {**bus_module.sanitizer_environment(tmp_path), 'XCP_BUS_ADDRESS': 'vchan:'}
    watcher = hosted_bus.connect()
    watcher.match("member='NameOwnerChanged',arg0='org.xen.xcp.squeezed1'")
    service = guest.popen(programs / 'service', env=env)
    watcher.take_signal('NameOwnerChanged')
    caller = guest.popen(programs / 'caller', env=env, stdout=subprocess.PIPE, text=True)
    out, _ = caller.communicate(timeout=PATIENCE)
    assert (out, caller.returncode) == (blocks('text')[0], 0)
    assert service.poll() is None
    watcher.close()
