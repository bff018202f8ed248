import { type Check, Missing, type Outcome } from '../check.ts';
import { type Deployment, initializeRequest } from '../deployment.ts';
import type { Answer, Piece } from '../probe.ts';

/** A tool that is quicker tells nothing: what it sends may well come together. */
const minToolMs = 500;

const compressed = ({ headers }: Pick<Answer, 'headers'>) =>
  /\b(gzip|br|deflate|zstd)\b/.test(headers['content-encoding'] ?? '') ? headers['content-encoding'] : undefined;

/** With which read a text was there. */
function arrivalOf(text: string, pieces: readonly Piece[]): number {
  let read = '';
  return pieces.findIndex((piece) => {
    read += piece.text;
    return read.includes(text);
  });
}

/** Opens the stream of a session, on which nothing is sent yet. */
async function lookAtStream(deployment: Deployment, headers: Record<string, string>): Promise<Outcome> {
  const { probe, endpoint, options } = deployment;
  const own = { ...headers, accept: 'text/event-stream' };
  const stream = await probe.open(endpoint().href, { headers: own }, options.streamMs);
  if (!stream) return [`the head of an event stream did not come within ${options.streamMs} ms`];
  if (stream.status !== 200)
    return {
      skipped: `the MCP server has no stream of its own (GET is answered ${stream.status}): name a tool with --tool`,
    };
  return compressed(stream) === undefined ? [] : [`event streams are compressed (${compressed(stream)})`];
}

/** Calls a tool, whose progress has to come before it is done. */
async function lookAtTool(
  { probe, endpoint }: Deployment,
  headers: Record<string, string>,
  tool: NonNullable<Deployment['options']['tool']>,
): Promise<Outcome> {
  const params = { name: tool.name, arguments: tool.arguments, _meta: { progressToken: 1 } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params });
  const answer = await probe.read(endpoint().href, { method: 'POST', headers, body });
  const text = answer.pieces.map((piece) => piece.text).join('');
  if (compressed(answer) !== undefined) return [`event streams are compressed (${compressed(answer)})`];
  if (
    !/^text\/event-stream\b/.test(answer.headers['content-type'] ?? '') ||
    !text.includes('notifications/progress') ||
    !text.includes('"result"')
  )
    return { skipped: `the tool ${tool.name} sent no progress (its answer has status ${answer.status})` };
  if (arrivalOf('notifications/progress', answer.pieces) < arrivalOf('"result"', answer.pieces)) return [];
  const totalMs = Math.round(answer.pieces.at(-1)?.afterMs ?? 0);
  if (totalMs < minToolMs) return { skipped: `the tool ${tool.name} took ${totalMs} ms: name one that takes a second` };
  return [`the progress of the tool ${tool.name} came together with its result, after ${totalMs} ms`];
}

/** Whether event streams come through as they are sent. */
export const streaming: Check<Deployment> = {
  id: 'streaming',
  severity: 'error',
  looksAt:
    'Nothing compresses answers of the MCP endpoint. With `--token-file`, the head of an event stream comes at once, although no event is sent yet; with `--tool`, progress of that tool comes before its result.',
  hurts: 'Every client: progress and notifications come late or in heaps, and long calls are cut off by a timeout.',
  mend: 'nginx: `proxy_buffering off; gzip off; proxy_read_timeout 1h;`. Take `compression()` away from the MCP route, and turn response buffering of the CDN off.',
  run: async (deployment) => {
    const { probe, endpoint, options, challenge } = deployment;
    const url = endpoint().href;
    if ((await challenge()).status !== 401) throw new Missing('the endpoint does not ask for a token');
    const asked = { ...initializeRequest.headers, 'accept-encoding': 'gzip, br' };
    const coding = compressed(await probe.send(url, { ...initializeRequest, headers: asked }));
    if (coding !== undefined) return [`answers of the MCP endpoint are compressed (${coding})`];
    if (options.accessToken === undefined) return [];
    const authorization = `Bearer ${options.accessToken}`;
    const opened = await probe.send(url, {
      ...initializeRequest,
      headers: { ...initializeRequest.headers, authorization },
    });
    if (opened.status !== 200) return { skipped: `the access token is answered ${opened.status}` };
    const session = opened.headers['mcp-session-id'];
    const headers = {
      ...asked,
      authorization,
      'mcp-protocol-version': '2025-11-25',
      ...(session !== undefined && { 'mcp-session-id': session }),
    };
    const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
    await probe.send(url, { method: 'POST', headers, body: initialized });
    return options.tool ? lookAtTool(deployment, headers, options.tool) : lookAtStream(deployment, headers);
  },
};
