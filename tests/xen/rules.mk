# SPDX-License-Identifier: LGPL-2.1-or-later
# The lab: what runs programs in the guests of a real Xen. Included by the top Makefile.
XEN_LAB := $(addprefix $(BUILD)/tests/xen/,lab-run lab-guest)

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

# Downloads once, into a cache; tests/xen/run --help.
check-xen: all man test-programs xen-lab $(XEN_UNIT)
	$(Q)tests/xen/run --build=$(BUILD) $(ARGUMENTS)

# The same, of one test, for long: make check-xen-soak CYCLES=200
CYCLES ?= 200
check-xen-soak: all man test-programs xen-lab $(XEN_UNIT)
	$(Q)tests/xen/run --build=$(BUILD) -- xen/test_xen_soak.py --cycles=$(CYCLES) -s

.PHONY: xen-lab check-xen check-xen-soak
