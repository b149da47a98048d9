# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the log says of services that are started."""
import os

from activation import NAME, refusal, start
from logs import events, wait_event


def test_what_is_started_is_in_the_log(services):
    made = services()
    made.write(NAME, 'service', NAME)
    made.write('org.example.Dies', 'exits', 7)
    bus = made.start()
    client = bus.connect()
    assert client.result(start(client)) == 1
    started = wait_event(bus, 'starting', service=NAME)
    assert (started['link'], started['uid']) == (client.name, str(os.getuid()))
    failure = refusal(client, start(client, 'org.example.Dies'))
    failed = wait_event(bus, 'start-failed', service='org.example.Dies')
    assert failed['what'] == failure.text and failed['remedy']
    assert (failed['domain'], failed['uid']) == ('0', str(os.getuid()))
    assert [event['service'] for event in events(bus)] == [NAME] + 2 * ['org.example.Dies']


def test_a_start_that_takes_too_long_is_in_the_log_once(services):
    made = services(limits={'service_start_timeout': 300})
    made.write(NAME, 'hangs')
    bus = made.start()
    client = bus.connect()
    failure = refusal(client, start(client))
    client.sync()
    bus.stop()
    assert [event['what'] for event in events(bus, 'start-failed')] == [failure.text]
