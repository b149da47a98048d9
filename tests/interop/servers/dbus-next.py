#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
import aio

aio.main('dbus_next')
