# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python binding for tests that run xcp-bus-idl: made from the source tree, beside what make made."""
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / 'python-bindings'


def build(where):
    """The folder that PYTHONPATH has to have; made anew if the sources are newer."""
    folder = Path(where) / 'tests/idl/python'
    stamp = folder / 'built'
    sources = [path for path in SOURCES.rglob('*') if path.suffix in ('.py', '.c', '.toml', '.md')]
    sources.append(ROOT / 'libxcpbus/xcpbus.h')
    if stamp.exists() and all(path.stat().st_mtime < stamp.stat().st_mtime for path in sources):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns('build', '*.so', '*.egg-info'))
    environment = {**os.environ, 'CFLAGS': f'-O1 -I{ROOT}/libxcpbus',
                   'LDFLAGS': f'-L{where} -Wl,-rpath,{where}'}
    result = subprocess.run(['/usr/bin/python3', 'setup.py', '-q', 'build_ext', '--inplace'], cwd=folder,
                            env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    stamp.touch()
    return folder


class Command:
    """xcp-bus-idl, with a bus and the binding."""

    def __init__(self, bus_address, python_path):
        self.environment = {**os.environ, 'XCP_BUS_ADDRESS': bus_address,
                            'PYTHONPATH': str(python_path), 'PYTHONUNBUFFERED': '1'}
        self.processes = []

    def run(self, *words, timeout=60, **options):
        return subprocess.run([ROOT / 'idl/xcp-bus-idl', *map(str, words)], env=self.environment,
                              capture_output=True, text=True, timeout=timeout, check=False, **options)

    def start(self, *words, ready='stdout', **options):
        """A process that runs on; it has said its first line. Ends with stop()."""
        process = subprocess.Popen([ROOT / 'idl/xcp-bus-idl', *map(str, words)], env=self.environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, **options)
        self.processes.append(process)
        said = getattr(process, ready).readline()
        assert said, process.communicate(timeout=20)
        return process

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
            if not process.stdin.closed:
                process.communicate(timeout=20)
