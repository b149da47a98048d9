/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses as the D-Bus specification writes them: "unix:path=/run/xcp-bus/bus;vchan:domain=0".
 *
 *	unix:path=PATH         a Unix socket in the file system
 *	unix:abstract=NAME     one in Linux's abstract namespace
 *	vchan:domain=N         the bus in domain N (if not given: that which xenstore names);
 *	                       size=BYTES of each of the two rings (1 to 1048576)
 *
 * Every kind also takes guid=32HEX, which says which bus it is. Values may contain %XX.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ADDRESS_PATH_MAX = 107, /* what fits into a sockaddr_un with its NUL */
	ADDRESS_LIST_MAX = 16,
	ADDRESS_WHY_MAX = 256,
	ADDRESS_TEXT_MAX = 512, /* the longest that address_format writes */
};

enum address_kind { ADDRESS_UNIX, ADDRESS_VCHAN };

struct address {
	enum address_kind kind;
	bool is_abstract; /* unix */
	char path[ADDRESS_PATH_MAX + 1]; /* unix: the path or the abstract name, unescaped */
	bool has_domid; /* vchan: domain= was given */
	uint32_t domid;
	uint32_t ring_size; /* vchan, bytes; 0: not given */
	char guid[33]; /* empty: not given */
};

/* Takes a list apart, into at most ADDRESS_LIST_MAX addresses. Returns their number, at least 1; or
 * -EINVAL, with a sentence in why that names what is wrong. */
int address_parse(const char *text, struct address list[ADDRESS_LIST_MAX],
		  char why[ADDRESS_WHY_MAX]);

/* The address as text that address_parse takes. Returns out. */
const char *address_format(const struct address *address, char out[ADDRESS_TEXT_MAX]);
