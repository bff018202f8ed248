import { ProbeError } from './probe.ts';

/** How much a finding matters: an `error` breaks a client or a promise of the product, a `warning` costs somebody something. */
export type Severity = 'error' | 'warning';

/** What a check came to: one line for each problem, none where all is well; or why it could not look. */
export type Outcome = readonly string[] | { readonly skipped: string };

/** One thing that `doctor` looks at. Its texts are the documentation, too: docs/doctor.md is made of them. */
export interface Check<Subject> {
  /** Stable: scripts and links name it. */
  readonly id: string;
  readonly severity: Severity;
  /** What is asked, and what the answer has to be. */
  readonly looksAt: string;
  /** Whom a problem hurts, and how that looks. */
  readonly hurts: string;
  /** How to mend it. */
  readonly mend: string;
  /** @throws Missing where something that it builds on is not there */
  run(subject: Subject): Promise<Outcome> | Outcome;
}

/** Something that several checks need is not there. The check that looks at it says why. */
export class Missing extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'Missing';
  }
}

/** One problem of one check. */
export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  readonly what: string;
  readonly hurts: string;
  readonly mend: string;
  /** Where the check is explained. */
  readonly docs: string;
}

/** Everything that one run came to. */
export interface Diagnosis {
  readonly findings: readonly Finding[];
  /** Checks that found nothing. */
  readonly passed: readonly string[];
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
  /** What an operator wants to know besides, such as the redirect URI to register. */
  readonly notes: readonly string[];
}

/** Where the documentation explains a check. */
export const linkOf = (id: string): string => `docs/errors.md#doctor-${id}`;

function findingsOf({ id, severity, hurts, mend }: Check<never>, problems: readonly string[]): Finding[] {
  return problems.map((what) => ({ id, severity, what, hurts, mend, docs: linkOf(id) }));
}

/** Runs checks one after the other: some of them count requests and time. */
export async function runChecks<Subject>(
  checks: readonly Check<Subject>[],
  subject: Subject,
): Promise<Omit<Diagnosis, 'notes'>> {
  const findings: Finding[] = [];
  const passed: string[] = [];
  const skipped: { id: string; reason: string }[] = [];
  for (const check of checks) {
    try {
      const outcome = await check.run(subject);
      if ('skipped' in outcome) skipped.push({ id: check.id, reason: outcome.skipped });
      else if (outcome.length === 0) passed.push(check.id);
      else findings.push(...findingsOf(check as Check<never>, outcome));
    } catch (error) {
      if (error instanceof Missing) skipped.push({ id: check.id, reason: error.message });
      else if (error instanceof ProbeError) findings.push(...findingsOf(check as Check<never>, [error.message]));
      else throw error;
    }
  }
  return { findings, passed, skipped };
}
