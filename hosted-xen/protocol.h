/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain's process says to hxd, and hears back.
 *
 * One SOCK_SEQPACKET connection stands for one open device file: /dev/xen/gntalloc, gntdev,
 * evtchn or privcmd. Which domain it belongs to is decided by the socket that was connected to
 * (HX_DIR/dom<N>/device) and by nothing that is said on it. Every request is one packet and is
 * answered by one packet; file descriptors come beside the answer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HX_PAGE_SIZE 4096u
#define HX_NONE UINT32_MAX /* no notify byte, no notify port, no domid */

enum {
	HX_REFS_MAX = 1024, /* in one request */
	HX_FDS_MAX = 250, /* beside one reply; the kernel's limit is 253 */
	HX_WORDS_MAX = 3 * HX_REFS_MAX,
	HX_NAME_MAX = 64, /* with the terminating zero */
	HX_DOMID_MAX = 0x7ff0, /* DOMID_FIRST_RESERVED */
	HX_STORE_REF = 1, /* GNTTAB_RESERVED_XENSTORE */
};

enum hx_op {
	/* arg: to domid, pages, writable, notify offset, notify port
	 * -> share id; words: refs; fd: the pages */
	HX_SHARE,
	HX_UNSHARE, /* arg: share id */
	/* arg: count, writable, -, notify offset, notify port; words: domid, ref, domid, ref, ...
	 * -> mapping id; words: fd index, first page, pages, ...; fds */
	HX_MAP,
	HX_UNMAP, /* arg: mapping id */
	/* -> port; words: own epoch, remote domid, remote epoch; fds: wait on this, ring that */
	HX_BIND_UNBOUND, /* arg: remote domid */
	HX_BIND_INTERDOMAIN, /* arg: remote domid, remote port */
	HX_BIND_VIRQ, /* arg: number */
	HX_UNBIND, /* arg: port */
	HX_EPOCHS, /* fd: one uint32_t for each domid; see evtchn.c */

	/* From here on only for dom0. A domain is named by its domid. */
	HX_FIRST_PRIVILEGED,
	/* arg: domid, whether it is a sysctl -> that or the next; words: struct hx_info */
	HX_INFO = HX_FIRST_PRIVILEGED,
	HX_FIND, /* words: a name -> domid */
	HX_STORE_PAGE, /* fd: dom0's xenstore page, as /proc/xen/xsd_kva gives it */
	HX_STORE_PORT, /* -> port, as /proc/xen/xsd_port gives it */
	HX_CREATE, /* arg: domid or HX_NONE; words: struct hx_create -> domid; words: its port */
	HX_DESTROY, /* arg: domid */
	HX_PAUSE,
	HX_UNPAUSE,
	HX_SIGNAL, /* arg: domid, signal number or 0 -> how many processes the domain has */
	HX_SHUTDOWN, /* arg: domid, SHUTDOWN_ code */
	HX_SUSPEND, /* arg: domid; stops it, cuts its channels */
	HX_RESUME,
	HX_FAULT, /* arg: enum hx_fault, value, domid or HX_NONE for all */
	HX_STATE, /* arg: enum hx_state -> 1 if xenstored answers; fd: text */
	HX_STOP, /* end the instance */
	HX_OP_COUNT
};

enum hx_fault {
	HX_FAULT_GRANTS,
	HX_FAULT_PORTS,
	HX_FAULT_SYSCTL, /* 0 or the errno that system control operations end with */
	HX_FAULT_XENSTORED,
	HX_FAULT_CLEAR
};
enum { /* others: milliseconds */
       HX_XENSTORED_CONT = 0,
       HX_XENSTORED_KILL = HX_NONE - 2,
       HX_XENSTORED_START,
       HX_XENSTORED_STOP,
};
enum hx_state { HX_STATE_LIST, HX_STATE_LIST_JSON, HX_STATE_TEXT, HX_STATE_JSON };

enum { HX_INFO_DYING = 1, HX_INFO_SHUTDOWN = 2, HX_INFO_PAUSED = 4 };
enum { HX_REASON_POWEROFF = 0, HX_REASON_SUSPEND = 2 }; /* Xen's SHUTDOWN_ codes */
struct hx_info {
	uint32_t flags, shutdown_reason, pages;
	uint8_t uuid[16];
	char name[HX_NAME_MAX];
};

struct hx_create {
	uint8_t uuid[16];
	char name[HX_NAME_MAX];
};

struct hx_request {
	uint32_t op, arg[5], count;
	uint32_t words[2 * HX_REFS_MAX];
};

struct hx_reply {
	int32_t result; /* or a negative errno */
	uint32_t count;
	uint32_t words[HX_WORDS_MAX];
};

static inline size_t hx_request_size(uint32_t words)
{
	return offsetof(struct hx_request, words) + words * sizeof(uint32_t);
}

static inline size_t hx_reply_size(uint32_t words)
{
	return offsetof(struct hx_reply, words) + words * sizeof(uint32_t);
}
