/**
 * What a company IdP can get wrong, or an attacker in its place: a thin HTTP layer in front of the real provider that
 * breaks its answers on request. It never invents a good answer, so a fault-free run is the provider's own behaviour.
 */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { base64url, type CryptoKey, decodeJwt, exportSPKI, type JWTPayload, SignJWT } from 'jose';

export type SigningMethod =
  | 'provider-key'
  /** A key the provider never published, under the provider's `kid`. */
  | 'foreign-key'
  | 'none'
  /** The two key confusions: HMAC with the provider's public key (SPKI PEM) or with the client's secret. */
  | 'hs256-public-key'
  | 'hs256-client-secret';

/** Signs claims as an ID token. `header` is merged over `alg` and `kid`. */
export type SignIdToken = (
  claims: JWTPayload,
  method?: SigningMethod,
  header?: Readonly<Record<string, unknown>>,
) => Promise<string>;

/** Gets the claims of the real ID token and returns the token to send in its place, or undefined to leave it out. */
export type IdTokenHook = (claims: JWTPayload, sign: SignIdToken) => Promise<string | undefined>;

export type EndpointFault =
  /** Takes the request and never answers. */
  | 'hang'
  /** Sends headers and half the real body, then nothing. */
  | 'stall'
  | 'http500'
  /** 200 with a maintenance page. */
  | 'html'
  /** The real JSON answer padded to 20 MB, so that a client without a limit succeeds. */
  | 'huge'
  /** 307 to the same endpoint below `/redirected`, which answers well: a client that follows succeeds and is recorded. */
  | 'redirect'
  /** Resets the connection. */
  | 'refuse';

export type JsonRewrite = (body: Record<string, unknown>) => Record<string, unknown>;

/** Knobs, to be set while the provider runs. Unset ones change nothing. */
export interface Misbehaviour {
  idToken?: IdTokenHook | undefined;
  token?: EndpointFault | JsonRewrite | undefined;
  jwks?: EndpointFault | JsonRewrite | undefined;
  discovery?: EndpointFault | JsonRewrite | undefined;
  userinfo?: EndpointFault | JsonRewrite | undefined;
  /** Redirects back with these parameters in place of the login, `state` and `iss` added unless given. */
  authorize?: { readonly error: string; readonly [parameter: string]: string } | undefined;
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** `body` read as a form. */
  readonly form: URLSearchParams;
}

const PADDING_BYTES = 20_000_000;

const HTTP_500 = { status: 500, headers: { 'content-type': 'text/plain' }, body: 'Internal Server Error' };
const MAINTENANCE = { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>Back soon</h1>' };

const KNOBS = {
  '/token': 'token',
  '/jwks': 'jwks',
  '/userinfo': 'userinfo',
  '/.well-known/openid-configuration': 'discovery',
} as const satisfies Record<string, keyof Misbehaviour>;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface FaultLayerContext {
  readonly issuer: string;
  /** Port of the untouched provider on 127.0.0.1. */
  readonly providerPort: number;
  readonly sign: SignIdToken;
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
      return write(response, HTTP_500);
    case 'html':
      return write(response, MAINTENANCE);
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
  if (knob === 'huge') return write(response, editJson(rewritten, pad));
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

/** Edits a good JSON answer; an error answer of the provider passes as it is. */
function editJson(answered: Answer, edit: JsonRewrite): Answer {
  if (answered.status !== 200) return answered;
  return { ...answered, body: JSON.stringify(edit(JSON.parse(answered.body) as Record<string, unknown>)) };
}

const pad: JsonRewrite = (body) => ({ ...body, padding: 'x'.repeat(PADDING_BYTES) });

async function replaceIdToken({ sign }: FaultLayerContext, hook: IdTokenHook, real: Answer): Promise<Answer> {
  if (real.status !== 200) return real;
  const { id_token: idToken, ...rest } = JSON.parse(real.body) as Record<string, unknown>;
  if (typeof idToken !== 'string') return real;
  const replacement = await hook(decodeJwt(idToken), sign);
  return { ...real, body: JSON.stringify({ ...rest, ...(replacement !== undefined && { id_token: replacement }) }) };
}

export interface SigningKeys {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly foreignPrivateKey: CryptoKey;
  readonly clientSecret: string;
}

export function createIdTokenSigner(keys: SigningKeys): SignIdToken {
  const encoder = new TextEncoder();
  return async (claims, method = 'provider-key', header = {}) => {
    const { alg, kid } = keys;
    const signed = (key: CryptoKey | Uint8Array, algorithm: string) =>
      new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid, ...header }).sign(key);
    switch (method) {
      case 'provider-key':
        return signed(keys.privateKey, alg);
      case 'foreign-key':
        return signed(keys.foreignPrivateKey, alg);
      case 'none':
        // jose's UnsecuredJWT takes no kid.
        return `${base64url.encode(JSON.stringify({ alg: 'none', kid, ...header }))}.${base64url.encode(JSON.stringify(claims))}.`;
      case 'hs256-public-key':
        return signed(encoder.encode(await exportSPKI(keys.publicKey)), 'HS256');
      case 'hs256-client-secret':
        return signed(encoder.encode(keys.clientSecret), 'HS256');
    }
  };
}

/** Seconds. */
const DAY = 86_400;
const ATTACKER = 'https://attacker.example';

/**
 * ID tokens that no relying party may take (OpenID Connect Core 1.0 section 3.1.3.7), by name, for `it.each`. The
 * times are counted from the real token's `iat`, a day away: beyond any clock tolerance.
 */
export const idTokenFaults = {
  'foreign issuer': (claims, sign) => sign({ ...claims, iss: ATTACKER }),
  'missing issuer': ({ iss, ...claims }, sign) => sign(claims),
  'foreign audience': (claims, sign) => sign({ ...claims, aud: 'another-client' }),
  'missing audience': ({ aud, ...claims }, sign) => sign(claims),
  'several audiences without azp': (claims, sign) => sign({ ...claims, aud: [String(claims.aud), 'another-client'] }),
  'several audiences, azp foreign': (claims, sign) =>
    sign({ ...claims, aud: [String(claims.aud), 'another-client'], azp: 'another-client' }),
  'several audiences, azp own': (claims, sign) =>
    sign({ ...claims, aud: [String(claims.aud), 'another-client'], azp: String(claims.aud) }),
  'one audience, azp foreign': (claims, sign) => sign({ ...claims, azp: 'another-client' }),
  'wrong nonce': (claims, sign) => sign({ ...claims, nonce: 'another-nonce' }),
  'missing nonce': ({ nonce, ...claims }, sign) => sign(claims),
  expired: (claims, sign) => sign({ ...claims, iat: at(claims, -2 * DAY), exp: at(claims, -DAY) }),
  'missing exp': ({ exp, ...claims }, sign) => sign(claims),
  'not yet valid': (claims, sign) => sign({ ...claims, nbf: at(claims, DAY), exp: at(claims, 2 * DAY) }),
  'missing sub': ({ sub, ...claims }, sign) => sign(claims),
  'empty sub': (claims, sign) => sign({ ...claims, sub: '' }),
  'foreign key with the same kid': (claims, sign) => sign(claims, 'foreign-key'),
  'foreign key with an unknown kid': (claims, sign) => sign(claims, 'foreign-key', { kid: 'unknown' }),
  'foreign key named in jku': (claims, sign) => sign(claims, 'foreign-key', { jku: `${ATTACKER}/jwks` }),
  'alg none': (claims, sign) => sign(claims, 'none'),
  'HS256 with the public key': (claims, sign) => sign(claims, 'hs256-public-key'),
  'HS256 with the client secret': (claims, sign) => sign(claims, 'hs256-client-secret'),
  'signature cut off': async (claims, sign) => (await sign(claims)).replace(/[^.]+$/, ''),
  'no JWT': async () => 'not-a-jwt',
  absent: async () => undefined,
} as const satisfies Record<string, IdTokenHook>;

function at({ iat = 0 }: JWTPayload, seconds: number): number {
  return iat + seconds;
}
