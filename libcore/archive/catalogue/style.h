// The one style sheet of the catalogue's pages.
#pragma once

#include "absl/strings/string_view.h"

namespace p2pd::archive::catalogue {

inline constexpr absl::string_view kStyle = R"css(
:root{color-scheme:light dark;--bg:#f7f7f5;--card:#fff;--fg:#1d2226;--dim:#59636b;--line:#dcdfe0;
--link:#0b5c8a;--accent:#0f6b5c;--on:#fff;--c0:#c2362b;--c1:#d99a1c;--c2:#5aa9c9;--c3:#1f6f96;
--good:#1b6b3a;--goodbg:#e0f2e6;--fair:#7a5200;--fairbg:#fbefd2;--bad:#9c2118;--badbg:#fbe3e0}
@media(prefers-color-scheme:dark){:root{--bg:#14181b;--card:#1d2327;--fg:#e6e9ea;--dim:#9aa6ad;
--line:#333c42;--link:#7cc4ee;--accent:#6fd0bd;--on:#0d1413;--c0:#ef6a5f;--c1:#e8b64c;--c2:#4b96b8;
--c3:#8fd0ee;--good:#8fdcab;--goodbg:#17352a;--fair:#f0c869;--fairbg:#3a2f14;--bad:#ff9d93;
--badbg:#43201d}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,button:focus-visible,input:focus-visible,select:focus-visible,
summary:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.3rem .6rem}
header,main,footer{max-width:64rem;margin:0 auto;padding:0 1.1rem}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.3rem 1.4rem;padding-top:1.1rem}
header .home{font-weight:700;font-size:1.15rem;color:var(--fg);text-decoration:none}
nav{display:flex;gap:1.1rem}
nav a[aria-current]{color:var(--fg);font-weight:600;text-decoration:none}
main{padding-top:.6rem;padding-bottom:1rem}
footer{color:var(--dim);font-size:.875rem;padding-bottom:2rem}
h1{font-size:1.5rem;line-height:1.25;margin:1rem 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 .5rem}
p{margin:.35rem 0 .6rem;max-width:46rem}
.dim{color:var(--dim)}
form{display:flex;flex-wrap:wrap;gap:.6rem;margin:.8rem 0 1rem;align-items:end}
form div{display:flex;flex-direction:column}
form .wide{flex:1 1 16rem}
label{font-size:.85rem;color:var(--dim)}
input,select,button{font:inherit;color:inherit;padding:.5rem .7rem;border:1px solid var(--line);
border-radius:8px;background:var(--card);min-height:2.7rem;width:100%}
button,.button{background:var(--accent);border:1px solid var(--accent);color:var(--on);
font-weight:600;cursor:pointer;text-decoration:none;border-radius:8px}
.button{display:inline-block;padding:.5rem 1rem}
.button.second{background:transparent;color:var(--accent)}
.buttons{display:flex;flex-wrap:wrap;gap:.6rem;margin:.8rem 0 1.1rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.1rem;
margin:0 0 1rem}
.list{padding:0;overflow:hidden}
table{border-collapse:collapse;width:100%}
th,td{padding:.6rem .8rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--dim);font-size:.85rem;font-weight:600}
td.name,th.name{overflow-wrap:anywhere;width:50%}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tbody th{font-weight:400}
caption{position:absolute;left:-99rem}
.badge{display:inline-block;border-radius:99px;padding:.05rem .6rem;font-size:.82rem;
font-weight:600;white-space:nowrap;background:var(--line)}
.good{background:var(--goodbg);color:var(--good)}
.fair{background:var(--fairbg);color:var(--fair)}
.bad{background:var(--badbg);color:var(--bad)}
.pages{display:flex;justify-content:space-between;gap:1rem;margin:.4rem 0 1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:0}
dt{color:var(--dim)}
dd{margin:0;overflow-wrap:anywhere}
.big{font-size:2rem;font-weight:700;line-height:1.1;font-variant-numeric:tabular-nums}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1rem}
.two .card{margin:0}
.two{margin-bottom:1rem}
svg{display:block;max-width:100%;height:auto}
.pieces{margin:.5rem 0}
.c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}
.pieces path{fill-rule:evenodd}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;padding:0;margin:.4rem 0;list-style:none;
font-size:.875rem;color:var(--dim)}
.legend svg{display:inline-block;vertical-align:-.1em;margin-right:.4em}
.plot{width:100%}
.plot text{fill:var(--dim);font-size:11px}
.plot .end{text-anchor:end}
.grid{stroke:var(--line);fill:none}
.grid.one{stroke:var(--dim);stroke-dasharray:2 3}
.line{fill:none;stroke-width:2.2;stroke-linejoin:round}
.line.total{stroke:var(--c3)}
.line.organic{stroke:var(--c1);stroke-dasharray:6 3}
code{font-family:ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace;font-size:.9em;
overflow-wrap:anywhere}
summary{cursor:pointer;font-weight:600}
@media(max-width:44rem){.wideonly{display:none}th,td{padding:.55rem .6rem}
td.name,th.name{width:auto}
.list thead{position:absolute;left:-99rem}
.list tr{display:grid;grid-template-columns:1fr auto auto;border-top:1px solid var(--line)}
.list tr:first-child{border-top:0}
.list td,.list th{border-top:0}.list .name{grid-column:1/-1;padding-bottom:0}
.list .copies::before{content:"Copies: "}dl{grid-template-columns:1fr}dt{margin-top:.4rem}}
@media(prefers-contrast:more){:root{--dim:var(--fg);--line:var(--fg)}}
@media print{form,nav,.buttons{display:none}body{background:#fff}}
)css";

}  // namespace p2pd::archive::catalogue
