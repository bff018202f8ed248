import { randomUUID } from 'node:crypto';
import type { McpClient, McpMessage } from './mcp-client.ts';
import { paramsOf, text } from './mcp-client.ts';

/** The way to connect an upstream. */
export interface LinkOffer {
  /** The link; absent where this user may not connect the upstream, or was given too many. */
  readonly url?: string;
  /** Whether the user was given so many links that an earlier one has to do. */
  readonly isLimited?: boolean;
}

/** What stands between a user and an upstream. */
export interface ConnectOffer extends LinkOffer {
  readonly id: string;
  readonly displayName: string;
  readonly connectTool: boolean;
}

/** The body of an answer; `undefined` for what is answered with 202 and nothing. */
export type ConnectAnswer = Readonly<Record<string, unknown>> | undefined;

const serverInfo = { name: 'express-mcp-auth', title: 'Not connected yet', version: '1.0.0' };

/** Revisions before 2026-07-28 that are spoken while nobody else can. */
const legacyRevisions = ['2025-11-25', '2025-06-18', '2025-03-26'];

const internalError = -32603;
/** Of MCP 2025-11-25 alone: 2026-07-28 has results for it, and earlier clients do not know it. */
const urlElicitationRequired = -32042;

/** Requests that may be answered with a need for input (MCP 2026-07-28, Multi Round-Trip Requests). */
const mayNeedInput = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** Name of the tool that answers with the link. */
export const connectToolName = (id: string) => `connect_${id.replaceAll('-', '_')}`;

function sentence({ displayName, url, isLimited }: ConnectOffer): string {
  if (isLimited) {
    return `${displayName} is not connected. Open the link of an earlier answer in your browser, or try again in 15 minutes.`;
  }
  if (url === undefined) return `${displayName} is not connected. Ask an administrator to connect it.`;
  return `${displayName} is not connected. Open this link in your browser to connect it, then try again: ${url}`;
}

function connectTool({ id, displayName }: ConnectOffer): Record<string, unknown> {
  return {
    name: connectToolName(id),
    title: `Connect ${displayName}`,
    description: `Gives the link with which the user connects ${displayName}. Its tools appear once that is done: list the tools again then.`,
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    annotations: { readOnlyHint: true },
  };
}

/** The answer of a user who has been asked already in this call. */
function inputAction(message: McpMessage): string | undefined {
  const responses = paramsOf(message).inputResponses as { connect?: { action?: unknown } } | undefined;
  const action = responses?.connect?.action;
  return typeof action === 'string' ? action : undefined;
}

/** Whether the user says that the link was opened. */
export function saysAccepted(message: McpMessage): boolean {
  return inputAction(message) === 'accept';
}

function toolText(text: string, isError: boolean, isModern: boolean): Record<string, unknown> {
  return {
    ...(isModern && { resultType: 'complete' }),
    content: [{ type: 'text', text }],
    ...(isError && { isError }),
  };
}

function modernResult(
  message: McpMessage,
  offer: ConnectOffer,
  client: McpClient,
): Record<string, unknown> | undefined {
  const method = text(message.method);
  const cache = { ttlMs: 0, cacheScope: 'private' };
  if (method === 'server/discover') {
    return {
      resultType: 'complete',
      supportedVersions: [client.revision],
      capabilities: { tools: {} },
      _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
      ...cache,
    };
  }
  if (method === 'tools/list' && offer.connectTool) {
    return { resultType: 'complete', tools: [connectTool(offer)], ...cache };
  }
  // Whoever was asked in this call is not asked again: a client that answers by itself would go round in circles.
  const isAsked = inputAction(message) !== undefined;
  if (mayNeedInput.has(method) && client.canOpenUrls && offer.url !== undefined && !isAsked) {
    const { url } = offer;
    const params = { mode: 'url', message: `Connect ${offer.displayName} to go on.`, url };
    return { resultType: 'input_required', inputRequests: { connect: { method: 'elicitation/create', params } } };
  }
  return method === 'tools/call' ? toolText(sentence(offer), !isConnectTool(message, offer), true) : undefined;
}

const isConnectTool = (message: McpMessage, { id }: ConnectOffer) => paramsOf(message).name === connectToolName(id);

function legacyResult(
  message: McpMessage,
  offer: ConnectOffer,
  client: McpClient,
): Record<string, unknown> | undefined {
  switch (message.method) {
    case 'initialize': {
      const asked = text(paramsOf(message).protocolVersion);
      const protocolVersion = legacyRevisions.includes(asked) ? asked : legacyRevisions[0];
      return { protocolVersion, capabilities: { tools: { listChanged: true } }, serverInfo };
    }
    case 'ping':
      return {};
    case 'tools/list':
      return offer.connectTool ? { tools: [connectTool(offer)] } : undefined;
    case 'tools/call':
      if (client.canOpenUrls && offer.url !== undefined) return undefined;
      return toolText(sentence(offer), !isConnectTool(message, offer), false);
    default:
      return undefined;
  }
}

function errorOf(offer: ConnectOffer, client: McpClient): Record<string, unknown> {
  if (client.isModern || !client.canOpenUrls || offer.url === undefined) {
    return { code: internalError, message: sentence(offer) };
  }
  const message = `Connect ${offer.displayName} to go on.`;
  const elicitation = { mode: 'url', elicitationId: randomUUID(), url: offer.url, message };
  return { code: urlElicitationRequired, message, data: { elicitations: [elicitation] } };
}

/**
 * What a client is told for an upstream that its user has not connected, in the form that its revision has for it: a result
 * that needs input (2026-07-28), the error -32042 (2025-11-25), else a tool result or an error that a person can read.
 */
export function connectAnswer(message: McpMessage, offer: ConnectOffer, client: McpClient): ConnectAnswer {
  if (message.method === undefined || message.id === undefined) return undefined; // A notification or a response.
  const result = (client.isModern ? modernResult : legacyResult)(message, offer, client);
  const outcome = result ? { result } : { error: errorOf(offer, client) };
  return { jsonrpc: '2.0', id: message.id, ...outcome };
}
