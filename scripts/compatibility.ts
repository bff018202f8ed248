// `npm run compatibility`: replays every client fixture, runs the clients that npm has, and writes the table in docs/clients.md.
import { readFile, writeFile } from 'node:fs/promises';
import { type Fixture, loadFixtures, nameOf } from '../__tests__/compatibility/fixture.ts';
import { runRealClient } from '../__tests__/compatibility/real-clients.ts';
import { type ReplayHosts, replay, startReplayHosts } from '../__tests__/compatibility/replay.ts';
import { passed, renderTable, replaceTable } from '../__tests__/compatibility/table.ts';

const document = new URL('../docs/clients.md', import.meta.url);

async function outcomeOf(fixture: Fixture, hosts: ReplayHosts): Promise<string> {
  try {
    await replay(fixture, hosts);
    if (fixture.basis === 'real run') await runRealClient(fixture);
    return passed;
  } catch (error) {
    console.error(error);
    return `fails at ${(error as Error).message.split('\n', 1)[0]}`;
  }
}

const fixtures = loadFixtures();
const hosts = await startReplayHosts(fixtures);
const outcomes: Record<string, string> = {};
for (const fixture of fixtures) {
  const outcome = await outcomeOf(fixture, hosts);
  outcomes[fixture.id] = outcome;
  console.log(`${nameOf(fixture)}: ${outcome}`);
}
await hosts.close();

const before = await readFile(document, 'utf8');
const after = replaceTable(before, renderTable(fixtures, outcomes));
if (after !== before) await writeFile(document, after);
const failed = Object.values(outcomes).filter((outcome) => outcome !== passed).length;
console.log(
  `${fixtures.length - failed} passed, ${failed} failed; docs/clients.md ${after === before ? 'is unchanged' : 'is written'}`,
);
process.exitCode = failed === 0 ? 0 : 1;
