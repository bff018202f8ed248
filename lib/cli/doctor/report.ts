import type { Diagnosis } from './check.ts';

/** The report for people: one line for each finding, with whom it hurts, how to mend it and where to read more. */
export function textReport({ findings, passed, skipped, notes }: Diagnosis): string[] {
  const lines = findings.map(
    ({ id, severity, what, hurts, mend, docs }) =>
      `${severity} ${id}: ${what} | hurts: ${hurts} | mend: ${mend} | ${docs}`,
  );
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const counts = `${passed.length} checks passed, ${errors} errors, ${findings.length - errors} warnings`;
  return [
    ...lines,
    ...skipped.map(({ id, reason }) => `not looked at ${id}: ${reason}`),
    ...notes.map((note) => `note: ${note}`),
    counts,
  ];
}

/** The report for programs: one JSON document. */
export function jsonReport(diagnosis: Diagnosis, isSound: boolean): string {
  return JSON.stringify({ sound: isSound, ...diagnosis }, null, 2);
}
