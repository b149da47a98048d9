/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process' side of the protocol: for the replacement libraries and for hx. */
#pragma once

#include "hosted-xen/protocol.h"

/* The domain that this process is, by HX_DIR and HX_DOMID. A socket, or -1 with errno. */
int hx_connect(void);
int hx_connect_as(const char *dir, const char *domid);

/* Asks and waits. Returns how many fds came along (they are the caller's), or -1 with errno. */
int hx_call(int socket, const struct hx_request *request, struct hx_reply *reply, int *fds,
	    int fds_max);
