# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-idl as tests run it, with the Python binding that make makes."""
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build(where):
    """The folder that PYTHONPATH has to have. It is made if the sources are newer."""
    result = subprocess.run(['make', '-s', '-C', ROOT, f'BUILD={where}', f'{where}/python/built'],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return Path(where) / 'python'


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
