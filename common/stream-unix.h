/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connected Unix socket as a byte stream. */
#pragma once

#include "common/stream.h"

/* Takes the socket over, on success only, and makes it non-blocking. 0 or -ENOMEM or another errno. */
int stream_unix_new(int fd, struct stream **out);

/* Connects to a path, or to an abstract name if abstract. 0 or a negative errno. The connect is
 * made without waiting: -EAGAIN means that the listener's backlog is full. */
int stream_unix_connect(const char *path, bool abstract, struct stream **out);
