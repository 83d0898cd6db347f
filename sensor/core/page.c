/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensor/core/page.h"

#include <string.h>

#include "base/cleanup.h"

/* The scripts are one program in several files: put together here, in this order, they are what the browser gets. */
__asm__(".pushsection .rodata\n"
	"page_html:\n .incbin \"tools/web/index.html\"\npage_html_end:\n"
	"page_css:\n .incbin \"tools/web/app.css\"\npage_css_end:\n"
	"page_js:\n"
	" .incbin \"tools/web/base.js\"\n .incbin \"tools/web/net.js\"\n .incbin \"tools/web/state.js\"\n .incbin \"tools/web/layout.js\"\n"
	" .incbin \"tools/web/map.js\"\n .incbin \"tools/web/details.js\"\n .incbin \"tools/web/views.js\"\n .incbin \"tools/web/main.js\"\n"
	"page_js_end:\n"
	".popsection\n");

extern const char page_html[], page_html_end[], page_css[], page_css_end[], page_js[], page_js_end[];

static const struct {
	const char *path, *type, *text, *end;
} files[] = {
	{ "/", "text/html; charset=utf-8", page_html, page_html_end },
	{ "/app.css", "text/css; charset=utf-8", page_css, page_css_end },
	{ "/app.js", "text/javascript; charset=utf-8", page_js, page_js_end },
};

bool page_file(const char *path, struct page_file *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(files[i].path, path)) {
			if (ret)
				*ret = (struct page_file){ files[i].type, files[i].text, (size_t)(files[i].end - files[i].text) };
			return true;
		}
	return false;
}
