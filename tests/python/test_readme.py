# SPDX-License-Identifier: LGPL-2.1-or-later
"""The README of the Python binding is true: its service and the clients run as they stand there, in different
domains, and the binding can be installed as it says."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import bus as bus_module
from client import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
BINDINGS = ROOT / 'python-bindings'
LINES_MAX = 30


def service_text():
    """The program in the README."""
    (text,) = re.findall('```python\n(.*?)```', (BINDINGS / 'README.md').read_text(), re.DOTALL)
    return text


def test_the_program_is_the_example():
    example = (BINDINGS / 'examples/notes_service.py').read_text()
    assert example.split('\n', 1)[1].strip() == service_text().strip()


def test_a_service_takes_at_most_30_lines():
    lines = [line for line in service_text().splitlines() if line.strip()]
    assert 'serve(' in service_text() and len(lines) <= LINES_MAX, len(lines)


@pytest.fixture
def folder(tmp_path):
    """The service and both clients, beside the module that is printed for them."""
    (tmp_path / 'service.py').write_text(service_text())
    for name in 'client', 'sync':
        shutil.copy(BINDINGS / f'examples/notes_{name}.py', tmp_path / f'{name}.py')
    subprocess.run(['/usr/bin/python3', '-B', '-m', 'xcpidl', 'python', '-o', tmp_path,
                    BINDINGS / 'examples/org.xen.xcp.notes1.xml'],
                   env={**os.environ, 'PYTHONPATH': str(ROOT / 'idl')}, check=True)
    return tmp_path


def result_of(process):
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, out
    return out


@pytest.mark.parametrize('place', ['dom0', 'guest'])
def test_they_run_wherever_they_are(folder, xen, hosted_bus, new_guest, python_env, place):
    service_domain, client_domain = new_guest('service').domid, new_guest('client').domid

    def start(domain, name):
        where = {'XCP_BUS_ADDRESS': hosted_bus.address} if domain == 0 else {}
        return xen.popen(domain, '/usr/bin/python3', folder / f'{name}.py', env={**python_env, **where},
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    service = start(0 if place == 'dom0' else service_domain, 'service')
    try:
        assert service.stdout.readline() == 'ready\n', service.stdout.read()
        assert result_of(start(client_domain, 'client')) == (
            "the news is 1\nNote(text='call back', author='me') 1\nthere is no 77\n")
        assert result_of(start(client_domain, 'sync')) == 'no loop here\n'
    finally:
        service.terminate()
        service.wait(PATIENCE)


def test_it_can_be_installed_without_an_index(folder, build, bus, tmp_path):
    """In an environment of its own, against a library that was installed."""
    usr, environment = tmp_path / 'usr', {**os.environ, 'PIP_CONFIG_FILE': '/dev/null'}
    subprocess.run(['make', '-s', '-C', ROOT, f'BUILD={build}', f'PREFIX={usr}', f'LIBDIR={usr}/lib',
                    f'SYSCONFDIR={tmp_path}/etc', 'install'], check=True, capture_output=True)
    sources = tmp_path / 'sources/python-bindings'  # pip leaves things among them
    shutil.copytree(BINDINGS, sources,
                    ignore=shutil.ignore_patterns('build', '*.egg-info', '__pycache__'))
    subprocess.run(['/usr/bin/python3', '-m', 'venv', '--system-site-packages', tmp_path / 'venv'],
                   check=True)
    environment.update(PKG_CONFIG_PATH=f'{usr}/lib/pkgconfig', LD_LIBRARY_PATH=f'{usr}/lib')
    done = subprocess.run([tmp_path / 'venv/bin/pip', 'install', '-q', '--no-index', '--no-build-isolation',
                           './python-bindings'], cwd=tmp_path / 'sources', env=environment,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    environment.update(XCP_BUS_ADDRESS=bus.address, PYTHONUNBUFFERED='1')
    service = subprocess.Popen([tmp_path / 'venv/bin/python', folder / 'service.py'], env=environment,
                               stdout=subprocess.PIPE)
    try:
        assert bus_module.read_line(service.stdout.fileno(), service) == 'ready\n'
        result = subprocess.run([tmp_path / 'venv/bin/python', folder / 'sync.py'], env=environment,
                                capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert result.stdout == 'no loop here\n', result.stderr
    finally:
        service.terminate()
        service.wait(PATIENCE)
        service.stdout.close()
