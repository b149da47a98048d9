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


def exported(library):
    """Names with versions, as the dynamic linker sees them."""
    symbols = subprocess.run(['readelf', '--wide', '--dyn-syms', library], check=True, text=True,
                             capture_output=True).stdout.splitlines()
    fields = [line.split() for line in symbols if '@' in line]
    return {field[-1] for field in fields if field[4] in ('GLOBAL', 'WEAK') and field[6] != 'UND'}


def real(name):
    found = subprocess.run(['cc', f'-print-file-name={name}'], check=True, text=True,
                           capture_output=True).stdout.strip()
    assert '/' in found, f'{name} is not installed'
    return found


def test_the_replaced_libraries_export_what_debians_export(build):
    for name in 'libxengnttab.so.1', 'libxenevtchn.so.1':
        assert exported(f'{build}/hosted-xen/lib/{name}') == exported(real(name))


def test_the_replaced_libxenctrl_exports_a_part_of_debians(build):
    ours = exported(f'{build}/hosted-xen/lib/libxenctrl.so.4.17')
    assert 'xc_domain_getinfo@@VERS_4.17.0' in ours
    assert ours <= exported(real('libxenctrl.so.4.17'))
