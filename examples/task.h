/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Work that goes on after the method that began it has answered, as org.xen.xcp.Task1 shows it.
 *
 * A task has an object until somebody asks for it to be destroyed. From task_complete, task_fail,
 * or a task_advance that returns false, it is not the program's any more.
 */
#pragma once

#include <stdbool.h>
#include <xcpbus.h>

struct task;

/* Its object is below that of the service: /SERVICE/PATH/task/ID. NULL: no memory. */
struct task *task_new(struct xcpbus *bus, const char *service_path, const char *debug_info);
unsigned task_id(const struct task *task);

/* A part of it is done. False: somebody has cancelled it. */
bool task_advance(struct task *task, double part, const char *step);
void task_complete(struct task *task, const char *result);
/* As a method would answer it: the name of an error, and the text for people. */
void task_fail(struct task *task, const char *error, const char *message);
