# SPDX-License-Identifier: LGPL-2.1-or-later
"""The OCaml binding: checks.ml, hostile.ml, with_lwt.ml, and its README as it stands there.
`make ocaml-tests` builds what is run."""
import os
import re
import subprocess
from pathlib import Path

import pytest

import bus as bus_module
from client import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
BINDINGS = ROOT / 'ocaml-bindings'
LINES_MAX = 30


def result_of(process):
    try:
        out, _ = process.communicate(timeout=8 * PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, out
    return out


# With "c" all finalisers run in the end, which threads of Lwt's own do not survive.
@pytest.mark.parametrize(('program', 'runtime'), (
    ('checks', ''), ('checks', 'c'), ('hostile', ''), ('hostile', 'c'), ('with-lwt', '')))
def test_what_the_binding_promises(build, bus, tmp_path, program, runtime):
    """Threads, Lwt, ends, finalisers, what is forgotten, what is wrong and what is meant ill; with
    --build of a build with sanitizers, under these."""
    env = {**bus_module.sanitizer_environment(tmp_path), 'XCP_BUS_ADDRESS': bus.address,
           'OCAMLRUNPARAM': runtime}
    with subprocess.Popen([f'{build}/ocaml/tests/{program}'], env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        out = result_of(process)
    reports = [file.read_text() for file in tmp_path.glob('sanitizer*')]
    assert re.search(r'^[1-9]\d* passed, 0 failed$', out, re.MULTILINE) and not reports, (out, reports)


def test_it_is_back_when_the_bus_is(build, start_hosted_bus, guest):
    """With its name and what it exports, over a ring."""
    first = start_hosted_bus()
    program = guest.popen(f'{build}/ocaml/tests/checks', 'reconnect', stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, bufsize=1)
    assert program.stdout.readline() == 'ready\n'
    first.stop()
    assert program.stdout.readline() == 'lost\n'
    start_hosted_bus()
    assert program.stdout.readline() == 'back\n'
    out, _ = program.communicate('go on\n', timeout=PATIENCE)
    assert (out, program.returncode) == ('answered\n', 0)


@pytest.fixture(scope='module')
def programs():
    """Of the README: service, client and client under Lwt."""
    return re.findall('```ocaml\n(.*?)```', (BINDINGS / 'README.md').read_text(), re.DOTALL)


def test_a_service_takes_at_most_30_lines(programs):
    assert 'Server.serve' in programs[0]
    assert all(len(text.splitlines()) <= LINES_MAX for text in programs)


@pytest.fixture(scope='module')
def installed(build, tmp_path_factory):
    """Both libraries, as make installs them: the prefix, and what the compiler has to know."""
    usr = tmp_path_factory.mktemp('usr')
    options = [f'BUILD={build}', f'PREFIX={usr}', f'LIBDIR={usr}/lib', f'OCAMLDIR={usr}/lib/ocaml',
               f'SYSCONFDIR={usr}/etc']
    env = {**os.environ, 'PKG_CONFIG_PATH': f'{usr}/lib/pkgconfig'}
    for target in 'install', 'install-ocaml':
        done = subprocess.run(['make', '-s', '-C', ROOT, *options, target], env=env, capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stderr
    return usr


@pytest.fixture(scope='module')
def binaries(installed, programs, tmp_path_factory):
    """The README's programs, compiled as anybody would, against what was installed."""
    folder = tmp_path_factory.mktemp('readme')
    subprocess.run(['/usr/bin/python3', '-B', '-m', 'xcpidl', 'ocaml', '-o', folder,
                    ROOT / 'idl/org.xen.xcp.squeezed1.xml'],
                   env={**os.environ, 'PYTHONPATH': str(ROOT / 'idl')}, check=True)
    env = {**os.environ, 'OCAMLPATH': f'{installed}/lib/ocaml'}
    for name, text in zip(('service', 'client', 'with_lwt'), programs):
        (folder / f'{name}.ml').write_text(text)
        package = 'xcpbus.lwt' if name == 'with_lwt' else 'xcpbus'
        done = subprocess.run(['ocamlfind', 'ocamlopt', '-package', package, '-linkpkg', '-thread',
                               '-ccopt', f'-Wl,-rpath,{installed}/lib', 'squeezed1.mli', 'squeezed1.ml',
                               f'{name}.ml', '-o', name], cwd=folder, env=env, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0 and not done.stderr, done.stderr
    return folder


def test_the_readme_is_true(binaries, xen, hosted_bus, new_guest):
    domains = {name: new_guest(name).domid for name in ('service', 'client', 'with_lwt')}

    def start(name):
        return xen.popen(domains[name], binaries / name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True)

    service = start('service')
    assert service.stdout.readline() == 'ready, without 10 methods\n'
    assert result_of(start('client')) == (
        'reservation-1\n1044480 KiB\norg.freedesktop.DBus.Error.UnknownMethod\n')
    assert result_of(start('with_lwt')) == 'reservation-1\n'
    service.terminate()
    service.wait(PATIENCE)
