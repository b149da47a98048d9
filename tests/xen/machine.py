# SPDX-License-Identifier: LGPL-2.1-or-later
"""One run of the emulated machine: QEMU boots Xen, which boots dom0, which does as it is told."""
import gzip
import os
import re
import select
import shutil
import socket
import subprocess
import time
from pathlib import Path

# What a kernel does against attacks on its CPU is slow where there is no such CPU.
LINUX = 'mitigations=off init_on_alloc=0 audit=0 apparmor=0 selinux=0 nowatchdog random.trust_cpu=on'
MEMORY, DOM0_MEMORY = 4096, 1024  # MiB


class Failed(Exception):
    """The machine did not do what it was to do; the text says what is known."""


class Machine:
    def __init__(self, packages, images, output, name, init):
        self.packages, self.output, self.name = packages, Path(output), name
        self.path = self.output / f'lab-{name}.sock'
        self.path.unlink(missing_ok=True)
        self.share = self.output / f'share-{name}'
        shutil.rmtree(self.share, ignore_errors=True)
        self.share.mkdir()
        for file, source in images['share'].items():
            shutil.copy(source, self.share / file)
        xen = self.output / f'xen-{name}.elf'
        packed = next((packages.root / 'boot').glob('xen-*.gz'))
        xen.write_bytes(gzip.decompress(packed.read_bytes()))
        modules = packages.root / 'usr/lib/x86_64-linux-gnu/qemu'
        environment = {**os.environ, 'QEMU_MODULE_DIR': str(modules)}
        with open(self.output / f'qemu-{name}.log', 'wb') as log:
            self.process = subprocess.Popen(
                self.command(images, xen, init), env=environment, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL)
        self.socket, self.said = None, b''

    @classmethod
    def attach(cls, path):
        """To a machine that another process has booted."""
        machine = cls.__new__(cls)
        machine.said = b''
        machine.socket = socket.socket(socket.AF_UNIX)
        try:
            machine.socket.connect(str(path))
        except OSError:
            raise SystemExit(f'no machine is kept at {path.parent}') from None
        return machine

    def command(self, images, xen, init):
        root = self.packages.root
        xen_line = (f'dom0_mem={DOM0_MEMORY}M,max:{DOM0_MEMORY}M console=com1 com1=115200,8n1 '
                    'loglvl=warning guest_loglvl=warning conring_size=512k bootscrub=0 spec-ctrl=no')
        linux_line = (f'console=hvc0 quiet {LINUX} lab.init={init} lab.disk=/dev/vda')
        # qemu64: with what -cpu max emulates (SMAP) a PV dom0 dies. npt: without it there are PV guests
        # only. rdrand: there is no entropy otherwise, and everybody waits for some. One CPU: a second
        # one, spinning, waits for one that the host has put off.
        return self.packages.command(
            'usr/bin/qemu-system-x86_64', '-L', root / 'usr/share/qemu', '-L',
            root / 'usr/share/seabios', '-nodefaults', '-no-user-config', '-display', 'none',
            '-net', 'none', '-no-reboot', '-m', MEMORY, '-smp', 1, '-accel', 'tcg,thread=multi',
            '-cpu', 'qemu64,+rdrand,+npt', '-kernel', xen, '-append', xen_line,
            '-initrd', f'{images["kernel"]} {linux_line},{images["dom0"]}',
            '-drive', f'file={images["base"]},format=raw,if=virtio,readonly=on',
            '-virtfs', f'local,path={self.share},mount_tag=lab,security_model=none',
            '-virtfs', f'local,path={images["source"]},mount_tag=source,security_model=none,readonly=on',
            '-serial', f'file:{self.output / f"console-{self.name}.log"}',
            '-serial', f'unix:{self.path},server=on,wait=off')

    def connect(self):
        deadline = time.monotonic() + 120
        while True:
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(str(self.path))
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise Failed('QEMU did not start:\n'
                                 + (self.output / f'qemu-{self.name}.log').read_text()) from None
                time.sleep(0.02)

    def line(self, deadline):
        """The next line that dom0 says."""
        while b'\n' not in self.said:
            ready, _, _ = select.select([self.socket], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise Failed('dom0 says nothing any more')
            more = self.socket.recv(65536)
            if not more:
                raise Failed('the machine has ended')
            self.said += more
        line, _, self.said = self.said.partition(b'\n')
        return line.decode(errors='replace').rstrip('\r')

    def wait_ready(self, seconds):
        deadline = time.monotonic() + seconds
        while not (line := self.line(deadline)).startswith('lab: ready'):
            pass
        return line

    def run(self, command, seconds, show=print):
        """A command in dom0: shows what it says, returns its status."""
        deadline = time.monotonic() + seconds
        self.socket.sendall(command.encode() + b'\n')
        while True:
            line = self.line(deadline)
            end = re.fullmatch(r'lab: status (\d+)', line)
            if end:
                return int(end[1])
            show(line)

    def stop(self):
        """Off, by the switch if need be."""
        try:
            if self.socket:
                self.socket.sendall(b'sync; poweroff -f\n')
            self.process.wait(60)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
