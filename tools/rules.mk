# SPDX-License-Identifier: LGPL-2.1-or-later
# xcp-bus-monitor, on the library and on code printed from interfaces. Included by the top Makefile.
MONITOR_IDL := bus1 health1
MONITOR_OBJ := $(call obj,tools/xcp-bus-monitor.c $(wildcard tools/monitor-*.c))

$(MONITOR_OBJ): CPPFLAGS += -Ilibxcpbus -I$(BUILD)/idl/c
$(MONITOR_OBJ): | $(MONITOR_IDL:%=$(BUILD)/idl/c/%.h)

# The library is in the program: both are of one release, and there is no path to be found.
$(BUILD)/xcp-bus-monitor: $(MONITOR_OBJ) $(MONITOR_IDL:%=$(BUILD)/obj/idl/%.o) $(BUILD)/libxcpbus.a \
		$(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) $(LDHARDENING) -o $@ $^ $(DBUS_LIBS) $(EVENT_LIBS) $(EXPAT_LIBS) $(XEN_LIBS) \
		-lm -lpthread

$(BUILD)/fuzz/fuzz-node: FUZZ_MORE := tools/monitor-node.c $(EXPAT_LIBS)
$(BUILD)/fuzz/fuzz-node: tools/monitor-node.c

# The library is as it is linked: names within it are those of others, too.
MONITOR_LIBS := $(MONITOR_IDL:%=$(BUILD)/obj/idl/%.o) $(BUILD)/libxcpbus.a $(COMMON_LIB)
$(BUILD)/fuzz/fuzz-capture: tests/fuzz/fuzz-capture.c $(wildcard tools/monitor-*.[ch]) $(MONITOR_LIBS)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  FUZZ    $@")
	$(Q)$(CLANG) $(CPPFLAGS) -Ilibxcpbus -I$(BUILD)/idl/c -std=gnu11 $(FUZZ_FLAGS) -o $@ \
		$(filter %.c %.o %.a,$^) $(DBUS_LIBS) $(EVENT_LIBS) $(EXPAT_LIBS) $(XEN_LIBS) -lm -lpthread
