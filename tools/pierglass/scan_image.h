/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PG_TOOLS_SCAN_IMAGE_H
#define PG_TOOLS_SCAN_IMAGE_H

/* An image as the engine gives it out (GET /images/NAME/get), in a file without a name. socket NULL: the usual one. A descriptor
 * (close-on-exec), or -1 after one line on standard error. */
int scan_image_get(const char *socket, const char *name);

#endif
