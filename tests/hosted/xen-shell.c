/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* xen-shell: makes single calls of libxengnttab, libxenevtchn and libxenctrl.
 *
 * Reads a command from each line of stdin and answers each with one line: what came of it, or
 * "error ENAME". It ends with its input. Memory is numbered from 0 in the order of share and map.
 *
 *   share DOMID PAGES w|r [OFFSET PORT]    ref N        unshare MEMORY | unmap MEMORY    ok
 *   map DOMID REF w|r [OFFSET PORT]        mapped       peek MEMORY OFFSET               byte B
 *   unbound DOMID | bind DOMID PORT        port N       poke MEMORY OFFSET BYTE          ok
 *   notify PORT | unmask PORT | unbind PORT  ok         pending MS     port N or nothing
 *   info DOMID     domid D dying 0 shutdown 0 reason 0 paused 0 uuid U
 *   list           domids ...
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenevtchn.h>
#include <xengnttab.h>

enum { MEMORIES_MAX = 1100, REFS_MAX = 1024, DOMAINS_MAX = 64 };

struct memory {
	unsigned char *bytes;
	uint32_t pages;
};

static struct memory memories[MEMORIES_MAX];
static unsigned memory_count;
static xengntshr_handle *sharing;
static xengnttab_handle *mapping;
static xenevtchn_handle *events;
static xc_interface *control;

static void answer_error(void)
{
	const char *name = strerrorname_np(errno);

	printf("error %s\n", name ? name : "0");
}

static void answer(bool good)
{
	if (good)
		printf("ok\n");
	else
		answer_error();
}

static void answer_port(int port)
{
	if (port >= 0)
		printf("port %d\n", port);
	else
		answer_error();
}

static struct memory *find_memory(unsigned long number)
{
	if (number < memory_count && memories[number].bytes)
		return &memories[number];
	printf("error: no such memory\n");
	return NULL;
}

static bool keep(void *address, uint32_t pages)
{
	if (!address || memory_count == MEMORIES_MAX)
		return false;
	memories[memory_count++] = (struct memory){ address, pages };
	return true;
}

static void share(uint32_t domid, uint32_t pages, bool writable, const uint32_t *notify)
{
	uint32_t refs[REFS_MAX];
	void *address;

	if (notify)
		address = xengntshr_share_page_notify(sharing, domid, refs, writable, notify[0],
						      notify[1]);
	else
		address = xengntshr_share_pages(sharing, domid, (int)pages, refs, writable);
	if (keep(address, pages))
		printf("ref %u\n", refs[0]);
	else
		answer_error();
}

static void map(uint32_t domid, uint32_t ref, int prot, const uint32_t *notify)
{
	void *address;

	if (notify)
		address = xengnttab_map_grant_ref_notify(mapping, domid, ref, prot, notify[0],
							 notify[1]);
	else
		address = xengnttab_map_grant_ref(mapping, domid, ref, prot);
	if (keep(address, 1))
		printf("mapped\n");
	else
		answer_error();
}

static void end_memory(bool shared, unsigned long number)
{
	struct memory *memory = find_memory(number);
	int result;

	if (!memory)
		return;
	result = shared ? xengntshr_unshare(sharing, memory->bytes, memory->pages)
			: xengnttab_unmap(mapping, memory->bytes, memory->pages);
	memory->bytes = NULL;
	answer(result == 0);
}

static void touch(bool write, unsigned long number, unsigned long offset, unsigned long value)
{
	struct memory *memory = find_memory(number);

	if (!memory)
		return;
	if (offset >= memory->pages * XC_PAGE_SIZE) {
		printf("error: outside\n");
	} else if (write) {
		memory->bytes[offset] = (unsigned char)value;
		printf("ok\n");
	} else {
		printf("byte %u\n", ((volatile unsigned char *)memory->bytes)[offset]);
	}
}

static void pending(int wait_ms)
{
	struct pollfd event = { .fd = xenevtchn_fd(events), .events = POLLIN };

	if (poll(&event, 1, wait_ms) == 1)
		answer_port(xenevtchn_pending(events));
	else
		printf("nothing\n");
}

static void info(uint32_t domid)
{
	xc_dominfo_t info;

	if (xc_domain_getinfo(control, domid, 1, &info) != 1) {
		answer_error();
		return;
	}
	printf("domid %u dying %u shutdown %u reason %u paused %u uuid ", info.domid, info.dying,
	       info.shutdown, info.shutdown_reason, info.paused);
	for (int i = 0; i < 16; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", info.handle[i]);
	printf("\n");
}

static void list(void)
{
	xc_domaininfo_t infos[DOMAINS_MAX];
	int count = xc_domain_getinfolist(control, 0, DOMAINS_MAX, infos);

	if (count < 0) {
		answer_error();
		return;
	}
	printf("domids");
	for (int i = 0; i < count; i++)
		printf(" %u", infos[i].domain);
	printf("\n");
}

static void obey(const char *verb, const char *text)
{
	unsigned long a = 0, b = 0, byte = 0;
	uint32_t notify[2];
	char mode = 'w';
	int given = sscanf(text, "%lu %lu %c %u %u", &a, &b, &mode, &notify[0], &notify[1]);
	const uint32_t *notification = given == 5 ? notify : NULL;
	uint32_t first = (uint32_t)a, second = (uint32_t)b;

	if (strcmp(verb, "share") == 0)
		share(first, second, mode == 'w', notification);
	else if (strcmp(verb, "map") == 0)
		map(first, second, mode == 'w' ? PROT_READ | PROT_WRITE : PROT_READ, notification);
	else if (strcmp(verb, "unshare") == 0 || strcmp(verb, "unmap") == 0)
		end_memory(verb[2] == 's', a);
	else if (strcmp(verb, "peek") == 0)
		touch(false, a, b, 0);
	else if (strcmp(verb, "poke") == 0 && sscanf(text, "%*u %*u %lu", &byte) == 1)
		touch(true, a, b, byte);
	else if (strcmp(verb, "unbound") == 0)
		answer_port(xenevtchn_bind_unbound_port(events, first));
	else if (strcmp(verb, "bind") == 0)
		answer_port(xenevtchn_bind_interdomain(events, first, second));
	else if (strcmp(verb, "notify") == 0)
		answer(xenevtchn_notify(events, first) == 0);
	else if (strcmp(verb, "unmask") == 0)
		answer(xenevtchn_unmask(events, first) == 0);
	else if (strcmp(verb, "unbind") == 0)
		answer(xenevtchn_unbind(events, first) == 0);
	else if (strcmp(verb, "pending") == 0)
		pending((int)a);
	else if (strcmp(verb, "info") == 0)
		info(first);
	else if (strcmp(verb, "list") == 0)
		list();
	else
		printf("error: unknown command\n");
}

int main(void)
{
	char line[200], verb[20];
	int used;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sharing = xengntshr_open(NULL, 0);
	mapping = xengnttab_open(NULL, 0);
	events = xenevtchn_open(NULL, 0);
	control = xc_interface_open(NULL, NULL, 0);
	if (!sharing || !mapping || !events || !control) {
		answer_error();
		return 1;
	}
	printf("begun\n");
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%19s%n", verb, &used) == 1)
			obey(verb, line + used);
	}
	xc_interface_close(control);
	xengntshr_close(sharing);
	xengnttab_close(mapping);
	xenevtchn_close(events);
	return 0;
}
