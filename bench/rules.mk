# SPDX-License-Identifier: LGPL-2.1-or-later
# The load generator is one program of several files; the relay is one file.
BENCHES := $(BUILD)/bench/load $(BUILD)/bench/relay

LOAD_SRC := $(addprefix bench/,load.c client.c message.c options.c serve.c usage.c)

$(BUILD)/bench/load: $(call obj,$(LOAD_SRC)) $(COMMON_LIB)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(XEN_LIBS) -lpthread

bench: $(BENCHES) $(BUILD)/xcp-busd hosted-xen
	$(Q)bench/run --build=$(BUILD)

.PHONY: bench
