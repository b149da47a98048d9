# SPDX-License-Identifier: LGPL-2.1-or-later
import subprocess
from pathlib import Path

import pytest

import bus as bus_module
from screen import Screen


@pytest.fixture(scope='session')
def screen(tmp_path_factory):
    screen = Screen(tmp_path_factory.mktemp('home'))
    yield screen
    screen.stop()


@pytest.fixture(scope='session')
def pictures(build):
    """Where a picture of what was seen is kept, for people."""
    path = Path(build) / 'check'
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture
def greeter(xen, hosted_bus, guest):
    """examples/hello-service in a guest, with a ring of its own; and its unique name."""
    env = {**bus_module.sanitizer_environment(xen.top), 'XCP_BUS_ADDRESS': 'vchan:domain=0'}
    process = guest.popen(xen.build / 'examples/hello-service', stdout=subprocess.PIPE, env=env)
    line = bus_module.read_line(process.stdout.fileno(), process)
    yield guest, line.split()[-1]
    process.kill()
    process.wait()
    process.stdout.close()
