# SPDX-License-Identifier: LGPL-2.1-or-later
# Code that xcp-bus-idl prints, and programs made of it. Included by the top Makefile.
#
#   make idl-golden   prints anew what tests/idl/golden has; look at the difference before you commit it
XCP_BUS_IDL := PYTHONPATH=idl $(PYTHON) -B -m xcpidl
IDL_FILES := $(wildcard idl/*.xml tests/idl/good/*.xml)
TORTURE := tests/idl/good/org.example.torture1.xml
# squeezed1 of idl/org.xen.xcp.squeezed1.xml
IDL_NAMES := $(shell echo $(foreach file,$(IDL_FILES),$(lastword $(subst ., ,$(basename $(file))))) | \
	tr A-Z a-z)

# NAME.c and NAME.h of all interface files, in one go.
$(BUILD)/idl/c/printed: $(IDL_FILES) $(wildcard idl/xcpidl/*.py)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  IDL     $(@D)")
	$(Q)$(XCP_BUS_IDL) c -o $(@D) $(IDL_FILES)
	$(Q)touch $@

$(foreach name,$(IDL_NAMES),$(BUILD)/idl/c/$(name).c $(BUILD)/idl/c/$(name).h): $(BUILD)/idl/c/printed ;

$(IDL_NAMES:%=$(BUILD)/obj/idl/%.o): $(BUILD)/obj/idl/%.o: $(BUILD)/idl/c/%.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC      $<")
	$(Q)$(CC) $(CPPFLAGS) -Ilibxcpbus $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

TORTURE_DIR := $(BUILD)/tests/idl/torture
TORTURE_PROGRAMS := $(addprefix $(TORTURE_DIR)/,torture-server torture-client odd-server odd-client \
	mutate)
torture_obj = $(patsubst %,$(BUILD)/obj/tests/idl/torture/%.o,$(1))

$(BUILD)/obj/tests/idl/torture/%.o: CPPFLAGS += -Ilibxcpbus -I$(BUILD)/idl/c
$(call torture_obj,torture-server torture-client client-calls client-signals client-odd mutate): \
	$(BUILD)/idl/c/torture1.h

$(TORTURE_DIR)/torture-server: $(call torture_obj,torture-server) $(BUILD)/obj/idl/torture1.o
$(TORTURE_DIR)/torture-client: $(BUILD)/obj/idl/torture1.o \
	$(call torture_obj,torture-client client-calls client-signals client-odd)
$(TORTURE_DIR)/mutate: $(call torture_obj,mutate) $(BUILD)/obj/idl/torture1.o
$(TORTURE_DIR)/odd-server: $(call torture_obj,odd-server)
$(TORTURE_DIR)/odd-client: $(call torture_obj,odd-client)

$(TORTURE_PROGRAMS): $(XCPBUS_SO)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD      $@")
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -lxcpbus \
		-Wl,-rpath,'$$ORIGIN/../../..' $(DBUS_LIBS) $(EVENT_LIBS)

idl-tests: $(TORTURE_PROGRAMS)
tests: idl-tests

idl-golden:
	$(Q)$(XCP_BUS_IDL) c -o tests/idl/golden/c $(TORTURE)
	$(Q)$(XCP_BUS_IDL) python -o tests/idl/golden/python $(TORTURE)

.PHONY: idl-tests idl-golden

# ---- libxcpbus's own tests by these tables ----
TABLE_TESTS := test-oom-typed $(addprefix test-libxcpbus-,values typed typed-export)
$(TABLE_TESTS:%=$(BUILD)/tests/unit/%): $(BUILD)/obj/idl/torture1.o
$(TABLE_TESTS:%=$(BUILD)/obj/tests/unit/%.o): CPPFLAGS += -Ilibxcpbus -I$(BUILD)/idl/c
$(TABLE_TESTS:%=$(BUILD)/obj/tests/unit/%.o): $(BUILD)/idl/c/torture1.h

# What allocates goes through the test, which makes it fail.
comma := ,
OOM_TYPED := malloc calloc realloc reallocarray strdup $(addprefix dbus_message_,new new_signal \
	new_method_call new_method_return new_error $(addprefix iter_,get_signature append_basic \
	append_fixed_array open_container close_container))
$(BUILD)/tests/unit/test-oom-typed: LDFLAGS += $(OOM_TYPED:%=-Wl$(comma)--wrap=%)

# The fuzzer includes the reader, and the tables, which name all of the library.
FUZZ_VALUES := $(filter-out libxcpbus/values-read.c,$(LIB_SRC)) $(COMMON_SRC)
$(BUILD)/fuzz/fuzz-values: tests/fuzz/fuzz-values.c libxcpbus/values-read.c $(FUZZ_VALUES) \
	$(BUILD)/idl/c/torture1.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  FUZZ    $@")
	$(Q)$(CLANG) $(CPPFLAGS) -Ilibxcpbus -I$(BUILD)/idl/c -std=gnu11 $(FUZZ_FLAGS) -o $@ $< \
		$(FUZZ_VALUES) $(DBUS_LIBS) $(EVENT_LIBS) $(XEN_LIBS) -lpthread
