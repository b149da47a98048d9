# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is booted: the root of Debian in one read-only file system, and a small initial file system for
each kind of domain, which carries the product.

    base.squashfs   the unpacked packages; dom0 and Debian guests have it below a layer in memory
    dom0.cpio       finds base.squashfs, lays over it what "make install" installs, or the product's
                    packages for its init to install
    debian.cpio     a guest in which systemd does that
    guest.cpio      a small guest, whole: busybox, what "make install" installs, their libraries
"""
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

from packages import Missing

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
LAB = '/lab'

XEN_MODULES = ['xen-evtchn', 'xen-gntdev', 'xen-gntalloc', 'xenfs']
ROOT_MODULES = ['squashfs', 'overlay']
DISK_MODULES = {'dom0': ['virtio_pci', 'virtio_blk'], 'debian': ['xen-blkfront']}
SHARE_MODULES = ['9pnet_virtio', '9p']
GUEST_PROGRAMS = ['usr/bin/xenstore', 'usr/bin/busctl', 'usr/bin/env', 'usr/bin/prlimit']
XENSTORE_VERBS = ['read', 'write', 'list', 'ls', 'rm', 'chmod', 'watch', 'exists']


def cpio(top, output):
    """The tree at `top` as an initial file system, in which everything is root's."""
    with open(output, 'wb') as file:
        for number, path in enumerate(sorted(top.rglob('*'))):
            add_to_cpio(file, number + 1, path, str(path.relative_to(top)))
        add_to_cpio(file, 0, None, 'TRAILER!!!')


def add_to_cpio(file, number, path, name):
    mode, data = 0, b''
    if path:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            data = os.readlink(path).encode()
        elif stat.S_ISREG(mode):
            data = path.read_bytes()
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    header = b'070701' + b''.join(b'%08x' % field for field in fields) + name.encode() + b'\0'
    file.write(header + bytes(-len(header) % 4) + data + bytes(-len(data) % 4))


def is_elf(path):
    return path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b'\x7fELF'


def strip(top):
    """Half of a guest's memory at most can be its initial file system."""
    files = [path for path in top.rglob('*') if is_elf(path)]
    subprocess.run(['strip', '--strip-unneeded', *files], check=True, stderr=subprocess.DEVNULL)


def enable(top, *units):
    """What systemctl enable does."""
    for unit in units:
        found = next(path for directory in ('etc/systemd/system', 'usr/lib/systemd/system')
                     if (path := top / directory / unit).exists())
        wanted = re.search(r'^WantedBy=(.*)$', found.read_text(), re.MULTILINE)[1]
        link = top / f'etc/systemd/system/{wanted}.wants' / unit
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to('/' + str(found.relative_to(top)))


def settle_systemd(top, *units):
    # It is not new, and nobody is there to log in.
    (top / 'etc/machine-id').write_text(f'{1:032x}\n')
    for unit in 'systemd-firstboot.service', 'serial-getty@hvc0.service':
        (top / 'etc/systemd/system' / unit).symlink_to('/dev/null')
    enable(top, *units)


class Images:
    def __init__(self, packages, build, output):
        self.packages, self.root = packages, packages.root
        self.build, self.output = Path(build), Path(output)
        # Not below build: make would take an init.d for a list of dependencies.
        self.trees = tempfile.TemporaryDirectory(prefix='xcp-bus-xen-')
        self.kernels = {'dom0': packages.kernel(cloud=False), 'guest': packages.kernel(cloud=True)}
        self.kernels['debian'] = self.kernels['guest']
        self.installed = False

    # --- what changes with the packages only, and is kept beside them ---

    def cached(self, name, make):
        path = self.packages.cache / f'{name}-{self.packages.key}'
        with self.packages.lock():
            if not path.exists():
                self.packages.say(f'making {name}')
                new = path.with_suffix('.new')
                new.unlink(missing_ok=True)
                make(new)
                new.rename(path)
        return path

    def base(self):
        return self.cached('base.squashfs', self.make_base)

    def make_base(self, path):
        for kernel in set(self.kernels.values()):
            self.depmod(kernel)
        subprocess.run(
            self.packages.command('usr/bin/mksquashfs', self.root, path, '-all-root', '-noappend',
                                  '-no-progress', '-quiet', '-noI', '-noD', '-noF', '-noX',
                                  '-e', 'boot',
                                  'usr/lib/x86_64-linux-gnu/qemu', 'usr/bin/qemu-system-x86_64',
                                  'usr/bin/qemu-system-i386'),
            check=True, stdout=subprocess.DEVNULL)

    def depmod(self, kernel):
        # kmod is many programs; the name it is called by says which.
        link = self.packages.cache / 'depmod'
        link.unlink(missing_ok=True)
        link.symlink_to(self.root / 'usr/bin/kmod')
        subprocess.run(self.packages.command(link, '-b', self.root, kernel), check=True)

    def kernel(self, which):
        """A plain ELF kernel: to unpack it takes the emulated CPU seconds."""
        version = self.kernels[which]
        return self.cached(f'vmlinux-{version}', lambda path: self.unpack_kernel(version, path))

    def unpack_kernel(self, version, path):
        image = (self.root / 'boot' / f'vmlinuz-{version}').read_bytes()
        number = lambda at, size: int.from_bytes(image[at:at + size], 'little')
        begin = (number(0x1f1, 1) + 1) * 512 + number(0x248, 4)
        payload = image[begin:begin + number(0x24c, 4) - 4]
        tool = 'usr/bin/xz' if payload.startswith(b'\xfd7zXZ') else 'usr/bin/lz4'
        with open(path, 'wb') as output:
            subprocess.run(self.packages.command(tool, '-dc'), input=payload, stdout=output, check=True)

    # --- what changes with the product ---

    def modules(self, kind, wanted):
        """Kernel modules in the order in which they can be loaded."""
        directory = self.root / 'lib/modules' / self.kernels[kind]
        needs = {}
        for line in (directory / 'modules.dep').read_text().splitlines():
            path, _, others = line.partition(':')
            needs[Path(path).stem.replace('_', '-')] = (path, others.split())
        order = []
        for name in wanted:
            path, others = needs.get(name.replace('_', '-'), (None, ()))
            if path:  # or it is built in
                order += [part for part in [*reversed(others), path] if part not in order]
        return [directory / part for part in order]

    def put_modules(self, top, kind, wanted):
        directory = top / 'lib/modules'
        directory.mkdir(parents=True, exist_ok=True)
        files = self.modules(kind, wanted)
        for file in files:
            shutil.copy(file, directory)
        (directory / 'order').write_text(''.join(f'{file.name}\n' for file in files))

    def put_busybox(self, top, init):
        for name in 'bin', 'sbin', 'proc', 'sys', 'dev', 'run', 'tmp', 'etc':
            (top / name).mkdir(parents=True, exist_ok=True)
        busybox = top / 'bin/busybox'
        shutil.copy(self.root / 'bin/busybox', busybox)
        applets = subprocess.run([busybox, '--list'], capture_output=True, text=True, check=True)
        for applet in applets.stdout.split():
            if applet != 'busybox':
                (top / 'bin' / applet).symlink_to('busybox')
        shutil.copy(HERE / 'init' / init, top / 'init')
        (top / 'init').chmod(0o755)

    def install_product(self, top):
        """As an administrator who has built it would."""
        product = Path(self.trees.name) / 'product'
        if not self.installed:
            self.fresh('product')
            result = subprocess.run(['make', '-s', '-C', SOURCE, f'BUILD={self.build}',
                                     f'DESTDIR={product}', 'PREFIX=/usr', 'install'],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if result.returncode:
                raise Missing(f'make install failed:\n{result.stderr}')
            self.installed = True
            for unused in 'usr/share/man', 'usr/share/doc', 'usr/libexec', 'usr/include':
                shutil.rmtree(product / unused, ignore_errors=True)
            (product / 'usr/bin/hx').unlink()
        shutil.copytree(product, top, symlinks=True, dirs_exist_ok=True)

    def put_packages(self, top, *names):
        """For dpkg to install once it runs: over/debian/lab/install."""
        place = top / LAB[1:] / 'packages'
        place.mkdir(parents=True)
        for name in names:
            found = [*(self.build / 'packages').glob(f'{name}_*.deb')]
            if len(found) != 1:
                raise Missing(f'there is no package {name} in {self.build}/packages: '
                              f'scripts/build-packages {self.build}/packages makes them')
            shutil.copy(found[0], place)

    def put_tests(self, top):
        """A build directory as tests want to see it: programs that are not installed, and links to
        those that are."""
        lab = top / LAB[1:]
        shutil.copytree(self.build / 'tests/functional', lab / 'build/tests/functional')
        for part, pattern in (('tests/unit', 'test-libxcpbus-*'), ('examples', '*')):
            (lab / 'build' / part).mkdir(parents=True)
            for program in (self.build / part).glob(pattern):
                if program.suffix != '.d':
                    shutil.copy(program, lab / 'build' / part)
        for name, place in (('xcp-busd', 'sbin'), ('xcp-bus-agent', 'bin')):
            (lab / 'build' / name).symlink_to(f'/usr/{place}/{name}')
        for name in 'lab-run', 'lab-guest', 'lab-clock':
            (top / 'usr/bin').mkdir(parents=True, exist_ok=True)
            shutil.copy(self.build / 'tests/xen' / name, top / 'usr/bin')

    def put_python(self, top):
        """What examples in Python import, built by "make demo"."""
        if (self.build / 'python/built').exists():
            for part in 'python', 'idl/python':
                shutil.copytree(self.build / part, top / LAB[1:] / 'build' / part)

    def put_libraries(self, top):
        """Into a root that has none: all that the programs in it need."""
        needed = {self.root / 'lib/x86_64-linux-gnu/libgcc_s.so.1'}
        for path in [*top.rglob('*')]:
            if is_elf(path):
                needed.update(self.packages.libraries(path))
        directory = top / 'usr/lib/x86_64-linux-gnu'
        directory.mkdir(parents=True, exist_ok=True)
        for library in needed:
            shutil.copy(library, directory)
        (top / 'lib64').mkdir(exist_ok=True)
        shutil.copy(self.root / 'lib64/ld-linux-x86-64.so.2', top / 'lib64')

    def make_dom0(self):
        top = self.fresh('dom0')
        self.put_busybox(top, 'first')
        self.put_modules(top, 'dom0', DISK_MODULES['dom0'] + ROOT_MODULES)
        over = top / 'over'
        # One of the two, depending on the init.
        self.install_product(over / LAB[1:] / 'product')
        self.put_packages(over, 'libxcpbus0', 'xcp-bus-agent', 'xcp-bus-common', 'xcp-bus-tools', 'xcp-busd')
        self.put_tests(over)
        self.put_python(over)
        for part in 'debian', 'dom0':
            shutil.copytree(HERE / 'over' / part, over, dirs_exist_ok=True)
        (over / 'usr/lib').mkdir(parents=True, exist_ok=True)
        shutil.copy(self.build / 'tests/xen/lab-domid.so', over / 'usr/lib')
        # What packages do that are only unpacked.
        for directory in 'var/log/xen/console', 'var/lib/xen':
            (over / directory).mkdir(parents=True)
        (over / 'etc/rc2.d').mkdir()
        (over / 'etc/rc2.d/S01xen').symlink_to('../init.d/xen')
        settle_systemd(over, 'lab-install.service', 'lab.service')
        return self.pack('dom0')

    def make_debian(self):
        """A guest in which systemd starts what is installed."""
        top = self.fresh('debian')
        self.put_busybox(top, 'first')
        self.put_modules(top, 'debian', DISK_MODULES['debian'] + ROOT_MODULES)
        over = top / 'over'
        self.put_packages(over, 'libxcpbus0', 'python3-xcpbus', 'xcp-bus-agent', 'xcp-bus-common')
        self.put_tests(over)
        self.put_python(over)
        # Where dom0 has them, which has all of the source.
        shutil.copytree(SOURCE / 'examples', over / LAB[1:] / 'source/examples')
        for part in 'debian', 'debian-guest':
            shutil.copytree(HERE / 'over' / part, over, dirs_exist_ok=True)
        settle_systemd(over, 'lab-install.service', 'lab-guest.service')
        return self.pack('debian')

    def make_guest(self):
        top = self.fresh('guest')
        self.put_busybox(top, 'guest')
        self.put_modules(top, 'guest', XEN_MODULES)
        self.install_product(top)
        self.put_tests(top)
        for program in GUEST_PROGRAMS:
            shutil.copy(self.root / program, top / 'usr/bin')
        for verb in XENSTORE_VERBS:
            (top / f'usr/bin/xenstore-{verb}').symlink_to('xenstore')
        self.put_libraries(top)
        strip(top)
        for what in 'passwd', 'group':
            shutil.copy(self.root / 'etc' / what, top / 'etc')
        shutil.copytree(HERE / 'over/guest', top, dirs_exist_ok=True)
        return self.pack('guest')

    def fresh(self, name):
        top = Path(self.trees.name) / name
        top.mkdir()
        return top

    def pack(self, name):
        path = self.output / f'{name}.cpio'
        cpio(Path(self.trees.name) / name, path)
        return path
