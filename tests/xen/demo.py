#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demo, in dom0 of a real Xen: the same services and the same words, each in a guest that xl makes.

What is in Python runs in guests that are Debian, what is in C and OCaml in small ones. The socket in the
domain of an ordinary D-Bus program is the one that systemd and the installed agent have made there.
"""
import json
import subprocess
import sys
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / 'examples'), str(SOURCE / 'tests/functional'), str(SOURCE / 'tests/xen')]

import chain
import demo
import domains
import real

PYTHON = ('storage', 'other')  # domains in which something in Python runs
AGENT = '/run/xcp-bus/bus'
NO_UUID = '00000000-0000-0000-0000-000000000000'


class XenHost(chain.Host):
    what = '''This one is a Xen host, emulated: Xen 4.17 has booted in QEMU, and Linux as its dom0.'''
    what_times = '''Times are those of an emulated CPU, which is much slower than a real one.'''
    repeats = 5
    # It is to take longer than what does not wait for it, which is emulated.
    arguments = {'squeezed': ['10']}

    def begin(self):
        self.xen = real.Real(self.build)

    def end(self):
        for guest in [*self.xen.guests]:
            guest.destroy()
        self.xen.stop()

    def popen(self, domain, command, env, **options):
        return self.xen.popen(self.domids[domain], *command, env={**self.env, **env}, **options)

    def create(self, name, own=None):
        kind = real.DEBIAN if name in PYTHON else real.GUEST
        self.xen.sh('xl', 'create', '-pq', kind, f'name="{name}"')
        guest = domains.adopt(self.xen, name, own)
        self.xen.guests.append(guest)
        self.xen.sh('xl', 'unpause', guest.domid)
        self.domids[name] = guest.domid

    def wait_up(self, domain):
        if domain != 'dom0':
            domains.wait_up(self.xen, next(one for one in self.xen.guests if one.name == domain))

    def domains(self):
        """As hx list tells."""
        listed = json.loads(self.xen.sh('xl', 'list', '-l'))
        return [{'domid': one['domid'], 'name': one['config']['c_info'].get('name', ''),
                 'uuid': one['config']['c_info'].get('uuid', NO_UUID)} for one in listed]

    def ahead_us(self, domain):
        """Of several answers the quickest is the nearest to the truth."""
        if domain == 'dom0':
            return 0
        best = None
        with self.popen(domain, ['lab-clock'], {}, stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE) as clock:
            for _ in range(10):
                asked = time.time()
                clock.stdin.write(b'?')
                clock.stdin.flush()
                theirs, answered = int(clock.stdout.readline()), time.time()
                took, ahead = answered - asked, theirs - int((asked + answered) / 2 * 1e6)
                best = min(best or (took, ahead), (took, ahead))
        return best[1]

    def start(self, domain, name):
        self.wait_up(domain)
        return super().start(domain, name)

    def start_agent(self, domain):
        self.wait_up(domain)
        self.xen.run(self.domids[domain], 'sh', '-c', f'until [ -S {AGENT} ]; do sleep 0.1; done')
        return AGENT


if __name__ == '__main__':
    demo.main(XenHost)
