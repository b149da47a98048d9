/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libxcpbus/private.h"

static const struct {
	const char *name; /* behind org.freedesktop.DBus.Error. */
	int failure;
} codes[] = {
	{ "NoReply", -ETIMEDOUT },           { "Timeout", -ETIMEDOUT },
	{ "TimedOut", -ETIMEDOUT },          { "ServiceUnknown", -EHOSTUNREACH },
	{ "NameHasNoOwner", -EHOSTUNREACH }, { "AccessDenied", -EACCES },
	{ "AuthFailed", -EACCES },           { "UnknownMethod", -ENOSYS },
	{ "UnknownInterface", -ENOSYS },     { "UnknownObject", -ENOSYS },
	{ "UnknownProperty", -ENOSYS },      { "InvalidArgs", -EINVAL },
	{ "InvalidSignature", -EINVAL },     { "MatchRuleInvalid", -EINVAL },
	{ "LimitsExceeded", -ENOBUFS },      { "NoMemory", -ENOMEM },
	{ "NotSupported", -EOPNOTSUPP },     { "PropertyReadOnly", -EROFS },
	{ "Disconnected", -ENOTCONN },
};

enum { CODE_COUNT = sizeof(codes) / sizeof(*codes) };

static const char prefix[] = "org.freedesktop.DBus.Error.";

static void error_set_valist(struct xcpbus_error *error, const char *name, const char *format,
			     va_list args)
{
	if (!error)
		return;
	snprintf(error->name, sizeof(error->name), "%s", name);
	vsnprintf(error->message, sizeof(error->message), format, args);
}

void xcpbus_error_set(struct xcpbus_error *error, const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_set_valist(error, name, format, args);
	va_end(args);
}

bool xcpbus_error_is(const struct xcpbus_error *error, const char *name)
{
	return !strcmp(error->name, name);
}

int xcpbus_error_to_errno(const char *name)
{
	unsigned i;

	if (strncmp(name, prefix, sizeof(prefix) - 1))
		return -EREMOTEIO;
	for (i = 0; i < CODE_COUNT; i++)
		if (!strcmp(name + sizeof(prefix) - 1, codes[i].name))
			return codes[i].failure;
	return -EREMOTEIO;
}

const char *error_name_of(int failure)
{
	switch (failure) {
	case -ETIMEDOUT:
		return BUS_ERROR("Timeout");
	case -EHOSTUNREACH:
		return BUS_ERROR("ServiceUnknown");
	case -EACCES:
	case -EPERM:
		return BUS_ERROR("AccessDenied");
	case -EINVAL:
		return BUS_ERROR("InvalidArgs");
	case -ENOBUFS:
	case -EMSGSIZE:
		return BUS_ERROR("LimitsExceeded");
	case -ENOMEM:
		return BUS_ERROR("NoMemory");
	case -EOPNOTSUPP:
	case -ENOSYS:
		return BUS_ERROR("NotSupported");
	case -EEXIST:
		return BUS_ERROR("ObjectPathInUse");
	case -ENOTCONN:
	case -ECHILD:
	case -EPIPE:
	case -ECONNRESET:
		return BUS_ERROR("Disconnected");
	}
	return BUS_ERROR("Failed");
}

const char *error_text_of(int failure)
{
	switch (failure) {
	case -ENOTCONN:
		return "the connection to the bus is over";
	case -ECHILD:
		return "the connection belongs to the process that was forked";
	case -EOPNOTSUPP:
		return "file descriptors cannot go to the domain of the bus";
	case -ENOBUFS:
		return "too much is queued on the connection";
	case -EMSGSIZE:
		return "the message is longer than the bus takes from this program";
	}
	return strerror(-failure);
}

void xcpbus_error_set_errno(struct xcpbus_error *error, int failure)
{
	xcpbus_error_set(error, error_name_of(failure), "%s", error_text_of(failure));
}

void error_from_message(struct xcpbus_error *error, DBusMessage *message)
{
	const char *text = "";

	if (!error)
		return;
	/* The first argument is the sentence, by convention. */
	xcpbus_read(message, "s", &text);
	xcpbus_error_set(error, dbus_message_get_error_name(message), "%s", text);
}

int error_fail(struct xcpbus_error *error, int failure, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_set_valist(error, error_name_of(failure), format, args);
	va_end(args);
	return failure;
}
