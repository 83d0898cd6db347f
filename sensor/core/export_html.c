/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map as one page that needs nothing from anywhere: the JSON of the map, a drawing in columns (who only asks on the left,
 * who only answers on the right) and a table. Names go into the page by textContent only, and the writer escapes '<': no name
 * can become markup. */
#include <stdlib.h>
#include <string.h>

#include "sensor/core/export_text.h"

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Pierglass map</title>\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n"
	"<style>body{font:14px/1.4 sans-serif;margin:1em;color:#222;background:#fff}svg{border:1px solid #ccd;width:100%;height:auto}"
	"table{border-collapse:collapse;margin-top:1em}td,th{padding:.2em .8em;border-bottom:1px solid #dde;text-align:left}"
	"td.n{text-align:right}.guess{color:#888}rect{fill:#e8f1fb;stroke:#3a6ea5}rect.external{fill:#f4f4f4;stroke:#888}"
	"rect.host,rect.gateway{fill:#fdf3e0;stroke:#b07d2b}path{fill:none;stroke:#666}text{font-size:12px}text.e{font-size:10px;fill:#444}"
	"</style></head><body><h1>Pierglass map</h1><p id=\"when\"></p><svg id=\"map\"></svg><table id=\"edges\"></table>\n"
	"<script type=\"application/json\" id=\"data\">";

static const char tail[] =
	"</script>\n<script>\n'use strict';\n"
	"const d=JSON.parse(document.getElementById('data').textContent),NS='http://www.w3.org/2000/svg';\n"
	"const label=e=>{const a=e.app==='Unknown'?e.l4:e.app+((e.app_confidence==='port-guess'||e.app_confidence==='unknown')?'?':'');"
	"return e.port&&!e.l4.startsWith('icmp')?a+' :'+e.port:a};\n"
	"document.getElementById('when').textContent='Node '+d.node+', '+d.time+': '+d.nodes.length+' nodes, '+d.edges.length+' edges';\n"
	"const el=(p,n,a,t)=>{const x=document.createElementNS(NS,n);for(const k in a)x.setAttribute(k,a[k]);if(t!==undefined)x.textContent=t;"
	"p.appendChild(x);return x};\n"
	/* a node's column: longest way from a node that nobody asks; cycles end at the number of nodes */
	"const col=new Map(d.nodes.map(n=>[n.id,0]));\n"
	"for(let i=0;i<Math.min(d.nodes.length,12);i++)for(const e of d.edges)if(e.client!==e.server&&col.get(e.server)<=col.get(e.client))"
	"col.set(e.server,Math.min(col.get(e.client)+1,7));\n"
	"const rows=new Map(),pos=new Map(),W=200,H=34,GX=150,GY=22;\n"
	"for(const n of d.nodes){const c=col.get(n.id),r=rows.get(c)||0;rows.set(c,r+1);pos.set(n.id,[20+c*(W+GX),20+r*(H+GY)])}\n"
	"const svg=document.getElementById('map'),cols=Math.max(1,...[...rows.keys()].map(c=>c+1)),most=Math.max(1,...rows.values());\n"
	"svg.setAttribute('viewBox','0 0 '+(40+cols*(W+GX)-GX)+' '+(40+most*(H+GY)));\n"
	"const defs=el(svg,'defs',{}),mk=el(defs,'marker',{id:'a',viewBox:'0 0 8 8',refX:8,refY:4,markerWidth:7,markerHeight:7,orient:'auto'});"
	"el(mk,'path',{d:'M0,0L8,4L0,8z',style:'fill:#666'});\n"
	"for(const e of d.edges){const p=pos.get(e.client),q=pos.get(e.server);if(!p||!q)continue;const x=p[0]+W,y=p[1]+H/2,u=q[0],v=q[1]+H/2;"
	"const path=el(svg,'path',{d:'M'+x+','+y+'C'+(x+60)+','+y+' '+(u-60)+','+v+' '+u+','+v,'marker-end':'url(#a)'});"
	"el(path,'title',{},e.client+' → '+e.server+'\\n'+label(e)+'\\n'+e.flows+' flows');"
	"el(svg,'text',{x:(x+u)/2,y:(y+v)/2-4,'text-anchor':'middle','class':'e'},label(e))}\n"
	"for(const n of d.nodes){const[x,y]=pos.get(n.id);el(svg,'rect',{x,y,width:W,height:H,rx:5,'class':n.kind});"
	"const t=el(svg,'text',{x:x+W/2,y:y+H/2+4,'text-anchor':'middle'},n.id.length>30?n.id.slice(0,29)+'…':n.id);el(t,'title',{},n.id)}\n"
	"const tb=document.getElementById('edges'),tr=(cells,h)=>{const r=tb.insertRow();for(const c of cells){"
	"const x=document.createElement(h?'th':'td');x.textContent=c;if(!h&&typeof c==='number')x.className='n';r.appendChild(x)}return r};\n"
	"tr(['client','server','protocol','confidence','flows','bytes to server','bytes to client','host','last seen'],true);\n"
	"for(const e of d.edges)tr([e.client,e.server,label(e),e.app_confidence,e.flows,e.bytes_to_server,e.bytes_to_client,e.host,e.last_seen]);\n"
	"</script></body></html>\n";

char *export_html(struct core *c, const struct map_view *m, size_t *ret_len)
{
	struct text_out t = { 0 };
	struct jsonl j;
	const char *json;

	jsonl_init(&j);
	export_json(c, m, &j);
	json = jsonl_text(&j, NULL);
	if (json) {
		text_raw(&t, head);
		text_raw(&t, json);
		text_raw(&t, tail);
	}
	jsonl_done(&j);
	return json ? text_take(&t, ret_len) : NULL;
}
