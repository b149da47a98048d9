/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/services.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "core/driver.h"
#include "io/journal-link.h"
#include "io/link.h"
#include "io/server.h"
#include "io/service-file.h"
#include "io/spawn-environment.h"
#include "io/spawn.h"

enum { SERVICES_MAX = 8192, READS_MAX = 16 /* in one round */ };

struct complaint { /* about a file: said once for as long as it stays as it is */
	struct list link;
	char text[];
};

struct services {
	struct server *server;
	struct list services; /* service::link, in order of precedence */
	struct list complaints; /* complaint::link */
	struct list runs; /* run::link */
	int watch_fd; /* inotify; -1: there is none */
	struct event *watch_event;
	unsigned count;
	char address[];
};

/* A process that was started for a name. */
struct run {
	struct list link;
	struct services *services;
	struct spawn *spawn;
	bool is_latest; /* its end is the end of the start of the name */
	char name[];
};

static struct services *services_of(struct bus *bus)
{
	return container_of(bus, struct server, bus)->services;
}

/* ---- reading ---- */

static bool was_said(const struct list *complaints, const char *text)
{
	const struct complaint *complaint;

	list_for_each(complaint, complaints, link)
		if (!strcmp(complaint->text, text))
			return true;
	return false;
}

static void free_complaints(struct list *complaints)
{
	struct complaint *complaint;

	while ((complaint = list_first(complaints, struct complaint, link))) {
		list_remove(&complaint->link);
		free(complaint);
	}
}

static void complain(struct services *services, const struct list *before, const char *text)
{
	struct complaint *complaint = malloc(sizeof(*complaint) + strlen(text) + 1);
	char line[2 * SERVICE_WHY_MAX];

	if (complaint) {
		strcpy(complaint->text, text);
		list_push_back(&services->complaints, &complaint->link);
	}
	if (!was_said(before, text))
		log_warning("not a service: %s",
			    log_escape(line, sizeof(line), text, strlen(text)));
}

static struct service *find_service(const struct list *list, const char *name)
{
	struct service *service;

	list_for_each(service, list, link)
		if (!strcmp(service->name, name))
			return service;
	return NULL;
}

static bool has_suffix(const char *name)
{
	static const char suffix[] = ".service";
	size_t size = strlen(name);

	return size > sizeof(suffix) - 1 && !strcmp(name + size - sizeof(suffix) + 1, suffix);
}

static int select_service(const struct dirent *entry)
{
	return has_suffix(entry->d_name);
}

static bool is_named_after(const struct service *service, const char *file)
{
	size_t size = strlen(service->name);

	return !strncmp(file, service->name, size) && !strcmp(file + size, ".service");
}

static void read_service(struct services *services, const struct config_servicedir *dir,
			 const char *file, const struct list *before)
{
	char path[PATH_MAX], why[SERVICE_WHY_MAX];
	const struct service *first;
	struct service *service;

	if (services->count >= SERVICES_MAX ||
	    snprintf(path, sizeof(path), "%s/%s", dir->path, file) >= (int)sizeof(path))
		return;
	if (service_read(path, &service, why) < 0) {
		complain(services, before, why);
		return;
	}
	first = find_service(&services->services, service->name);
	if (!first && (!dir->is_transient || is_named_after(service, file))) {
		list_push_back(&services->services, &service->link);
		services->count++;
		return;
	}
	/* The same name in another directory is how a system's file is replaced. */
	if (!first || !strncmp(first->path, path, strlen(dir->path) + 1)) {
		if (first)
			snprintf(why, sizeof(why), "%.200s: %.200s has it already: %.80s", path,
				 first->path, service->name);
		else
			snprintf(why, sizeof(why), "%.300s: it is for %.150s", path, service->name);
		complain(services, before, why);
	}
	service_free(service);
}

static void read_directory(struct services *services, const struct config_servicedir *dir,
			   const struct list *before)
{
	struct dirent **entries = NULL;
	int count = scandir(dir->path, &entries, select_service, alphasort), i;

	for (i = 0; i < count; i++) {
		read_service(services, dir, entries[i]->d_name, before);
		free(entries[i]);
	}
	free(entries);
}

/* The directory, or what is there of the way to it. Adds to what is watched there already. */
static void watch_way(int watch_fd, const char *path)
{
	const uint32_t changes = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
				 IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;
	char at[PATH_MAX];
	char *slash;

	if (inotify_add_watch(watch_fd, path, changes | IN_MASK_ADD) >= 0)
		return;
	snprintf(at, sizeof(at), "%s", path);
	while ((slash = strrchr(at, '/'))) {
		slash[slash == at] = '\0'; /* the root is its own parent */
		if (inotify_add_watch(watch_fd, at,
				      IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_MASK_ADD) >= 0 ||
		    slash == at)
			return;
	}
}

/* A directory that is not there may come: then it is one above it that tells. */
static void watch(const struct services *services, const char *path)
{
	if (services->watch_fd < 0)
		return;
	watch_way(services->watch_fd, path);
	watch_way(services->watch_fd, path); /* what came just then is not missed */
}

static void move_list(struct list *from, struct list *to)
{
	list_push_back(from, to); /* into the ring, and then the old head out of it */
	list_remove(from);
}

/* Whether there are more or fewer than before. */
static bool tell_bus(struct services *services, const struct list *old)
{
	struct activatable_table *table = &services->server->bus.activations.names;
	struct service *service;
	bool has_changed = false;

	list_for_each(service, old, link) {
		if (find_service(&services->services, service->name))
			continue;
		activatable_remove(table, service->name);
		has_changed = true;
	}
	list_for_each(service, &services->services, link) {
		has_changed |= !activatable_find(table, text_of(service->name));
		if (activatable_add(table, service->name, service->unit, service) < 0)
			activatable_remove(table, service->name);
	}
	return has_changed;
}

/* A session has a directory for services that come and go; whoever makes one of these expects the
 * directory to be there, for it is the bus that makes it. */
static void make_transient(const char *path)
{
	char parent[PATH_MAX], *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	slash = strrchr(parent, '/');
	if (!slash)
		return;
	*slash = '\0';
	mkdir(parent, 0700);
	mkdir(path, 0700); /* if it cannot, there is nothing to read either */
}

static void read_all(struct services *services, bool is_reload)
{
	const struct config *config = services->server->config;
	struct list old, before;
	struct service *service;
	unsigned i;

	move_list(&services->services, &old);
	move_list(&services->complaints, &before);
	services->count = 0;
	for (i = 0; i < config->servicedir_count; i++) {
		if (config->servicedirs[i].is_transient)
			make_transient(config->servicedirs[i].path);
		watch(services, config->servicedirs[i].path); /* before: nothing is missed */
		read_directory(services, &config->servicedirs[i], &before);
	}
	if (tell_bus(services, &old) || is_reload)
		driver_announce_activatable(&services->server->bus);
	while ((service = list_first(&old, struct service, link)))
		service_free(service);
	free_complaints(&before);
}

/* A new file is looked at when it has been written, unless it was written elsewhere. */
static bool matters(const struct inotify_event *event)
{
	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_ISDIR | IN_Q_OVERFLOW))
		return true;
	return event->len && has_suffix(event->name);
}

static void on_change(evutil_socket_t fd, short events, void *data)
{
	_Alignas(struct inotify_event) char buffer[16 * 1024];
	struct services *services = data;
	bool has_changed = false;
	ssize_t n, at;
	int i;

	(void)events;
	server_begin_round(services->server);
	/* The rest in the next round: others can make changes faster than they are read. */
	for (i = 0; i < READS_MAX && (n = read(fd, buffer, sizeof(buffer))) > 0; i++) {
		for (at = 0; at < n;) {
			const struct inotify_event *event = (void *)(buffer + at);

			has_changed |= matters(event);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
	if (has_changed)
		read_all(services, false);
}

static void start_watching(struct services *services)
{
	services->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (services->watch_fd < 0) {
		log_warning("service directories are not watched: %s", strerror(errno));
		return;
	}
	services->watch_event = event_new(services->server->base, services->watch_fd,
					  EV_READ | EV_PERSIST, on_change, services);
	if (services->watch_event) {
		/* Before the links: whoever wrote a file may use it at once. */
		event_priority_set(services->watch_event, SERVER_PRIORITY_FIRST);
		event_add(services->watch_event, NULL);
	}
}

struct services *services_new(struct server *server, const char *address)
{
	struct services *services = calloc(1, sizeof(*services) + strlen(address) + 1);

	if (!services)
		return NULL;
	services->server = server;
	strcpy(services->address, address);
	list_init(&services->services);
	list_init(&services->complaints);
	list_init(&services->runs);
	services->watch_fd = -1;
	if (server->config->servicedir_count)
		start_watching(services);
	read_all(services, false);
	return services;
}

void services_reload(struct services *services)
{
	if (services->watch_event)
		event_free(services->watch_event);
	services->watch_event = NULL;
	if (services->watch_fd >= 0)
		close(services->watch_fd); /* and with it the watches of directories that went */
	services->watch_fd = -1;
	if (services->server->config->servicedir_count)
		start_watching(services);
	read_all(services, true);
}

struct services *services_free(struct services *services)
{
	struct service *service;
	struct run *run;

	if (!services)
		return NULL;
	while ((run = list_first(&services->runs, struct run, link))) {
		list_remove(&run->link);
		free(run);
	}
	while ((service = list_first(&services->services, struct service, link)))
		service_free(service);
	free_complaints(&services->complaints);
	if (services->watch_event)
		event_free(services->watch_event);
	if (services->watch_fd >= 0)
		close(services->watch_fd);
	free(services);
	return NULL;
}

/* ---- starting ---- */

static void fail(struct services *services, const char *name, const char *error, const char *text)
{
	struct server *server = services->server;

	server_begin_round(server);
	activation_failed(&server->bus, name, error, text);
}

static void on_end(struct spawn *spawn, const char *error, const char *text)
{
	struct run *run = spawn->data;

	/* One that ended well may have left a child that will come yet (dbus-daemon does the
	 * same). */
	if (error && run->is_latest)
		fail(run->services, run->name, error, text);
	list_remove(&run->link);
	free(run);
}

static struct run *run_new(struct services *services, const char *name)
{
	struct run *run = calloc(1, sizeof(*run) + strlen(name) + 1), *other;

	if (!run)
		return NULL;
	strcpy(run->name, name);
	run->services = services;
	run->is_latest = true;
	list_for_each(other, &services->runs, link)
		if (!strcmp(other->name, name))
			other->is_latest = false;
	list_push_back(&services->runs, &run->link);
	return run;
}

/* The process, or NULL after fail. */
static struct spawn *spawn(struct services *services, const struct service *service,
			   char *const *arguments, struct run *run)
{
	CLEANUP(spawn_environment_freep)
	struct spawn_environment *environment =
		spawn_environment_new(services->server, services->address);
	const struct spawn_request request = {
		.what = service->name,
		.arguments = arguments,
		.environment = environment ? environment->values : NULL,
		.user = service->user,
		.on_end = on_end,
		.data = run,
	};
	char text[SERVICE_WHY_MAX];
	struct spawn *process =
		environment ? spawn_start(&services->server->spawner, &request) : NULL;

	if (!process) {
		snprintf(text, sizeof(text), "Failed to fork a new process %s: %s", service->name,
			 environment ? strerror(errno) : "no memory");
		fail(services, service->name, "Spawn.ForkFailed", text);
	}
	return process;
}

int services_start(struct bus *bus, const char *name, void *handle, const struct peer *by)
{
	struct services *services = services_of(bus);
	const struct service *service = handle;
	const char *why = "there is no Exec, and systemd is not asked";
	char **arguments = service->exec ? spawn_parse_command(service->exec, &why) : NULL;
	char text[SERVICE_WHY_MAX];
	struct run *run;
	int pid = 0;

	if (!arguments) {
		snprintf(text, sizeof(text), "%.200s: Exec of %.255s: %s", service->path, name,
			 why);
		fail(services, name, "Spawn.FileInvalid", text);
		return 0;
	}
	journal_link_starting(container_of(by, const struct link, peer), name);
	run = run_new(services, name);
	if (!run)
		fail(services, name, "NoMemory", "No memory to start a service");
	else
		run->spawn = spawn(services, service, arguments, run);
	if (run && !run->spawn) {
		list_remove(&run->link);
		free(run);
	} else if (run) {
		pid = run->spawn->pid;
	}
	spawn_free_arguments(arguments);
	return pid;
}

void services_give_up(struct bus *bus, const char *name)
{
	struct services *services = services_of(bus);
	struct run *run;

	list_for_each(run, &services->runs, link)
		if (run->is_latest && !strcmp(run->name, name)) {
			run->is_latest = false;
			spawn_kill(run->spawn);
		}
}
