/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real xenstored as a child of hxd, and what can be done to it: stopped, continued, or made
 * slow, which is stopping it for so many milliseconds again and again, so that a request waits
 * for up to that time, whoever makes it. It can also be killed and started anew. Then, as on a real
 * host, its database is empty and it knows of dom0 alone: what a domain asks on its ring is
 * answered by nobody until that domain is made anew.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hosted-xen/hxd.h"

enum { SLOW_RUN_US = 1000, SLOW_MAX_MS = 60000 };

struct xenstored {
	struct hxd *hxd;
	struct xenstored_options options;
	pid_t pid; /* 0: it was killed */
	struct source timer;
	uint32_t slow_ms;
	bool stopped; /* at this moment */
};

/* oxenstored is told by a file what the other learns from the environment and our hook. */
static int write_config(const char *path, const char *run_dir)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -1;
	/* The rest is as Debian's /etc/xen/oxenstored.conf has it. */
	fprintf(file,
		"xenstored-kva = /proc/xen/xsd_kva\nxenstored-port = /proc/xen/xsd_port\n"
		"perms-activate = true\nperms-watch-activate = true\nmerge-activate = true\n"
		"quota-activate = true\nquota-maxentity = 1000\nquota-maxsize = 2048\n"
		"quota-maxwatch = 100\nquota-transaction = 10\nquota-maxrequests = 1024\n"
		"quota-path-max = 1024\nquota-maxoutstanding = 1024\n"
		"quota-maxwatchevents = 1024\npersistent = false\n"
		"pid-file = %s/xenstored.pid\nxenstored-log-file = %s/xenstored.log\n",
		run_dir, run_dir);
	return fclose(file);
}

static void run_program(const struct hxd *hxd, const struct xenstored_options *options,
			pid_t parent)
{
	const char *program = options->program, *name = strrchr(program, '/');
	char run_dir[300], config[320];
	bool ocaml = strncmp(name ? name + 1 : program, "oxenstored", 10) == 0;

	/* If hxd is killed, xenstored goes too. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	snprintf(run_dir, sizeof(run_dir), "%s/dom0", hxd->dir);
	snprintf(config, sizeof(config), "%s/oxenstored.conf", run_dir);
	setenv("XENSTORED_RUNDIR", run_dir, 1);
	setenv("HX_DIR", hxd->dir, 1);
	setenv("HX_DOMID", "0", 1);
	setenv("LD_PRELOAD", options->hook, 1);
	if (!ocaml)
		execl(program, program, "-N", (char *)NULL);
	else if (write_config(config, run_dir) == 0)
		execl(program, program, "--no-fork", "--no-access-log", "--config-file", config,
		      (char *)NULL);
	fprintf(stderr, "hxd: cannot run %s: %s\n", program, strerror(errno));
	_exit(127);
}

/* In slow mode: stopped for slow_ms, then let run for a moment. */
static void set_timer(struct xenstored *xenstored)
{
	uint64_t wait_us = xenstored->stopped ? xenstored->slow_ms * 1000ULL : SLOW_RUN_US;
	struct itimerspec when = { 0 };

	if (xenstored->slow_ms) {
		when.it_value.tv_sec = (time_t)(wait_us / 1000000);
		when.it_value.tv_nsec = (long)(wait_us % 1000000) * 1000;
	}
	timerfd_settime(xenstored->timer.fd, 0, &when, NULL);
}

static void set_stopped(struct xenstored *xenstored, bool stopped)
{
	xenstored->stopped = stopped;
	if (xenstored->pid > 0)
		kill(xenstored->pid, stopped ? SIGSTOP : SIGCONT);
}

static void on_timer(struct source *source, uint32_t events)
{
	struct xenstored *xenstored = container_of(source, struct xenstored, timer);
	uint64_t expired;

	(void)events;
	if (read(source->fd, &expired, sizeof(expired)) < 0 || !xenstored->slow_ms)
		return;
	set_stopped(xenstored, !xenstored->stopped);
	set_timer(xenstored);
}

static int run(struct xenstored *xenstored)
{
	pid_t parent = getpid();

	xenstored->pid = fork();
	if (xenstored->pid < 0) {
		xenstored->pid = 0;
		return -errno;
	}
	if (xenstored->pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		run_program(xenstored->hxd, &xenstored->options, parent);
	}
	return 0;
}

int xenstored_start(struct hxd *hxd, const struct xenstored_options *options)
{
	struct xenstored *xenstored = calloc(1, sizeof(*xenstored));
	int result;

	if (!xenstored)
		return -ENOMEM;
	hxd->xenstored = xenstored;
	xenstored->hxd = hxd;
	xenstored->timer = (struct source){ .on_event = on_timer };
	xenstored->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (xenstored->timer.fd < 0)
		return -errno;
	result = loop_watch(hxd, &xenstored->timer, EPOLLIN);
	if (result < 0)
		return result;
	xenstored->options = *options;
	return run(xenstored);
}

static void end(struct xenstored *xenstored)
{
	if (xenstored->pid <= 0)
		return;
	/* Nothing in it is worth keeping, and a stopped one hears nothing else. */
	kill(xenstored->pid, SIGKILL);
	waitpid(xenstored->pid, NULL, 0);
	xenstored->pid = 0;
}

/* Without xenstored there is no Xen host; a real one is lost as well. */
void xenstored_on_exit(struct hxd *hxd, pid_t pid, int status)
{
	if (!hxd->xenstored || pid != hxd->xenstored->pid)
		return;
	hxd->xenstored->pid = 0;
	if (WIFSIGNALED(status))
		hxd_log("xenstored was killed by signal %d", WTERMSIG(status));
	else
		hxd_log("xenstored ended with status %d", WEXITSTATUS(status));
	hxd->stopping = true;
}

int xenstored_fault(struct hxd *hxd, uint32_t value)
{
	struct xenstored *xenstored = hxd->xenstored;

	if (value == HX_XENSTORED_KILL) {
		hxd_log("xenstored is killed, as it was asked for");
		end(xenstored);
		return 0;
	}
	if (value == HX_XENSTORED_START)
		return xenstored->pid ? -EEXIST : run(xenstored);
	if (value != HX_XENSTORED_STOP && value > SLOW_MAX_MS)
		return -EINVAL;
	xenstored->slow_ms = value == HX_XENSTORED_STOP ? 0 : value;
	set_stopped(xenstored, value != HX_XENSTORED_CONT);
	set_timer(xenstored);
	return 0;
}

bool xenstored_answers(const struct hxd *hxd)
{
	return hxd->xenstored->pid && (!hxd->xenstored->stopped || hxd->xenstored->slow_ms);
}

const char *xenstored_condition(const struct hxd *hxd)
{
	if (!hxd->xenstored->pid)
		return "ended";
	if (hxd->xenstored->slow_ms)
		return "slow";
	return hxd->xenstored->stopped ? "stopped" : "running";
}

pid_t xenstored_pid(const struct hxd *hxd)
{
	return hxd->xenstored ? hxd->xenstored->pid : 0;
}

void xenstored_stop(struct hxd *hxd)
{
	struct xenstored *xenstored = hxd->xenstored;

	if (!xenstored)
		return;
	end(xenstored);
	if (xenstored->timer.fd >= 0)
		loop_close(hxd, &xenstored->timer);
	free(xenstored);
	hxd->xenstored = NULL;
}
