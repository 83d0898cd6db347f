/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XML through expat (2.4 and later), as a tree. External entities are never read (expat asks nobody for them); entities of the document's own may
 * make it at most eight times as long. */
#define XML_DTD /* as Debian builds it: declares the limits on entities */
#include <expat.h>
#include <string.h>

#include "appid/config/conf_text.h"

struct xml {
	struct conf *c;
	struct conf_file *f;
	XML_Parser parser;
	struct conf_node *stack[CONF_DEPTH + 1];
	struct conf_node **ends[CONF_DEPTH + 1];
	unsigned depth;
	const char *fault;
};

static void parser_free(void *p)
{
	XML_ParserFree(p);
}

static void stop(struct xml *x, const char *why)
{
	if (!x->fault)
		x->fault = why;
	XML_StopParser(x->parser, XML_FALSE);
}

static void XMLCALL begin(void *data, const XML_Char *name, const XML_Char **attributes)
{
	struct xml *x = data;
	struct conf_node *n;
	unsigned count = 0;

	if (x->depth == CONF_DEPTH) {
		stop(x, "XML more than 32 deep");
		return;
	}
	/* Leaving from inside a callback is fine: the parser is freed, never continued. */
	conf_tick(x->c);
	n = conf_alloc(x->c, sizeof(*n));
	n->name = conf_strdup(x->c, name);
	n->value = "";
	n->file = x->f;
	n->line = (unsigned)XML_GetCurrentLineNumber(x->parser);
	while (attributes[count])
		count++;
	n->words = conf_alloc(x->c, (count + 1) * sizeof(*n->words));
	n->count = count;
	for (unsigned i = 0; i < count; i++)
		n->words[i] = conf_strdup(x->c, attributes[i]);
	*x->ends[x->depth] = n;
	x->ends[x->depth] = &n->next;
	x->stack[++x->depth] = n;
	x->ends[x->depth] = &n->children;
}

static void XMLCALL end(void *data, const XML_Char *name)
{
	struct xml *x = data;
	struct conf_node *n = x->stack[x->depth];

	(void)name;
	if (n->value[0])
		n->value = conf_trim(conf_strdup(x->c, n->value));
	x->depth--;
}

static void XMLCALL text(void *data, const XML_Char *s, int len)
{
	struct xml *x = data;
	struct conf_node *n = x->stack[x->depth];

	/* A value is a line or two: the rest of a long text is of no use here. */
	if (x->depth && len > 0 && strlen(n->value) < 4096)
		n->value = conf_printf(x->c, "%s%.*s", n->value, len > 4096 ? 4096 : len, s);
}

struct conf_node *conf_xml(struct conf *c, struct conf_file *f)
{
	struct conf_node *root = conf_alloc(c, sizeof(*root));
	struct xml x = { .c = c, .f = f, .parser = XML_ParserCreate(NULL) };

	if (!x.parser)
		conf_leave(c, "no memory");
	conf_owns(c, parser_free, x.parser);
	root->file = f;
	x.stack[0] = root;
	x.ends[0] = &root->children;
	XML_SetUserData(x.parser, &x);
	XML_SetElementHandler(x.parser, begin, end);
	XML_SetCharacterDataHandler(x.parser, text);
	XML_SetBillionLaughsAttackProtectionActivationThreshold(x.parser, 256 << 10);
	XML_SetBillionLaughsAttackProtectionMaximumAmplification(x.parser, 8);
	if (XML_Parse(x.parser, f->text, (int)f->len, 1) != XML_STATUS_OK) {
		conf_unread(c, conf_at(c, f, (unsigned)XML_GetCurrentLineNumber(x.parser)), "%s",
			    x.fault ? x.fault : XML_ErrorString(XML_GetErrorCode(x.parser)));
		root = NULL;
	}
	conf_owns(c, NULL, NULL);
	XML_ParserFree(x.parser);
	return root;
}
