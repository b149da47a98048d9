# SPDX-License-Identifier: LGPL-2.1-or-later
"""d-feet on the socket in dom0: it finds a service that lives in a guest, shows what it has, and calls it."""
import pytest

from client import BUS, BUS_PATH
from screen import until

NAME = 'org.xen.xcp.hello1'
PATH = '/org/xen/xcp/hello1'


@pytest.fixture
def dfeet(screen, hosted_bus):
    process, application = screen.run('d-feet', 'd-feet', f'--address=unix:path={hosted_bus.path}')
    yield application
    screen.end(process)


def labels(item):
    return [label.name for label in item.all('label')]


def choose(window, name):
    """Selects a bus name in the list; returns the table of what it has."""
    def selected():
        boxes = window.all('list box')
        rows = [labels(row)[:1] for row in boxes[0].children()] if boxes else []
        return [name] in rows and boxes[0].node.select_child(rows.index([name]))

    until(selected, f'{name} is not listed')
    return window.wait_for('tree table')


def expand(table, name):
    cell = table.wait_for('table cell', name)
    if not cell.is_expanded():
        cell.act('Expand or contract')


def cells(table, name):
    return [cell.name for cell in table.all('table cell', name)]


def execute(screen, application, method, parameters):
    """Opens the dialog of a method, fills it in, and presses its button; returns what it shows then."""
    method.focus()
    screen.press('Return')
    dialog = application.wait_for('dialog')
    fields = dialog.all('text')
    given, shown = fields[0], fields[1]
    given.write(parameters)
    dialog.all('push button', 'Execute')[0].act('Click')
    until(lambda: shown.text, 'nothing was answered')
    return dialog, shown.text


def passed(monitor, member):
    """Who called that, who was it that answered, and what it said, as the bus has passed it on."""
    call = monitor.take(lambda message: message.member == member)
    reply = monitor.take(lambda message: message.reply_serial == call.serial
                         and message.destination == call.sender)
    return call, reply


def test_a_service_in_a_guest_is_listed_introspected_and_called(screen, dfeet, greeter, pictures, hosted_bus):
    guest, unique_name = greeter
    table = choose(dfeet, NAME)
    row = next(item for item in dfeet.all('list item') if item.all('label', NAME))
    assert labels(row) == [NAME, 'activatable: no']  # no process: the kernel here knows none

    expand(table, 'Statistics')
    table.wait_for('table cell', f'org.xen.xcp.DomainID = {guest.domid}')
    assert cells(table, 'org.xen.xcp.DomainName') == [f'org.xen.xcp.DomainName = {guest.name}']
    assert cells(table, 'org.xen.xcp.Transport') == ['org.xen.xcp.Transport = vchan']
    assert cells(table, 'UniqueName') == [f'UniqueName = {unique_name}']

    table.wait_for('table cell', PATH)
    assert cells(table, '/') == ['/', '/org', '/org/xen', '/org/xen/xcp', PATH]
    expand(table, PATH)
    expand(table, NAME)
    method = table.wait_for('table cell', 'Greet ')
    assert method.name == 'Greet (String who) ↦ (String greeting)'

    monitor = hosted_bus.connect()
    monitor.call(BUS, BUS_PATH, 'org.freedesktop.DBus.Monitoring', 'BecomeMonitor', 'asu', [], 0)
    dialog, answer = execute(screen, dfeet, method, '"d-feet"')
    screen.photograph(pictures / 'd-feet.png')
    dialog.all('push button', 'Close')[0].act('Click')
    call, reply = passed(monitor, 'Greet')
    assert (call.destination, call.path, call.interface) == (unique_name, PATH, NAME)
    assert (call.body, reply.sender) == (('d-feet',), unique_name)
    assert reply.body == (f'Hello d-feet ({call.sender}), this is {unique_name}',)
    assert answer == repr(reply.body[0])
    monitor.close()


def test_what_a_service_refuses_is_shown(screen, dfeet, greeter):
    table = choose(dfeet, NAME)
    expand(table, PATH)
    expand(table, 'org.freedesktop.DBus.Properties')
    _, answer = execute(screen, dfeet, table.wait_for('table cell', 'Get '), '"org.xen.xcp.hello1", "Colour"')
    assert 'org.freedesktop.DBus.Error.UnknownProperty' in answer


def test_the_bus_itself(dfeet, greeter, hosted_bus):
    table = choose(dfeet, 'org.freedesktop.DBus')
    row = next(item for item in dfeet.all('list item') if item.all('label', 'org.freedesktop.DBus'))
    assert f'pid: {hosted_bus.process.pid}' in labels(row)[1]
    expand(table, 'Statistics')
    table.wait_for('table cell', 'ActiveConnections = ')
    table.wait_for('table cell', '/org/freedesktop/DBus')
    expand(table, '/org/freedesktop/DBus')
    table.wait_for('table cell', 'org.freedesktop.DBus.Debug.Stats')
