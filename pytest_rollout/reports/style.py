"""Style: how the sign-off page looks, on a screen by day and by night, on a phone, and on paper."""

CSS = """
:root{color-scheme:light dark;--page:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--band:#f6f8fa;
--go:#116329;--hold:#7d4e00;--back:#a40e26;--go-bg:#dafbe1;--hold-bg:#fff8c5;--back-bg:#ffebe9}
@media (prefers-color-scheme:dark){:root{--page:#0d1117;--ink:#e6edf3;--soft:#9da7b1;--line:#30363d;--band:#161b22;
--go:#7ee787;--hold:#f2cc60;--back:#ffa198;--go-bg:#12261a;--hold-bg:#2b2411;--back-bg:#35171b}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1rem;background:var(--page);color:var(--ink);
font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
header{border-left:.6rem solid;padding:1rem 1.25rem;border-radius:.4rem}
.PROCEED{color:var(--go)}.HOLD{color:var(--hold)}.ROLLBACK{color:var(--back)}
header.PROCEED{background:var(--go-bg)}header.HOLD{background:var(--hold-bg)}header.ROLLBACK{background:var(--back-bg)}
h1{margin:0;font-size:2rem;line-height:1.2}h2{margin:2rem 0 .5rem;font-size:1.3rem}
h3{margin:1.5rem 0 .25rem;font-size:1rem}
header p,header ul{color:var(--ink);margin:.5rem 0 0}header ul{padding-left:1.2rem;font-size:1.1rem}
.what{font-size:1.15rem}.soft{color:var(--soft)}.note{border:1px solid;border-radius:.4rem;padding:.5rem .75rem}
p{margin:.35rem 0}.kept{white-space:pre-wrap}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
table{width:100%;border-collapse:collapse;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid var(--line)}
th{font-weight:600;background:var(--band)}
td.decision{white-space:nowrap;font-weight:600}.sign td{height:3rem}
.awaited{color:var(--hold);font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.5rem 0}dd{margin:0}
dt{color:var(--soft)}
@media (max-width:40rem){thead{position:absolute;left:-200vw}tr{display:block;border-bottom:2px solid var(--line);
padding:.4rem 0}td{display:block;border:0;padding:.15rem 0}td:empty{display:none}.sign td{height:auto}
td[data-of]::before{content:attr(data-of) ": ";color:var(--soft);
font-weight:400}
td.decision{white-space:normal}dl{display:block}dd{margin-bottom:.4rem}h1{font-size:1.6rem}}
@media print{:root{color-scheme:light;--page:#fff;--ink:#000;--soft:#444;--line:#999;--band:#eee;--go:#116329;
--hold:#7d4e00;--back:#a40e26;--go-bg:#fff;--hold-bg:#fff;--back-bg:#fff}
@page{margin:16mm}body{max-width:none;padding:0;font-size:10pt}header{border:2pt solid;border-left-width:8pt}
tr,h2,h3,.gate,.note{break-inside:avoid}h2,h3{break-after:avoid}thead{display:table-header-group}
table.sign{break-inside:avoid}}
"""
