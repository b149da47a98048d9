# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/first-service.md, done by somebody who does what it says, word by word."""
import os
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / 'docs/first-service.md').read_text()
# A file with its name, something to type, or what is said then.
PIECE = re.compile(r'(?:^`([\w.]+)`:\n\n)?^```(\w+)\n(.*?)^```', re.DOTALL | re.MULTILINE)
PIECES = PIECE.findall(PAGE)
FILES = {name: text for name, _, text in PIECES if name}
OWN_LINES_MAX = {'.xml': 20, '.c': 30, '.ml': 30, '.py': 30}
PATIENCE = 60


class Shell:
    """Somebody's bash, in the folder of the project."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            ['bash', '--norc'], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, 'TMPDIR': folder})
        self.said = ''

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def read_until(self, line):
        """All that is said before that line."""
        said, deadline = '\n', time.monotonic() + PATIENCE
        while f'\n{line}\n' not in said:
            left = max(0, deadline - time.monotonic())
            ready, _, _ = select.select([self.process.stdout], [], [], left)
            chunk = os.read(self.process.stdout.fileno(), 65536).decode() if ready else ''
            assert chunk, f'{line!r} is not said:\n{self.said}'
            self.said += chunk
            said += chunk
        return said[1:].partition(f'{line}\n')[0]

    def run(self, text):
        self.type(f'{text}echo "[done]"\n')
        return self.read_until('[done]')

    def close(self):
        self.type('test -z "$HX_DIR" || hx stop\n')
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


@pytest.fixture
def shell():
    with tempfile.TemporaryDirectory(prefix='t-', dir='/tmp') as folder:  # sockets want short paths
        shell = Shell(folder)
        yield shell
        shell.close()


@pytest.mark.parametrize('name', FILES)
def test_what_one_has_to_write_is_short(name):
    lines = [line for line in FILES[name].splitlines() if line.strip()]
    assert len(lines) <= OWN_LINES_MAX[Path(name).suffix]


def test_it_works_as_it_is_written(build, shell):
    folder = ROOT
    for (name, kind, text), (_, next_kind, expected) in zip(PIECES, [*PIECES[1:], ('', '', '')]):
        if name:
            (folder / name).write_text(text)
        elif kind == 'sh' and text.endswith('&\n') and next_kind == 'text':
            shell.type(text)
            shell.read_until(expected.rstrip('\n'))
        elif kind == 'sh':
            said = shell.run(text.replace('. build/env', f'. {build}/env'))
            assert next_kind != 'text' or said == expected, shell.said
        if kind == 'sh' and folder == ROOT:
            folder = Path(shell.run('pwd\n').strip())
            assert folder != ROOT
