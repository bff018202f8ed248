import { createHash, randomBytes } from 'node:crypto';
import { Missing } from './check.ts';
import { postedForm } from './html-form.ts';
import type { Answer, Probe } from './probe.ts';
import type { Registrations } from './registrations.ts';

/** Where a browser got to. */
export interface Visit {
  /** The last answer of this server. */
  readonly answer: Answer;
  /** Where it sent the browser, at another origin or to the redirect URI; undefined where it shows something itself. */
  readonly leftTo: string | undefined;
}

/** Authorization requests, as a browser that is signed in nowhere makes them. */
export interface Authorization {
  /** A request with these parameters over sound ones; `undefined` leaves one out. @throws Missing without a client */
  request(overrides?: Readonly<Record<string, string | undefined>>): Promise<Visit>;
  /** A sound request of a registered client, once. */
  approval(): Promise<Visit & { readonly redirectUri: string }>;
  /** What follows when the person allows it. @throws Missing where no page asks */
  submission(): Promise<Visit>;
}

interface AuthorizationOptions {
  readonly probe: Probe;
  readonly registrations: Registrations;
  readonly serverEndpoint: (name: string) => Promise<string>;
  readonly resource: () => Promise<string | undefined>;
}

const maxRedirects = 8;

/** A PKCE challenge whose verifier nobody needs: no code is ever redeemed. */
const newChallenge = () => createHash('sha256').update(randomBytes(32)).digest('base64url');

interface Jar {
  keep(setCookies: readonly string[]): void;
  header(): string;
}

/** A jar for one browser: names and values suffice, since only one origin is asked. */
function createJar(): Jar {
  const cookies = new Map<string, string>();
  return {
    keep(setCookies: readonly string[]) {
      for (const cookie of setCookies) {
        const [, name = '', value = ''] = /^([^=;]+)=([^;]*)/.exec(cookie) ?? [];
        if (value === '' || /;\s*(?:max-age=0|expires=Thu, 01 Jan 1970)/i.test(cookie)) cookies.delete(name);
        else cookies.set(name, value);
      }
    },
    header: () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
  };
}

export function createAuthorization({
  probe,
  registrations,
  serverEndpoint,
  resource,
}: AuthorizationOptions): Authorization {
  const approvalJar = createJar();
  let approved: ReturnType<Authorization['approval']> | undefined;
  let submitted: Promise<Visit> | undefined;

  /** Follows redirects within the origin, as a browser does. */
  async function follow(first: Answer, jar: Jar): Promise<Visit> {
    let answer = first;
    for (let count = 0; count < maxRedirects; count += 1) {
      jar.keep(answer.setCookies);
      const { location } = answer.headers;
      if (answer.status < 300 || answer.status >= 400 || location === undefined) return { answer, leftTo: undefined };
      const next = URL.parse(location, answer.url);
      if (!next || next.origin !== new URL(answer.url).origin) return { answer, leftTo: next?.href ?? location };
      answer = await probe.send(next.href, { headers: { accept: 'text/html', cookie: jar.header() } });
    }
    return { answer, leftTo: undefined };
  }

  async function firstClient() {
    const found = (await registrations.all()).find(({ clientId }) => clientId !== undefined);
    if (found?.clientId === undefined) throw new Missing('no client could be registered');
    return { clientId: found.clientId, redirectUri: found.client.redirectUris[0] ?? '' };
  }

  async function request(
    overrides: Readonly<Record<string, string | undefined>> = {},
    jar = createJar(),
  ): Promise<Visit> {
    const sound = {
      ...(overrides.client_id === undefined && (await clientParameters())),
      response_type: 'code',
      state: 'doctor',
      code_challenge: newChallenge(),
      code_challenge_method: 'S256',
      resource: await resource(),
      ...overrides,
    };
    const entries = Object.entries(sound).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const url = new URL(await serverEndpoint('authorization_endpoint'));
    for (const [name, value] of entries) url.searchParams.set(name, value);
    return follow(await probe.send(url.href, { headers: { accept: 'text/html' } }), jar);
  }

  async function clientParameters() {
    const { clientId, redirectUri } = await firstClient();
    return { client_id: clientId, redirect_uri: redirectUri };
  }

  async function approval() {
    const { redirectUri } = await firstClient();
    return { ...(await request({}, approvalJar)), redirectUri };
  }

  async function submission(): Promise<Visit> {
    approved ??= approval();
    const { answer } = await approved;
    const form = postedForm(answer.text);
    if (!form) throw new Missing('no page asks the person');
    const url = new URL(form.action, answer.url).href;
    const posted = await probe.send(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'text/html',
        cookie: approvalJar.header(),
        origin: new URL(url).origin,
        'sec-fetch-site': 'same-origin',
      },
      body: new URLSearchParams({ ...form.fields, decision: 'approve' }).toString(),
    });
    return follow(posted, approvalJar);
  }

  return {
    request: (overrides) => request(overrides),
    approval() {
      approved ??= approval();
      return approved;
    },
    submission() {
      submitted ??= submission();
      return submitted;
    },
  };
}
