/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Introspection XML out of the tables. Only the values of annotations need escaping: of the rest,
 * xcpbus_export has let only names and signatures through. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "libxcpbus/private.h"

static const char doctype[] =
	"<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

static void print_annotation(FILE *xml, const char *name, const char *value)
{
	fprintf(xml, "   <annotation name=\"org.freedesktop.DBus.%s\" value=\"%s\"/>\n", name,
		value);
}

static void print_escaped(FILE *xml, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", xml);
			break;
		case '<':
			fputs("&lt;", xml);
			break;
		case '"':
			fputs("&quot;", xml);
			break;
		case '\n':
		case '\t':
			fprintf(xml, "&#%d;", *text); /* or a reader makes blanks of them */
			break;
		default:
			fputc(*text, xml);
		}
	}
}

static void print_annotations(FILE *xml, const char *indent, const struct xcpbus_annotation *one)
{
	for (; one && one->name; one++) {
		fprintf(xml, "%s<annotation name=\"%s\" value=\"", indent, one->name);
		print_escaped(xml, one->value);
		fprintf(xml, "\"/>\n");
	}
}

/* The next of the names separated by spaces. */
static size_t next_name(const char **names)
{
	if (!*names)
		return 0;
	*names += strspn(*names, " ");
	return strcspn(*names, " ");
}

static void print_args(FILE *xml, const char *signature, const char *names, const char *direction)
{
	DBusSignatureIter type;
	size_t size;
	char *text;

	if (!signature || !*signature)
		return;
	dbus_signature_iter_init(&type, signature);
	do {
		text = dbus_signature_iter_get_signature(&type);
		fprintf(xml, "   <arg");
		size = next_name(&names);
		if (size)
			fprintf(xml, " name=\"%.*s\"", (int)size, names);
		if (names)
			names += size;
		fprintf(xml, " type=\"%s\"", text ? text : "");
		if (direction)
			fprintf(xml, " direction=\"%s\"", direction);
		fprintf(xml, "/>\n");
		dbus_free(text);
	} while (dbus_signature_iter_next(&type));
}

static void print_method(FILE *xml, const struct xcpbus_method *method)
{
	fprintf(xml, "  <method name=\"%s\">\n", method->member);
	print_args(xml, method->in_signature, method->in_names, "in");
	print_args(xml, method->out_signature, method->out_names, "out");
	if (method->flags & XCPBUS_DEPRECATED)
		print_annotation(xml, "Deprecated", "true");
	if (method->flags & XCPBUS_NO_REPLY)
		print_annotation(xml, "Method.NoReply", "true");
	print_annotations(xml, "   ", method->annotations);
	fprintf(xml, "  </method>\n");
}

static void print_signal(FILE *xml, const struct xcpbus_signal *signal)
{
	fprintf(xml, "  <signal name=\"%s\">\n", signal->member);
	print_args(xml, signal->signature, signal->names, NULL);
	if (signal->flags & XCPBUS_DEPRECATED)
		print_annotation(xml, "Deprecated", "true");
	print_annotations(xml, "   ", signal->annotations);
	fprintf(xml, "  </signal>\n");
}

static const char *change_of(unsigned flags)
{
	if (flags & XCPBUS_CONSTANT)
		return "const";
	if (flags & XCPBUS_EMITS_INVALIDATION)
		return "invalidates";
	return flags & XCPBUS_EMITS_CHANGE ? "true" : "false";
}

static void print_property(FILE *xml, const struct xcpbus_property *property)
{
	const char *access = !property->set ? "read" : !property->get ? "write" : "readwrite";

	fprintf(xml, "  <property name=\"%s\" type=\"%s\" access=\"%s\">\n", property->name,
		property->signature, access);
	if (property->flags & XCPBUS_DEPRECATED)
		print_annotation(xml, "Deprecated", "true");
	print_annotation(xml, "Property.EmitsChangedSignal", change_of(property->flags));
	print_annotations(xml, "   ", property->annotations);
	fprintf(xml, "  </property>\n");
}

static void print_interface(FILE *xml, const struct xcpbus_interface *interface)
{
	const struct xcpbus_property *property = interface->properties;
	const struct xcpbus_signal *signal = interface->signals;
	const struct xcpbus_method *method = interface->methods;

	fprintf(xml, " <interface name=\"%s\">\n", interface->name);
	for (; method && method->member; method++)
		print_method(xml, method);
	for (; signal && signal->member; signal++)
		print_signal(xml, signal);
	for (; property && property->name; property++)
		print_property(xml, property);
	print_annotations(xml, "  ", interface->annotations);
	fprintf(xml, " </interface>\n");
}

/* ---- children ---- */

/* The element of path behind parent, as a pointer into path, and its size; NULL: not below it. */
static const char *child_of(const char *parent, const char *path, size_t *size)
{
	size_t skip = strcmp(parent, "/") ? strlen(parent) : 0;

	if (strncmp(path, parent, skip) || path[skip] != '/' || !path[skip + 1])
		return NULL;
	*size = strcspn(path + skip + 1, "/");
	return path + skip + 1;
}

struct child {
	const char *name; /* inside a path */
	size_t size;
};

static int compare(const void *left, const void *right)
{
	const struct child *a = left, *b = right;
	int difference = memcmp(a->name, b->name, a->size < b->size ? a->size : b->size);

	if (difference)
		return difference;
	return a->size < b->size ? -1 : a->size > b->size;
}

/* Of ten thousand objects many have the same next element. */
static int print_children(FILE *xml, const struct xcpbus *bus, const char *parent)
{
	const struct export *export;
	struct child *children;
	size_t count = 0, i = 0;

	list_for_each(export, &bus->exports, slot.link)
		count++;
	children = calloc(count + 1, sizeof(*children));
	if (!children)
		return -ENOMEM;
	list_for_each(export, &bus->exports, slot.link) {
		if (export->slot.is_dead)
			continue;
		children[i].name = child_of(parent, export->object->path, &children[i].size);
		if (children[i].name)
			i++;
	}
	count = i;
	qsort(children, count, sizeof(*children), compare);
	for (i = 0; i < count; i++)
		if (!i || compare(&children[i - 1], &children[i]))
			fprintf(xml, " <node name=\"%.*s\"/>\n", (int)children[i].size,
				children[i].name);
	free(children);
	return 0;
}

char *introspect(const struct xcpbus *bus, const struct object *object, const char *path)
{
	const struct export *export;
	size_t size;
	char *text = NULL;
	int r;
	FILE *xml = open_memstream(&text, &size);

	if (!xml)
		return NULL;
	fprintf(xml, "%s<node>\n", doctype);
	print_interface(xml, standard_interfaces[STANDARD_PEER]);
	print_interface(xml, standard_interfaces[STANDARD_INTROSPECTABLE]);
	if (manager_is_at(bus, path))
		print_interface(xml, standard_interfaces[STANDARD_OBJECT_MANAGER]);
	if (object) {
		print_interface(xml, standard_interfaces[STANDARD_PROPERTIES]);
		list_for_each(export, &object->exports, object_link)
			print_interface(xml, export->interface);
	}
	r = print_children(xml, bus, path);
	fprintf(xml, "</node>\n");
	if (fclose(xml) != 0 || r < 0)
		free(TAKE(text));
	return text;
}
