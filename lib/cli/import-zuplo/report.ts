/** What a person has to know of an import. Nothing is left out of the result without a line here. */
export interface Report {
  /** Has no equivalent and is not in the result. */
  readonly left: readonly string[];
  /** Is in the result, and has to be looked at. */
  readonly check: readonly string[];
}

/** Collects the lines of a report. */
export interface ReportWriter {
  left(where: string, what: string): void;
  check(where: string, what: string): void;
  readonly report: Report;
}

export function createReport(): ReportWriter {
  const left = new Set<string>();
  const check = new Set<string>();
  return {
    left: (where, what) => void left.add(`${where}: ${what}`),
    check: (where, what) => void check.add(`${where}: ${what}`),
    get report() {
      return { left: [...left], check: [...check] };
    },
  };
}

/** Takes the known members of an object and tells of all others. */
export function take(
  source: Readonly<Record<string, unknown>>,
  names: readonly string[],
  where: string,
  report: ReportWriter,
): Record<string, unknown> {
  for (const name of Object.keys(source))
    if (!names.includes(name)) report.left(where, `the option ${name} has no equivalent`);
  return Object.fromEntries(names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]]));
}
