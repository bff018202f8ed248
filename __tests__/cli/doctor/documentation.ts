/** The generated parts of docs/doctor.md and docs/errors.md: made of the checks themselves. */
import { readFileSync } from 'node:fs';
import type { Check } from '../../../lib/cli/doctor/check.ts';
import { configurationChecks, connectionChecks, deploymentChecks } from '../../../lib/cli/doctor/checks.ts';

const begin = '<!-- doctor:begin, written by `npm run doctor-docs` -->';
const end = '<!-- doctor:end -->';

type AnyCheck = Check<never>;

const groups: readonly [title: string, checks: readonly AnyCheck[]][] = [
  ['Of a URL, before anything is asked', connectionChecks],
  ['Of a URL, from outside', deploymentChecks],
  ['Of the options', configurationChecks],
];

function section({ id, severity, looksAt, hurts, mend }: AnyCheck): string {
  return `#### ${id}\n\n${severity === 'error' ? 'Error' : 'Warning'}. ${looksAt}\n\n- **Hurts**: ${hurts}\n- **Mend**: ${mend}\n`;
}

function checksText(): string {
  return groups.map(([title, checks]) => `### ${title}\n\n${checks.map(section).join('\n')}`).join('\n');
}

const cell = (text: string) => text.replaceAll('|', '\\|');

function errorsText(): string {
  const rows = groups
    .flatMap(([, checks]) => checks)
    .toSorted((one, other) => (one.id < other.id ? -1 : 1))
    .map(
      ({ id, severity, hurts, mend }) =>
        `| <a id="doctor-${id}"></a>[\`${id}\`](doctor.md#${id}) | ${severity} | ${cell(hurts)} | ${cell(mend)} |`,
    );
  return ['| finding | severity | whom it hurts | cure |', '|---|---|---|---|', ...rows].join('\n');
}

/** @throws Error where the markers are missing */
function replaced(document: string, text: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from === -1 || to < from) throw new Error('the document has no markers of doctor');
  return `${document.slice(0, from + begin.length)}\n${text}\n${document.slice(to)}`;
}

/** Each document as it is, and as it should be. */
export function documents(): { readonly path: string; readonly present: string; readonly wanted: string }[] {
  return ['docs/doctor.md', 'docs/errors.md'].map((path) => {
    const present = readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
    const text = path === 'docs/doctor.md' ? checksText() : errorsText();
    return { path, present, wanted: replaced(present, text) };
  });
}
