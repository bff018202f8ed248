import type { IncomingMessage } from 'node:http';
import { recordId } from '../shared/record-ids.ts';
import type { Storage } from '../storage/storage.ts';
import type { Caller } from './caller.ts';

/** What the asking client can show to its user. */
export interface McpClient {
  /** First revision without sessions, whose requests each say what the client can. */
  readonly isModern: boolean;
  /** Revision in use; empty where nobody said it. */
  readonly revision: string;
  /** Whether it declared elicitation in URL mode. */
  readonly canOpenUrls: boolean;
}

const modernRevision = '2026-07-28';
/** First revision with elicitation in URL mode. */
const urlRevision = '2025-11-25';
const metaPrefix = 'io.modelcontextprotocol/';

const asObject = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

/** Members of a message are whatever its sender wrote. */
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Whether capabilities name URL mode: an empty `elicitation` means forms alone (MCP 2025-11-25, Elicitation). */
function declaresUrls(capabilities: unknown): boolean {
  const { url } = asObject(asObject(capabilities).elicitation);
  return typeof url === 'object' && url !== null;
}

/** One JSON-RPC message, as far as it is read here. */
export interface McpMessage {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
}

export const paramsOf = (message: McpMessage): Readonly<Record<string, unknown>> => asObject(message.params);

/** What the message itself says of its client (MCP 2026-07-28). */
export function modernClient(req: IncomingMessage, message: McpMessage): McpClient | undefined {
  const meta = asObject(paramsOf(message)._meta);
  const revision = text(meta[`${metaPrefix}protocolVersion`]) || text(req.headers['mcp-protocol-version']);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(revision) || revision < modernRevision) return undefined;
  return { isModern: true, revision, canOpenUrls: declaresUrls(meta[`${metaPrefix}clientCapabilities`]) };
}

/** Remembers what clients of earlier revisions declare once, when they begin. */
export interface LegacyClients {
  note(caller: Caller, resource: string, message: McpMessage): Promise<void>;
  find(caller: Caller, resource: string, req: IncomingMessage): Promise<McpClient>;
}

const kind = 'McpClient';
const keepSeconds = 30 * 86_400;

/** Whether a request can be the first one of a client before 2026-07-28. */
export function mayInitialize(req: IncomingMessage): boolean {
  return (
    req.method === 'POST' && req.headers['mcp-session-id'] === undefined && req.headers['mcp-method'] === undefined
  );
}

/** Only clients that open URLs leave a record; it belongs to the grant, that is to one client of one person. */
export function createLegacyClients(storage: Storage, now: () => number = () => Date.now()): LegacyClients {
  const idOf = ({ issuer, grantId }: Caller, resource: string) => recordId(issuer, JSON.stringify([grantId, resource]));
  return {
    async note(caller, resource, message) {
      const { protocolVersion, capabilities } = paramsOf(message);
      const id = idOf(caller, resource);
      const revision = text(protocolVersion);
      const canOpenUrls = revision >= urlRevision && revision < modernRevision && declaresUrls(capabilities);
      const known = await storage.get(kind, id);
      if (known && !canOpenUrls) await storage.delete(kind, id);
      const expiresAt = Math.floor(now() / 1000) + keepSeconds;
      if (canOpenUrls) await storage.put(kind, id, { revision }, { expiresAt });
    },
    async find(caller, resource, req) {
      const record = await storage.get(kind, idOf(caller, resource));
      const revision = text(req.headers['mcp-protocol-version']) || text(record?.value.revision);
      const isUrlRevision = revision >= urlRevision && revision < modernRevision;
      return { isModern: false, revision, canOpenUrls: record !== undefined && isUrlRevision };
    },
  };
}
