/**
 * What the store needs of a PostgreSQL driver: a `Pool` or `Client` of pg has this shape, and Neon's `Pool` and PGlite
 * have it too. Every query may run on another connection.
 */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
}

export type Row = Record<string, unknown>;

/** Runs one statement to its end; returns its rows. */
export type Query = (text: string, values?: unknown[]) => Promise<Row[]>;
