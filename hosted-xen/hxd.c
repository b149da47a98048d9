/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hxd: start, loop, end. `hx start` starts it; see hx(1). */
#include "hosted-xen/hxd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hosted-xen/evtchn.h"
#include "hosted-xen/grant.h"
#include "hosted-xen/xenbus.h"

static void write_log(const char *prefix, const char *format, va_list args)
{
	struct timespec now;
	char text[400];

	vsnprintf(text, sizeof(text), format, args);
	clock_gettime(CLOCK_MONOTONIC, &now);
	fprintf(stderr, "%lld.%06ld %s%s\n", (long long)now.tv_sec, now.tv_nsec / 1000, prefix,
		text);
}

void hxd_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_log("", format, args);
	va_end(args);
}

void hxd_complain(struct domain *domain, const char *format, ...)
{
	char prefix[32];
	va_list args;

	if (domain->complaints == COMPLAINTS_MAX)
		return;
	domain->complaints++;
	snprintf(prefix, sizeof(prefix), "dom%u: ", domain->domid);
	va_start(args, format);
	write_log(prefix, format, args);
	va_end(args);
	if (domain->complaints == COMPLAINTS_MAX)
		hxd_log("dom%u: no more is said about it", domain->domid);
}

/* -- the loop -- */

int loop_watch(struct hxd *hxd, struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	int op = events == 0 ? EPOLL_CTL_DEL : source->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == source->events)
		return 0;
	if (epoll_ctl(hxd->epoll, op, source->fd, &event))
		return -errno;
	source->events = events;
	return 0;
}

void loop_close(struct hxd *hxd, struct source *source)
{
	if (source->fd < 0)
		return;
	/* Not left to close(): the open file may have been duplicated. */
	loop_watch(hxd, source, 0);
	close(source->fd);
	source->fd = -1;
}

int loop_listen(struct domain *domain, struct source *source, const char *name, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t room = sizeof(address.sun_path);
	int length;

	length = snprintf(address.sun_path, room, "%s/dom%u/%s", domain->hxd->dir, domain->domid,
			  name);
	if (length < 0 || (size_t)length >= room)
		return -ENAMETOOLONG;
	unlink(address.sun_path); /* of a domain that had the number before */
	source->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (source->fd < 0)
		return -errno;
	if (bind(source->fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(source->fd, SOMAXCONN))
		return -errno;
	return loop_watch(domain->hxd, source, EPOLLIN);
}

int loop_accept(struct hxd *hxd, const struct source *listener)
{
	int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
		return fd;
	/* Refuse it in good order: left in the queue it would wake us for ever. */
	hxd_complain(hxd->domains[0], "out of file descriptors");
	close(hxd->spare_fd);
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		close(fd);
	hxd->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return -1;
}

static void on_signal(struct source *source, uint32_t events)
{
	struct hxd *hxd = container_of(source, struct hxd, signals);
	struct signalfd_siginfo info;
	pid_t pid;
	int status;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGCHLD) {
		hxd->stopping = true;
		return;
	}
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		xenstored_on_exit(hxd, pid, status);
}

static void run(struct hxd *hxd)
{
	while (!hxd->stopping) {
		struct epoll_event event;

		/* One at a time: handling it may end what the next would have been for. */
		if (epoll_wait(hxd->epoll, &event, 1, -1) == 1) {
			struct source *source = event.data.ptr;

			source->on_event(source, event.events);
		}
		domain_reap(hxd);
		handle_reap(hxd);
		xenbus_reap(hxd);
	}
}

/* -- start and end -- */

static int watch_signals(struct hxd *hxd)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	hxd->signals = (struct source){ .on_event = on_signal };
	hxd->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return hxd->signals.fd < 0 ? -errno : loop_watch(hxd, &hxd->signals, EPOLLIN);
}

/* Held as long as we live, so that a second hxd keeps out. */
static int take_lock(const struct hxd *hxd)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/hxd.lock", hxd->dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return flock(fd, LOCK_EX | LOCK_NB) ? -errno : 0;
}

static int start(struct hxd *hxd, const struct xenstored_options *xenstored)
{
	struct hx_create dom0 = { .name = "Domain-0" };
	struct rlimit files;
	int result = take_lock(hxd);

	if (result < 0)
		return result;
	/* Each ring costs us about ten. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	hxd->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	hxd->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (hxd->epoll < 0)
		return -errno;
	result = watch_signals(hxd);
	if (result == 0)
		result = evtchn_init(hxd);
	if (result == 0 && !domain_new(hxd, 0, &dom0, &result))
		return result;
	return result < 0 ? result : xenstored_start(hxd, xenstored);
}

static void end(struct hxd *hxd)
{
	for (uint32_t i = 1; i < HX_DOMID_MAX; i++) {
		if (hxd->domains[i])
			domain_destroy(hxd->domains[i]);
	}
	xenstored_stop(hxd);
	if (hxd->domains[0])
		domain_end_dom0(hxd->domains[0]);
	domain_reap(hxd);
	handle_reap(hxd);
	xenbus_reap(hxd);
	hxd_log("stopped");
}

static int usage(void)
{
	fprintf(stderr, "usage: hxd --dir=DIRECTORY --xenstored=PROGRAM --hook=LIBRARY "
			"[--ready-fd=FD]\nIt is started by hx, see hx(1).\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "xenstored", required_argument, NULL, 'x' },
		{ "hook", required_argument, NULL, 'h' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ 0 },
	};
	struct xenstored_options xenstored = { 0 };
	struct hxd *hxd = calloc(1, sizeof(*hxd));
	int option, result, ready_fd = -1;

	if (!hxd)
		return 1;
	*hxd = (struct hxd){ .next_domid = 1 };
	hxd->grants_limit = GRANTS_DEFAULT;
	hxd->ports_limit = PORTS_DEFAULT;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd')
			hxd->dir = optarg;
		else if (option == 'x')
			xenstored.program = optarg;
		else if (option == 'h')
			xenstored.hook = optarg;
		else if (option == 'r')
			ready_fd = atoi(optarg);
		else
			return usage();
	}
	if (!hxd->dir || !xenstored.program || !xenstored.hook || optind != argc)
		return usage();
	if (ready_fd >= 0)
		fcntl(ready_fd, F_SETFD, FD_CLOEXEC);
	result = start(hxd, &xenstored);
	if (result < 0) {
		hxd_log("cannot start: %s", strerror(-result));
		return 1;
	}
	if (ready_fd >= 0 && write(ready_fd, "+", 1) != 1)
		return 1;
	run(hxd);
	end(hxd);
	free(hxd);
	return 0;
}
