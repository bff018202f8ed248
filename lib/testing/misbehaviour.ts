/** What an identity provider can get wrong, or an attacker in its place. Set while it runs; unset knobs change nothing. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { JWTPayload } from 'jose';
import type { SignToken } from './signer.ts';

/** Gets the claims of the real ID token and returns the token to send in its place, or undefined to leave it out. */
export type IdTokenHook = (claims: JWTPayload, sign: SignToken) => Promise<string | undefined>;

/** A way to break one endpoint. */
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
  | 'refuse'
  /** Answers well, after this many milliseconds. */
  | { readonly delayMs: number };

/** Gets the good answer's JSON and returns what is sent in its place. */
export type JsonRewrite = (body: Record<string, unknown>) => Record<string, unknown>;

/** The knobs. Each holds from the next request on. */
export interface Misbehaviour {
  idToken?: IdTokenHook | undefined;
  token?: EndpointFault | JsonRewrite | undefined;
  jwks?: EndpointFault | JsonRewrite | undefined;
  discovery?: EndpointFault | JsonRewrite | undefined;
  userinfo?: EndpointFault | JsonRewrite | undefined;
  /** Redirects back with these parameters in place of the login, `state` and `iss` added unless given. */
  authorize?: { readonly error: string; readonly [parameter: string]: string } | undefined;
}

/** A whole answer, before it is sent. */
export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders | IncomingHttpHeaders;
  readonly body: string;
}

const paddingBytes = 20_000_000;

/** Answers that a fault gives without asking the endpoint. */
export const faultAnswers = {
  http500: { status: 500, headers: { 'content-type': 'text/plain' }, body: 'Internal Server Error' },
  html: { status: 200, headers: { 'content-type': 'text/html' }, body: '<h1>Back soon</h1>' },
} as const satisfies Record<string, Answer>;

/** Edits a good JSON answer; an error answer passes as it is. */
export function editJson(answered: Answer, edit: JsonRewrite): Answer {
  if (answered.status !== 200) return answered;
  return { ...answered, body: JSON.stringify(edit(JSON.parse(answered.body) as Record<string, unknown>)) };
}

/** The rewrite behind `huge`. */
export const padded: JsonRewrite = (body) => ({ ...body, padding: 'x'.repeat(paddingBytes) });
