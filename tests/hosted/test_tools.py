# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domains' programs under AddressSanitizer and valgrind."""
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parent / 'vchan-echo.c'
LIBRARIES = ['-lxenvchan', '-lxenstore', '-lxenevtchn', '-lxengnttab']


def compile_echo(program, *options):
    subprocess.run(['cc', '-std=gnu11', '-D_GNU_SOURCE', '-g', *options, '-o', program, SOURCE,
                    *LIBRARIES], check=True)
    return program


def echo(xen, server_command, client_command):
    guest = xen.create('guest')
    path = f'/local/domain/{guest}/data/ring'
    server = xen.popen(guest, *server_command, 'server', 0, path, 65536, 65536)
    assert server.line().startswith('offered ')
    client = xen.popen(0, *client_command, 'client', guest, path, 5, 50000)
    client.expect('connected')
    client.expect('ok 5 50000')
    assert client.wait() == 0
    server.expect('connected')
    server.expect('closed')
    assert server.wait() == 0


def test_programs_run_under_asan(xen, tmp_path):
    program = compile_echo(tmp_path / 'echo', '-fsanitize=address,undefined',
                           '-fno-sanitize-recover=all')
    echo(xen, [program], [program])


def test_programs_run_under_valgrind(xen, tmp_path):
    program = compile_echo(tmp_path / 'echo')  # our own may be built for a sanitizer
    valgrind = ['valgrind', '-q', '--error-exitcode=9', '--leak-check=full',
                '--errors-for-leak-kinds=definite', program]
    echo(xen, valgrind, valgrind)
