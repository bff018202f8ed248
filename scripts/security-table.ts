// `npm run security-table [class ...]`: runs all classes of __tests__/attacks, or these, and writes their rows in docs/security.md.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  attackClasses,
  documentedClasses,
  type Outcome,
  renderClasses,
  replaceClasses,
} from '../__tests__/attacks/classes.ts';

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
const named = process.argv.slice(2).map((name) => `__tests__/attacks/${name}.test.ts`);
const patterns = named.length > 0 ? named : ['__tests__/attacks/'];
const jest = [...flags, 'node_modules/jest/bin/jest.js', '--json', `--outputFile=${output}`, ...patterns];
const { status } = spawnSync(process.execPath, jest, { stdio: ['ignore', 'ignore', 'inherit'] });
const { testResults } = JSON.parse(await readFile(output, 'utf8')) as JestResult;
await rm(directory, { recursive: true });

const before = await readFile(document, 'utf8');
const outcomes = new Map<string, Outcome>(documentedClasses(before).map(({ name, outcome }) => [name, outcome]));
for (const { name, assertionResults } of testResults) {
  const passed = assertionResults.filter((assertion) => assertion.status === 'passed').length;
  outcomes.set(basename(name, '.test.ts'), { passed, failed: assertionResults.length - passed });
}
const after = replaceClasses(before, renderClasses(attackClasses(), outcomes));
if (after !== before) await writeFile(document, after);
console.log(`docs/security.md ${after === before ? 'is unchanged' : 'is written'}`);
process.exitCode = status ?? 1;
