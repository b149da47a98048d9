# SPDX-License-Identifier: LGPL-2.1-or-later
VERSION := 0.1.0

PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib/$(shell $(CC) -print-multiarch)
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
# What the system reads of the host's configuration is where the system looks if PREFIX is its own.
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
SYSTEMDDIR ?= $(PREFIX)/lib/systemd/system
UDEVDIR ?= $(PREFIX)/lib/udev/rules.d
PYTHON ?= /usr/bin/python3
PKG_CONFIG ?= pkg-config

DBUS_CFLAGS := $(shell $(PKG_CONFIG) --cflags dbus-1)
DBUS_LIBS := $(shell $(PKG_CONFIG) --libs dbus-1)
EVENT_CFLAGS := $(shell $(PKG_CONFIG) --cflags libevent_core)
EVENT_LIBS := $(shell $(PKG_CONFIG) --libs libevent_core)
EXPAT_LIBS := $(shell $(PKG_CONFIG) --libs expat)
ifeq ($(and $(DBUS_LIBS),$(EVENT_LIBS),$(EXPAT_LIBS)),)
$(warning packages are missing: "scripts/setup build", as root, installs what make needs)
endif
# libxenvchan's calls are made through the libraries beneath it where ours link them directly.
XEN_LIBS := -lxenvchan -lxenstore -lxenevtchn -lxengnttab
XENCTRL_LIBS := -lxenctrl
