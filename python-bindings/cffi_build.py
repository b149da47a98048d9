# SPDX-License-Identifier: LGPL-2.1-or-later
"""What CFFI makes the module _xcpbus from: libxcpbus, as it is declared in xcpbus.h."""
import os
import shlex
import subprocess

from cffi import FFI

CDEF = '''
typedef struct DBusMessage DBusMessage;
typedef struct DBusMessageIter { ...; } DBusMessageIter;
struct xcpbus;
struct xcpbus_slot;
struct xcpbus_invocation;
struct xcpbus_error { char name[256]; char message[1024]; };

const char *dbus_message_get_sender(DBusMessage *message);
const char *dbus_message_get_path(DBusMessage *message);
const char *dbus_message_get_interface(DBusMessage *message);
const char *dbus_message_get_member(DBusMessage *message);
const char *dbus_message_get_signature(DBusMessage *message);
int dbus_message_get_no_reply(DBusMessage *message);
DBusMessage *dbus_message_new_method_return(DBusMessage *call);
void dbus_message_set_no_reply(DBusMessage *message, int no_reply);
void dbus_message_unref(DBusMessage *message);

int xcpbus_connect(const char *address, int timeout_ms, struct xcpbus **out,
                   struct xcpbus_error *error);
int xcpbus_connect_wait(const char *address, int timeout_ms, struct xcpbus **out,
                        struct xcpbus_error *error);
struct xcpbus *xcpbus_free(struct xcpbus *bus);
bool xcpbus_is_connected(const struct xcpbus *bus);
const char *xcpbus_unique_name(const struct xcpbus *bus);
const char *xcpbus_address(const struct xcpbus *bus);
int xcpbus_set_reconnect(struct xcpbus *bus, bool is_wanted, int pause_max_ms);
int xcpbus_set_keepalive(struct xcpbus *bus, int interval_ms);
int xcpbus_get_fd(const struct xcpbus *bus);
short xcpbus_get_events(const struct xcpbus *bus);
int xcpbus_get_timeout(const struct xcpbus *bus);
int xcpbus_process(struct xcpbus *bus);
struct xcpbus_slot *xcpbus_slot_free(struct xcpbus_slot *slot);
int xcpbus_send(struct xcpbus *bus, DBusMessage *message);
int xcpbus_request_name(struct xcpbus *bus, const char *name, unsigned flags,
                        struct xcpbus_error *error);
int xcpbus_release_name(struct xcpbus *bus, const char *name, struct xcpbus_error *error);
int xcpbus_changed(struct xcpbus *bus, const char *path, const char *interface, const char *name);
int xcpbus_reply_message(struct xcpbus_invocation *call, DBusMessage *reply);
int xcpbus_reply_error(struct xcpbus_invocation *call, const char *name, const char *format, ...);
void xcpbus_keep(struct xcpbus_invocation *call);
DBusMessage *xcpbus_error_reply(const struct xcpbus *bus);
int xcpbus_flush(struct xcpbus *bus, int timeout_ms);
struct xcpbus *xcpbus_invocation_bus(const struct xcpbus_invocation *call);
DBusMessage *xcpbus_invocation_message(const struct xcpbus_invocation *call);
void xcpbus_error_set(struct xcpbus_error *error, const char *name, const char *format, ...);
void xcpbus_error_set_errno(struct xcpbus_error *error, int failure);

typedef int (*xcpbus_method_fn)(struct xcpbus_invocation *call, DBusMessage *message, void *data);
struct xcpbus_annotation { const char *name; const char *value; };
struct xcpbus_method {
    const char *member;
    const char *in_signature, *out_signature;
    xcpbus_method_fn handler;
    const char *in_names, *out_names;
    unsigned flags;
    const struct xcpbus_annotation *annotations;
};
struct xcpbus_signal {
    const char *member;
    const char *signature;
    const char *names;
    unsigned flags;
    const struct xcpbus_annotation *annotations;
};
struct xcpbus_property;
typedef int (*xcpbus_get_fn)(const struct xcpbus_property *property, DBusMessageIter *value,
                             void *data);
typedef int (*xcpbus_set_fn)(const struct xcpbus_property *property, DBusMessageIter *value,
                             struct xcpbus_error *error, void *data);
struct xcpbus_property {
    const char *name;
    const char *signature;
    xcpbus_get_fn get;
    xcpbus_set_fn set;
    unsigned flags;
    const struct xcpbus_annotation *annotations;
};
struct xcpbus_interface {
    const char *name;
    const struct xcpbus_method *methods;
    const struct xcpbus_signal *signals;
    const struct xcpbus_property *properties;
    const struct xcpbus_annotation *annotations;
};

/* Functions of Python. data is the key under which connection.py knows who is called. */
extern "Python" void on_reply(struct xcpbus *, DBusMessage *, const struct xcpbus_error *, void *);
extern "Python" void on_signal(struct xcpbus *, DBusMessage *, void *);
extern "Python" void on_owner(struct xcpbus *, const char *, const char *, void *);
extern "Python" void on_event(struct xcpbus *, int, const struct xcpbus_error *, void *);
extern "Python" void on_disconnect(struct xcpbus *, int, void *);
extern "Python" int on_method(struct xcpbus_invocation *, DBusMessage *, void *);
extern "Python" int on_get(const struct xcpbus_property *, DBusMessageIter *, void *);
extern "Python" int on_set(const struct xcpbus_property *, DBusMessageIter *,
                           struct xcpbus_error *, void *);

/* Below: results are pointers, NULL and an errno in *failure if there is none. */
DBusMessage *make_call(const char *destination, const char *path, const char *interface,
                       const char *member);
DBusMessage *make_signal(const char *path, const char *interface, const char *member);
DBusMessage *make_error(DBusMessage *call, const char *name);
int message_size(DBusMessage *message);
struct xcpbus_slot *add_call(struct xcpbus *bus, DBusMessage *call, int timeout_ms, uintptr_t key,
                             int *failure);
struct xcpbus_slot *add_signal(struct xcpbus *bus, const char *rule, uintptr_t key, int *failure);
struct xcpbus_slot *add_owner(struct xcpbus *bus, const char *name, uintptr_t key, int *failure);
struct xcpbus_slot *add_export(struct xcpbus *bus, const char *path,
                               const struct xcpbus_interface *interface, uintptr_t key,
                               int *failure);
struct xcpbus_slot *add_manager(struct xcpbus *bus, const char *path, int *failure);
int listen_to_end(struct xcpbus *bus, uintptr_t key);
'''

SOURCE = '''
#include <dbus/dbus.h>
#include <errno.h>
#include <xcpbus-typed.h>

static void on_reply(struct xcpbus *, DBusMessage *, const struct xcpbus_error *, void *);
static void on_signal(struct xcpbus *, DBusMessage *, void *);
static void on_owner(struct xcpbus *, const char *, const char *, void *);
static void on_event(struct xcpbus *, int, const struct xcpbus_error *, void *);
static void on_disconnect(struct xcpbus *, int, void *);

static DBusMessage *make_call(const char *destination, const char *path, const char *interface,
                              const char *member)
{
    struct xcpbus_target target = { destination, path, interface, 0 };
    DBusMessage *call = NULL;

    return xcpbus_new_call(&target, member, &call) < 0 ? NULL : call;
}

static DBusMessage *make_signal(const char *path, const char *interface, const char *member)
{
    if (!dbus_validate_path(path, NULL) || !dbus_validate_interface(interface, NULL) ||
        !dbus_validate_member(member, NULL))
        return NULL;
    return dbus_message_new_signal(path, interface, member);
}

static DBusMessage *make_error(DBusMessage *call, const char *name)
{
    if (!dbus_validate_error_name(name, NULL))
        name = DBUS_ERROR_FAILED;
    return dbus_message_new_error(call, name, NULL);
}

/* libdbus does not say how large a message is, but it can write it down. */
static int message_size(DBusMessage *message)
{
    int size = 0;
    char *copy;

    if (dbus_message_marshal(message, &copy, &size))
        dbus_free(copy);
    return size;
}

#define ADD(function, ...) \\
    struct xcpbus_slot *slot = NULL; \\
    *failure = function(bus, __VA_ARGS__, &slot); \\
    return *failure < 0 ? NULL : slot

static struct xcpbus_slot *add_call(struct xcpbus *bus, DBusMessage *call, int timeout_ms,
                                    uintptr_t key, int *failure)
{
    ADD(xcpbus_call_async, call, timeout_ms, on_reply, (void *)key);
}

static struct xcpbus_slot *add_signal(struct xcpbus *bus, const char *rule, uintptr_t key,
                                      int *failure)
{
    ADD(xcpbus_subscribe_async, rule, on_signal, on_reply, (void *)key);
}

static struct xcpbus_slot *add_owner(struct xcpbus *bus, const char *name, uintptr_t key,
                                     int *failure)
{
    ADD(xcpbus_watch_name, name, on_owner, (void *)key);
}

static struct xcpbus_slot *add_export(struct xcpbus *bus, const char *path,
                                      const struct xcpbus_interface *interface, uintptr_t key,
                                      int *failure)
{
    ADD(xcpbus_export, path, interface, (void *)key);
}

static struct xcpbus_slot *add_manager(struct xcpbus *bus, const char *path, int *failure)
{
    ADD(xcpbus_export_manager, path);
}

static int listen_to_end(struct xcpbus *bus, uintptr_t key)
{
    int r = xcpbus_on_reconnect(bus, on_event, (void *)key, NULL);

    return r < 0 ? r : xcpbus_on_disconnect(bus, on_disconnect, (void *)key, NULL);
}
'''


def flags(*wanted):
    """Of pkg-config. A library that is not installed is found through CFLAGS and LDFLAGS."""
    result = subprocess.run([os.environ.get('PKG_CONFIG', 'pkg-config'), *wanted], check=False,
                            capture_output=True, text=True)
    return shlex.split(result.stdout)


ffibuilder = FFI()
ffibuilder.cdef(CDEF)
ffibuilder.set_source('xcpbus._xcpbus', SOURCE, libraries=['xcpbus', 'dbus-1'],
                      extra_compile_args=flags('--cflags', 'libxcpbus', 'dbus-1') or
                      flags('--cflags', 'dbus-1'),
                      extra_link_args=flags('--libs-only-L', 'libxcpbus'))
