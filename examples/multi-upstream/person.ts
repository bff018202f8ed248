/** A person with a browser just good enough for these pages: cookies, redirects, and a button to press on each page. */
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { MemoryOAuthProvider } from '../quickstart/demo-oauth-provider.ts';

const redirectUri = 'http://127.0.0.1:33418/callback';

interface Page {
  readonly url: URL;
  readonly status: number;
  readonly html: string;
}

export interface Person {
  /** Connects an MCP client, and signs in where it asks for that. */
  client(url: string): Promise<Client>;
  /** Opens an address, and presses on up to a page without buttons. */
  open(url: string | URL): Promise<Page>;
}

/** @param wantsToConnect whether the page after the login is used, or passed over */
export function createPerson(name: string, wantsToConnect: boolean): Person {
  const jars = new Map<string, Map<string, string>>();

  async function visit(url: URL, form?: URLSearchParams): Promise<Page> {
    const jar = jars.get(url.host) ?? new Map<string, string>();
    jars.set(url.host, jar);
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { accept: 'text/html', cookie: [...jar].map(([cookie, value]) => `${cookie}=${value}`).join('; ') },
      ...(form && { body: form }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, key, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (key !== undefined && value !== undefined) jar.set(key, value);
    }
    const location = response.headers.get('location');
    if (location === null) return { url, status: response.status, html: await response.text() };
    const next = new URL(location, url);
    return next.href.startsWith(redirectUri) ? { url: next, status: 303, html: '' } : visit(next);
  }

  /** What this person does on a page; undefined where there is nothing to do. */
  function answer(html: string): { form: string; fields: Record<string, string> } | undefined {
    const forms = [...html.matchAll(/<form method="post".*?<\/form>/gs)].map(([form]) => form);
    const find = (text: string): string | undefined => forms.find((form) => form.includes(text));
    const consent = find('value="approve"');
    if (consent) return { form: consent, fields: { decision: 'approve' } };
    const connect = find('value="connect"');
    const proceed = find('value="continue"');
    if (connect && (wantsToConnect || !proceed)) return { form: connect, fields: { decision: 'connect' } };
    if (proceed) return { form: proceed, fields: { decision: 'continue' } };
    const notes = find('name="notes"');
    if (notes) return { form: notes, fields: { notes: `${name}@notes` } };
    const signIn = find('name="name"');
    return signIn ? { form: signIn, fields: { name, roles: '' } } : undefined;
  }

  async function open(address: string | URL): Promise<Page> {
    let page = await visit(new URL(address));
    for (let pressed = answer(page.html); pressed; pressed = answer(page.html)) {
      const form = new URLSearchParams(pressed.fields);
      for (const [input] of pressed.form.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
        const value = (key: string) => new RegExp(`${key}="([^"]*)"`).exec(input)?.[1] ?? '';
        form.set(value('name'), value('value'));
      }
      const action = /action="([^"]*)"/.exec(pressed.form)?.[1]?.replaceAll('&amp;', '&') ?? '';
      page = await visit(new URL(action, page.url), form);
    }
    return page;
  }

  async function client(url: string): Promise<Client> {
    const authProvider = new MemoryOAuthProvider(redirectUri);
    const attempt = () => {
      const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider });
      return { transport, client: new Client({ name: 'example', version: '1.0.0' }) };
    };
    const first = attempt();
    const refusal = await first.client.connect(first.transport).catch((error: unknown) => error);
    if (!(refusal instanceof UnauthorizedError)) throw new Error('the client was let in without a sign-in');
    const { url: callback } = await open(authProvider.authorizationUrl as URL);
    await first.transport.finishAuth(callback.searchParams);
    const second = attempt();
    await second.client.connect(second.transport);
    return second.client;
  }

  return { client, open };
}
