/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* File descriptors in values. One that came is closed by the collector if nobody takes it: it may
 * be in an answer that is refused, in a field that nobody knows, in a signal that nobody reads. */
#include "stubs.h"

#include <caml/alloc.h>
#include <caml/custom.h>
#include <unistd.h>

struct descriptor {
	int number;
	bool is_owned;
};

enum { LOST_MAX = 64 }; /* so many make the collector look for those that nobody wants */

#define Descriptor_val(block) ((struct descriptor *)Data_custom_val(block))

static void descriptor_close(struct descriptor *self)
{
	if (self->is_owned && self->number >= 0)
		close(self->number);
	self->is_owned = false;
}

static void finalize(value block)
{
	descriptor_close(Descriptor_val(block));
}

static int compare(value a, value b)
{
	int first = Descriptor_val(a)->number, second = Descriptor_val(b)->number;

	return (first > second) - (first < second);
}

static intnat hash(value block)
{
	return Descriptor_val(block)->number;
}

static struct custom_operations operations = {
	.identifier = "org.xen.xcp.bus.fd",
	.finalize = finalize,
	.compare = compare,
	.hash = hash,
	.serialize = custom_serialize_default,
	.deserialize = custom_deserialize_default,
	.compare_ext = custom_compare_ext_default,
	.fixed_length = custom_fixed_length_default,
};

static value fd_new(int fd, bool is_owned)
{
	value block = caml_alloc_custom(&operations, sizeof(struct descriptor), is_owned, LOST_MAX);

	*Descriptor_val(block) = (struct descriptor){ .number = fd, .is_owned = is_owned };
	return block;
}

value fd_own(int fd)
{
	return fd_new(fd, true);
}

int fd_number(value fd)
{
	return Descriptor_val(fd)->number;
}

value xcpbus_ml_fd_borrow(value number)
{
	return fd_new(Int_val(number), false);
}

/* From here on it is OCaml's to close. */
value xcpbus_ml_fd_take(value fd)
{
	Descriptor_val(fd)->is_owned = false;
	return Val_int(fd_number(fd));
}

/* If nobody took it. */
value xcpbus_ml_fd_drop(value fd)
{
	descriptor_close(Descriptor_val(fd));
	return Val_unit;
}
