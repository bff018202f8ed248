// `npm run security-table`: runs __tests__/attacks and writes the table of docs/security.md from its result.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { attackClasses, type Outcome, renderClasses, replaceClasses } from '../__tests__/attacks/classes.ts';

interface JestResult {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const document = new URL('../docs/security.md', import.meta.url);
const directory = await mkdtemp(join(tmpdir(), 'security-table-'));
const output = join(directory, 'result.json');
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const jest = [...flags, 'node_modules/jest/bin/jest.js', '--json', `--outputFile=${output}`, '__tests__/attacks/'];
const { status } = spawnSync(process.execPath, jest, { stdio: ['ignore', 'ignore', 'inherit'] });
const { testResults } = JSON.parse(await readFile(output, 'utf8')) as JestResult;
await rm(directory, { recursive: true });

const outcomes = new Map<string, Outcome>();
for (const { name, assertionResults } of testResults) {
  const passed = assertionResults.filter((assertion) => assertion.status === 'passed').length;
  outcomes.set(basename(name, '.test.ts'), { passed, failed: assertionResults.length - passed });
}
const before = await readFile(document, 'utf8');
const after = replaceClasses(before, renderClasses(attackClasses(), outcomes));
if (after !== before) await writeFile(document, after);
console.log(`docs/security.md ${after === before ? 'is unchanged' : 'is written'}`);
process.exitCode = status ?? 1;
