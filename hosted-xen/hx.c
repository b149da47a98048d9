/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hx: the command. */
#include "hosted-xen/hx.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hosted-xen/libhx.h"

int fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "hx: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	return 1;
}

/* -- asking hxd -- */

int ask(const struct hx *hx, const struct hx_request *request, struct hx_reply *reply, int *fd)
{
	int socket = hx_connect_as(hx->dir, "0"), count, error, got = -1;

	if (socket < 0) {
		fail("no instance runs at %s; start one with \"hx start\", or set HX_DIR", hx->dir);
		exit(1);
	}
	count = hx_call(socket, request, reply, &got, 1);
	error = errno;
	close(socket);
	if (fd)
		*fd = got;
	else if (got >= 0)
		close(got);
	errno = error;
	return count < 0 ? -1 : reply->result;
}

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

int find_domain(const struct hx *hx, const char *domain)
{
	struct hx_request request = { .op = HX_FIND };
	struct hx_reply reply;
	size_t length = strlen(domain);
	int domid;

	if (strcmp(domain, "dom0") == 0)
		return 0;
	if (is_number(domain)) {
		domid = length < 6 ? atoi(domain) : HX_DOMID_MAX;
		request.op = HX_INFO;
		request.arg[0] = (uint32_t)domid;
		if (domid >= HX_DOMID_MAX || ask(hx, &request, &reply, NULL) != domid)
			domid = -1;
	} else {
		if (length >= HX_NAME_MAX)
			length = HX_NAME_MAX - 1;
		memcpy(request.words, domain, length);
		request.count = HX_NAME_MAX / sizeof(uint32_t);
		domid = ask(hx, &request, &reply, NULL);
	}
	if (domid < 0)
		fail("there is no domain \"%s\"; \"hx list\" shows all", domain);
	return domid;
}

int ask_domain(const struct hx *hx, const char *domain, uint32_t op, uint32_t argument,
	       struct hx_reply *reply)
{
	struct hx_request request = { .op = op };
	struct hx_reply own;
	int domid = find_domain(hx, domain), result;

	if (domid < 0)
		return -1;
	request.arg[0] = (uint32_t)domid;
	request.arg[1] = argument;
	result = ask(hx, &request, reply ? reply : &own, NULL);
	if (result >= 0)
		return result;
	if (errno == EPERM)
		fail("that cannot be done to the control domain");
	else if (errno == ESRCH)
		fail("domain \"%s\" is dying", domain);
	else
		fail("domain \"%s\": %s", domain, strerror(errno));
	return -1;
}

/* -- list, state, fault -- */

static int print_state(const struct hx *hx, uint32_t form, int *fd)
{
	struct hx_request request = { .op = HX_STATE, .arg = { form } };
	struct hx_reply reply;
	char buffer[4096];
	ssize_t got;
	int result = ask(hx, &request, &reply, fd);
	off_t at = 0;

	if (result < 0 || *fd < 0)
		return -1;
	while ((got = pread(*fd, buffer, sizeof(buffer), at)) > 0) {
		fwrite(buffer, 1, (size_t)got, stdout);
		at += got;
	}
	close(*fd);
	return result;
}

bool store_answers(const struct hx *hx)
{
	struct hx_request request = { .op = HX_STATE, .arg = { HX_STATE_LIST } };
	struct hx_reply reply;

	return ask(hx, &request, &reply, NULL) == 1;
}

static int list_or_state(const struct hx *hx, int argc, char **argv, bool state)
{
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
	uint32_t form = state ? HX_STATE_TEXT : HX_STATE_LIST;
	int fd, result;

	if (argc > 2 || (argc == 2 && !json))
		return fail("usage: hx %s [--json]", argv[0]) + 1;
	if (json)
		form = state ? HX_STATE_JSON : HX_STATE_LIST_JSON;
	result = print_state(hx, form, &fd);
	if (result < 0)
		return fail("hxd does not tell its state: %s", strerror(errno));
	if (json && state) {
		printf(",\n \"xenstore_nodes\": ");
		if (result == 1)
			store_print_counts(hx);
		else
			printf("null");
	}
	if (json)
		printf("}\n");
	return 0;
}

static int command_list(const struct hx *hx, int argc, char **argv)
{
	return list_or_state(hx, argc, argv, false);
}

static int command_state(const struct hx *hx, int argc, char **argv)
{
	return list_or_state(hx, argc, argv, true);
}

static int parse_amount(const char *text, uint32_t *value)
{
	if (!is_number(text) || strlen(text) > 8)
		return -1;
	*value = (uint32_t)atoi(text);
	return 0;
}

/* Fills arg[0] and arg[1] of the request; -1 if it makes no sense. */
static int parse_fault(const char *text, struct hx_request *request)
{
	uint32_t *value = &request->arg[1];

	if (strcmp(text, "clear") == 0) {
		request->arg[0] = HX_FAULT_CLEAR;
		return 0;
	}
	if (strncmp(text, "grants=", 7) == 0) {
		request->arg[0] = HX_FAULT_GRANTS;
		return parse_amount(text + 7, value);
	}
	if (strncmp(text, "ports=", 6) == 0) {
		request->arg[0] = HX_FAULT_PORTS;
		return parse_amount(text + 6, value);
	}
	if (strcmp(text, "sysctl=fail") == 0 || strcmp(text, "sysctl=work") == 0) {
		request->arg[0] = HX_FAULT_SYSCTL;
		*value = text[7] == 'f' ? ENOMEM : 0;
		return 0;
	}
	request->arg[0] = HX_FAULT_XENSTORED;
	if (strcmp(text, "xenstored=kill") == 0)
		*value = HX_XENSTORED_KILL;
	else if (strcmp(text, "xenstored=start") == 0)
		*value = HX_XENSTORED_START;
	else if (strcmp(text, "xenstored=stop") == 0)
		*value = HX_XENSTORED_STOP;
	else if (strcmp(text, "xenstored=cont") == 0)
		*value = HX_XENSTORED_CONT;
	else if (strncmp(text, "xenstored=slow:", 15) != 0 || parse_amount(text + 15, value) < 0)
		return -1;
	return 0;
}

static int command_fault(const struct hx *hx, int argc, char **argv)
{
	struct hx_request request = { .op = HX_FAULT, .arg = { 0, 0, HX_NONE } };
	const char *domain = NULL, *fault = NULL;
	struct hx_reply reply;
	int domid;

	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--domain=", 9) == 0)
			domain = argv[i] + 9;
		else if (!fault)
			fault = argv[i];
		else
			fault = "";
	}
	if (!fault || parse_fault(fault, &request) < 0)
		return fail("usage: hx fault [--domain=DOMAIN] grants=PAGES | ports=COUNT | "
			    "sysctl=fail | sysctl=work | xenstored=stop | xenstored=cont | "
			    "xenstored=slow:MS | "
			    "xenstored=kill | xenstored=start | clear") +
		       1;
	if (domain) {
		domid = find_domain(hx, domain);
		if (domid < 0)
			return 1;
		request.arg[2] = (uint32_t)domid;
	}
	if (ask(hx, &request, &reply, NULL) < 0)
		return fail("fault %s: %s", fault, strerror(errno));
	if (request.arg[0] == HX_FAULT_XENSTORED && request.arg[1] == HX_XENSTORED_START)
		return prepare_store(hx);
	return 0;
}

/* -- the table -- */

struct command {
	const char *name, *arguments, *help;
	int (*run)(const struct hx *hx, int argc, char **argv);
};

static const struct command commands[] = {
	{ "start", "[--xenstored=c|ocaml|PROGRAM]",
	  "start a pretend hypervisor and a real xenstored", command_start },
	{ "stop", "", "end them, and every process of every domain", command_stop },
	{ "create", "NAME [--domid=N] [--uuid=UUID] [--store KEY=VALUE]...",
	  "create a domain and print its domid", command_create },
	{ "destroy", "DOMAIN", "end it at once, without a word to its peers", command_destroy },
	{ "shutdown", "DOMAIN", "end its processes in good order; the domain stays, shut down",
	  command_shutdown },
	{ "pause", "DOMAIN", "stop its processes", command_pause },
	{ "unpause", "DOMAIN", "let them go on", command_pause },
	{ "suspend", "DOMAIN", "suspend and resume it: all its channels are dead, nobody is told",
	  command_suspend },
	{ "run", "DOMAIN COMMAND [ARGUMENT]...", "run a command as that domain", command_run },
	{ "list", "[--json]", "show the domains", command_list },
	{ "state", "[--json]", "show who shares, maps and waits for what", command_state },
	{ "fault", "[--domain=DOMAIN] NAME=VALUE | clear", "make something go wrong",
	  command_fault },
};

static const size_t command_count = sizeof(commands) / sizeof(commands[0]);

static int help(void)
{
	printf("usage: hx COMMAND [ARGUMENT]...\n\n"
	       "Hosted Xen: real libxenvchan and real xenstored on a machine without Xen.\n"
	       "HX_DIR names the directory of the instance. DOMAIN is a name or a domid.\n\n");
	for (size_t i = 0; i < command_count; i++)
		printf("  hx %s %s\n        %s\n", commands[i].name, commands[i].arguments,
		       commands[i].help);
	printf("\nFaults: grants=PAGES ports=COUNT xenstored=stop|cont|slow:MS|kill|start. See "
	       "hx(1).\n");
	return 0;
}

/* Always the same name for the same directory: by it hxd knows whose a process is. The last part
 * need not exist. */
static int set_dir(struct hx *hx, char *dir)
{
	size_t length = strlen(dir);
	char *slash, *parent;
	int size;

	while (length > 1 && dir[length - 1] == '/')
		dir[--length] = '\0';
	slash = strrchr(dir, '/');
	if (slash)
		*slash = '\0';
	parent = realpath(!slash ? "." : *dir ? dir : "/", NULL);
	if (slash)
		*slash = '/';
	if (parent)
		size = snprintf(hx->dir, sizeof(hx->dir), "%s/%s",
				strcmp(parent, "/") ? parent : "", slash ? slash + 1 : dir);
	else
		size = snprintf(hx->dir, sizeof(hx->dir), "%s", dir);
	free(parent);
	return size;
}

static int locate(struct hx *hx)
{
	const char *given = getenv("HX_DIR"), *runtime = getenv("XDG_RUNTIME_DIR");
	char self[HX_PATH_MAX], dir[HX_PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int length;

	if (size < 0)
		return fail("cannot find out where I am: %s", strerror(errno));
	self[size] = '\0';
	*strrchr(self, '/') = '\0';
	snprintf(hx->home, sizeof(hx->home), "%s", self);
	if (given && *given)
		snprintf(dir, sizeof(dir), "%s", given);
	else
		snprintf(dir, sizeof(dir), "%s/hx-%u", runtime && *runtime ? runtime : "/tmp",
			 getuid());
	length = set_dir(hx, dir);
	/* The longest socket path in it must fit into a sockaddr_un. */
	if (length < 0 || (size_t)length + strlen("/dom32751/xenbus") >= 108)
		return fail("HX_DIR is too long for the sockets in it; 91 characters are the most");
	return 0;
}

int main(int argc, char **argv)
{
	struct hx hx;

	if (argc < 2) {
		fail("no command given; \"hx --help\" lists them");
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    (argc == 3 && strcmp(argv[2], "--help") == 0))
		return help();
	for (size_t i = 0; i < command_count; i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (locate(&hx))
			return 1;
		return commands[i].run(&hx, argc - 1, argv + 1);
	}
	fail("there is no command \"%s\"; \"hx --help\" lists them", argv[1]);
	return 2;
}
