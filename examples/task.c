/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "examples/task.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "task1.h"

#define CANCELLED "org.xen.xcp.xenopsd1.Error.Cancelled"

struct task {
	struct xcpbus *bus;
	struct xcpbus_slot *export;
	unsigned id;
	char path[128], *debug_info;
	double ctime, progress;
	enum task1_state_value state;
	bool is_cancelled, is_forgotten; /* the latter: destroyed as soon as it is finished */
	DBusMessage *result;
	struct task1_failure failure;
};

static void task_free(struct task *task)
{
	xcpbus_slot_free(task->export);
	if (task->result)
		dbus_message_unref(task->result);
	task1_failure_free(&task->failure);
	free(task->debug_info);
	free(task);
}

/* ---- What others ask of it ---- */

static int on_cancel(struct xcpbus_invocation *call, void *data)
{
	(void)call;
	((struct task *)data)->is_cancelled = true;
	return 0;
}

static int on_destroy_on_finish(struct xcpbus_invocation *call, void *data)
{
	struct task *task = data;
	int r = task1_destroy_on_finish_reply(call);

	task->is_forgotten = true;
	if (task->state != TASK1_STATE_PENDING)
		task_free(task);
	return r;
}

static int get_state(struct task1_state *value, void *data)
{
	value->value = ((struct task *)data)->state;
	return 0;
}

static int get_progress(double *value, void *data)
{
	*value = ((struct task *)data)->progress;
	return 0;
}

static int get_cancellable(bool *value, void *data)
{
	*value = ((struct task *)data)->state == TASK1_STATE_PENDING;
	return 0;
}

static int get_ctime(double *value, void *data)
{
	*value = ((struct task *)data)->ctime;
	return 0;
}

static int get_debug_info(const char **value, void *data)
{
	*value = ((struct task *)data)->debug_info;
	return 0;
}

static int get_subtasks(struct task1_list_of_tuple_of_string_and_task_state *value, void *data)
{
	(void)data;
	value->count = 0;
	return 0;
}

static int get_result(DBusMessage **value, void *data)
{
	*value = ((struct task *)data)->result;
	return 0;
}

static int get_error(const struct task1_failure **value, void *data)
{
	const struct task *task = data;

	*value = task->state == TASK1_STATE_FAILED ? &task->failure : NULL;
	return 0;
}

/* One that is not finished is destroyed when it is: it cannot stop at just any moment. */
static const struct task1_handlers handlers = {
	.cancel = on_cancel,
	.destroy = on_destroy_on_finish,
	.destroy_on_finish = on_destroy_on_finish,
	.state_get = get_state,
	.progress_get = get_progress,
	.cancellable_get = get_cancellable,
	.ctime_get = get_ctime,
	.debug_info_get = get_debug_info,
	.subtasks_get = get_subtasks,
	.result_get = get_result,
	.error_get = get_error,
};

/* ---- What the program tells of it ---- */

struct task *task_new(struct xcpbus *bus, const char *service_path, const char *debug_info)
{
	static unsigned last_id;
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->bus = bus;
	task->id = ++last_id;
	task->state = TASK1_STATE_PENDING;
	task->ctime = (double)time(NULL);
	task->debug_info = strdup(debug_info);
	snprintf(task->path, sizeof(task->path), "%s/task/%u", service_path, task->id);
	if (!task->debug_info ||
	    task1_export(bus, task->path, &handlers, task, &task->export) < 0) {
		task_free(task);
		return NULL;
	}
	return task;
}

unsigned task_id(const struct task *task)
{
	return task->id;
}

static void task_finish(struct task *task, enum task1_state_value state, DBusMessage *value)
{
	task->state = state;
	task1_state_changed(task->bus, task->path);
	task1_cancellable_changed(task->bus, task->path);
	task1_finished_emit(task->bus, task->path, (struct task1_state){ .value = state }, value);
	if (task->is_forgotten)
		task_free(task);
}

bool task_advance(struct task *task, double part, const char *step)
{
	if (task->is_cancelled) {
		task_fail(task, CANCELLED, "somebody has cancelled the task");
		return false;
	}
	task->progress += part;
	task1_progress_changed(task->bus, task->path);
	task1_advanced_emit(task->bus, task->path, task->progress, step);
	return true;
}

void task_complete(struct task *task, const char *result)
{
	task->result = xcpbus_any_new("s", result);
	if (!task->result)
		errx(EXIT_FAILURE, "no memory");
	task1_result_changed(task->bus, task->path);
	task_finish(task, TASK1_STATE_COMPLETED, task->result);
}

void task_fail(struct task *task, const char *error, const char *message)
{
	const struct task1_failure failure = { .error = error,
					       .message = message,
					       .backtrace = "" };
	DBusMessage *value =
		xcpbus_any_new("a{sv}", 2, "error", "s", error, "message", "s", message);

	if (!value || task1_failure_copy(&task->failure, &failure) < 0)
		errx(EXIT_FAILURE, "no memory");
	task1_error_changed(task->bus, task->path);
	task_finish(task, TASK1_STATE_FAILED, value);
	dbus_message_unref(value);
}
