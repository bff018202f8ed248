import type { BenchServer, ServerSpec } from './server-process.ts';

/** One user's next operation; rejects where the answer is not the expected one. */
export type Operation = () => Promise<void>;

/** One row: an operation at one server. */
export interface Subject {
  readonly name: string;
  /** Name of a server of the table. */
  readonly server: string;
  /** Makes the users with whatever they need (clients, logins, tokens), and gives the operation of each. */
  readonly prepare: (server: BenchServer) => Promise<readonly Operation[]>;
  /** At most this many times the CPU of the reference. */
  readonly target?: number;
}

/** Rows that are compared with each other: the first is the reference. */
export interface Comparison {
  readonly operation: string;
  readonly subjects: readonly Subject[];
}

/** What is measured in one run, all servers alive side by side. */
export interface Table {
  readonly title: string;
  /** What the rows are, for the reader of the result. */
  readonly notes: readonly string[];
  readonly servers: Readonly<Record<string, ServerSpec>>;
  readonly comparisons: readonly Comparison[];
  /** Whether the storage calls of an operation are counted, by servers that are started for that alone. */
  readonly countsCalls?: boolean;
  /** Versions besides those of packages. */
  readonly versions?: Readonly<Record<string, string>>;
  readonly close?: () => Promise<void>;
}

/** What is counted, or measured by the table itself: finished when it is made. */
export interface CountTable extends Pick<Table, 'title' | 'notes'> {
  /** How it was made, where it was not counted one operation at a time. */
  readonly method?: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}
