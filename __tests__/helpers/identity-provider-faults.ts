/**
 * What a company IdP can get wrong, or an attacker in its place: a thin HTTP layer in front of the real provider that
 * breaks its answers on request. It never invents a good answer, so a fault-free run is the provider's own behaviour.
 */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { decodeJwt } from 'jose';
import {
  type Answer,
  type EndpointFault,
  editJson,
  faultAnswers,
  type IdTokenHook,
  type JsonRewrite,
  type Misbehaviour,
  padded,
} from '../../lib/testing/misbehaviour.ts';
import type { SignToken } from '../../lib/testing/signer.ts';

export { idTokenFaults } from '../../lib/testing/id-token-faults.ts';
export type { EndpointFault, IdTokenHook, JsonRewrite, Misbehaviour } from '../../lib/testing/misbehaviour.ts';
export { createSigner as createIdTokenSigner, type SignToken as SignIdToken } from '../../lib/testing/signer.ts';

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** `body` read as a form. */
  readonly form: URLSearchParams;
}

const KNOBS = {
  '/token': 'token',
  '/jwks': 'jwks',
  '/userinfo': 'userinfo',
  '/.well-known/openid-configuration': 'discovery',
} as const satisfies Record<string, keyof Misbehaviour>;

export interface FaultLayerContext {
  readonly issuer: string;
  /** Port of the untouched provider on 127.0.0.1. */
  readonly providerPort: number;
  readonly sign: SignToken;
  readonly misbehave: Misbehaviour;
  readonly requests: RecordedRequest[];
}

export function createFaultLayer(
  context: FaultLayerContext,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    answer(context, request, response).catch(() => response.destroy());
  };
}

async function answer(context: FaultLayerContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { issuer, misbehave } = context;
  const body = Buffer.concat(await request.toArray()).toString();
  const { pathname, searchParams, search } = new URL(request.url ?? '/', issuer);
  context.requests.push({
    method: request.method ?? '',
    path: pathname,
    query: searchParams,
    headers: request.headers,
    body,
    form: new URLSearchParams(body),
  });

  const redirected = pathname.startsWith('/redirected/');
  const path = redirected ? pathname.slice('/redirected'.length) : pathname;
  const knob = redirected ? undefined : faultOf(misbehave, path);
  switch (knob) {
    case 'hang':
      return;
    case 'refuse':
      request.socket.resetAndDestroy();
      return;
    case 'http500':
      return write(response, faultAnswers.http500);
    case 'html':
      return write(response, faultAnswers.html);
    case 'redirect':
      return write(response, { status: 307, headers: { location: `/redirected${path}${search}` }, body: '' });
  }

  const real = await askProvider(context.providerPort, request, path + search, body);
  if (knob === 'stall') {
    response.writeHead(real.status, { ...real.headers, 'content-length': Buffer.byteLength(real.body) });
    response.write(real.body.slice(0, real.body.length / 2));
    return;
  }
  const rewritten =
    path === '/token' && misbehave.idToken ? await replaceIdToken(context, misbehave.idToken, real) : real;
  if (knob === 'huge') return write(response, editJson(rewritten, padded));
  if (typeof knob === 'object') await new Promise((resolve) => setTimeout(resolve, knob.delayMs));
  if (typeof knob === 'function') return write(response, editJson(rewritten, knob));
  if (path === '/authorize' && misbehave.authorize && rewritten.status === 303) {
    // Only where the provider itself would go on: a foreign client or redirect URI still gets its error page.
    const target = new URL(searchParams.get('redirect_uri') ?? issuer);
    const parameters = { state: searchParams.get('state') ?? '', iss: issuer, ...misbehave.authorize };
    for (const [name, value] of Object.entries(parameters)) if (value) target.searchParams.set(name, value);
    return write(response, { status: 303, headers: { location: target.href }, body: '' });
  }
  return write(response, rewritten);
}

function faultOf(misbehave: Misbehaviour, path: string): EndpointFault | JsonRewrite | undefined {
  return path in KNOBS ? misbehave[KNOBS[path as keyof typeof KNOBS]] : undefined;
}

function write(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

function askProvider(port: number, request: IncomingMessage, path: string, body: string): Promise<Answer> {
  const headers = { ...withoutConnectionHeaders(request.headers), 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const inner = httpRequest({ host: '127.0.0.1', port, method: request.method, path, headers, agent: false });
    inner.on('error', reject);
    inner.on('response', (response) => {
      response
        .toArray()
        .then((chunks) => {
          resolve({
            status: response.statusCode ?? 502,
            headers: withoutConnectionHeaders(response.headers),
            body: Buffer.concat(chunks).toString(),
          });
        })
        .catch(reject);
    });
    inner.end(body);
  });
}

function withoutConnectionHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const {
    connection,
    'keep-alive': keepAlive,
    'transfer-encoding': encoding,
    'content-length': length,
    ...rest
  } = headers;
  return rest;
}

async function replaceIdToken({ sign }: FaultLayerContext, hook: IdTokenHook, real: Answer): Promise<Answer> {
  if (real.status !== 200) return real;
  const { id_token: idToken, ...rest } = JSON.parse(real.body) as Record<string, unknown>;
  if (typeof idToken !== 'string') return real;
  const replacement = await hook(decodeJwt(idToken), sign);
  return { ...real, body: JSON.stringify({ ...rest, ...(replacement !== undefined && { id_token: replacement }) }) };
}
