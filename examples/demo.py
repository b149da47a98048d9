#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows the chain of chain.py to a person: scripts/demo builds everything and runs this."""
import argparse
import signal
import statistics
import sys
import textwrap
import uuid

from chain import Chain, Host, Trouble

XENOPSD = 'org.xen.xcp.xenopsd1'
ROOT = '/org/xen/xcp/xenopsd1'
STORAGE = 'org.xen.xcp.storage1'
SERVICES = {XENOPSD: 'xenopsd', 'org.xen.xcp.squeezed1': 'squeezed', STORAGE: 'storage'}


def title(text):
    print(f'\n== {text} ' + '=' * (76 - len(text)) + '\n')


def say(text):
    print(textwrap.fill(' '.join(text.split()), 78))


def place(domid):
    return 'dom0' if domid == 0 else f'dom{domid}'


def service_of(member):
    return next(SERVICES[name] for name in SERVICES if member.startswith(name + '.'))


def short(member):
    """ReserveMemoryRange, VM.Start: without what all names begin with."""
    name = next(name for name in SERVICES if member.startswith(name + '.'))
    return member[len(name) + 1:]


def ends(event):
    """Who and where, on both sides."""
    here, there = (place(domid) for domid in event.domains)
    if event.kind == 'signal':
        return f'xenopsd {here}', f'xapi {there}'
    service = service_of(event.member)
    caller = 'xapi' if service == 'xenopsd' else 'xenopsd'
    return f'{caller} {here}', f'{service} {there}'


def show_domains(host):
    running = {
        0: [('xcp-busd', 'the bus'), ('xenopsd', f'a service in C: {XENOPSD}')],
        host.domids['xapi']: [('xapi', 'a client in OCaml')],
        host.domids['squeezed']: [('squeezed', 'a service in OCaml: org.xen.xcp.squeezed1')],
        host.domids['storage']: [('storage.py', f'a service in Python: {STORAGE}')],
        host.domids['other']: [('xcp-bus-agent', 'gives a D-Bus socket to what knows no rings')],
    }
    for domain in host.domains():
        name = 'dom0' if domain['domid'] == 0 else domain['name']
        print(f'domain {domain["domid"]}: {name:<10} uuid {domain["uuid"]}')
        for program, what in running[domain['domid']]:
            print(f'             {program:<14} {what}')


def show_events(events):
    begin = min(e.time_us - e.duration_us for e in events)
    rows = sorted(events, key=lambda e: e.time_us - e.duration_us)
    print(f'{"ms":>7}  {"from":<13}    {"to":<13} {"call or signal":<28} {"took ms":>8}')
    for event in rows:
        at = (event.time_us - event.duration_us - begin) / 1000
        here, there = ends(event)
        if event.kind == 'call':
            what = f'-> {there:<13} {short(event.member):<28} {event.duration_us / 1000:>8.2f}'
        else:
            what = f'~> {there:<13} "{event.text.split(": ", 1)[1].strip()}"'
        print(f'{at:>7.2f}  {here:<13} {what}')


def run(chain, *machines):
    status, events = chain.run(*machines)
    if status != 0:
        raise Trouble('xapi says that not all VMs have started:\n' +
                      '\n'.join(event.text for event in events))
    return events


def new_vm(*memory):
    return ','.join([str(uuid.uuid4()), *map(str, memory)])


def show_many(chain):
    machines = {'large': new_vm(12288), 'small': new_vm(512), 'tiny': new_vm(256)}
    events = run(chain, *machines.values())
    begin = min(e.time_us - e.duration_us for e in events)
    done = {}
    print(f'{"VM":<6} {"memory":>10}   {"Start asked":>11}  {"answered":>9}  {"running":>9}   (ms)')
    for name, machine in machines.items():
        vm, memory = machine.split(',')
        start = next(e for e in events if e.text.endswith(vm) and e.member.endswith('.VM.Start'))
        task = start.text.split(':')[0]
        done[name] = next(e for e in events if e.member.endswith('.Finished') and
                          e.text.startswith(task + ':')).time_us
        times = [start.time_us - start.duration_us, start.time_us, done[name]]
        asked, answered, finished = ((time - begin) / 1000 for time in times)
        print(f'{name:<6} {memory:>6} MiB   {asked:>11.2f}  {answered:>9.2f}  {finished:>9.2f}')
    if not max(done['small'], done['tiny']) < done['large']:
        raise Trouble('the small VMs have waited for the large one')


def measure(chain):
    """The median time of each call, of several chains that ran one after the other."""
    times, storage = {}, set()
    for _ in range(chain.host.repeats):
        for event in run(chain, new_vm(16)):
            if event.kind == 'call':
                times.setdefault(event.member, []).append(event.duration_us)
            if event.member.startswith(STORAGE):
                storage.add(event.domains[1])
    (domid,) = storage
    return domid, {member: statistics.median(all_us) for member, all_us in times.items()}


def show_outside(host):
    for arguments in (
            ['list'],
            ['tree', XENOPSD],
            ['introspect', XENOPSD, ROOT, f'{XENOPSD}.VM'],
            ['introspect', STORAGE, '/org/xen/xcp/storage1', f'{STORAGE}.VDI'],
            ['get-property', XENOPSD, f'{ROOT}/task/1', 'org.xen.xcp.Task1', 'State'],
            ['call', STORAGE, '/org/xen/xcp/storage1', f'{STORAGE}.VDI', 'Attach3', 'sssssb',
             'busctl', 'by-hand', 'sr-1', 'vdi-1', '0', 'false']):
        words = ' '.join(f"'{word}'" if ' ' in word else word for word in arguments)
        print(textwrap.fill(f'$ busctl {words}', 78, subsequent_indent='      '))
        print("\n".join(textwrap.fill(line, 80) if len(line) > 80 else line
                        for line in host.busctl(*arguments).split("\n")))
        print()


def show_all(repeats, measured):
    """A column for each place in which storage was: its domid, and the times of the calls."""
    print(f'{"storage in":<31}' + ''.join(f'{place(domid):>12}' for domid, _ in measured))
    print(f'{f"median of {repeats} calls":<31}' + f'{"ms":>12}' * len(measured))
    for member in measured[0][1]:
        row = ''.join(f'{times[member] / 1000:>12.3f}' for _, times in measured)
        print(f'{short(member):<31}{row}' + ('  <- moved' if member.startswith(STORAGE) else ''))
    sums = ''.join(f'{sum(times.values()) / 1000:>12.3f}' for _, times in measured)
    print(f'{"all together":<31}{sums}')


def demonstrate(host):
    say(f'''A Xen host runs several domains, which are virtual machines side by side. The first,
        dom0, is in charge; what used to run in it, such as the storage service, is better off in a
        domain of its own. {host.what} One bus spans all domains. Programs on it call each other by
        name.''')
    title('1. Who lives where')
    chain = Chain(host)
    show_domains(host)

    title('2. xapi starts a VM')
    say('''xapi asks xenopsd, which asks squeezed for memory and storage for the disk. What they say
        to each other is in idl/; the code for it is printed from there. Each line is a call
        (->) with both ends, or a signal (~>) by which xenopsd tells of its progress.''')
    print()
    show_events(run(chain, new_vm(1024, 2048)))

    title('3. Three VMs at once')
    say('''For the large one, squeezed has to take memory from others, which takes it a while. It
        answers the other calls meanwhile; so does xenopsd. The small ones do not wait.''')
    print()
    show_many(chain)

    title('4. The same, looked at from outside')
    say('busctl is a standard tool that knows D-Bus and has never heard of domains.')
    print()
    show_outside(host)

    title('5. The storage service moves')
    measured = [measure(chain)]
    old = host.owner(STORAGE)
    chain.move_storage('other')
    other = host.domids['other']
    say(f'''storage.py has ended. Its place takes an ordinary D-Bus program, storage_agent.py on
        dbus-fast, which has never heard of domains: the agent in domain {other} gives it a socket.''')
    print(f'\n{STORAGE}: owner was {old}, is {host.owner(STORAGE)} (domain {other})\n')
    measured.append(measure(chain))
    chain.move_storage('dom0')
    say('''Now that one has ended, and storage.py has started again, in dom0. Nobody was told: xenopsd
        and squeezed run on, not a line of any caller has changed, the name is the same.''')
    print(f'\n{STORAGE}: owner is {host.owner(STORAGE)} (dom0)\n')
    show_events(run(chain, new_vm(1024, 2048)))

    title('6. All three, side by side')
    measured.append(measure(chain))
    if [domid for domid, _ in measured] != [host.domids['storage'], host.domids['other'], 0]:
        raise Trouble('the storage service has answered from the wrong domain')
    show_all(host.repeats, measured)
    print()
    say(host.what_times)


def main(host_class=Host):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', default='build', help='where the binaries are')
    # Whoever ends us wants no domains to be left behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        with host_class(parser.parse_args().build) as host:
            demonstrate(host)
    except Trouble as trouble:
        sys.stdout.flush()
        sys.exit(f'demo: {trouble}')
    except KeyboardInterrupt:
        sys.exit('demo: interrupted')
    print('\nAll has ended and is cleaned up.')


if __name__ == '__main__':
    main()
