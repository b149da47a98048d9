/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tree: the objects of a service, and what they have. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tools/monitor-commands.h"
#include "tools/monitor-introspect.h"
#include "tools/monitor-remedy.h"

/* A service may have objects without end, or say so; and it may take its time for each of them. */
enum { OBJECTS_MAX = 10000, PATH_MAX_SIZE = 4096, TIMEOUT_MS = 10000, MS_US = 1000 };

static const char help[] =
	"  --timeout=TIME      how long the service has for all of its objects, such as 500ms, "
	"1min (10s)\n";

struct walk {
	const struct tool *tool;
	struct xcpbus *bus;
	const char *service;
	int timeout_ms;
	uint64_t end_us;
	struct json json;
	char **paths; /* to be asked, in reverse */
	unsigned count, capacity;
	unsigned asked;
};

static void push(struct walk *walk, char *path)
{
	if (walk->count == walk->capacity) {
		walk->capacity = walk->capacity ? 2 * walk->capacity : 64;
		walk->paths = need(reallocarray(walk->paths, walk->capacity, sizeof(*walk->paths)));
	}
	walk->paths[walk->count++] = path;
}

static int compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)right, *(char *const *)left);
}

static void push_children(struct walk *walk, const char *path, const struct node *node)
{
	unsigned first = walk->count, i;
	char *child;

	for (i = 0; i < node->child_count; i++) {
		if (strlen(path) + strlen(node->children[i]) >= PATH_MAX_SIZE ||
		    walk->count + walk->asked >= OBJECTS_MAX)
			break;
		if (asprintf(&child, "%s/%s", strcmp(path, "/") ? path : "", node->children[i]) < 0)
			child = NULL;
		push(walk, need(child));
	}
	if (walk->count > first)
		qsort(walk->paths + first, walk->count - first, sizeof(*walk->paths), compare);
}

/* ---- members ---- */

static void put_arguments(const struct member *member, bool is_out)
{
	const struct argument *argument;
	const char *separator = "";
	unsigned i;

	for (i = 0; i < member->count; i++) {
		argument = &member->arguments[i];
		if (argument->is_out != is_out)
			continue;
		fputs(separator, stdout);
		if (*argument->name) {
			put_text(stdout, argument->name, strlen(argument->name), 0);
			fputs(": ", stdout);
		}
		fputs(argument->type, stdout);
		separator = ", ";
	}
}

static bool has_results(const struct member *member)
{
	unsigned i;

	for (i = 0; i < member->count; i++)
		if (member->arguments[i].is_out)
			return true;
	return false;
}

static void print_member(const struct member *member)
{
	static const char *const kinds[] = { "", "signal ", "property " };

	printf("    %s", kinds[member->kind]);
	put_text(stdout, member->name, strlen(member->name), 0);
	if (member->kind == MEMBER_PROPERTY) {
		fputs(": ", stdout);
		put_arguments(member, false);
		printf(" (%s)\n", !strcmp(member->access, "readwrite") ? "read, write"
				  : !strcmp(member->access, "write")   ? "write"
								       : "read");
		return;
	}
	putchar('(');
	put_arguments(member, false);
	putchar(')');
	if (has_results(member)) {
		fputs(" -> ", stdout);
		put_arguments(member, true);
	}
	putchar('\n');
}

static void member_json(struct json *json, const struct member *member)
{
	static const char *const kinds[] = { "method", "signal", "property" };
	char *in = member_signature(member, false), *out = member_signature(member, true);

	json_open(json, NULL, '{');
	json_text(json, "kind", kinds[member->kind]);
	json_text(json, "name", member->name);
	json_text(json, "signature", in);
	if (member->kind == MEMBER_METHOD)
		json_text(json, "result_signature", out);
	if (member->kind == MEMBER_PROPERTY)
		json_text(json, "access", member->access);
	json_close(json, '}');
	free(in);
	free(out);
}

/* ---- objects ---- */

static void print_json(struct walk *walk, const char *path, const struct node *node)
{
	struct json *json = &walk->json;
	unsigned i, j;

	json_open(json, NULL, '{');
	json_text(json, "object", path);
	json_open(json, "interfaces", '{');
	for (i = 0; i < node->interface_count; i++) {
		json_open(json, node->interfaces[i].name, '[');
		for (j = 0; j < node->interfaces[i].count; j++)
			member_json(json, &node->interfaces[i].members[j]);
		json_close(json, ']');
	}
	json_close(json, '}');
	json_close(json, '}');
	json_end(json);
}

static void print_interface(const struct interface *interface, bool has_members)
{
	unsigned i;

	fputs("  ", stdout);
	put_text(stdout, interface->name, strlen(interface->name), 0);
	putchar('\n');
	for (i = 0; has_members && i < interface->count; i++)
		print_member(&interface->members[i]);
}

/* Of an object that was asked for everything is shown; of others what not everybody has. */
static void print_object(struct walk *walk, const char *path, const struct node *node, bool is_one)
{
	bool has_own = is_one;
	unsigned i;

	if (walk->tool->is_json) {
		if (node->interface_count)
			print_json(walk, path, node);
		return;
	}
	for (i = 0; i < node->interface_count; i++)
		has_own |= !is_standard_interface(node->interfaces[i].name);
	if (!has_own)
		return;
	printf("%s%s%s\n", colour(walk->tool, COLOUR_BOLD), path, colour(walk->tool, COLOUR_NONE));
	for (i = 0; i < node->interface_count; i++)
		if (is_one || !is_standard_interface(node->interfaces[i].name))
			print_interface(&node->interfaces[i], is_one);
}

/* At least enough to hear that it is over. */
static int left_ms(const struct walk *walk)
{
	uint64_t now = clock_us();

	return now < walk->end_us ? (int)((walk->end_us - now) / MS_US) + 1 : 1;
}

/* What was shown until now is not all. */
static int fail_late(const struct walk *walk)
{
	struct xcpbus_error error;
	char time[SHORT_TEXT];

	xcpbus_error_set(&error, DBUS_ERROR_NO_REPLY,
			 "after %s these are not all of its objects: it has not described %u that "
			 "it has named",
			 time_text(time, (uint64_t)walk->timeout_ms * MS_US), walk->count + 1);
	return fail_answer(walk->tool, &error, NULL);
}

static int visit(struct walk *walk, const char *path, bool is_one)
{
	const struct xcpbus_target target = { walk->service, path, NULL, left_ms(walk) };
	CLEANUP(node_freep) struct node *node = NULL;
	struct xcpbus_error error;
	int r = introspect(walk->bus, &target, true, &node, &error);

	walk->asked++;
	/* Objects may go while we look at the others. */
	if (r == -ENOSYS && walk->asked > 1)
		return 0;
	/* The library counts in milliseconds. */
	if (r == -ETIMEDOUT && walk->asked > 1 && clock_us() + MS_US >= walk->end_us)
		return fail_late(walk);
	if (r < 0)
		return fail_answer(walk->tool, &error, NULL);
	print_object(walk, path, node, is_one);
	if (!is_one)
		push_children(walk, path, node);
	return 0;
}

static int visit_all(struct walk *walk)
{
	int status = 0;
	char *path;

	push(walk, copy_text("/"));
	while (walk->count && status == 0) {
		path = walk->paths[--walk->count];
		status = visit(walk, path, false);
		free(path);
	}
	if (walk->asked == OBJECTS_MAX)
		fail("it has more objects than these %u", walk->asked);
	while (walk->count)
		free(walk->paths[--walk->count]);
	free(walk->paths);
	return status;
}

static int run(const struct tool *tool, int argc, char **argv)
{
	static const struct option options[] = { { "timeout", required_argument, NULL, 't' },
						 { 0 } };
	struct walk walk = { .tool = tool, .json.out = stdout, .timeout_ms = TIMEOUT_MS };
	int option, status = 0;

	while (!status && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
		status = option == 't' ? take_timeout(optarg, &walk.timeout_ms) : fail_option(argv);
	if (status)
		return status;
	if (argc - optind < 1 || argc - optind > 2)
		return fail_usage("tree takes a SERVICE and perhaps an OBJECT");
	walk.service = argv[optind];
	walk.bus = tool_connect(tool);
	if (!walk.bus)
		return EXIT_FAILURE;
	walk.end_us = clock_us() + (uint64_t)walk.timeout_ms * MS_US;
	status = argv[optind + 1] ? visit(&walk, argv[optind + 1], true) : visit_all(&walk);
	xcpbus_free(walk.bus);
	return status;
}

const struct command tree_command = {
	.name = "tree",
	.arguments = "[--timeout=TIME] SERVICE [OBJECT]",
	.summary =
		"The objects of a service and their interfaces; of one object also what they have",
	.help = help,
	.run = run,
};
