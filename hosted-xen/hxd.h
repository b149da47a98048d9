/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hxd, the pretend hypervisor: what its parts know of each other.
 *
 * One thread, one epoll. A turn of the loop handles one event and then buries what died in it,
 * so no function returns into freed memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "hosted-xen/protocol.h"

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

enum {
	GRANT_TABLE_SIZE = 8192,
	GRANTS_DEFAULT = 1024, /* Linux: gntalloc.limit */
	PORT_TABLE_SIZE = 4096,
	PORTS_DEFAULT = 1023, /* xl: event_channels */
	HANDLES_MAX = 4096, /* open device files of one domain */
	XENBUS_CLIENTS_MAX = 1024, /* open xenstore connections of one guest */
	COMPLAINTS_MAX =
		100, /* in the log about one domain: a hostile one must not fill the disk */
};

/* Something that the loop waits for. */
struct source {
	int fd;
	uint32_t events; /* what epoll watches now; 0: nothing */
	void (*on_event)(struct source *source, uint32_t events);
};

struct hxd {
	int epoll;
	const char *dir;
	bool stopping;
	int spare_fd; /* given up for a moment to refuse a connection when no fd is left */
	unsigned grants_limit, ports_limit; /* what a new domain may use */
	int sysctl_failure; /* an errno; 0: none */
	struct domain *domains[HX_DOMID_MAX];
	uint32_t next_domid, next_id;
	int epochs_fd;
	uint32_t *epochs;
	struct source signals;
	struct xenstored *xenstored;
	unsigned dying_count;
	/* To be freed at the end of the turn. */
	LIST_HEAD(, handle) ended;
	LIST_HEAD(, client) left; /* xenbus.c */
};

struct limits {
	unsigned grants, ports;
};

struct domain {
	struct hxd *hxd;
	uint32_t domid;
	uint8_t uuid[16];
	char name[HX_NAME_MAX];
	bool dying, paused, shutdown;
	uint32_t shutdown_reason;
	struct limits limits;
	unsigned complaints;
	struct source device; /* the listening socket that stands for its device files */
	LIST_HEAD(, handle) handles;
	unsigned handle_count;
	LIST_HEAD(, process) processes;
	struct grant *grants[GRANT_TABLE_SIZE];
	unsigned page_count;
	struct port *ports[PORT_TABLE_SIZE];
	unsigned port_count;
	struct memory *store_page;
	struct port *store_port;
	struct xenbus *xenbus; /* NULL in dom0 */
};

/* An open device file. */
struct handle {
	LIST_ENTRY(handle) link; /* domain::handles, or hxd::ended */
	struct source source;
	struct domain *domain;
	pid_t pid;
	struct process *process; /* or NULL, if it cannot be reached */
	bool ended;
	LIST_HEAD(, share) shares;
	LIST_HEAD(, mapping) mappings;
	LIST_HEAD(, port) ports;
};

/* The reply to the request at hand; the fds in it are closed once it is sent. */
struct answer {
	struct hx_reply reply;
	int fds[HX_FDS_MAX];
	unsigned fd_count;
};

/* hxd.c */
int loop_watch(struct hxd *hxd, struct source *source, uint32_t events);
void loop_close(struct hxd *hxd, struct source *source);
int loop_listen(struct domain *domain, struct source *source, const char *name, int type);
int loop_accept(struct hxd *hxd, const struct source *listener); /* -1: nothing to accept */
void hxd_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same about something that a domain did, but not without end. */
void hxd_complain(struct domain *domain, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* handle.c */
void handle_on_connect(struct source *listener, uint32_t events);
void handle_end(struct handle *handle, bool tell_peers);
void handle_reap(struct hxd *hxd);
int answer_add_fd(struct answer *answer, int fd); /* keeps a duplicate; index or -errno */

/* domain.c */
struct domain *domain_find(struct hxd *hxd, uint32_t domid);
struct domain *domain_new(struct hxd *hxd, uint32_t domid, const struct hx_create *create,
			  int *error);
void domain_reap(struct hxd *hxd);
void domain_destroy(struct domain *domain);
void domain_end_dom0(struct domain *dom0); /* the last one */
int domain_on_create(struct handle *handle, const struct hx_request *request,
		     struct answer *answer);
int domain_on_info(struct handle *handle, const struct hx_request *request, struct answer *answer);
int domain_on_find(struct handle *handle, const struct hx_request *request, struct answer *answer);
int domain_on_control(struct handle *handle, const struct hx_request *request,
		      struct answer *answer);

/* process.c: the processes that make up a domain */
struct process *process_add(struct domain *domain, pid_t pid); /* it has connected; or NULL */
void process_remove(struct process *process); /* a connection of it has ended */
int process_signal(struct domain *domain, int number); /* 0 counts only */
void process_kill(struct domain *domain, pid_t except);
typedef void process_visit(void *context, pid_t pid);
void process_each(struct domain *domain, process_visit *visit, void *context);

/* state.c */
int state_on_ask(struct handle *handle, const struct hx_request *request, struct answer *answer);

/* xenstored.c */
struct xenstored_options {
	const char *program, *hook; /* hook: what is preloaded to give it /proc/xen */
};
int xenstored_start(struct hxd *hxd, const struct xenstored_options *options);
void xenstored_on_exit(struct hxd *hxd, pid_t pid, int status);
int xenstored_fault(struct hxd *hxd, uint32_t value);
bool xenstored_answers(const struct hxd *hxd);
const char *xenstored_condition(const struct hxd *hxd);
pid_t xenstored_pid(const struct hxd *hxd);
void xenstored_stop(struct hxd *hxd);
