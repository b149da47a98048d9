# SPDX-License-Identifier: LGPL-2.1-or-later
"""A screen that nobody sees, and the programs on it as a screen reader finds them (AT-SPI).

Programs are looked at and used through their accessibility tree: by what things are and are called, not by
where they stand on the screen or how they look.
"""
import os
import subprocess
import time

import gi
from gi.repository import GLib

PATIENCE = 60
REGISTRY = '/usr/libexec/at-spi2-registryd'
ACCESSIBILITY = '/usr/share/defaults/at-spi2/accessibility.conf'
PHOTOGRAPH = '''
import gi, sys
gi.require_version('Gdk', '3.0')
from gi.repository import Gdk
root = Gdk.get_default_root_window()
picture = Gdk.pixbuf_get_from_window(root, 0, 0, root.get_width(), root.get_height())
picture.savev(sys.argv[1], 'png', [], [])
'''


def until(condition, what):
    """What `condition` returns, as soon as there is something."""
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return result


class Screen:
    """An X server, and the bus on which programs show what is on it. One for a process."""

    def __init__(self, home):
        self.processes = []
        reader, writer = os.pipe()
        self.begin('Xvfb', '-displayfd', str(writer), '-screen', '0', '1280x1024x24', '-nolisten', 'tcp',
                   pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as said:
            os.environ['DISPLAY'] = f':{said.readline().strip()}'
        os.environ['AT_SPI_BUS_ADDRESS'] = self.first_line(
            'dbus-daemon', f'--config-file={ACCESSIBILITY}', '--nofork', '--print-address')
        self.first_line(REGISTRY)
        # Programs shall find no other bus and no settings of anybody.
        self.env = {**os.environ, 'HOME': str(home), 'XDG_RUNTIME_DIR': str(home), 'LC_ALL': 'C.UTF-8',
                    'GSETTINGS_BACKEND': 'memory', 'NO_AT_BRIDGE': '0',
                    'DBUS_SESSION_BUS_ADDRESS': 'unix:path=/nonexistent',
                    'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=/nonexistent'}
        gi.require_version('Atspi', '2.0')
        from gi.repository import Atspi  # reads the environment that was made above
        self.atspi = Atspi
        Atspi.init()

    def begin(self, *command, **options):
        process = subprocess.Popen(command, **options)
        self.processes.append(process)
        return process

    def first_line(self, *command):
        process = self.begin(*command, stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline().strip()
        assert line, f'{command[0]} has ended'
        return line

    def run(self, name, *command):
        """Starts a program; returns its process, and it itself as soon as it shows a window."""
        process = self.begin(*command, env=self.env)

        def shown():
            assert process.poll() is None, f'{name} has ended'
            desktop = Thing(self.atspi, self.atspi.get_desktop(0))
            return next((each for each in desktop.children()
                         if each.name == name and each.children()), None)

        return process, until(shown, f'{name} shows nothing')

    def press(self, key):
        """For what act() must not do: a program that opens a dialog would not answer until that is closed."""
        subprocess.run(['xdotool', 'search', '--onlyvisible', '--sync', '--limit', '1', '--name', '.',
                        'windowfocus', '--sync', 'key', key],
                       check=True, env=self.env, timeout=PATIENCE)

    def photograph(self, path):
        subprocess.run(['/usr/bin/python3', '-c', PHOTOGRAPH, path], check=True, env=self.env,
                       timeout=PATIENCE)

    def end(self, process):
        self.processes.remove(process)
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()

    def stop(self):
        for process in reversed(self.processes[:]):
            self.end(process)


class Thing:
    """Something on the screen: a window, a button, a cell. It may vanish at any time; then it is empty."""

    def __init__(self, atspi, node):
        self.atspi, self.node = atspi, node

    def ask(self, question, otherwise):
        try:
            return question(self.node)
        except GLib.Error:
            return otherwise

    @property
    def name(self):
        return self.ask(lambda node: node.get_name(), '')

    @property
    def role(self):
        return self.ask(lambda node: node.get_role_name(), '')

    @property
    def text(self):
        return self.ask(lambda node: node.get_text(0, node.get_character_count()), '')

    def children(self):
        count = self.ask(lambda node: node.get_child_count(), 0)
        nodes = [self.ask(lambda node: node.get_child_at_index(index), None)
                 for index in range(count)]
        return [Thing(self.atspi, node) for node in nodes if node]

    def all(self, role, name=None):
        """Those below it, however deep, in order; `name` is the beginning of their name."""
        found = []
        for child in self.children():
            if child.role == role and (name is None or child.name.startswith(name)):
                found.append(child)
            found += child.all(role, name)
        return found

    def wait_for(self, role, name=None):
        return until(lambda: self.all(role, name), f'there is no {role} {name or ""}')[0]

    def act(self, action):
        """Does one of the things that can be done with it: "Click", "Activate"..."""
        node = self.node
        names = [node.get_localized_name(index) for index in range(node.get_n_actions())]
        assert action in names, f'{self.role} {self.name} has only {names}'
        assert self.node.do_action(names.index(action))

    def focus(self):
        assert self.node.grab_focus()

    def write(self, text):
        assert self.node.set_text_contents(text)

    def is_expanded(self):
        return self.node.get_state_set().contains(self.atspi.StateType.EXPANDED)
