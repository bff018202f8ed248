/**
 * The one way in which fast-check runs here: with a fixed seed and few runs in every test run, so that nothing fails by
 * chance; with a new seed and for as long as asked by `npm run fuzz`.
 */
import { appendFileSync } from 'node:fs';
import { expect, jest } from '@jest/globals';
import fc from 'fast-check';

const seed = 20_261_123;
const seconds = Number(process.env.FUZZ_SECONDS ?? 0);
/** Of a test that checks a property, milliseconds. */
export const limitMs = (seconds + 120) * 1000;
if (seconds > 0) jest.setTimeout(limitMs);

/**
 * Checks a property.
 * @param runs of the usual test run
 */
export async function holds<Values>(property: fc.IRawProperty<Values>, runs = 200): Promise<void> {
  const long = { numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: seconds * 1000 };
  const parameters = seconds > 0 ? { ...long, seed: Date.now() | 0 } : { seed, numRuns: runs };
  const details = await fc.check(property, parameters);
  const report = process.env.FUZZ_REPORT;
  if (report !== undefined) {
    const { currentTestName } = expect.getState();
    appendFileSync(
      report,
      `${JSON.stringify({ name: currentTestName, runs: details.numRuns, failed: details.failed })}\n`,
    );
  }
  // An interrupted run is how a long one ends.
  if (details.failed && details.counterexample !== null) throw new Error(fc.defaultReportMessage(details));
}
