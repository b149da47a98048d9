# SPDX-License-Identifier: LGPL-2.1-or-later
"""Options and fixtures. `--daemon=dbus-daemon` checks the expectations themselves."""
import os
from pathlib import Path

import pytest

import activation
import bus as bus_module
import hosted
import real

# Rings exist only with xcp-busd; with another daemon these files are not there at all.
HOSTED = ('test_hosted', 'test_fault')
# What dbus-daemon does not promise: that a sender is waited for only so long; what becomes of what is held
# and started if somebody means ill; who comes in; what it logs; what it does with memory.
OURS = ('test_stuck.py', 'test_activation_hostile.py', 'test_activation_logs.py', 'test_bus1.py',
        'test_bus1_health.py', 'test_doorway.py', 'test_logs.py', 'test_metrics.py')
MEMORY = ('test_memory.py', 'test_no_memory.py', 'test_hosted_no_memory.py', 'test_monitor_stuck.py')


def pytest_addoption(parser):
    parser.addoption('--daemon', default='xcp-busd', choices=sorted(bus_module.DAEMONS))
    parser.addoption('--xenstored', default='c', choices=['c', 'ocaml'])
    parser.addoption('--host', default='hosted', choices=['hosted', 'xen'],
                     help='hosted Xen, or the real one whose dom0 this is')
    parser.addoption('--all', action='store_true', help='with --host=xen: even what takes long there')
    parser.addoption('--again', metavar='LOG', help='only what failed in the run that printed LOG')
    parser.addoption('--build', default=os.environ.get('BUILD', 'build'),
                     help='where the binaries are')


def is_sanitized(config):
    """Sanitizers bring an allocator of their own, and take all of the address space."""
    daemon = Path(config.getoption('build')) / 'xcp-busd'
    return daemon.exists() and b'__asan_init' in daemon.read_bytes()


def pytest_ignore_collect(collection_path, config):
    """Files for what this daemon cannot do by design are not there, rather than skipped."""
    daemon = config.getoption('daemon')
    name = collection_path.name
    if daemon != 'xcp-busd' and name.startswith(HOSTED):
        return True
    if not bus_module.DAEMONS[daemon].passes_fds and name == 'test_fds.py':
        return True
    if daemon != 'xcp-busd' and name in OURS + MEMORY:
        return True
    if name in MEMORY and is_sanitized(config):
        return True
    return None


def left_out(config):
    """What does not run on a real Xen, with the reason: lines of tests/xen/left-out. What runs there only
    when there is time, in tests/xen/left-to-all, is left out but for --all."""
    files = ['left-out'] if config.getoption('all') else ['left-out', 'left-to-all']
    lines = [line for file in files
             for line in (Path(__file__).parent / 'xen' / file).read_text().splitlines()]
    return dict(line.split(None, 1) for line in lines if line and not line.startswith('#'))


def failed_in(log):
    """The ids of the tests that a run's summary names, as -rfE prints it."""
    lines = Path(log).read_text(errors='replace').splitlines()
    return [line.split(' ', 1)[1].split(' - ')[0] for line in lines
            if line.startswith(('FAILED ', 'ERROR '))]


def on_real_xen(config, items):
    """What needs a Xen, but for what cannot be had on a real one."""
    chosen = [item for item in items if item.path.name.startswith((*HOSTED, 'test_xen'))]
    names = [f'{item.path.name}::{item.nodeid.partition("::")[2]}' for item in chosen]
    out = tuple(left_out(config))
    # Those of a file of which single tests were asked for are not all known.
    single = {Path(argument.partition('::')[0]).name for argument in config.args if '::' in argument}
    whole = {item.path.name for item in chosen} - single
    unknown = [name for name in out if name.partition('::')[0] in whole
               and not any(one.startswith(name) for one in names)]
    if unknown:
        raise pytest.UsageError(f'tests/xen/left-* names what is not there: {unknown}')
    return [item for item, name in zip(chosen, names) if not name.startswith(out)]


def pytest_collection_modifyitems(config, items):
    kept = items
    if config.getoption('host') == 'xen':
        kept = on_real_xen(config, kept)
    if config.getoption('again'):
        failed = tuple(failed_in(config.getoption('again')))
        kept = [item for item in kept if any(name.endswith(item.nodeid) for name in failed)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(scope='session')
def daemon(request):
    return request.config.getoption('daemon')


@pytest.fixture(scope='session')
def build(request):
    return os.path.abspath(request.config.getoption('build'))


@pytest.fixture(scope='module')
def shared_bus(daemon, build, tmp_path_factory):
    bus = bus_module.Bus(daemon, build, tmp_path_factory.mktemp('bus'))
    yield bus
    bus.stop()


@pytest.fixture
def bus(shared_bus):
    """One daemon for the tests of a file; the clients of each test are gone after it."""
    yield shared_bus
    assert shared_bus.alive(), shared_bus.stderr.read_text() + shared_bus.complaints()
    shared_bus.close_clients()


@pytest.fixture
def start_bus(daemon, build, tmp_path):
    """A daemon of one's own: start_bus(limits={...})."""
    buses = []

    def start(**options):
        buses.append(bus_module.Bus(daemon, build, tmp_path / f'bus{len(buses)}', **options))
        return buses[-1]

    yield start
    for bus in buses:
        if not bus.has_ended:
            bus.stop()


@pytest.fixture
def services(start_bus, tmp_path):
    """Services that can be started: services(limits={...}). They end."""
    made = []

    def make(**options):
        made.append(activation.Services(start_bus, tmp_path, **options))
        return made[-1]

    yield make
    activation.end_all(made)


@pytest.fixture(scope='module')
def xen(request, build):
    """One instance of hosted Xen for the tests of a file, or the one real Xen for all."""
    if request.config.getoption('host') == 'xen':
        instance = real.Real(build)
        if not getattr(request.module, 'IS_ABOUT_WHAT_IS_INSTALLED', False):
            instance.stop_installed()
    else:
        instance = hosted.Hosted(build, f'--xenstored={request.config.getoption("xenstored")}')
    yield instance
    instance.stop()


@pytest.fixture(scope='module')
def hosted_bus(xen):
    """A daemon in dom0 that takes rings. It waits less than usual for authentication, as we do; or
    more, where everything is emulated."""
    bus = xen.bus(limits={'auth_timeout': xen.auth_timeout})
    yield bus
    bus.stop()


@pytest.fixture
def new_guest(xen):
    """Domains that are gone after the test, if not before."""
    before = list(xen.guests)
    yield xen.create
    for guest in [guest for guest in xen.guests if guest not in before]:
        guest.release()


@pytest.fixture
def guest(new_guest):
    return new_guest('guest')


@pytest.fixture
def start_hosted_bus(xen):
    """Daemons of the test's own in dom0, one after the other."""
    buses = []

    def start(**options):
        buses.append(xen.bus(**options))
        return buses[-1]

    yield start
    for bus in buses:
        if not bus.has_ended:
            bus.stop()


@pytest.fixture
def steady(xen, hosted_bus, new_guest, guest):
    """Two innocents: a caller in dom0, a service in a domain of its own."""
    innocent = new_guest('innocent')
    caller, service = hosted_bus.connect(), innocent.connect()
    yield hosted.Steady(xen, hosted_bus, caller, service, [guest, innocent])
    service.close()
    assert hosted_bus.alive(), hosted_bus.stderr.read_text() + hosted_bus.complaints()
    hosted_bus.close_clients()
