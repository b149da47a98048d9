/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `hx list` and `hx state`: the instance as text or JSON, for people and for leak checks. The
 * text is handed over as a memfd, because it may be long. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hosted-xen/evtchn.h"
#include "hosted-xen/grant.h"
#include "hosted-xen/hxd.h"
#include "hosted-xen/xenbus.h"

static const char *condition(const struct domain *domain)
{
	if (domain->dying)
		return "dying";
	if (domain->shutdown)
		return "shutdown";
	return domain->paused ? "paused" : "running";
}

static void print_uuid(FILE *out, const uint8_t uuid[16])
{
	for (int i = 0; i < 16; i++)
		fprintf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

/* Names are checked by hx, but whoever speaks to us need not be hx. */
static void print_json_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

/* How many pages of owner the domain maps. */
static unsigned count_mapped(const struct domain *domain, const struct domain *owner)
{
	const struct mapping *mapping;
	const struct handle *handle;
	unsigned count = 0;

	LIST_FOREACH(handle, &domain->handles, link)
	{
		LIST_FOREACH(mapping, &handle->mappings, link)
		{
			for (uint32_t i = 0; i < mapping->count; i++)
				count += !owner || mapping->grants[i]->owner == owner;
		}
	}
	return count;
}

static void print_mapped_by(FILE *out, const struct domain *owner, bool json)
{
	bool first = true;

	for (uint32_t i = 0; i < HX_DOMID_MAX; i++) {
		const struct domain *domain = owner->hxd->domains[i];
		unsigned count = domain ? count_mapped(domain, owner) : 0;

		if (count == 0)
			continue;
		fprintf(out, json ? "%s\"%u\": %u" : "%sdom%u: %u", first ? "" : ", ", i, count);
		first = false;
	}
}

static unsigned count_fds(pid_t pid)
{
	const struct dirent *entry;
	unsigned count = 0;
	char path[40];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

struct printing {
	FILE *out;
	bool json, first;
	pid_t except;
};

static void print_process(void *context, pid_t pid)
{
	struct printing *printing = context;

	if (pid == printing->except)
		return;
	fprintf(printing->out, printing->json ? "%s{\"pid\": %d, \"fds\": %u}" : "%s%d (%u fds)",
		printing->first ? "" : ", ", pid, count_fds(pid));
	printing->first = false;
}

/* The one that asks is no part of the answer. */
struct asker {
	const struct domain *domain;
	pid_t pid;
};

static unsigned count_handles(const struct domain *domain, const struct asker *asker)
{
	return domain->handle_count - (domain == asker->domain ? 1 : 0);
}

static void print_processes(FILE *out, struct domain *domain, bool json, const struct asker *asker)
{
	struct printing printing = { .out = out, .json = json, .first = true };

	printing.except = asker->pid;

	process_each(domain, print_process, &printing);
}

static void print_domain_json(FILE *out, struct domain *domain, const struct asker *asker)
{
	struct xenbus_usage xenbus = { 0 };

	if (domain->xenbus)
		xenbus = xenbus_usage(domain->xenbus);
	fprintf(out, "{\"domid\": %u, \"name\": ", domain->domid);
	print_json_string(out, domain->name);
	fprintf(out, ", \"uuid\": \"");
	print_uuid(out, domain->uuid);
	fprintf(out, "\", \"state\": \"%s\"", condition(domain));
	fprintf(out, ", \"pages\": %u, \"pages_limit\": %u, \"mapped_by\": {", domain->page_count,
		domain->limits.grants);
	print_mapped_by(out, domain, true);
	fprintf(out, "}, \"maps\": %u, \"ports\": %u, \"ports_limit\": %u",
		count_mapped(domain, NULL), domain->port_count, domain->limits.ports);
	fprintf(out, ", \"handles\": %u, \"xenbus_clients\": %u, \"xenbus_watches\": %u",
		count_handles(domain, asker), xenbus.clients, xenbus.watches);
	fprintf(out, ", \"xenbus_transactions\": %u, \"xenbus_requests\": %u, \"processes\": [",
		xenbus.transactions, xenbus.requests);
	print_processes(out, domain, true, asker);
	fprintf(out, "]}");
}

static void print_domain_text(FILE *out, struct domain *domain, const struct asker *asker)
{
	struct xenbus_usage xenbus = { 0 };

	if (domain->xenbus)
		xenbus = xenbus_usage(domain->xenbus);
	fprintf(out, "dom%u %s, %s, uuid ", domain->domid, domain->name, condition(domain));
	print_uuid(out, domain->uuid);
	fprintf(out, "\n  pages shared   %u of %u (mapped by ", domain->page_count,
		domain->limits.grants);
	print_mapped_by(out, domain, false);
	fprintf(out, ")\n  pages mapped   %u\n  ports          %u of %u\n",
		count_mapped(domain, NULL), domain->port_count, domain->limits.ports);
	fprintf(out, "  open handles   %u\n", count_handles(domain, asker));
	fprintf(out, "  xenstore       %u clients, %u watches, %u transactions, %u requests\n",
		xenbus.clients, xenbus.watches, xenbus.transactions, xenbus.requests);
	fprintf(out, "  processes      ");
	print_processes(out, domain, false, asker);
	fprintf(out, "\n");
}

static void print_list_json(FILE *out, const struct domain *domain)
{
	fprintf(out, "{\"domid\": %u, \"name\": ", domain->domid);
	print_json_string(out, domain->name);
	fprintf(out, ", \"uuid\": \"");
	print_uuid(out, domain->uuid);
	fprintf(out, "\", \"state\": \"%s\"}", condition(domain));
}

static void print_list_text(FILE *out, const struct domain *domain)
{
	fprintf(out, "%5u  %-24s  ", domain->domid, domain->name);
	print_uuid(out, domain->uuid);
	fprintf(out, "  %s\n", condition(domain));
}

/* JSON is one object without its closing brace, to which hx adds what it knows. */
static void print_all(FILE *out, struct hxd *hxd, uint32_t form, const struct asker *asker)
{
	bool json = form == HX_STATE_JSON || form == HX_STATE_LIST_JSON, first = true;

	if (form == HX_STATE_LIST)
		fprintf(out, "domid  %-24s  %-36s  state\n", "name", "uuid");
	if (form == HX_STATE_TEXT)
		fprintf(out, "hxd %d, xenstored %d %s\n", getpid(), xenstored_pid(hxd),
			xenstored_condition(hxd));
	if (json)
		fprintf(out,
			"{\"hxd\": {\"pid\": %d, \"fds\": %u}, \"xenstored\": {\"pid\": %d, "
			"\"state\": \"%s\"},\n \"domains\": [",
			getpid(), count_fds(getpid()), xenstored_pid(hxd),
			xenstored_condition(hxd));
	for (uint32_t i = 0; i < HX_DOMID_MAX; i++) {
		struct domain *domain = hxd->domains[i];

		if (!domain)
			continue;
		if (json)
			fprintf(out, "%s\n  ", first ? "" : ",");
		first = false;
		if (form == HX_STATE_LIST)
			print_list_text(out, domain);
		else if (form == HX_STATE_LIST_JSON)
			print_list_json(out, domain);
		else if (form == HX_STATE_TEXT)
			print_domain_text(out, domain, asker);
		else
			print_domain_json(out, domain, asker);
	}
	if (json)
		fprintf(out, "\n ]");
}

int state_on_ask(struct handle *handle, const struct hx_request *request, struct answer *answer)
{
	struct hxd *hxd = handle->domain->hxd;
	struct asker asker = { handle->domain, handle->pid };
	int fd = memfd_create("hx-state", MFD_CLOEXEC);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	int result;

	if (!out) {
		result = -errno;
		if (fd >= 0)
			close(fd);
		return result;
	}
	print_all(out, hxd, request->arg[0], &asker);
	result = fflush(out) ? -errno : answer_add_fd(answer, fd);
	fclose(out);
	return result < 0 ? result : xenstored_answers(hxd);
}
