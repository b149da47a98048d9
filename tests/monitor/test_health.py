# SPDX-License-Identifier: LGPL-2.1-or-later
"""xcp-bus-monitor health: every service that can say how it is, wherever it says so, and none that cannot."""
import signal
import time
import unicodedata

import pytest

from services import HEALTH, Fail, Monitor, Service, described

INTERFACE = f'<interface name="{HEALTH}"/>'


@pytest.fixture(scope='module')
def monitor(build, shared_bus):
    return Monitor(build, shared_bus)


def health(component='', status='Serving', reason='', since=0.0):
    return {'component': ('s', component), 'status': ('s', status), 'reason': ('s', reason),
            'since': ('d', since)}


def healthy(path, *parts):
    """Methods of a service that is so. Without parts it serves."""
    parts = parts or (health(),)
    return {(path, HEALTH, 'Check'): lambda _: ('a{sv}', parts[0]),
            (path, HEALTH, 'List'): lambda _: ('aa{sv}', list(parts))}


def ours(answers):
    """Without the bus itself, which has an opinion of its own."""
    return {answer['service']: answer for answer in answers if answer['service'] != 'org.freedesktop.DBus'}


def test_services_are_found_where_their_name_says(bus, monitor):
    with Service(bus.connect(), 'org.xen.xcp.one1', healthy('/org/xen/xcp/one1')) as service:
        answer = ours(monitor.json('health'))['org.xen.xcp.one1']
        assert answer == {'service': 'org.xen.xcp.one1', 'component': '', 'status': 'Serving', 'reason': '',
                          'since_us': None}
        assert [call.member for call in service.calls] == ['Check']


def test_or_by_looking_through_their_objects(bus, monitor):
    methods = {**healthy('/far/away'), **described({
        '/': '<node><node name="near"/><node name="far"/></node>', '/near': '<node/>',
        '/far': '<node><node name="away"/></node>', '/far/away': f'<node>{INTERFACE}</node>'})}
    with Service(bus.connect(), 'org.xen.xcp.two1', methods):
        assert ours(monitor.json('health'))['org.xen.xcp.two1']['status'] == 'Serving'


def test_who_does_not_have_it_is_only_counted(bus, monitor):
    with Service(bus.connect(), 'org.xen.xcp.plain1', described({'/': '<node/>'})), \
            Service(bus.connect(), 'org.xen.xcp.bare1', {}):
        assert ours(monitor.json('health')) == {}
        assert '2 more do not say' in monitor.text('health') or '3 more' in monitor.text('health')
        result = monitor.run('health', 'org.xen.xcp.plain1', status=1)
        assert 'unknown' in result.stdout


@pytest.mark.parametrize('status, word', [
    ('Degraded', 'degraded'), ('Draining', 'draining'), ('NotServing', 'not serving'),
    ('Dreaming', 'not serving')])
def test_whoever_does_not_serve_is_the_exit_status_and_has_a_reason(bus, monitor, status, word):
    since = int(time.time()) - 3600
    methods = healthy('/org/xen/xcp/bad1', health('', status, 'the disk is \x1b[31mfull', since + 0.5))
    with Service(bus.connect(), 'org.xen.xcp.bad1', methods), \
            Service(bus.connect(), 'org.xen.xcp.good1', healthy('/org/xen/xcp/good1')):
        shown = monitor.text('health', status=1)
        line = next(line for line in shown.splitlines() if 'bad1' in line)
        assert line.startswith(f'{word} ') and line.endswith('the disk is \\x1b[31mfull')
        assert ' min ' in line or ' h ' in line
        answers = ours(monitor.json('health', status=1))
        assert answers['org.xen.xcp.bad1']['status'] == status
        assert answers['org.xen.xcp.bad1']['since_us'] == since * 1_000_000 + 500_000
        assert answers['org.xen.xcp.bad1']['reason'] == 'the disk is \x1b[31mfull'
        assert answers['org.xen.xcp.good1']['status'] == 'Serving'


def test_all_are_asked_at_once_and_the_silent_ones_named(bus, monitor):
    """One that never answers must not keep the others from being asked."""
    silent = {(None, HEALTH, 'Check'): lambda _: None, (None, HEALTH, 'List'): lambda _: None}
    services = [Service(bus.connect(), f'org.xen.xcp.silent{i}', silent) for i in range(5)]
    try:
        with Service(bus.connect(), 'org.xen.xcp.good1', healthy('/org/xen/xcp/good1')):
            answers = ours(monitor.json('health', '--timeout=2s', status=1))
    finally:
        for service in services:
            service.stop()
    assert answers['org.xen.xcp.good1']['status'] == 'Serving'
    assert [answers[f'org.xen.xcp.silent{i}']['status'] for i in range(5)] == ['NoAnswer'] * 5


def test_of_services_that_are_named_all_parts_are_shown(bus, monitor):
    parts = health('', 'Degraded', 'no spare'), health('database'), health('mirror', 'NotServing', 'off')
    with Service(bus.connect(), 'org.xen.xcp.parts1', healthy('/org/xen/xcp/parts1', *parts)):
        answers = monitor.json('health', 'org.xen.xcp.parts1', status=1)
        assert [(answer['component'], answer['status']) for answer in answers] == [
            ('', 'Degraded'), ('database', 'Serving'), ('mirror', 'NotServing')]
        assert 'org.xen.xcp.parts1/mirror' in monitor.text('health', 'org.xen.xcp.parts1', status=1)


def columns(text):
    return sum(1 + (unicodedata.east_asian_width(c) in 'WF') for c in text)


def test_wide_characters_have_their_columns(bus, monitor):
    parts = health(), health('雪e\u0301', 'Degraded', '雪' * 40), health('plain', 'Degraded', 'x' * 80)
    with Service(bus.connect(), 'org.xen.xcp.wide1', healthy('/org/xen/xcp/wide1', *parts)):
        shown = monitor.in_terminal(60, 'health', 'org.xen.xcp.wide1', status=1)
    place = shown[0].index('REASON')
    assert [columns(line.replace('\u0301', '')) for line in shown[2:]] == [60 - (60 - place - 3) % 2, 60]
    for line, reason in zip(shown[2:], '雪x'):
        before, _, after = line.partition(2 * reason)
        assert columns(before.replace('\u0301', '')) == place and after.endswith(f'{reason}...')


def test_a_part_that_is_shown_and_does_not_serve_is_the_exit_status_too(bus, monitor):
    parts = health(), health('mirror', 'Degraded')
    with Service(bus.connect(), 'org.xen.xcp.parts1', healthy('/org/xen/xcp/parts1', *parts)):
        assert len(monitor.json('health', 'org.xen.xcp.parts1', status=1)) == 2
        assert ours(monitor.json('health'))['org.xen.xcp.parts1']['status'] == 'Serving'


def test_an_error_of_the_interface_itself_is_a_failure(bus, monitor):
    def fail(_):
        raise Fail('org.example.Broken', 's', 'it is broken')
    methods = {(None, HEALTH, 'Check'): fail, **described({'/': f'<node>{INTERFACE}</node>'})}
    with Service(bus.connect(), 'org.xen.xcp.broken1', methods):
        answer = ours(monitor.json('health', status=1))['org.xen.xcp.broken1']
        assert (answer['status'], answer['reason']) == ('Failed', 'it is broken')


def test_answers_of_other_types_are_failures_and_no_more(bus, monitor):
    methods = {(None, HEALTH, 'Check'): lambda _: ('s', 'fine'),
               (None, HEALTH, 'List'): lambda _: ('aa{sv}', []),
               **described({'/': f'<node>{INTERFACE}</node>'})}
    with Service(bus.connect(), 'org.xen.xcp.odd1', methods):
        assert ours(monitor.json('health', status=1))['org.xen.xcp.odd1']['status'] == 'Failed'
        assert monitor.json('health', 'org.xen.xcp.odd1', status=1)[0]['status'] == 'Failed'


def test_a_tree_without_end_is_given_up(bus, monitor):
    endless = described({None: '<node><node name="x"/><node name="y"/></node>'})
    with Service(bus.connect(), 'org.xen.xcp.endless1', endless) as service:
        assert ours(monitor.json('health')) == {}
        assert len(service.calls) < 100


@pytest.mark.parametrize('arguments', [['--timeout=soon'], ['not a name'], ['--nosuch']])
def test_wrong_usage_is_status_2(monitor, arguments):
    monitor.run('health', *arguments, status=2)


def test_of_a_guest_that_is_paused_it_is_known_that_it_does_not_answer(xen, hosted_bus, guest, build):
    monitor = Monitor(build, hosted_bus)
    client = guest.connect()
    with Service(client, 'org.xen.xcp.paused1', healthy('/org/xen/xcp/paused1')):
        assert ours(monitor.json('health'))['org.xen.xcp.paused1']['status'] == 'Serving'
        client.process.send_signal(signal.SIGSTOP)
        try:
            answers = ours(monitor.json('health', '--timeout=1s', status=1))
        finally:
            client.process.send_signal(signal.SIGCONT)
        assert answers['org.xen.xcp.paused1']['status'] == 'NoAnswer'
