# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guests, and services in trouble, that would have `follow --body` show what is secret."""
import pytest

import wire
from services import INTROSPECTABLE, Fail, Service
from test_hostile import memory_of
from watching import Emitter, Watch

VAULT = 'org.example.Vault'
PROPERTIES = 'org.freedesktop.DBus.Properties'
ERROR = 'org.freedesktop.DBus.Error.'
SECRETS = f"""<node><interface name="{VAULT}">
<method name="Open"><arg name="user" type="s" direction="in"/><arg name="password" type="s" direction="in"/>
<annotation name="org.xen.xcp.Secret" value="password"/></method>
<property name="Master" type="s" access="read"><annotation name="org.xen.xcp.Secret" value="true"/></property>
</interface><interface name="{PROPERTIES}"><method name="Get"><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="v" direction="out"/></method></interface></node>"""


def refuse(name):
    def method(_):
        raise Fail(ERROR + name, 's', 'no')
    return method


def vault(client, elsewhere):
    """A vault at /v; what it says of itself at other places."""
    return Service(client, VAULT, {
        ('/v', INTROSPECTABLE, 'Introspect'): lambda _: ('s', SECRETS),
        (None, INTROSPECTABLE, 'Introspect'): elsewhere,
        (None, VAULT, 'Open'): lambda _: (),
        (None, None, 'Get'): lambda _: ('v', wire.Variant('s', 'hush')),
        (None, PROPERTIES, 'Get'): lambda _: ('v', wire.Variant('s', 'hush')),
    })


def bodies_at(lines, path):
    return [line['body'] for line in lines if line['path'] == path and line['interface'] != INTROSPECTABLE]


@pytest.mark.parametrize('elsewhere', [lambda _: ('s', '<node/>'), refuse('UnknownMethod')],
                         ids=['nothing-there', 'unknown'])
def test_a_call_to_another_object_uncovers_nothing(hosted_bus, guest, build, elsewhere):
    """Who asks at a place that there is not, so that this is what is known of the service."""
    caller = hosted_bus.connect()
    with vault(guest.connect(), elsewhere), \
            Watch(build, hosted_bus, '--body', '--timeout=60s', "interface='org.example.Vault'",
                  "interface='a.b'") as watch:
        caller.call(VAULT, '/other', VAULT, 'Open', 'ss', 'a', 'b')
        caller.call(VAULT, '/v', VAULT, 'Open', 'ss', 'me', 'hush')
        caller.send(wire.signal('/end', 'a.b', 'End'))
        watch.until(lambda line: line['member'] == 'End')
        lines = watch.end()
    assert bodies_at(lines, '/v') == [['me', None], []]


@pytest.mark.parametrize('call', [(PROPERTIES, ''), (None, VAULT), (None, '')])
def test_properties_that_are_asked_for_by_halves(hosted_bus, guest, build, call):
    """Without the name of their interface, or of that which gets them."""
    caller, (interface, owner) = hosted_bus.connect(), call
    with vault(guest.connect(), lambda _: ('s', SECRETS)), \
            Watch(build, hosted_bus, '--body', '--timeout=60s', "member='Get'", "interface='a.b'") as watch:
        caller.call(VAULT, '/v', interface, 'Get', 'ss', owner, 'Master')
        caller.send(wire.signal('/end', 'a.b', 'End'))
        watch.until(lambda line: line['member'] == 'End')
        lines = watch.end()
    assert len(lines) >= 3 and 'hush' not in str(lines)


@pytest.mark.parametrize('trouble', [refuse('LimitsExceeded'), refuse('Failed'), refuse('AccessDenied'),
                                     lambda _: ('s', SECRETS[:-1]), lambda _: ('u', 7)],
                         ids=['full', 'failed', 'denied', 'half', 'number'])
def test_who_fails_to_say_what_is_secret_may_have_secrets(hosted_bus, guest, build, trouble):
    caller = hosted_bus.connect()
    with vault(guest.connect(), trouble), \
            Watch(build, hosted_bus, '--body', '--timeout=60s', "interface='org.example.Vault'",
                  "interface='a.b'") as watch:
        caller.call(VAULT, '/w', VAULT, 'Open', 'ss', 'me', 'hush')
        caller.send(wire.signal('/end', 'a.b', 'End'))
        watch.until(lambda line: line['member'] == 'End')
        lines = watch.end()
    assert bodies_at(lines, '/w') == [[None, None], []]


@pytest.mark.parametrize('methods, count', [(110000, 12), (15000, 30)])
def test_endless_descriptions_take_no_endless_memory(hosted_bus, guest, build, methods, count):
    """Up to what a guest's message may be, and of as many interfaces as it likes."""
    xml = '<node><interface name="a.b">' + '<method/>' * methods + '</interface></node>'
    service = Emitter(guest.connect(), 'org.example.endless',
                      {(None, INTROSPECTABLE, 'Introspect'): lambda _: ('s', xml)})
    caller = hosted_bus.connect()
    with service, Watch(build, hosted_bus, '--body', '--timeout=60s', "path='/x'") as watch:
        for i in range(count):
            service.emit(caller, wire.signal('/x', f'a.b{i}', 'Told', 's', 'hush'))
            watch.take_lines(i + 1)
        memory = memory_of(watch.process)
        lines = watch.end()
    assert [line['body'] for line in lines] == [[None]] * count
    if b'__asan_init' not in open(f'{build}/xcp-bus-monitor', 'rb').read():
        assert memory < 100 << 20
