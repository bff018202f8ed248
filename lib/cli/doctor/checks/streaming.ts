import { type Check, Missing } from '../check.ts';
import { type Deployment, initializeRequest } from '../deployment.ts';
import type { Answer } from '../probe.ts';

const compressed = ({ headers }: Pick<Answer, 'headers'>) =>
  /\b(gzip|br|deflate|zstd)\b/.test(headers['content-encoding'] ?? '') ? headers['content-encoding'] : undefined;

/** Whether event streams come through as they are sent. */
export const streaming: Check<Deployment> = {
  id: 'streaming',
  severity: 'error',
  looksAt:
    'Nothing compresses answers of the MCP endpoint; with `--token-file`, the head of an event stream comes at once, although no event is sent yet.',
  hurts: 'Every client: progress and notifications come late or in heaps, and long calls are cut off by a timeout.',
  mend: 'nginx: `proxy_buffering off; gzip off; proxy_read_timeout 1h;`. Take `compression()` away from the MCP route, and turn response buffering of the CDN off.',
  run: async ({ probe, endpoint, options, challenge }) => {
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
    const stream = await probe.open(
      url,
      {
        headers: {
          authorization,
          accept: 'text/event-stream',
          'accept-encoding': 'gzip, br',
          'mcp-protocol-version': '2025-11-25',
          ...(session !== undefined && { 'mcp-session-id': session }),
        },
      },
      options.streamMs,
    );
    if (!stream) return [`the head of an event stream did not come within ${options.streamMs} ms`];
    if (stream.status !== 200) return { skipped: `the MCP server has no stream: GET is answered ${stream.status}` };
    return compressed(stream) === undefined ? [] : [`event streams are compressed (${compressed(stream)})`];
  },
};
