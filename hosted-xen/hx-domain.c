/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hx create, destroy, shutdown, pause, unpause, suspend, run. */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "hosted-xen/hx.h"

enum {
	ENTRIES_MAX = 64,
	TRY_MS = 20,
	ZOMBIE_TRIES = 5000 / TRY_MS, /* how long create waits for a domid to be free */
	SHUTDOWN_TRIES = 5000 / TRY_MS, /* how long processes may take to end */
};

static void wait_a_moment(void)
{
	struct timespec time = { .tv_nsec = TRY_MS * 1000000L };

	nanosleep(&time, NULL);
}

/* -- uuids -- */

static void uuid_random(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, 0) != 16)
		abort();
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4, */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80); /* variant 1 */
}

static int uuid_parse(const char *text, uint8_t uuid[16])
{
	int used = 0;

	if (strlen(text) != 36)
		return -1;
	for (int i = 0; i < 36; i++) {
		unsigned value;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return -1;
			continue;
		}
		if (!isxdigit((unsigned char)text[i]) || !isxdigit((unsigned char)text[i + 1]) ||
		    sscanf(text + i, "%2x", &value) != 1)
			return -1;
		uuid[used++] = (uint8_t)value;
		i++;
	}
	return 0;
}

static void uuid_print(const uint8_t uuid[16], char text[37])
{
	int used = 0;

	for (int i = 0; i < 16; i++)
		used += sprintf(text + used, "%s%02x",
				i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

/* -- create -- */

struct creation {
	uint32_t domid; /* HX_NONE: the next */
	struct hx_create create;
	struct store_entry entries[ENTRIES_MAX];
	unsigned entry_count;
};

static int check_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._+-";
	size_t length = strlen(name);

	if (length == 0 || length >= HX_NAME_MAX || name[0] == '-' || name[strspn(name, good)] ||
	    name[strspn(name, "0123456789")] == '\0' || strcmp(name, "dom0") == 0)
		return fail("\"%s\" is no good name for a domain: up to %d letters, digits or any "
			    "of . _ + -, not digits alone, not dom0",
			    name, HX_NAME_MAX - 1);
	return 0;
}

static int add_entry(struct creation *creation, char *text)
{
	char *equals = strchr(text, '=');

	if (!equals || equals == text || text[0] == '/' || equals[-1] == '/' ||
	    strstr(text, "//") || equals - text > 500)
		return fail("--store wants KEY=VALUE, and \"%s\" is not that; KEY is a path "
			    "below the domain's directory",
			    text);
	if (creation->entry_count == ENTRIES_MAX)
		return fail("too many --store options; %d are the most", ENTRIES_MAX);
	*equals = '\0';
	creation->entries[creation->entry_count++] = (struct store_entry){ text, equals + 1 };
	return 0;
}

static int parse_domid(const char *text, uint32_t *domid)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || value == 0 || value >= HX_DOMID_MAX)
		return fail("\"%s\" is no domid for a guest: 1 to %d", text, HX_DOMID_MAX - 1);
	*domid = (uint32_t)value;
	return 0;
}

static int parse_creation(struct creation *creation, int argc, char **argv)
{
	char *name = creation->create.name;

	for (int i = 1; i < argc; i++) {
		int bad = 0;

		if (strncmp(argv[i], "--domid=", 8) == 0)
			bad = parse_domid(argv[i] + 8, &creation->domid);
		else if (strncmp(argv[i], "--uuid=", 7) == 0 &&
			 uuid_parse(argv[i] + 7, creation->create.uuid) < 0)
			bad = fail("\"%s\" is no uuid", argv[i] + 7);
		else if (strncmp(argv[i], "--uuid=", 7) == 0)
			continue;
		else if (strncmp(argv[i], "--store=", 8) == 0)
			bad = add_entry(creation, argv[i] + 8);
		else if (strcmp(argv[i], "--store") == 0 && i + 1 < argc)
			bad = add_entry(creation, argv[++i]);
		else if (argv[i][0] == '-' || name[0])
			bad = fail("\"%s\" makes no sense here", argv[i]);
		else if (check_name(argv[i]))
			bad = 1;
		else
			snprintf(name, HX_NAME_MAX, "%s", argv[i]);
		if (bad)
			return -1;
	}
	if (!name[0]) {
		fail("a name is missing");
		return -1;
	}
	return 0;
}

/* A zombie keeps its number for as long as somebody maps its pages; that may be a moment. */
static int ask_to_create(const struct hx *hx, const struct creation *creation,
			 struct hx_reply *reply)
{
	struct hx_request request = { .op = HX_CREATE, .arg = { creation->domid } };
	int domid = -1;

	memcpy(request.words, &creation->create, sizeof(creation->create));
	request.count = sizeof(creation->create) / sizeof(uint32_t);
	for (int i = 0; i < ZOMBIE_TRIES; i++) {
		domid = ask(hx, &request, reply, NULL);
		if (domid >= 0 || errno != EBUSY)
			break;
		wait_a_moment();
	}
	if (domid >= 0)
		return domid;
	if (errno == EBUSY)
		fail("the old domain %u is still dying: somebody maps its pages (see hx state)",
		     creation->domid);
	else if (errno == EEXIST)
		fail("there is already a domain \"%s\" or a domain with that number",
		     creation->create.name);
	else
		fail("cannot create \"%s\": %s", creation->create.name, strerror(errno));
	return -1;
}

int command_create(const struct hx *hx, int argc, char **argv)
{
	struct creation creation = { .domid = HX_NONE };
	struct hx_request destroy = { .op = HX_DESTROY };
	struct store_domain domain = { .name = creation.create.name };
	struct hx_reply reply;
	int domid;

	uuid_random(creation.create.uuid);
	if (parse_creation(&creation, argc, argv) < 0)
		return 2;
	if (!store_answers(hx))
		return fail("xenstored is stopped; \"hx fault xenstored=cont\" lets it go on");
	domid = ask_to_create(hx, &creation, &reply);
	if (domid < 0)
		return 1;
	domain.domid = (uint32_t)domid;
	domain.port = reply.words[0];
	domain.entries = creation.entries;
	domain.entry_count = creation.entry_count;
	uuid_print(creation.create.uuid, domain.uuid);
	if (store_add_domain(hx, &domain) < 0) {
		destroy.arg[0] = domain.domid;
		ask(hx, &destroy, &reply, NULL);
		return 1;
	}
	printf("%d\n", domid);
	return 0;
}

/* -- the end of a domain -- */

/* In libxl's order: nobody runs any more, xenstore is cleared, the domain goes. */
int command_destroy(const struct hx *hx, int argc, char **argv)
{
	struct hx_reply reply;
	struct hx_info info;
	char uuid[37];
	int domid;

	if (argc != 2)
		return fail("usage: hx destroy DOMAIN") + 1;
	domid = ask_domain(hx, argv[1], HX_INFO, 0, &reply);
	if (domid < 0)
		return 1;
	memcpy(&info, reply.words, sizeof(info));
	if (info.flags & HX_INFO_DYING)
		return fail("domain \"%s\" is dying already", argv[1]);
	uuid_print(info.uuid, uuid);
	if (ask_domain(hx, argv[1], HX_PAUSE, 0, NULL) < 0)
		return 1;
	if (!store_answers(hx))
		fail("xenstored is stopped: what domain %d has in xenstore stays", domid);
	else if (store_remove_domain(hx, (uint32_t)domid, uuid) < 0)
		return 1;
	return ask_domain(hx, argv[1], HX_DESTROY, 0, NULL) < 0 ? 1 : 0;
}

int command_shutdown(const struct hx *hx, int argc, char **argv)
{
	int left;

	if (argc != 2)
		return fail("usage: hx shutdown DOMAIN") + 1;
	left = ask_domain(hx, argv[1], HX_SIGNAL, SIGTERM, NULL);
	for (int i = 0; left > 0 && i < SHUTDOWN_TRIES; i++) {
		wait_a_moment();
		left = ask_domain(hx, argv[1], HX_SIGNAL, 0, NULL);
	}
	while (left > 0) {
		left = ask_domain(hx, argv[1], HX_SIGNAL, SIGKILL, NULL);
		wait_a_moment();
	}
	if (left < 0 || ask_domain(hx, argv[1], HX_SHUTDOWN, HX_REASON_POWEROFF, NULL) < 0)
		return 1;
	return 0;
}

/* -- pause, unpause, suspend -- */

int command_pause(const struct hx *hx, int argc, char **argv)
{
	uint32_t op = strcmp(argv[0], "pause") == 0 ? HX_PAUSE : HX_UNPAUSE;

	if (argc != 2)
		return fail("usage: hx %s DOMAIN", argv[0]) + 1;
	return ask_domain(hx, argv[1], op, 0, NULL) < 0 ? 1 : 0;
}

int command_suspend(const struct hx *hx, int argc, char **argv)
{
	int domid, result = 0;

	if (argc != 2)
		return fail("usage: hx suspend DOMAIN") + 1;
	domid = find_domain(hx, argv[1]);
	if (domid < 0 || ask_domain(hx, argv[1], HX_SUSPEND, 0, NULL) < 0)
		return 1;
	if (store_answers(hx) && store_resume_domain(hx, (uint32_t)domid) < 0)
		result = 1;
	return ask_domain(hx, argv[1], HX_RESUME, 0, NULL) < 0 ? 1 : result;
}

/* -- run -- */

static void set_environment(const struct hx *hx, uint32_t domid)
{
	char text[2 * HX_PATH_MAX];
	const char *libraries = getenv("LD_LIBRARY_PATH");

	setenv("HX_DIR", hx->dir, 1);
	snprintf(text, sizeof(text), "%u", domid);
	setenv("HX_DOMID", text, 1);
	snprintf(text, sizeof(text), domid ? "%s/dom%u/xenbus" : "%s/dom%u/socket", hx->dir, domid);
	setenv("XENSTORED_PATH", text, 1);
	/* In front of Debian's, under the same names. */
	snprintf(text, sizeof(text), "%s/lib%s%s", hx->home, libraries && *libraries ? ":" : "",
		 libraries ? libraries : "");
	setenv("LD_LIBRARY_PATH", text, 1);
}

int command_run(const struct hx *hx, int argc, char **argv)
{
	struct hx_reply reply;
	struct hx_info info;
	int domid, command = 2;

	if (argc > 2 && strcmp(argv[2], "--") == 0)
		command = 3;
	if (argc <= command)
		return fail("usage: hx run DOMAIN COMMAND [ARGUMENT]...") + 1;
	domid = ask_domain(hx, argv[1], HX_INFO, 0, &reply);
	if (domid < 0)
		return 1;
	memcpy(&info, reply.words, sizeof(info));
	if (info.flags)
		return fail("nothing can run in domain \"%s\": it is %s", argv[1],
			    info.flags & HX_INFO_DYING      ? "dying"
			    : info.flags & HX_INFO_SHUTDOWN ? "shut down"
							    : "paused");
	set_environment(hx, (uint32_t)domid);
	execvp(argv[command], argv + command);
	fail("cannot run %s: %s", argv[command], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
