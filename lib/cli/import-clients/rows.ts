type Row = Readonly<Record<string, unknown>>;

/** A client of another server: what it was registered with, and what it was given. */
export interface ClientRow {
  /** Where it is in the file, for rows without an id. */
  readonly position: number;
  readonly clientId: string | undefined;
  readonly metadata: Row;
}

/** Why a row is not imported. */
export type RowProblem =
  | { readonly reason: 'no_client_id' }
  | { readonly reason: 'client_id_not_usable' }
  | { readonly reason: 'secret_missing'; readonly method: string }
  | { readonly reason: 'secret_expired' }
  | { readonly reason: 'metadata'; readonly description: string };

/** @returns what the report says */
export function describeRowProblem(problem: RowProblem): string {
  switch (problem.reason) {
    case 'no_client_id':
      return 'it has no client_id';
    case 'client_id_not_usable':
      return 'its client_id is no printable ASCII text of at most 255 characters, or a URL, which would be a metadata document';
    case 'secret_missing':
      return `it authenticates by ${problem.method} and has no client_secret in plain text`;
    case 'secret_expired':
      return 'its client_secret has expired';
    case 'metadata':
      return problem.description;
  }
}

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads a file of clients: an array, an object by client id, or either as member `clients`.
 * @throws TypeError where it is none of these
 */
export function readRows(document: unknown): ClientRow[] {
  if (isRow(document) && document.clients !== undefined) return readRows(document.clients);
  if (!Array.isArray(document) && !isRow(document))
    throw new TypeError('the clients file holds neither an array nor an object');
  const named: [id: string | undefined, value: unknown][] = Array.isArray(document)
    ? document.map((value) => [undefined, value])
    : Object.entries(document);
  return named.map(([id, value], position) => {
    const metadata = isRow(value) ? value : {};
    const clientId = metadata.client_id ?? id;
    return { position, clientId: typeof clientId === 'string' && clientId !== '' ? clientId : undefined, metadata };
  });
}

const isClientId = (id: string) => /^[\x21-\x7e]{1,255}$/.test(id) && !/^https?:/i.test(id);

/** How the client authenticates: as registered; without that, by the secret that it was given, if any. */
function authMethodOf({ token_endpoint_auth_method: method, client_secret: secret }: Row, withSecret: string): string {
  if (typeof method === 'string') return method;
  return typeof secret === 'string' ? withSecret : 'none';
}

/**
 * Checks a row like a registration, and keeps what the client was given.
 * @param normalize the rules of registration
 * @param withSecret method of clients that were given a secret and named none
 */
export function readClient(
  { clientId, metadata }: ClientRow,
  normalize: (body: Record<string, unknown>) => { metadata: Record<string, unknown> } | { refusal: string },
  withSecret: string,
  nowSeconds: number,
): { readonly client: Record<string, unknown> } | { readonly problem: RowProblem } {
  if (clientId === undefined) return { problem: { reason: 'no_client_id' } };
  if (!isClientId(clientId)) return { problem: { reason: 'client_id_not_usable' } };
  const method = authMethodOf(metadata, withSecret);
  const normalized = normalize({ ...metadata, token_endpoint_auth_method: method });
  if ('refusal' in normalized) return { problem: { reason: 'metadata', description: normalized.refusal } };
  const { client_secret: secret, client_secret_expires_at: expiresAt, client_id_issued_at: issuedAt } = metadata;
  const client: Record<string, unknown> = { ...normalized.metadata, client_id: clientId };
  if (Number.isSafeInteger(issuedAt)) client.client_id_issued_at = issuedAt;
  if (!String(client.token_endpoint_auth_method).startsWith('client_secret_')) return { client };
  if (typeof secret !== 'string' || secret === '') return { problem: { reason: 'secret_missing', method } };
  const end = Number.isSafeInteger(expiresAt) ? Number(expiresAt) : 0;
  if (end > 0 && end <= nowSeconds) return { problem: { reason: 'secret_expired' } };
  return { client: { ...client, client_secret: secret, client_secret_expires_at: end } };
}
