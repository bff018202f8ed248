import { request } from 'node:http';

export interface LoopbackAnswer {
  readonly status: number;
  /** Lower-case names; the last value of each. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** One browser: cookies are kept and sent, redirects are not followed. Plain http only, which is what tests listen on. */
export interface LoopbackClient {
  get(url: string): Promise<LoopbackAnswer>;
  /** As a form of a page on the same origin would be sent. */
  post(url: string, content: { readonly type: string; readonly body: string }): Promise<LoopbackAnswer>;
}

export function createLoopbackClient(): LoopbackClient {
  const cookies = new Map<string, string>();

  function keep(setCookies: readonly string[]): void {
    for (const line of setCookies) {
      const [pair = '', ...attributes] = line.split(/; */);
      const [name = ''] = pair.split('=', 1);
      const isOver = attributes.some((attribute) => /^(max-age=0|expires=thu, 01 jan 1970)/i.test(attribute));
      if (isOver) cookies.delete(name);
      else cookies.set(name, pair);
    }
  }

  function send(method: string, url: string, headers: Record<string, string>, body = ''): Promise<LoopbackAnswer> {
    const cookie = [...cookies.values()].join('; ');
    const all = { ...headers, ...(cookie !== '' && { cookie }), 'content-length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method, headers: all, agent: false });
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        response.toArray().then((chunks) => {
          keep(response.headers['set-cookie'] ?? []);
          const entries = Object.entries(response.headers).map(([name, value]) => [name, [value].flat().at(-1)]);
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(entries), body: text });
        }, reject);
      });
      outgoing.end(body);
    });
  }

  return {
    get: (url) => send('GET', url, { accept: 'text/html, application/json', 'sec-fetch-site': 'none' }),
    post: (url, { type, body }) =>
      send(
        'POST',
        url,
        {
          accept: 'application/json, text/event-stream, text/html',
          'content-type': type,
          origin: new URL(url).origin,
          'sec-fetch-site': 'same-origin',
        },
        body,
      ),
  };
}
