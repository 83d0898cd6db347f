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
	"<style>body{font:14px/1.4 sans-serif;margin:1em;color:#222;background:#fff}#frame{border:1px solid #ccd;overflow:auto;max-height:80vh}"
	"svg{display:block}table{border-collapse:collapse;margin-top:1em}td,th{padding:.2em .8em;border-bottom:1px solid #dde;text-align:left;"
	"white-space:nowrap}td.n{text-align:right}td.w{white-space:normal;overflow-wrap:break-word;max-width:26em}rect{fill:#e8f1fb;stroke:#3a6ea5}"
	"rect.external{fill:#f4f4f4;stroke:#888}rect.host,rect.gateway{fill:#fdf3e0;stroke:#b07d2b}path{fill:none;stroke:#777}"
	"path.guess{stroke-dasharray:4 3}g:hover path{stroke:#c22;stroke-width:2}text{font-size:12px}"
	"text.e{font-size:10px;fill:#333;stroke:#fff;stroke-width:3px;paint-order:stroke}"
	"</style></head><body><h1>Pierglass map</h1><p id=\"when\"></p><div id=\"frame\"><svg id=\"map\"></svg></div><table id=\"edges\"></table>\n"
	"<script type=\"application/json\" id=\"data\">";

static const char tail[] =
	"</script>\n<script>\n'use strict';\n"
	"const d=JSON.parse(document.getElementById('data').textContent),NS='http://www.w3.org/2000/svg';\n"
	"const label=e=>{const a=e.app==='Unknown'?e.l4:e.app+((e.app_confidence==='port-guess'||e.app_confidence==='unknown')?'?':'');"
	"return e.port&&!e.l4.startsWith('icmp')?a+' :'+e.port:a};\n"
	"document.getElementById('when').textContent='Node '+d.node+', '+d.time+': '+d.nodes.length+' nodes, '+d.edges.length+' edges';\n"
	"const el=(p,n,a,t)=>{const x=document.createElementNS(NS,n);for(const k in a)x.setAttribute(k,a[k]);if(t!==undefined)x.textContent=t;"
	"p.appendChild(x);return x};\n"
	/* pairs of nodes: one line each, however many protocols; a node's own calls are a loop */
	"const pairs=new Map();for(const e of d.edges){const k=JSON.stringify([e.client,e.server]);if(!pairs.has(k))pairs.set(k,{a:e.client,b:e.server,e:[]});"
	"pairs.get(k).e.push(e)}const P=[...pairs.values()],out=new Map(),inn=new Map();for(const n of d.nodes){out.set(n.id,[]);inn.set(n.id,[])}\n"
	"for(const p of P){out.get(p.a)?.push(p);inn.get(p.b)?.push(p)}\n"
	/* what closes a cycle goes back; a node's column: the longest way to it along the others */
	"const seen=new Map(),order=[];const visit=r=>{const st=[[r,0]];seen.set(r,1);while(st.length){const t=st[st.length-1],o=out.get(t[0]);"
	"if(t[1]<o.length){const p=o[t[1]++],s=seen.get(p.b);if(p.a===p.b||s===1)p.back=true;else if(!s&&out.has(p.b)){seen.set(p.b,1);st.push([p.b,0])}}"
	"else{seen.set(t[0],2);order.unshift(t[0]);st.pop()}}};\n"
	"for(const n of d.nodes)if(!inn.get(n.id).some(p=>p.a!==n.id))if(!seen.get(n.id))visit(n.id);for(const n of d.nodes)if(!seen.get(n.id))visit(n.id);\n"
	"const col=new Map(d.nodes.map(n=>[n.id,0]));for(const n of order)for(const p of out.get(n))if(!p.back&&col.has(p.b))"
	"col.set(p.b,Math.max(col.get(p.b),col.get(n)+1));\n"
	/* who asks only stands beside whom it asks; within a column by the mean of the neighbours */
	"for(const n of order)if(!inn.get(n).length&&out.get(n).length)col.set(n,Math.max(0,Math.min(...out.get(n).map(p=>col.get(p.b)||0))-1));\n"
	"const cols=[],nb=new Map(),row=new Map(),put=(id,c)=>{(cols[c]=cols[c]||[]).push(id);nb.set(id,[])};for(const n of d.nodes)put(n.id,col.get(n.id));\n"
	/* a line over several columns has a place of its own in each */
	"for(const p of P){const x=col.get(p.a),y=col.get(p.b);if(x===undefined||y===undefined||x===y)continue;p.via=[p.a];"
	"for(let c=x+1;c<y;c++){const v=p.a+'\\n'+p.b+'\\n'+c;put(v,c);p.via.push(v)}p.via.push(p.b);"
	"for(let i=1;i<p.via.length;i++){nb.get(p.via[i]).push(p.via[i-1]);nb.get(p.via[i-1]).push(p.via[i])}}\n"
	"const num=c=>c?.forEach((n,i)=>row.set(n,(i+.5)/c.length));cols.forEach(num);\n"
	"for(let i=0;i<8;i++)for(const c of i%2?cols:[...cols].reverse()){if(!c)continue;const m=new Map(c.map(n=>{const r=nb.get(n).map(x=>row.get(x));"
	"return[n,r.length?r.reduce((a,b)=>a+b)/r.length:.5]}));c.sort((a,b)=>m.get(a)-m.get(b));num(c)}\n"
	"const W=170,H=30,GX=120,GY=22,pos=new Map(),most=Math.max(1,...cols.map(c=>c?c.length:0)),all=most*(H+GY);\n"
	"cols.forEach((c,x)=>c?.forEach((n,i)=>pos.set(n,[20+x*(W+GX),20+(i+.5)*all/c.length-H/2])));\n"
	"const svg=document.getElementById('map');svg.setAttribute('width',40+Math.max(1,cols.length)*(W+GX)-GX+70);svg.setAttribute('height',40+all);\n"
	"const defs=el(svg,'defs',{}),mk=el(defs,'marker',{id:'a',viewBox:'0 0 8 8',refX:8,refY:4,markerWidth:7,markerHeight:7,orient:'auto'});"
	"el(mk,'path',{d:'M0,0L8,4L0,8z',style:'fill:#777;stroke:none'});\n"
	"const sure=e=>e.app_confidence!=='port-guess'&&e.app_confidence!=='unknown',labels=[];\n"
	"for(const p of P){const f=pos.get(p.a),t=pos.get(p.b);if(!f||!t)continue;const y=f[1]+H/2,v=t[1]+H/2,k=col.get(p.b)-col.get(p.a);let q;"
	"if(k>0){q=[];for(let i=1;i<p.via.length;i++){const m=pos.get(p.via[i-1]),n=pos.get(p.via[i]),g=m[1]+H/2,h=n[1]+H/2;"
	"q.push(...(i>1?[m[0],g,m[0]+W*.3,g,m[0]+W*.7,g]:[]),m[0]+W,g,m[0]+W+GX*.5,g,n[0]-GX*.5,h);if(i===p.via.length-1)q.push(n[0],h)}}"
	"else if(p.a===p.b)q=[f[0]+W,y-6,f[0]+W+45,y-24,f[0]+W+45,y+24,f[0]+W,y+6];"
	"else if(k===0)q=[f[0]+W,y+4,f[0]+W+60,y+4,t[0]+W+60,v-4,t[0]+W,v-4];else q=[f[0],y+7,f[0]-GX*.5,y+7,t[0]+W+GX*.5,v+7,t[0]+W,v+7];"
	"const g=el(svg,'g',{}),words=p.e.map(label);el(g,'path',{d:'M'+q[0]+','+q[1]+'C'+q.slice(2).join(' '),'marker-end':'url(#a)',"
	"'class':p.e.some(sure)?'':'guess'});el(g,'title',{},p.a+' → '+p.b+'\\n'+p.e.map(e=>label(e)+', '+e.flows+' flows').join('\\n'));\n"
	/* near the end where fewer lines meet, and not upon another label */
	"const z=inn.get(p.b).length>out.get(p.a).length?.3:out.get(p.a).length>inn.get(p.b).length?.7:.5,w=1-z,"
	"at=i=>w*w*w*q[i]+3*w*w*z*q[i+2]+3*w*z*z*q[i+4]+z*z*z*q[i+6];if(z>.6)q=q.slice(-8);let ly=at(1)-3;const lx=at(0);"
	"for(let n=0;n<9&&labels.some(o=>Math.abs(o[0]-lx)<70&&Math.abs(o[1]-ly)<10);n++)ly+=11;"
	"labels.push([lx,ly,words.length>2?words.slice(0,2).join(', ')+' …':words.join(', ')])}\n"
	"for(const n of d.nodes){const[x,y]=pos.get(n.id),g=el(svg,'g',{});el(g,'rect',{x,y,width:W,height:H,rx:5,'class':n.kind});"
	"el(g,'text',{x:x+W/2,y:y+H/2+4,'text-anchor':'middle'},n.id.length>25?n.id.slice(0,24)+'…':n.id);el(g,'title',{},n.id)}\n"
	"for(const[x,y,t]of labels)el(svg,'text',{x,y,'text-anchor':'middle','class':'e'},t);\n"
	"const size=n=>{let i=0;for(;n>=1024&&i<4;i++)n/=1024;return(i?n.toFixed(1):n)+' '+['B','KiB','MiB','GiB','TiB'][i]};\n"
	"const tb=document.getElementById('edges'),tr=(cells,h)=>{const r=tb.insertRow();for(const[i,c]of cells.entries()){"
	"const x=document.createElement(h?'th':'td');x.textContent=c;x.className=h?'':i>3&&i<7?'n':i<2||i===7?'w':'';r.appendChild(x)}return r};\n"
	"tr(['client','server','protocol','confidence','flows','bytes to server','bytes to client','host','last seen'],true);\n"
	"for(const e of d.edges)tr([e.client,e.server,label(e),e.app_confidence,e.flows,"
	"size(e.bytes_to_server),size(e.bytes_to_client),e.host,(e.last_seen||'').replace('T',' ').slice(0,19)]);\n"
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
