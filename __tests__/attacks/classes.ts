/** The table of docs/security.md: one row for each file of this folder, which is one class of attack. */
import { readdirSync, readFileSync } from 'node:fs';

export interface AttackClass {
  /** File name without `.test.ts`. */
  readonly name: string;
  /** What is attacked, from the comment on the file's first line. */
  readonly summary: string;
}

/** How the cases of one class ended. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
}

const folder = new URL('./', import.meta.url);
const suffix = '.test.ts';
const begin = '<!-- attacks:begin, written by `npm run security-table` -->';
const end = '<!-- attacks:end -->';

/** @throws Error where a file does not begin with a one-line comment */
export function attackClasses(): AttackClass[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(suffix));
  return files.sort().map((file) => {
    const [line = ''] = readFileSync(new URL(file, folder), 'utf8').split('\n', 1);
    const summary = /^\/\*\* (.+?)\.? \*\/$/.exec(line)?.[1];
    if (summary === undefined) throw new Error(`${file} must begin with a one-line comment that says what is attacked`);
    return { name: file.slice(0, -suffix.length), summary };
  });
}

function resultOf({ passed, failed }: Outcome): string {
  return failed === 0 ? `all ${passed} held off` : `${failed} of ${passed + failed} got through`;
}

export function renderClasses(classes: readonly AttackClass[], outcomes: ReadonlyMap<string, Outcome>): string {
  const rows = classes.map(({ name, summary }) => {
    const outcome = outcomes.get(name) ?? { passed: 0, failed: 0 };
    const link = `[${name}](../__tests__/attacks/${name}${suffix})`;
    return `| ${link} | ${summary} | ${outcome.passed + outcome.failed} | ${resultOf(outcome)} |`;
  });
  return ['| class | what an attacker tries | cases | result |', '|---|---|---|---|', ...rows].join('\n');
}

/** @throws Error where the document has no place for the table */
export function replaceClasses(document: string, table: string): string {
  const [start, stop] = [document.indexOf(begin), document.indexOf(end)];
  if (start < 0 || stop < start) throw new Error('the document has no place for the table of attacks');
  return `${document.slice(0, start + begin.length)}\n${table}\n${document.slice(stop)}`;
}

/** The rows that the document has now. */
export function documentedClasses(document: string): (AttackClass & { readonly outcome: Outcome })[] {
  const section = document.slice(document.indexOf(begin), document.indexOf(end));
  const rows = section.matchAll(/^\| \[([^\]]+)\]\([^)]+\) \| (.+?) \| (\d+) \| (.+) \|$/gm);
  return [...rows].map(([, name = '', summary = '', cases = '', result = '']) => {
    const failed = result.startsWith('all ') ? 0 : Number.parseInt(result, 10);
    return { name, summary, outcome: { passed: Number(cases) - failed, failed } };
  });
}
