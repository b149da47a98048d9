# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon logs about who uses the bus: who, what, which limit, and what to do."""
import os
import re
from pathlib import Path

import pytest

import wire
from client import BUS, BUS_PATH, Refused
from logs import events, left_out, parse, wait_event, wait_log

ROOT = Path(__file__).resolve().parents[2]


def who(client, pid=None):
    return {'domain': '0', 'link': client.name, 'pid': str(pid or os.getpid()),
            'uid': str(os.getuid())}


def is_about(event, client):
    return {key: event.get(key) for key in who(client)} == who(client)


def refused(client, member, signature=None, *body):
    return client.refusal(member, signature, *body).name.rpartition('.')[2]


def call(client, to, serial=None, size=0, **more):
    return client.send(wire.call(to, '/p', 'x.I', 'M', 'ay', bytes(size), **more))


# ---- limits ----

def too_many_names(client, _):
    client.own('a.b')
    assert refused(client, 'RequestName', 'su', 'a.c', 0) == 'LimitsExceeded'


def too_many_rules(client, _):
    client.match("member='A'")
    assert refused(client, 'AddMatch', 's', "member='B'") == 'LimitsExceeded'


def too_many_calls(client, service):
    call(client, service.name)
    serial = call(client, service.name)
    assert client.take_reply(serial).error_name.endswith('LimitsExceeded')


def a_full_receiver(client, service):
    for _ in range(20):  # nobody reads them; the kernel's buffers hold some
        call(client, service.name, size=50_000)
    client.take(lambda m: (m.error_name or '').endswith('LimitsExceeded'))


@pytest.mark.parametrize('limit, allowed, used, act', [
    ('max_names_per_user', 1, 1, too_many_names),
    ('max_names_per_connection', 2, 2, too_many_names),
    ('max_match_rules_per_user', 1, 1, too_many_rules),
    ('max_match_rules_per_connection', 1, 1, too_many_rules),
    ('max_replies_per_user', 1, 1, too_many_calls),
    ('max_replies_per_connection', 1, 1, too_many_calls),
    ('max_outgoing_bytes', 100_000, None, a_full_receiver)])
def test_a_limit_that_was_hit(start_bus, limit, allowed, used, act):
    bus = start_bus(limits={limit: allowed})
    client, service = bus.connect(), bus.connect()
    act(client, service)
    event = wait_event(bus, 'limited', limit=limit, allowed=allowed)
    assert is_about(event, client) and event['what'] and event['remedy']
    assert used is None or event['used'] == str(used)
    assert int(event['used']) <= allowed
    assert event.get('full', service.name) == service.name
    assert ('full' in event) == (act is a_full_receiver)


def test_too_many_connections_of_a_user(start_bus):
    bus = start_bus(limits={'max_connections_per_user': 1})
    bus.connect()
    with pytest.raises(Refused, match='maximum number of active connections'):
        bus.connect()
    wait_event(bus, 'limited', limit='max_connections_per_user', used=1, allowed=1)


# ---- ends ----

def not_dbus(client):
    client.send_bytes(b'hello, is this a bus?' * 10, drain=False)


def a_long_message(client):
    client.send_bytes(wire.signal('/a', 'a.b', 'C', 'ay', bytes(5000), serial=9).encode(), drain=False)


def half_a_message(client):
    client.send_bytes(wire.signal('/a', 'a.b', 'C', serial=9).encode()[:40], drain=False)


@pytest.mark.parametrize('act, what, limit, allowed', [
    (not_dbus, 'the byte order is neither little nor big', None, None),
    (a_long_message, 'the message is too long', 'max_message_size', 4000),
    (half_a_message, 'half a message came, and no other half', 'message_timeout', 200)])
def test_a_connection_that_the_bus_ends(start_bus, act, what, limit, allowed):
    bus = start_bus(limits={limit: allowed} if limit else {})
    client = bus.connect()
    act(client)
    client.wait_closed()
    event = wait_event(bus, 'dropped', link=client.name)
    assert is_about(event, client) and event['what'] == what and event['remedy']
    assert event.get('limit') == limit
    assert event.get('allowed') == (str(allowed) if allowed else None)


def test_who_does_not_authenticate(start_bus):
    bus = start_bus(limits={'auth_timeout': 200})
    bus.open().wait_closed()
    event = wait_event(bus, 'dropped', limit='auth_timeout', allowed=200)
    assert event['uid'] == str(os.getuid()) and int(event['used']) >= 200


def test_what_ends_in_good_order_is_for_the_curious(start_bus):
    quiet, curious = start_bus(), start_bus(options=['--verbose'])
    for bus in quiet, curious:
        client = bus.connect()
        client.close()
    wait_event(curious, 'ended', what='it closed the connection', link=client.name)
    quiet.stop()
    assert events(quiet) == []


# ---- denials ----

POLICY = '''<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
<allow receive_sender="*"/><deny send_interface="x.I"/><deny own="a.secret"/></policy>'''


def test_a_denial(start_bus):
    bus = start_bus(policy=POLICY)
    client, service = bus.connect(), bus.connect()
    call(client, service.name)
    client.sync()
    event = wait_event(bus, 'denied', link=client.name)
    assert is_about(event, client) and 'Rejected send message' in event['what']
    assert 'interface="x.I"' in event['what'] and 'policy' in event['remedy']
    assert refused(client, 'RequestName', 'su', 'a.secret', 0) == 'AccessDenied'
    assert 'a.secret' in [event for event in events(bus, 'denied')][-1]['what']


def test_lines_that_were_left_out_are_counted_and_said(start_bus):
    bus = start_bus(policy=POLICY)
    client, service = bus.connect(), bus.connect()
    for _ in range(500):
        call(client, service.name, flags=wire.NO_REPLY_EXPECTED)
    client.sync()
    wait_log(bus, lambda said: len(events(bus, 'denied')) + left_out(said) == 500)
    assert len(events(bus, 'denied')) < 100


# ---- guests ----

def deny(client, to, times=1):
    for _ in range(times):
        call(client, to, flags=wire.NO_REPLY_EXPECTED)
    client.sync()


def test_guests(start_hosted_bus, new_guest):
    """A flood of one does not swallow the line of another; and a name forges nothing."""
    bus = start_hosted_bus(policy='')
    dom0 = bus.connect()
    loud, quiet = new_guest('loud'), new_guest('quiet')
    one, two = loud.connect(), quiet.connect()
    deny(one, dom0.name, 500)
    deny(two, dom0.name)
    event = wait_event(bus, 'denied', domain=quiet.domid)
    assert (event['name'], event['link']) == ('quiet', two.name) and 'pid' not in event
    assert len([e for e in events(bus, 'denied') if e['domain'] == str(loud.domid)]) < 100
    wait_log(bus, lambda said: left_out(event for event in said
                                        if event['domain'] == str(loud.domid)))
    two.close()
    wait_event(bus, 'ended', domain=quiet.domid, link=two.name, what='it closed the connection')
    one.send_bytes(b'\0' * 100, drain=False)
    wait_event(bus, 'dropped', domain=loud.domid, link=one.name)


def test_a_name_that_nobody_granted(start_hosted_bus, new_guest):
    """Which no policy can give it, so that is not what the administrator is to look at."""
    bus = start_hosted_bus()
    guest = new_guest('guest', own='org.example.one1')
    client = guest.connect()
    assert refused(client, 'RequestName', 'su', 'org.example.two1', 0) == 'AccessDenied'
    event = wait_event(bus, 'denied', domain=guest.domid)
    own = f'/local/domain/{guest.domid}/xcp-bus/own'
    assert own in event['what'] and 'xcp-bus/own' in event['remedy']
    client.close()


def test_the_name_of_a_domain_forges_no_field(xen, start_hosted_bus, new_guest):
    bus = start_hosted_bus(policy='')
    dom0, guest = bus.connect(), new_guest('guest')
    evil = 'web" remedy="rm -rf /" x=y'
    xen.hx('run', 0, 'xenstore-write', f'/local/domain/{guest.domid}/name', evil)
    client = guest.connect()
    deny(client, dom0.name)
    assert wait_event(bus, 'denied', domain=guest.domid)['name'] == evil


def test_a_ring_that_is_refused(start_hosted_bus, new_guest):
    bus = start_hosted_bus(limits={'max_connections_per_domain': 1})
    guest = new_guest('guest')
    first, second = guest.connect(), guest.ring()
    assert 'as many connections' in second.report()
    event = wait_event(bus, 'refused', domain=guest.domid, limit='max_connections_per_domain')
    assert (event['used'], event['allowed'], event['name']) == ('1', '1', 'guest')
    assert event['ring'] and event['remedy']
    first.close()


# ---- the documentation ----

def sources(*names):
    text = ''.join(path.read_text() for name in names for path in sorted(ROOT.glob(name)))
    return re.sub(r'"\s*\n\s*"', '', text)


def page():
    return ' '.join((ROOT / 'docs/logs.md').read_text().replace('\\', '').split())


def expanded(text):
    """With what macros stand for in their place."""
    for name in re.findall(r'^#define (\w+) "', text, re.M):
        value = re.search(rf'^#define {name} (.*)', text, re.M)[1]
        text = re.sub(rf'\b{name}\b', lambda _: value, text)
    return text


def strings(code):
    return re.findall(r'"([^"]+)"', re.sub(r'"\s*"', '', code))


def test_each_limit_and_each_remedy_is_documented():
    code = expanded((ROOT / 'xcp-busd/io/reason.c').read_text())
    said = set(strings(code.partition('} helps[')[2].partition('\n};')[0]))
    limits = {text for text in said if re.fullmatch('[a-z_]+', text)}
    assert len(limits) > 25 and len(said - limits) > 25
    assert [limit for limit in limits if f'`{limit}`' not in page()] == []
    assert [remedy for remedy in said - limits if remedy not in page()] == []
    known = sources('docs/limits.md')
    assert [limit for limit in limits if f'`{limit}`' not in known] == []


def test_each_end_and_each_refusal_is_documented():
    """Those whose words are in the code; what is wrong with a message is in a table of its own."""
    code = sources('xcp-busd/core/*.c', 'xcp-busd/io/*.c')
    ends = [text for statement in re.findall(r'\b(?:bus_drop|link_drop|link_end)\([^;]*;', code)
            for text in strings(statement)]
    refusals = [text for statement in re.findall(r'\brefuse\(guests[^;]*;',
                                                 sources('xcp-busd/io/guests-look.c'))
                for text in strings(statement)]
    refusals += strings(sources('xcp-busd/io/offer.c').partition('*offer_explain(')[2]
                        .partition('\n}')[0])
    valid, *broken, unknown = strings(sources('xcp-busd/wire/message.c')
                                      .partition('message_verdict_text(')[2])
    assert (valid, unknown) == ('valid', 'unknown')
    assert len(ends) > 20 and len(refusals) > 6 and len(broken) > 20
    assert [text for text in ends + refusals + broken if text not in page()] == []


def test_what_is_limited_is_said_so():
    rows = (ROOT / 'docs/logs.md').read_text().partition('### What is limited')[2].partition('\n## ')[0]
    parts = re.findall(r'^\| ([^|]+?) \|', rows, re.M)[2:]
    code = sources('xcp-busd/core/*.c')
    assert len(parts) > 15
    assert [part for part in parts if part not in code] == []


def test_each_event_and_each_sentence_is_documented():
    code = sources('xcp-busd/*.c', 'xcp-busd/io/*.c')
    words = set(re.findall(r'log_record_begin\(&?record, "([a-z-]+)"\)', code))
    words |= set(re.findall(r'begin(?:_line)?\([^;"]*&?record, [^;"]*"([a-z-]+)"', code))
    words |= set(re.findall(r'begin\(link, &record, [^;"]*"[a-z-]+" : "([a-z-]+)"', code))
    assert {'refused', 'denied', 'limited', 'dropped', 'ended', 'suppressed', 'starting',
            'start-failed'} <= words
    assert [word for word in words if f'`{word}`' not in page()] == []
    keys = set(re.findall(r'log_record_(?:text|number)\(&?record, "([a-z-]+)"', code))
    assert [key for key in keys if f'`{key}`' not in page()] == []
    code = re.sub(r'%" PRIu32\s*"|%[a-z]', '...', code)
    lines = re.findall(r'log_(?:error|warning|info|debug)\(\s*"([^"]*)"', code)
    lines = [line for line in lines if line != '...']
    assert len(lines) > 20
    assert [line for line in lines if line not in page()] == []


def test_the_examples_are_of_the_form():
    text = (ROOT / 'docs/logs.md').read_text()
    examples = re.findall(r'^    (xcp-busd: .*(?:\n        .*)*)', text, re.M)
    assert len(examples) >= 3
    assert all(parse(re.sub(r'\n +', ' ', example)) for example in examples)
