/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The codes of the header's fields (D-Bus specification, section "Header Fields"). Everything
 * above is unknown: to be ignored, and not to be passed on. */
#pragma once

enum header_field {
	HEADER_PATH = 1,
	HEADER_INTERFACE = 2,
	HEADER_MEMBER = 3,
	HEADER_ERROR_NAME = 4,
	HEADER_REPLY_SERIAL = 5,
	HEADER_DESTINATION = 6,
	HEADER_SENDER = 7,
	HEADER_SIGNATURE = 8,
	HEADER_UNIX_FDS = 9,
	HEADER_FIELD_COUNT
};
