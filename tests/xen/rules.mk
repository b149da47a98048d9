# SPDX-License-Identifier: LGPL-2.1-or-later
# The lab: what runs programs in the guests of a real Xen. Included by the top Makefile.
XEN_LAB := $(addprefix $(BUILD)/tests/xen/,lab-run lab-guest lab-clock)

$(XEN_LAB): $(BUILD)/tests/xen/%: $(BUILD)/obj/tests/xen/%.o $(BUILD)/obj/tests/xen/line.o
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(XEN_LIBS)

$(BUILD)/tests/xen/lab-domid.so: $(BUILD)/obj/tests/xen/lab-domid.o
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -shared -o $@ $^

xen-lab: $(XEN_LAB) $(BUILD)/tests/xen/lab-domid.so
ifndef SANITIZE
tests: xen-lab
endif

# Of the library's own tests, which run in a guest.
XEN_UNIT := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/test-libxcpbus-*.c))

XEN_NEEDS := all man test-programs xen-lab $(XEN_UNIT) packages

packages:
	$(Q)mkdir -p $(BUILD)
	$(Q)DEB_BUILD_OPTIONS=nocheck scripts/build-packages $(BUILD)/packages >$(BUILD)/packages.log 2>&1 || \
		{ tail -n 20 $(BUILD)/packages.log; exit 1; }

# All that tests/xen/run puts into its images; with "make demo", what the demo needs too.
xen-programs: $(XEN_NEEDS)

# Downloads once, into a cache; tests/xen/run --help.
check-xen: $(XEN_NEEDS)
	$(Q)tests/xen/run --build=$(BUILD) $(ARGUMENTS)

# dom0 as it usually is on Debian.
check-xen-systemd: $(XEN_NEEDS)
	$(Q)tests/xen/run --build=$(BUILD) --output=$(BUILD)/check-xen-systemd --dom0=systemd -- xen/test_xen_systemd.py

# With what takes long: tests/xen/left-to-all.
check-xen-all: $(XEN_NEEDS) demo check-xen-systemd
	$(Q)tests/xen/run --build=$(BUILD) --all $(ARGUMENTS)

# One test of it, for long: make check-xen-soak CYCLES=200
CYCLES ?= 200
check-xen-soak: $(XEN_NEEDS)
	$(Q)tests/xen/run --build=$(BUILD) -- xen/test_xen_soak.py --cycles=$(CYCLES) -s

.PHONY: packages xen-lab xen-programs check-xen check-xen-systemd check-xen-all check-xen-soak
