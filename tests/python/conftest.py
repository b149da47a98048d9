# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests of the Python binding run in the interpreter that has it: BUILD/python, which make made."""
import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from client import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def pytest_configure(config):
    build = Path(os.path.abspath(config.getoption('build')))
    for folder in build / 'idl/python', build / 'python':
        assert (folder / ('printed' if folder.parent.name == 'idl' else 'built')).exists(), (
            f'there is no {folder}: make python')
        sys.path.insert(0, str(folder))


@pytest.fixture
def run():
    """Runs a coroutine to its end, and fails if something was reported to the loop that no test expects:
    run.reports has those."""
    reports = []

    def runner(coroutine):
        async def main():
            asyncio.get_running_loop().set_exception_handler(
                lambda _, context: reports.append(context))
            return await asyncio.wait_for(coroutine, 4 * PATIENCE)

        return asyncio.run(main())

    runner.reports = reports
    yield runner
    assert not reports, reports


@pytest.fixture
def python_env(build):
    """For programs that use the binding."""
    return {**os.environ, 'PYTHONPATH': f'{build}/python:{build}/idl/python',
            'PYTHONDONTWRITEBYTECODE': '1', 'PYTHONUNBUFFERED': '1'}


@pytest.fixture
def program(bus, python_env):
    """Runs a program to its end; gives back what it printed. Nothing else may come from it: no warning of
    something that was forgotten, no traceback."""
    def run_program(text, *options):
        result = subprocess.run(
            ['/usr/bin/python3', '-X', 'faulthandler', *options, '-c', text],
            env={**python_env, 'XCP_BUS_ADDRESS': bus.address, 'MALLOC_PERTURB_': '165'},
            capture_output=True, text=True, timeout=4 * PATIENCE, check=False)
        assert (result.returncode, result.stderr) == (0, ''), result.stderr
        return result.stdout

    return run_program
