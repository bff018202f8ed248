import type { OptionProblem } from '../errors.ts';

/** Says what kind of value was received, never the value: it may be a secret. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (value === '') return 'empty string';
  return typeof value;
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const substitution = (previous[column - 1] as number) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] as number) + 1, (current[column - 1] as number) + 1));
    }
    previous = current;
  }
  return previous[right.length] as number;
}

/** The known name nearest to a wrong one, where one is near enough to be meant. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best && best.distance <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : undefined;
}

/** Reads one options object, collecting problems instead of throwing, so that all are told at once. */
export interface OptionReader {
  readonly problems: OptionProblem[];
  problem(name: string, message: string): void;
  has(name: string): boolean;
  value(name: string): unknown;
  string(name: string, rule?: { what: string; accept: (text: string) => boolean }): string | undefined;
  integer(name: string, range: { min: number; max: number; fallback: number }): number;
  boolean(name: string, fallback: boolean): boolean;
  strings(name: string, rule?: { what: string; accept: (text: string) => boolean }): readonly string[] | undefined;
  fn(name: string): ((...args: never[]) => unknown) | undefined;
  /** A nested object; an empty one where it is absent. */
  group(name: string, known: readonly string[]): OptionReader;
  /** A list of objects. */
  groups(name: string, known: readonly string[]): readonly OptionReader[];
}

/** As {@link readOptions}, for an object that must be given. */
export function readRequiredOptions(
  source: unknown,
  known: readonly string[],
  problems: OptionProblem[] = [],
  prefix = '',
): OptionReader {
  if (source === undefined) problems.push({ option: prefix || 'options', message: 'must be an object, got undefined' });
  return readOptions(source, known, problems, prefix);
}

/** @param known every name this object may have */
export function readOptions(
  source: unknown,
  known: readonly string[],
  problems: OptionProblem[] = [],
  prefix = '',
): OptionReader {
  const path = (name: string) => (prefix ? `${prefix}.${name}` : name);
  const add = (name: string, message: string) => void problems.push({ option: path(name), message });
  let options: Record<string, unknown> = {};
  if (typeof source === 'object' && source !== null && !Array.isArray(source))
    options = source as Record<string, unknown>;
  else if (source !== undefined)
    problems.push({ option: prefix || 'options', message: `must be an object, got ${kindOf(source)}` });

  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    add(
      name,
      near ? `is not an option; did you mean ${path(near)}?` : `is not an option; known here: ${known.join(', ')}`,
    );
  }

  const value = (name: string) => (Object.hasOwn(options, name) ? options[name] : undefined);
  return {
    problems,
    problem: add,
    has: (name) => value(name) !== undefined,
    value,
    string(name, rule = { what: 'a non-empty string', accept: (text) => text.length > 0 }) {
      const given = value(name);
      if (given === undefined) return undefined;
      if (typeof given === 'string' && rule.accept(given)) return given;
      add(name, `must be ${rule.what}, got ${kindOf(given)}`);
      return undefined;
    },
    integer(name, { min, max, fallback }) {
      const given = value(name);
      if (given === undefined) return fallback;
      if (typeof given === 'number' && Number.isInteger(given) && given >= min && given <= max) return given;
      add(
        name,
        `must be an integer from ${min} to ${max}, got ${typeof given === 'number' ? 'another number' : kindOf(given)}`,
      );
      return fallback;
    },
    boolean(name, fallback) {
      const given = value(name);
      if (given === undefined) return fallback;
      if (typeof given === 'boolean') return given;
      add(name, `must be a boolean, got ${kindOf(given)}`);
      return fallback;
    },
    strings(name, rule = { what: 'non-empty strings', accept: (text) => text.length > 0 }) {
      const given = value(name);
      if (given === undefined) return undefined;
      if (Array.isArray(given) && given.every((text) => typeof text === 'string' && rule.accept(text)))
        return [...given];
      add(name, `must be an array of ${rule.what}, got ${kindOf(given)}`);
      return undefined;
    },
    fn(name) {
      const given = value(name);
      if (given === undefined || typeof given === 'function')
        return given as ((...args: never[]) => unknown) | undefined;
      add(name, `must be a function, got ${kindOf(given)}`);
      return undefined;
    },
    group: (name, names) => readOptions(value(name), names, problems, path(name)),
    groups(name, names) {
      const given = value(name);
      if (given === undefined) return [];
      if (Array.isArray(given))
        return given.map((entry, index) => readRequiredOptions(entry, names, problems, `${path(name)}[${index}]`));
      add(name, `must be an array, got ${kindOf(given)}`);
      return [];
    },
  };
}
