import { describe, expect, test } from '@jest/globals';
import { createClientFetcher } from '../../lib/clients/client-fetcher.ts';
import { createFetchCache } from '../../lib/clients/fetch-cache.ts';
import { checkMetadataDocumentUrl } from '../../lib/clients/metadata-document.ts';
import { createEvents } from '../../lib/shared/events.ts';
import { createLimiter } from '../../lib/shared/limiter.ts';
import {
  type Outbound,
  OutboundError,
  type OutboundErrorReason,
  type OutboundRequest,
} from '../../lib/shared/outbound.ts';
import { memoryStorage } from '../../lib/storage/memory.ts';
import { StorageUnavailableError } from '../../lib/storage/storage.ts';

const url = 'https://client.example/client.json';
const document = JSON.stringify({ client_id: url, client_name: 'Client' });

describe('the URL of a metadata document (CIMD draft, Client Identifier)', () => {
  test.each([
    [undefined, url],
    [undefined, 'https://client.example:8443/a/b?tenant=1'],
    ['not_https', 'http://client.example/client.json'],
    ['not_https', 'HTTP://client.example/client.json'],
    ['not_https', 'data:application/json,{}'],
    ['not_https', 'client-1'],
    ['not_https', ''],
    ['no_path', 'https://client.example'],
    ['no_path', 'https://client.example/'],
    ['no_path', 'https://client.example?/client.json'],
    ['too_long', `https://client.example/${'a'.repeat(2048)}`],
  ])('has the problem %p: %s', (problem, clientId) => {
    expect(checkMetadataDocumentUrl(clientId)).toBe(problem);
  });

  test.each([
    ['client.example', undefined],
    ['CLIENT.example', undefined],
    ['client.example:8443', undefined],
    ['app.corp.example', undefined],
    ['a.b.corp.example', undefined],
    ['corp.example', 'host_not_allowed'],
    ['evilcorp.example', 'host_not_allowed'],
    ['client.example.evil.example', 'host_not_allowed'],
    ['denied.corp.example', 'host_denied'],
    ['denied.corp.example.', 'host_denied'],
    ['DENIED.corp.example', 'host_denied'],
  ])('at the host %s has the problem %p under a policy of hosts', (host, problem) => {
    const policy = { allowedHosts: ['client.example', '*.corp.example'], deniedHosts: ['denied.corp.example'] };
    expect(checkMetadataDocumentUrl(`https://${host}/client.json`, policy)).toBe(problem);
  });
});

interface Setting {
  readonly answer?: () => Response | Promise<Response>;
  readonly perHost?: number;
  readonly perCaller?: number;
}

/** A fetcher over a stand-in for the outbound client; everything else is real. */
function createFetcher({
  answer = () => Response.json(JSON.parse(document)),
  perHost = 100,
  perCaller = 100,
}: Setting) {
  const requests: (OutboundRequest & { url: string })[] = [];
  const seen: string[] = [];
  const events = createEvents(undefined);
  events.on(
    '*',
    (event) => void seen.push([event.type, 'host' in event && event.host, event.reason].filter(Boolean).join(' ')),
  );
  const outbound: Outbound = {
    async fetch(target, request) {
      requests.push({ ...request, url: String(target) });
      return answer();
    },
  };
  const storage = memoryStorage();
  const rule = { minFreshSeconds: 60, maxFreshSeconds: 3600, staleSeconds: 3600 };
  const limiter = (name: string, limit: number) => createLimiter(storage, name, { limit, windowSeconds: 60 });
  const fetcher = createClientFetcher({
    outbound,
    documents: createFetchCache(storage, { kind: 'ClientDocument', ...rule }),
    keySets: createFetchCache(storage, { kind: 'ClientKeySet', ...rule }),
    perHost: limiter('host', perHost),
    perCaller: limiter('caller', perCaller),
    events,
    hosts: { deniedHosts: ['denied.example'] },
    documentProblem: () => undefined,
    pinned: { 'https://pinned.example/c.json': { client_id: 'https://pinned.example/c.json' } },
  });
  const fetchDocument = async (target = url): Promise<string> => {
    try {
      return await (
        await fetcher.fetch(target, { redirect: 'manual', headers: new Headers({ cookie: 'a=1' }) })
      ).text();
    } catch (error) {
      return (error as Error).message;
    }
  };
  return { fetcher, fetchDocument, requests, seen };
}

const failing = (reason: OutboundErrorReason) => () => {
  throw new OutboundError(reason, 'client metadata document', 'client.example');
};

describe('fetching a document', () => {
  test('asks for JSON within the limits of time and size, and sends nothing of its own accord (CIMD draft, 5 KB)', async () => {
    const { fetchDocument, requests, seen } = createFetcher({});
    expect(await fetchDocument()).toBe(document);
    expect(requests).toEqual([
      {
        url,
        headers: { accept: 'application/json' },
        timeoutMs: 2500,
        maxResponseBytes: 5120,
        purpose: 'client metadata document',
      },
    ]);
    expect(seen).toEqual(['cimd.fetched client.example']);
  });

  test('again within its freshness asks nobody', async () => {
    const { fetchDocument, requests } = createFetcher({});
    expect([await fetchDocument(), await fetchDocument()]).toEqual([document, document]);
    expect(requests).toHaveLength(1);
  });

  test.each([
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'application/client-metadata+json',
  ])('accepts the content type %s', async (type) => {
    const { fetchDocument } = createFetcher({
      answer: () => new Response(document, { headers: { 'content-type': type } }),
    });
    expect(await fetchDocument()).toBe(document);
  });

  test.each([
    'text/html',
    'text/plain',
    'application/jsonp',
    'application/json-seq',
    'application/json, text/html',
    '',
  ])('refuses the content type %p', async (type) => {
    const { fetchDocument, seen } = createFetcher({
      answer: () => new Response(Buffer.from(document), { headers: type ? { 'content-type': type } : {} }),
    });
    expect(await fetchDocument()).toBe('content type is not JSON');
    expect(seen).toEqual(['cimd.refused client.example metadata document: content type is not JSON']);
  });

  test.each([301, 302, 307, 404, 500])('refuses the status %d, redirects included (CIMD draft)', async (status) => {
    const headers = { location: 'https://evil.example/c.json', 'content-type': 'application/json' };
    const { fetchDocument, requests, seen } = createFetcher({
      answer: () => new Response(document, { status, headers }),
    });
    expect(await fetchDocument()).toBe(`status ${status}`);
    expect(requests).toHaveLength(1);
    expect(seen).toEqual([`cimd.refused client.example metadata document: status ${status}`]);
  });

  test('that is no JSON is refused and not kept', async () => {
    const answers = ['{"client_id":', document];
    const { fetchDocument } = createFetcher({
      answer: () => new Response(answers.shift() ?? '', { headers: { 'content-type': 'application/json' } }),
    });
    expect(await fetchDocument()).toContain('JSON');
    expect(await fetchDocument()).toBe(document);
  });

  test.each(['address_refused', 'dns_failed', 'timed_out', 'too_large'] as const)(
    'tells %s exactly, to operators',
    async (reason) => {
      const { fetchDocument, seen } = createFetcher({ answer: failing(reason) });
      expect(await fetchDocument()).toContain(reason);
      expect(seen).toEqual([`cimd.refused client.example metadata document: ${reason}`]);
    },
  );

  test('that the operator has pinned is never fetched', async () => {
    const { fetcher, fetchDocument, requests } = createFetcher({});
    expect(await fetcher.mayFetch('https://pinned.example/c.json')).toBe(true);
    expect(JSON.parse(await fetchDocument('https://pinned.example/c.json'))).toEqual({
      client_id: 'https://pinned.example/c.json',
    });
    expect(requests).toEqual([]);
  });

  test('is not begun for a URL that is none, and operators are told why', async () => {
    const { fetcher, seen } = createFetcher({});
    const ids = ['https://client.example/', 'http://client.example/c', 'https://denied.example/c', url];
    expect(await Promise.all(ids.map((id) => fetcher.mayFetch(id)))).toEqual([false, false, false, true]);
    expect(seen).toEqual([
      'cimd.refused client.example metadata document: no_path',
      'cimd.refused client.example metadata document: not_https',
      'cimd.refused denied.example metadata document: host_denied',
    ]);
  });

  test('passes a storage outage on as it is, so that it is answered with 503 (DESIGN 4.10)', async () => {
    const { fetcher } = createFetcher({ answer: () => Promise.reject(new StorageUnavailableError('down')) });
    await expect(fetcher.fetch(url, { redirect: 'manual' })).rejects.toThrow(StorageUnavailableError);
  });
});

describe('budgets', () => {
  const document = (host: string, index: number) => `https://${host}/${index}.json`;

  test('of a host end with its window, and leave other hosts alone', async () => {
    const { fetchDocument, requests, seen } = createFetcher({ perHost: 2 });
    for (let index = 0; index < 4; index += 1) await fetchDocument(document('one.example', index));
    await fetchDocument(document('other.example', 0));
    expect(requests.map((request) => request.url)).toEqual([
      document('one.example', 0),
      document('one.example', 1),
      document('other.example', 0),
    ]);
    expect(seen[2]).toBe('cimd.refused one.example metadata document: too many fetches from its host');
  });

  test("of a caller end first: who is over it uses up no host's budget", async () => {
    const { fetchDocument, requests } = createFetcher({ perHost: 3, perCaller: 2 });
    const outcomes: string[] = [];
    for (let index = 0; index < 5; index += 1) outcomes.push(await fetchDocument(document('one.example', index)));
    expect(requests).toHaveLength(2);
    expect(new Set(outcomes.slice(2))).toEqual(new Set(['too many fetches for this caller']));
  });

  test('close a host that is down after three failures, until it may be back', async () => {
    const { fetchDocument, requests } = createFetcher({ answer: failing('connect_failed') });
    const outcomes: string[] = [];
    for (let index = 0; index < 5; index += 1) outcomes.push(await fetchDocument(document('one.example', index)));
    expect(requests).toHaveLength(3);
    expect(outcomes.at(-1)).toBe('its host failed too often just now');
  });

  test.each([
    ['missing', () => new Response('', { status: 404 })],
    ['too large', failing('too_large')],
    ['of another type', () => new Response('<html>', { headers: { 'content-type': 'text/html' } })],
  ])('close no host because somebody asks for documents that are %s', async (_what, answer) => {
    const answers = [...Array.from({ length: 6 }, () => answer), () => Response.json({ client_id: url })];
    const { fetchDocument } = createFetcher({ answer: () => (answers.shift() ?? answer)() });
    for (let index = 0; index < 6; index += 1) await fetchDocument(document('client.example', index));
    expect(await fetchDocument()).toBe(JSON.stringify({ client_id: url }));
  });
});
