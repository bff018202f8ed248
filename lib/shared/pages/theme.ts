import { accentTones } from './accent.ts';

const colours = {
  light:
    '--ink:#191c21;--soft:#565f6b;--paper:#fff;--ground:#f2f4f7;--line:#d9dde3;--edge:#7b8593;--warn:#7a4100;--warn-ground:#fff3e0;--danger:#a8231b;--good:#0b6a3a;--good-ground:#e5f6ec',
  dark: '--ink:#eceef2;--soft:#aab3bf;--paper:#1b1e24;--ground:#101216;--line:#343a44;--edge:#828c9a;--warn:#ffc47d;--warn-ground:#37290f;--danger:#ffb3aa;--good:#7fdba6;--good-ground:#12301f',
};

const rules = `*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;padding:1.25rem 1rem;background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
body::before,body::after{content:"";flex:1}
header,main,footer{width:100%;max-width:30rem}.wide header,.wide main,.wide footer{max-width:46rem}
header{display:flex;align-items:center;gap:.6rem;padding:0 .25rem .75rem;font-weight:600;overflow-wrap:anywhere}header img,header svg{width:1.75rem;height:1.75rem;flex:none}header svg{color:var(--accent)}
footer{padding:.75rem .25rem 0;color:var(--soft);font-size:.85rem;display:flex;flex-wrap:wrap;gap:.25rem 1rem;justify-content:space-between;align-items:center;overflow-wrap:anywhere}
footer a{display:inline-flex;align-items:center;min-height:2.75rem}
main{background:var(--paper);border:1px solid var(--line);border-radius:1rem;padding:clamp(1.1rem,5vw,1.9rem);box-shadow:0 1px 2px rgb(0 0 0/.05),0 8px 24px rgb(0 0 0/.06)}
h1{font-size:1.4rem;line-height:1.3;margin:0 0 .75rem;overflow-wrap:anywhere;text-wrap:balance}h2{font-size:1.05rem;line-height:1.35;margin:1.75rem 0 .5rem}h3{font-size:1rem;line-height:1.4;margin:0;overflow-wrap:anywhere}
p{margin:.75rem 0}.soft{color:var(--soft);font-size:.9rem}a{color:var(--accent);text-underline-offset:.15em}
bdi{overflow-wrap:anywhere}code{font:.85em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere;unicode-bidi:isolate}
.badge{display:inline-block;padding:.1rem .6rem;border-radius:1rem;font-size:.8rem;font-weight:600;line-height:1.5;background:var(--warn-ground);color:var(--warn)}.badge.good{background:var(--good-ground);color:var(--good)}
.who{display:flex;flex-wrap:wrap;gap:.35rem .6rem;align-items:center;margin:0 0 1rem}.who span:last-child{color:var(--soft);font-size:.9rem}
dl{margin:1rem 0;border-block-start:1px solid var(--line)}dl>div{padding:.6rem 0;border-block-end:1px solid var(--line)}dt{color:var(--soft);font-size:.85rem}dd{margin:0;overflow-wrap:anywhere}
ul{margin:.25rem 0 0;padding-inline-start:1.2rem}.plain{list-style:none;padding:0;margin:0}
.note{background:var(--warn-ground);color:var(--warn);border-radius:.6rem;padding:.7rem .9rem;font-size:.92rem}.note.good{background:var(--good-ground);color:var(--good)}
label{display:block;margin:.9rem 0 .3rem;font-weight:600}input[type=text]{width:100%;min-height:2.75rem;padding:.45rem .75rem;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--edge);border-radius:.6rem}
.check{display:flex;gap:.7rem;align-items:center;min-height:2.75rem;margin:1rem 0 0;font-weight:400;cursor:pointer}.check input{width:1.4rem;height:1.4rem;margin:0;flex:none;accent-color:var(--accent)}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.4rem}.actions>*{flex:1 1 8rem}
button,.button{display:inline-flex;align-items:center;justify-content:center;min-height:2.75rem;min-width:2.75rem;padding:.5rem 1.1rem;font:inherit;font-weight:600;line-height:1.25;text-align:center;text-decoration:none;overflow-wrap:anywhere;border-radius:.6rem;border:1px solid var(--accent);background:var(--accent);color:var(--paper);cursor:pointer}
.quiet{background:transparent;color:var(--ink);border-color:var(--edge)}.danger{background:transparent;color:var(--danger);border-color:var(--danger)}button:hover,.button:hover{filter:brightness(1.08)}.quiet:hover,.danger:hover{background:var(--ground);filter:none}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.row{display:flex;flex-wrap:wrap;gap:.6rem 1rem;align-items:flex-start;justify-content:space-between;padding:1rem 0;border-block-end:1px solid var(--line)}.row>div{flex:1 1 12rem;min-width:0}.row p{margin:.2rem 0}.row h2{margin:0}.row ul{list-style:disc}.row form,.row .button,.row>button{flex:none;max-width:100%}.plain>.row:first-child{border-block-start:1px solid var(--line)}
.split{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;justify-content:space-between}.split h2{margin:0}.split .grow{flex:1 1 15rem;margin:0}section{margin-top:1.75rem}section>.plain,section>p{margin-top:.6rem}
.choices{display:grid;gap:.75rem;margin-top:1.25rem}.choices button,.choices .button{width:100%}
@media(forced-colors:active){.badge,.note{border:1px solid}}`;

/** @defaultValue of `pages.brand.accent` */
export const defaultAccent = '#1f5eff';

/** The style sheet of every page: both colour schemes, from 320 px on, in either direction. */
export function styleSheet(accent: string = defaultAccent): string {
  const tones = accentTones(accent);
  return `:root{color-scheme:light dark;${colours.light};--accent:${tones.light}}@media(prefers-color-scheme:dark){:root{${colours.dark};--accent:${tones.dark}}}${rules}`;
}
