/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* call: one method, with arguments by the signature that the object says it has. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <xcpbus-typed.h>

#include "tools/monitor-arguments.h"
#include "tools/monitor-commands.h"
#include "tools/monitor-introspect.h"
#include "tools/monitor-pretty.h"
#include "tools/monitor-remedy.h"

struct request {
	const struct tool *tool;
	struct xcpbus *bus;
	struct xcpbus_target target;
	const char *member;
	char *interface; /* ours; NULL: any that has the method */
	char *signature; /* ours; NULL: to be found out */
	char *const *words;
	unsigned count;
};

static const char help[] =
	"  --signature=SIGNATURE\n"
	"                      of the arguments; by default the object is asked for it\n"
	"  --timeout=TIME      how long to wait for the answer, such as 2s, 500ms, 5min (25s)\n"
	"\n"
	"Options stand before SERVICE. Each ARGUMENT is a number, a text, true or false, or, for "
	"what\n"
	"has parts: [1, 2], {\"key\": \"value\"}, (1, \"a\"). See xcp-bus-monitor(1).\n";

/* ---- Which method is meant ---- */

static const struct member *find_method(const struct interface *interface, const char *name)
{
	unsigned i;

	for (i = 0; i < interface->count; i++)
		if (interface->members[i].kind == MEMBER_METHOD &&
		    !strcmp(interface->members[i].name, name))
			return &interface->members[i];
	return NULL;
}

static void list_methods(FILE *out, const struct node *node)
{
	const struct interface *interface;
	const char *separator = "it has ", *name;
	unsigned i, j;

	for (i = 0; i < node->interface_count; i++) {
		interface = &node->interfaces[i];
		for (j = 0; j < interface->count && !is_standard_interface(interface->name); j++) {
			if (interface->members[j].kind != MEMBER_METHOD)
				continue;
			name = interface->members[j].name;
			fputs(separator, out);
			put_text(out, name, strlen(name), 0);
			separator = ", ";
		}
	}
	if (*separator == 'i')
		fputs("it has no methods of its own", out);
}

static int fail_missing(const struct request *request, const struct node *node)
{
	struct xcpbus_error error;
	char *methods;
	size_t size;
	FILE *out = need(open_memstream(&methods, &size));

	list_methods(out, node);
	fclose(out);
	xcpbus_error_set(&error, DBUS_ERROR_UNKNOWN_METHOD, "%s has no method %s%s%s: %s",
			 request->target.path, request->interface ? request->interface : "",
			 request->interface ? "." : "", request->member, (char *)need(methods));
	free(methods);
	return fail_answer(request->tool, &error, NULL);
}

/* Sets interface and signature to those of the one method that fits. */
static int choose(struct request *request, const struct node *node)
{
	const struct interface *found = NULL, *other;
	unsigned i;

	for (i = 0; i < node->interface_count; i++) {
		other = &node->interfaces[i];
		if (request->interface && strcmp(request->interface, other->name) != 0)
			continue;
		if (!find_method(other, request->member))
			continue;
		if (found)
			return fail_usage("two interfaces have %s: say %s.%s or %s.%s",
					  request->member, found->name, request->member,
					  other->name, request->member);
		found = other;
	}
	if (!found)
		return fail_missing(request, node);
	if (!request->interface)
		request->interface = copy_text(found->name);
	request->signature = member_signature(find_method(found, request->member), false);
	return 0;
}

static int find_out(struct request *request)
{
	CLEANUP(node_freep) struct node *node = NULL;
	struct xcpbus_error error;
	int r = introspect(request->bus, &request->target, true, &node, &error), status;

	if (r >= 0)
		return choose(request, node);
	status = fail_answer(request->tool, &error, NULL);
	if (!request->tool->is_json && r != -EHOSTUNREACH)
		fprintf(stderr, "It was asked what it takes; --signature calls without that.\n");
	return status;
}

/* ---- The call ---- */

static int print_reply(const struct tool *tool, DBusMessage *reply)
{
	struct json json = { .out = stdout };
	DBusMessageIter iter;
	bool has_values = dbus_message_iter_init(reply, &iter);

	if (tool->is_json) {
		json_open(&json, NULL, '{');
		json_text(&json, "signature", dbus_message_get_signature(reply));
		json_open(&json, "results", '[');
		if (has_values)
			json_values(&json, &iter);
		json_close(&json, ']');
		json_close(&json, '}');
		json_end(&json);
	} else if (has_values) {
		do {
			put_pretty(stdout, &iter);
		} while (dbus_message_iter_next(&iter));
	}
	return 0;
}

/* What an error carries stands behind its text. */
static int fail_call(const struct request *request, const struct xcpbus_error *error)
{
	DBusMessage *reply = xcpbus_error_reply(request->bus);
	DBusMessageIter iter;
	bool has_details = reply && dbus_message_iter_init(reply, &iter);

	if (has_details && dbus_message_iter_get_arg_type(&iter) == DBUS_TYPE_STRING)
		has_details = dbus_message_iter_next(&iter);
	return fail_answer(request->tool, error, has_details ? &iter : NULL);
}

static int send(struct request *request)
{
	DBusMessage *call = NULL, *reply;
	struct xcpbus_error error;
	int r;

	request->target.interface = request->interface;
	r = xcpbus_new_call(&request->target, request->member, &call);
	if (r < 0)
		return fail_usage("a call needs SERVICE, /OBJECT and METHOD as D-Bus writes them");
	r = arguments_append(call, request->signature, request->words, request->count, &error);
	if (r < 0) {
		dbus_message_unref(call);
		fail_answer(request->tool, &error, NULL);
		return EXIT_USAGE;
	}
	r = xcpbus_call(request->bus, call, request->target.timeout_ms, &reply, &error);
	dbus_message_unref(call);
	if (r < 0)
		return fail_call(request, &error);
	print_reply(request->tool, reply);
	dbus_message_unref(reply);
	return 0;
}

/* ---- The command line ---- */

static int take_options(struct request *request, int argc, char **argv)
{
	static const struct option options[] = { { "signature", required_argument, NULL, 's' },
						 { "timeout", required_argument, NULL, 't' },
						 { 0 } };
	int option, status = 0;

	while (!status && (option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 's' && dbus_signature_validate(optarg, NULL))
			request->signature = optarg;
		else if (option == 's')
			status = fail_usage("%s is no signature", optarg);
		else if (option == 't')
			status = take_timeout(optarg, &request->target.timeout_ms);
		else
			status = fail_option(argv);
	}
	if (status)
		return status;
	if (argc - optind < 3)
		return fail_usage("call takes SERVICE OBJECT [INTERFACE.]METHOD [ARGUMENT]...");
	return 0;
}

static int run(const struct tool *tool, int argc, char **argv)
{
	struct request request = { .tool = tool };
	char *dot;
	int status = take_options(&request, argc, argv);

	if (status)
		return status;
	if (request.signature)
		request.signature = copy_text(request.signature);
	request.target.destination = argv[optind];
	request.target.path = argv[optind + 1];
	request.member = argv[optind + 2];
	request.words = argv + optind + 3;
	request.count = (unsigned)(argc - optind - 3);
	if (request.count && !strcmp(*request.words, "--")) { /* what follows is no common option */
		request.words++;
		request.count--;
	}
	dot = strrchr(argv[optind + 2], '.');
	if (dot) {
		request.member = dot + 1;
		request.interface =
			need(strndup(argv[optind + 2], (size_t)(dot - argv[optind + 2])));
	}
	request.bus = tool_connect(tool);
	status = request.bus ? 0 : EXIT_FAILURE;
	if (status == 0 && !request.signature)
		status = find_out(&request);
	if (status == 0)
		status = send(&request);
	xcpbus_free(request.bus);
	free(request.interface);
	free(request.signature);
	return status;
}

const struct command call_command = {
	.name = "call",
	.arguments = "[OPTION]... SERVICE OBJECT [INTERFACE.]METHOD [ARGUMENT]...",
	.summary = "Calls a method, and prints what it answers",
	.help = help,
	.run = run,
};
