# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the reference pages look. Which language's examples are seen is a choice at the top of a page,
made without a script: the choices stand before everything else, so that rules can ask for them."""

LANGUAGES = {'busctl': 'busctl', 'dfeet': 'D-Feet', 'c': 'C', 'ocaml': 'OCaml', 'python': 'Python'}

STYLE = '''/* SPDX-License-Identifier: LGPL-2.1-or-later */
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --ink: #1d2125; --soft: #5d6670; --line: #dfe2e5; --tint: #f3f4f5;
  --link: #0b57a4; --mark: #8a4b08; --mark-tint: #fdf1e0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #17191c; --ink: #dfe3e7; --soft: #98a2ac; --line: #33383e; --tint: #202429;
    --link: #7db7f5; --mark: #e9b872; --mark-tint: #33291b;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 "Source Sans 3", "Noto Sans", system-ui, sans-serif;
}
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: .15em; }
code, pre, .name { font-family: "Source Code Pro", "Noto Sans Mono", ui-monospace, monospace; }
code, pre { font-size: .875em; }
:target { background: var(--mark-tint); box-shadow: 0 0 0 .4rem var(--mark-tint); }

.top {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem;
  align-items: baseline; padding: .6rem 1.5rem; background: var(--paper);
  border-bottom: 1px solid var(--line);
}
.top .title { font-weight: 600; margin-right: auto; }
.choice { position: absolute; opacity: 0; }
.top label { color: var(--soft); cursor: pointer; border-bottom: 2px solid transparent; }
.page { display: grid; grid-template-columns: 17rem minmax(0, 1fr); }
.page.single { display: block; }
nav.toc {
  position: sticky; top: 3rem; align-self: start; max-height: calc(100vh - 3rem); overflow-y: auto;
  padding: 1.25rem 1rem 3rem 1.5rem; font-size: .9rem; border-right: 1px solid var(--line);
}
nav.toc ul { list-style: none; margin: 0 0 .9rem; padding: 0 0 0 .75rem; }
nav.toc p { margin: 0 0 .15rem; font-weight: 600; }
nav.toc a { color: inherit; text-decoration: none; overflow-wrap: anywhere; }
nav.toc a:hover { text-decoration: underline; }
main { padding: 1.5rem 2rem 6rem; max-width: 56rem; }
h1, h2, h3 { line-height: 1.25; margin: 0; }
h1 { font-size: 1.9rem; overflow-wrap: anywhere; }
h2 { font-size: 1.45rem; margin-top: 3.5rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin-top: 2.5rem; }
h3 .kind { color: var(--soft); font-weight: 400; font-size: .9rem; }
h2 a.here, h3 a.here { visibility: hidden; text-decoration: none; color: var(--soft); margin-left: .4rem; }
h2:hover a.here, h3:hover a.here, a.here:focus { visibility: visible; }
p { margin: .6rem 0; max-width: 42rem; }
.soft { color: var(--soft); }
.tags { display: flex; flex-wrap: wrap; gap: .4rem; margin: .5rem 0; padding: 0; list-style: none; }
.tags li { font-size: .8rem; padding: .05rem .55rem; border: 1px solid var(--line); border-radius: 1rem; }
.tags .warn { color: var(--mark); border-color: currentcolor; }
pre {
  margin: .6rem 0; padding: .7rem .9rem; overflow-x: auto; background: var(--tint);
  border-radius: .35rem; line-height: 1.45; white-space: pre; tab-size: 4;
}
pre.signature { white-space: pre-wrap; border-left: 3px solid var(--link); border-radius: 0; }
table { border-collapse: collapse; margin: .6rem 0; width: 100%; font-size: .95rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .8rem; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child { white-space: nowrap; }
section th:nth-child(1) { width: 24%; }
section th:nth-child(2) { width: 27%; }
td p { margin: 0; }
.example .language { margin: .8rem 0 -.3rem; font-size: .8rem; color: var(--soft); }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 55rem) {
  .page { display: block; }
  nav.toc { position: static; max-height: none; border-right: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1rem 1.25rem 4rem; }
  table { display: block; overflow-x: auto; }
}
@media print {
  .top label, nav.toc, a.here { display: none; }
  .page { display: block; }
  .example { display: block !important; }
}
'''


def style():
    """With the rules for the choice of a language."""
    rules = []
    for name in LANGUAGES:
        others = ', '.join(f'#show-{name}:checked ~ .page .{other}'
                           for other in LANGUAGES if other != name)
        rules.append(f'{others} {{ display: none; }}')
        rules.append(f'#show-{name}:checked ~ .top label[for="show-{name}"] '
                     '{ color: var(--ink); border-color: var(--link); }')
        rules.append(f'#show-{name}:focus-visible ~ .top label[for="show-{name}"] '
                     '{ outline: 2px solid var(--link); }')
    return STYLE + '\n'.join(rules) + '\n'
