# SPDX-License-Identifier: LGPL-2.1-or-later
"""An operator who has the manual page of xcp-bus-monitor, and nothing else, finds out what is wrong on a host
with a toolstack in dom0 and services in domains of their own; and the numbers are those of what was sent."""
import time
from types import SimpleNamespace

import pytest

import wire
from services import Monitor, Service
from watching import Watch

STORAGE, NETWORK = 'org.xen.xcp.storage1', 'org.xen.xcp.networkd1'
VDI, BRIDGE = STORAGE + '.VDI', NETWORK + '.Bridge'
POLICY = f'''<policy domain="*"><allow send_destination="*"/><allow receive_sender="*"/></policy>
<policy domain="tenant"><allow send_destination="*"/>
<deny send_interface="{VDI}" send_member="Destroy"/></policy>'''
SLOW_S = 0.3


def path_of(name):
    return '/' + name.replace('.', '/')


@pytest.fixture(scope='module')
def hosted_bus(xen):
    bus = xen.bus(policy=POLICY)
    yield bus
    bus.stop()


def attach(_):
    time.sleep(SLOW_S)
    return 's', '/dev/xvda'


@pytest.fixture
def host(hosted_bus, new_guest, build):
    """xapi in dom0, storage that is slow, a network that is not, and a tenant whom nobody trusts."""
    domains = {name: new_guest(name) for name in ('storage', 'network', 'tenant')}
    storage = {(path_of(STORAGE), VDI, 'Attach'): attach, (path_of(STORAGE), VDI, 'Destroy'): lambda _: ('',),
               (path_of(STORAGE), VDI, 'Copy'): lambda _: None}
    network = {(path_of(NETWORK), BRIDGE, 'List'): lambda _: ('as', ['xenbr0', 'xenbr1'])}
    xapi, tenant = hosted_bus.connect(), domains['tenant'].connect()
    with Service(domains['storage'].connect(), STORAGE, storage), \
            Service(domains['network'].connect(), NETWORK, network):
        yield SimpleNamespace(bus=hosted_bus, monitor=Monitor(build, hosted_bus), domains=domains, xapi=xapi,
                              tenant=tenant)
    tenant.close()
    hosted_bus.close_clients()


def attach_disk(client):
    return client.call(STORAGE, path_of(STORAGE), VDI, 'Attach', 's', 'vdi-1')


def list_bridges(client):
    return client.call(NETWORK, path_of(NETWORK), BRIDGE, 'List')


def domain_rows(host, *options):
    rows = host.monitor.json('top', '--by=domain', '--total', *options)
    return [row for row in rows if row['by'] == 'domain']


def test_which_domain_is_slow(host):
    before = {row['name']: row for row in domain_rows(host)}
    for _ in range(5):
        attach_disk(host.xapi)
        for _ in range(20):
            list_bridges(host.xapi)
    rows = domain_rows(host, '--sort=p99')
    slowest, after = rows[0], {row['name']: row for row in rows}
    assert slowest['name'] == 'storage'
    assert slowest['p50_us'] >= SLOW_S * 1e6 > after['network']['p50_us']
    # What it says is what there was: 5 calls and answers here, 100 there.
    for name, count in ('storage', 5), ('network', 100):
        for key in 'messages_sent', 'messages_received':
            assert after[name][key] - before[name][key] == count
    call = wire.call(NETWORK, path_of(NETWORK), BRIDGE, 'List', serial=1, sender=host.xapi.name)
    grown = after['network']['bytes_received'] - before['network']['bytes_received']
    assert grown == 100 * len(call.encode())
    text = host.monitor.text('top', '--by=domain', '--total', '--sort=p99')
    assert text.splitlines()[4].startswith('storage(')


def test_which_call_is_stuck_and_on_whom(host):
    host.tenant.send(wire.call(STORAGE, path_of(STORAGE), VDI, 'Copy', 's', 'vdi-1'))
    host.tenant.sync()
    (call,) = host.monitor.json('stuck')
    assert (call['destination'], call['interface'], call['member']) == (STORAGE, VDI, 'Copy')
    assert (call['path'], call['serial']) == (path_of(STORAGE), 2)
    assert call['caller'].items() >= {'unique': host.tenant.name, 'name': None, 'domain': 'tenant',
                                      'domid': host.domains['tenant'].domid, 'pid': None}.items()
    assert call['callee'].items() >= {'name': STORAGE, 'names': [STORAGE], 'domain': 'storage',
                                      'domid': host.domains['storage'].domid}.items()
    assert call['age_us'] > 0
    assert call['lapses_us'] > 0
    assert host.monitor.json('stuck', '--older-than=1h') == []
    line = host.monitor.text('stuck').splitlines()[1]
    assert f'{host.tenant.name}@tenant(' in line and f'{STORAGE}@storage(' in line and 'Copy' in line
    (row,) = (row for row in domain_rows(host, '--sort=oldest') if row['calls_pending'])
    assert row['name'] == 'storage'


def test_nothing_is_stuck_when_all_is_answered(host):
    list_bridges(host.xapi)
    assert host.monitor.json('stuck') == []
    assert 'No call waits' in host.monitor.text('stuck')


def test_who_is_denied_and_why(host):
    for _ in range(3):
        serial = host.tenant.send(wire.call(STORAGE, path_of(STORAGE), VDI, 'Destroy', 's', 'vdi-1'))
        assert host.tenant.take_reply(serial).error_name == 'org.freedesktop.DBus.Error.AccessDenied'
    worst = domain_rows(host, '--sort=denied')[0]
    assert (worst['name'], worst['denied']) == ('tenant', 3)
    shown = host.monitor.text('domains', 'tenant')
    assert '3 denied by the policy' in shown
    (domain,) = host.monitor.json('domains', str(host.domains['tenant'].domid))
    assert domain['name'] == 'tenant' and domain['refusals']['denied'] == 3
    # The log of the bus, to which the remedy of AccessDenied points, says what and why.
    lines = [line for line in host.bus.stderr.read_text().splitlines() if 'Destroy' in line]
    assert lines and all(VDI in line and 'tenant' in line for line in lines)


def test_what_the_storage_domain_said(host, build):
    with Watch(build, host.bus, 'follow', '--domain=storage') as watch:
        list_bridges(host.xapi)
        attach_disk(host.xapi)
        watch.take_lines(2)
        call, answer = watch.end()
    assert (call['kind'], call['member'], call['to']['domain']) == ('call', 'Attach', 'storage')
    assert (answer['kind'], answer['from']['domain']) == ('answer', 'storage')
    assert answer['took_us'] >= SLOW_S * 1e6


def test_domains_say_what_of_their_limits_is_used_up(host):
    for i in range(10):
        host.tenant.match(f"member='Signal{i}'")
    (domain,) = host.monitor.json('domains', 'tenant')
    assert domain['quotas']['max_match_rules_per_domain'] == {'used': 10, 'allowed': 1024}
    assert domain['quotas']['max_connections_per_domain']['used'] == domain['links'] == 1
    text = host.monitor.text('domains', 'tenant')
    assert ['max_match_rules_per_domain', '10', '1024', '0'] in [line.split() for line in text.splitlines()]
    names = [row['name'] for row in host.monitor.json('domains')]
    assert names[0] == 'Domain-0' and set(names[1:]) == {'storage', 'network', 'tenant'}
    table = host.monitor.text('domains').splitlines()
    assert [line.split()[-1] for line in table[1:]] == ['dom0', *names[1:]]
    assert all(len(line) <= 80 for line in table)
    for json in [], ['--json']:
        assert 'no domain nobody' in host.monitor.run('domains', 'nobody', *json, status=1).stderr
    assert 'max_connections_per_user' in host.monitor.text('domains', 'dom0')
