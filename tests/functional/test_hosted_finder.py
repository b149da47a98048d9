# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs in guests watch what xenstore says of the bus. Its domain writes one of the nodes itself."""
import subprocess
import time
from pathlib import Path

import bus as bus_module

NODE = '/local/domain/0/data/xcp-busd'
WRITES = 500
AT_ONCE, A_SECOND = 10, 5  # looks that anybody can cause
SWITCHES = 24  # of the thread, in a look: one for each answer of xenstored, and as many again


def switches(pid):
    """How often each thread but the first has waited so far."""
    tasks = Path(f'/proc/{pid}/task').iterdir()
    return {task.name: int((task / 'status').read_text().split('\nvoluntary_ctxt_switches:')[1].split()[0])
            for task in tasks if task.name != str(pid)}


def test_a_node_that_is_written_all_the_time_costs_little(start_hosted_bus, guest):
    bus = start_hosted_bus()
    env = {'XCP_BUS_ADDRESS': 'vchan:', **bus_module.sanitizer_environment(guest.xen.top)}
    watcher = bus.connect().match("type='signal',member='NameOwnerChanged'")
    program = guest.popen(guest.xen.build / 'examples/counter', env=env, stdout=subprocess.DEVNULL)
    watcher.take(lambda m: m.member == 'NameOwnerChanged' and m.body[0] == 'org.xen.xcp.counter1')
    pid = guest.xen.pid(program)
    before, began = switches(pid), time.monotonic()
    run = guest.xen.hx('run', 0, 'xenstore-read', NODE).strip()
    writes = f'for i in $(seq {WRITES}); do xenstore-write {NODE} $i; done; xenstore-write {NODE} {run}'
    guest.xen.hx('run', 0, 'sh', '-c', writes)
    after, took = switches(pid), time.monotonic() - began
    # Of the two threads that stay one only hears of the events, the other one looks.
    looked = min(after[thread] - before[thread] for thread in before.keys() & after.keys())
    assert looked <= (AT_ONCE + 1 + A_SECOND * took) * SWITCHES, (before, after, took)
    assert bus.connect().call('org.xen.xcp.counter1', '/org/xen/xcp/counter1/total',
                              'org.xen.xcp.Counter1', 'Add', 'u', 1) == 1
