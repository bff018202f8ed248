/** The names of the store's tables, as they stand in its SQL. */
export interface Tables {
  readonly migrations: string;
  readonly records: string;
  readonly recordIndex: string;
  readonly tombstones: string;
  readonly counters: string;
}

/** @param schema a checked name; without it the connection's search path decides. */
export function tablesIn(schema?: string): Tables {
  const prefix = schema === undefined ? '' : `"${schema}".`;
  return {
    migrations: `${prefix}mcp_oauth_migrations`,
    records: `${prefix}mcp_oauth_records`,
    recordIndex: `${prefix}mcp_oauth_record_index`,
    tombstones: `${prefix}mcp_oauth_grant_tombstones`,
    counters: `${prefix}mcp_oauth_counters`,
  };
}
