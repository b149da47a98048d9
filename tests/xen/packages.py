# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian packages for the lab: downloaded into a cache and unpacked there, never installed.

apt is told that nothing is installed here, so that all that is needed comes, whatever this machine
has. What is unpacked has a C library of its own; programs of it run by its own dynamic loader.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

LIST = Path(__file__).with_name('packages')
LIBRARIES = ('usr/lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu/systemd')
MERGED = ('bin', 'sbin', 'lib', 'lib64')
# Of the drivers, a machine that is emulated needs few.
LEFT_OUT = ['./usr/share/doc*', './usr/share/man*', './usr/share/locale*', './usr/share/info*',
            './lib/modules/*/kernel/sound*', './lib/modules/*/kernel/drivers/[a-ac-uw-wy-z]*']


class Missing(Exception):
    """The lab cannot run here; the text says why, and what helps."""


def names():
    lines = (line.partition('#')[0].strip() for line in LIST.read_text().splitlines())
    return [line for line in lines if line and not line.startswith('[')]


def cache_directory():
    default = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'xcp-bus-xen'
    return Path(os.environ.get('XCP_BUS_XEN_CACHE') or default).absolute()


def settle(root):
    """What the packages' own scripts would have done, as far as it is needed."""
    for what in 'passwd', 'group':
        shutil.copy(root / f'usr/share/base-passwd/{what}.master', root / 'etc' / what)
    shutil.copy(root / 'usr/share/libc-bin/nsswitch.conf', root / 'etc')
    (root / 'etc/hostname').write_text('lab\n')
    (root / 'etc/hosts').write_text('127.0.0.1 localhost lab\n')
    (root / 'etc/fstab').write_text('')
    for path, target in (('var/run', '/run'), ('var/lock', '/run/lock'), ('usr/bin/awk', 'gawk')):
        if (root / path).is_dir() and not (root / path).is_symlink():
            (root / path).rmdir()
        if not (root / path).is_symlink():
            (root / path).symlink_to(target)


class Packages:
    def __init__(self, say):
        self.say = say
        self.cache = cache_directory()
        # How they are unpacked is part of what the cache holds.
        recipe = Path(__file__).read_bytes() + LIST.read_bytes()
        self.key = hashlib.sha256(recipe).hexdigest()[:12]
        self.root = self.cache / f'root-{self.key}'

    @contextmanager
    def lock(self):
        """One at a time fills the cache."""
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            file = open(self.cache / 'lock', 'w')
        except OSError as problem:
            raise Missing(f'the cache cannot be written: {problem}; XCP_BUS_XEN_CACHE names '
                          'another place') from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def get(self):
        """Everything is in self.root after this."""
        for tool in 'apt-get', 'dpkg-deb', 'tar':
            if not shutil.which(tool):
                raise Missing(f'there is no {tool}: the lab is made of Debian packages')
        with self.lock():
            if not self.root.exists():
                self.prune()
                self.download()
                self.unpack()
            os.utime(self.root)

    def prune(self):
        """What was made of earlier packages and has not been used for a week."""
        for root in self.cache.glob('root-*'):
            if time.time() - root.stat().st_mtime > 7 * 24 * 3600:
                for path in self.cache.glob(f'*{root.name.removeprefix("root")}'):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def apt(self, *arguments):
        state = self.cache / 'apt'
        for part in 'state/lists/partial', 'cache/archives/partial':
            (state / part).mkdir(parents=True, exist_ok=True)
        (state / 'status').write_text('')
        options = {'Dir::State': state / 'state', 'Dir::State::status': state / 'status',
                   'Dir::Cache': state / 'cache', 'Debug::NoLocking': 1, 'Acquire::Retries': 3,
                   'APT::Install-Recommends': 0, 'APT::Architecture': 'amd64'}
        if os.geteuid() == 0:
            options['APT::Sandbox::User'] = 'root'
        command = ['apt-get', '-qq', *(f'-o{key}={value}' for key, value in options.items())]
        result = subprocess.run([*command, *arguments], capture_output=True, text=True)
        if result.returncode:
            raise Missing('apt-get cannot get the packages of the lab (they are of Debian 12, amd64):\n'
                          + result.stderr.strip())

    def download(self):
        self.say(f'downloading packages into {self.cache}')
        self.apt('update')
        # A package that is newer now must not stand beside its older self.
        self.apt('autoclean')
        self.apt('-y', '--download-only', 'install', *names())

    def unpack(self):
        self.say('unpacking packages')
        new = self.root.with_suffix('.new')
        shutil.rmtree(new, ignore_errors=True)
        for name in MERGED:
            (new / 'usr' / name).mkdir(parents=True)
            (new / name).symlink_to(f'usr/{name}')
        status = ''
        for deb in sorted((self.cache / 'apt/cache/archives').glob('*.deb')):
            status += self.unpack_one(deb, new)
        settle(new)
        (new / 'var/lib/dpkg/status').write_text(status)
        new.rename(self.root)
        self.compile_python()

    def unpack_one(self, deb, top):
        """What dpkg is to know of it there: that it is installed, and its files."""
        control = subprocess.run(['dpkg-deb', '--field', deb], stdout=subprocess.PIPE, text=True,
                                 check=True).stdout
        with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb],
                              stdout=subprocess.PIPE) as archive:
            listing = subprocess.run(
                ['tar', '-xv', '-C', top, '--no-same-owner', '--keep-directory-symlink',
                 *(f'--exclude={pattern}' for pattern in LEFT_OUT)],
                stdin=archive.stdout, stdout=subprocess.PIPE, text=True, check=True).stdout
        if archive.returncode:
            raise Missing(f'{deb} is damaged; remove it and try again')
        fields = dict(line.split(': ', 1) for line in control.splitlines() if line[0] != ' ')
        name = fields['Package']
        if fields.get('Multi-Arch') == 'same':
            name += ':' + fields['Architecture']
        files = top / f'var/lib/dpkg/info/{name}.list'
        files.parent.mkdir(parents=True, exist_ok=True)
        paths = [line.removeprefix('.').rstrip('/') or '/.' for line in listing.splitlines()]
        files.write_text('\n'.join(paths) + '\n')
        return f'Status: install ok installed\n{control}\n'

    def compile_python(self):
        """Emulated, it would take half a minute, at every start."""
        places = [self.root / place for place in ('usr/lib/python3.11', 'usr/lib/python3')]
        subprocess.run(self.command('usr/bin/python3.11', '-m', 'compileall', '-q', '-s', self.root,
                                    '-p', '/', '--invalidation-mode', 'unchecked-hash', *places),
                       env={'PYTHONHOME': str(self.root / 'usr')}, check=True)

    def command(self, program, *arguments):
        """The command line that runs a program of the packages on this machine."""
        path = ':'.join(str(self.root / part) for part in LIBRARIES)
        return [str(self.root / 'lib64/ld-linux-x86-64.so.2'), '--library-path', path,
                str(self.root / program), *map(str, arguments)]

    def kernel(self, cloud):
        found = [path for path in (self.root / 'boot').glob('vmlinuz-*')
                 if ('cloud' in path.name) == cloud]
        if not found:
            raise Missing('there is no kernel among the packages')
        return max(found).name.removeprefix('vmlinuz-')

    def libraries(self, binary):
        """The shared libraries that a program needs, as files of the packages. Those of the product
        are not among them."""
        loader, *path, _ = self.command('')
        listing = subprocess.run([loader, *path, '--list', str(binary)], capture_output=True,
                                 text=True)
        lines = (line.split() for line in listing.stdout.splitlines())
        return [Path(words[2]) for words in lines
                if len(words) > 2 and words[1] == '=>' and words[2].startswith(str(self.root))]
