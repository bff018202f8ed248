/**
 * A scripted browser: a person's clicks over real HTTP, with the parts of a browser that protect or break a login.
 *
 * 1. A navigation starts by typing an address (`get`), a link (`follow`) or a form (`submit`, `post`).
 * 2. Each request carries the cookies, `Sec-Fetch-*`, `Origin` and `Referer` that Chromium would send.
 * 3. Each answer's cookies are judged and stored, then redirects are followed up to `stopAt`.
 *
 * Left out on purpose: scripts, frames, meta refresh, Content-Security-Policy. Requests never leave loopback.
 */
import { request as httpRequest } from 'node:http';
import { isIP } from 'node:net';

export interface BrowserOptions {
  /** Sent with every request, such as `accept-language`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default of {@link NavigationInit.stopAt}. */
  readonly stopAt?: (url: string) => boolean;
  /**
   * Origins served by a loopback listener, as by a TLS-terminating reverse proxy: the request goes to the given base
   * URL with the outer `Host` and `X-Forwarded-Proto`. `{ 'https://mcp.example': 'http://127.0.0.1:4000' }`
   */
  readonly reverseProxy?: Readonly<Record<string, string>>;
  /** Clock for cookie expiry, milliseconds. @defaultValue Date.now */
  readonly now?: () => number;
}

export interface NavigationInit {
  /** The page that starts it, or its URL when it is no page of ours (`https://evil.example/`), or `'null'` for a sandbox. */
  readonly from?: Page | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A redirect to such a URL is returned as `page.location` and not fetched. Other schemes than http(s) always stop. */
  readonly stopAt?: (url: string) => boolean;
  /** @defaultValue 20 */
  readonly maxRedirects?: number;
  /** Longest wait for one answer, milliseconds. @defaultValue 10000 */
  readonly timeoutMs?: number;
}

export interface FormControl {
  readonly kind: 'field' | 'toggle' | 'button';
  readonly name: string;
  readonly value: string;
  /** Sent when the form is submitted untouched. */
  readonly active: boolean;
  /** A button's visible text, else empty. */
  readonly text: string;
  /** `formaction` of a button, absolute. */
  readonly action?: string;
}

export interface Form {
  readonly id: string;
  readonly name: string;
  /** Absolute. */
  readonly action: string;
  readonly method: 'GET' | 'POST';
  readonly enctype: string;
  readonly controls: readonly FormControl[];
  /** What an untouched form sends, without buttons. Of a repeated name, the last value. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface Link {
  readonly href: string;
  readonly text: string;
}

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  /** The body as it came. */
  readonly html: string;
  /** The visible text of an HTML page, white space collapsed; the body of any other. */
  readonly text: string;
  readonly forms: readonly Form[];
  readonly links: readonly Link[];
  /** Absolute target of a redirect that was not followed. */
  readonly location?: string;
  /** The redirect answers that led here, first one first. */
  readonly redirects: readonly Page[];
}

export interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: 'strict' | 'lax' | 'none' | undefined;
  /** Milliseconds; Infinity for a session cookie. */
  readonly expiresAt: number;
}

/** A field's new value: text, several values, `true` or `false` to tick or leave out. */
export type FieldOverride = string | readonly string[] | boolean;

export interface Browser {
  /** Types an address, or follows a link when `init.from` is given. */
  get(url: string, init?: NavigationInit): Promise<Page>;
  /** Sends a form from a page on `init.from`, by default on the origin of `url`. */
  post(url: string, fields: Readonly<Record<string, string>> | URLSearchParams, init?: NavigationInit): Promise<Page>;
  /**
   * Submits a form as a click on its first button would. `form` is an index, `#id`, or the name of a control in it. An
   * override that equals a button's name and value clicks that button; one that names no control throws.
   */
  submit(
    page: Page,
    form?: number | string,
    overrides?: Readonly<Record<string, FieldOverride>>,
    init?: Omit<NavigationInit, 'from'>,
  ): Promise<Page>;
  /** Goes on with the redirect at which `page` stopped or, with `link` (text or href), clicks a link. */
  follow(page: Page, link?: string | RegExp, init?: Omit<NavigationInit, 'from'>): Promise<Page>;
  /** Live cookies a typed navigation to `url` would send; all of them without `url`. */
  cookies(url?: string): readonly Cookie[];
  /** Plants a cookie as if `url` had answered with this `Set-Cookie`. Throws when a browser would refuse it. */
  setCookie(url: string, setCookie: string): void;
  clearCookies(): void;
  /** Every `Set-Cookie` that was refused, with the reason. Browsers drop these in silence. */
  readonly rejectedCookies: readonly { readonly url: string; readonly setCookie: string; readonly reason: string }[];
}

/** One step of a navigation: what to send next, and what is remembered of the steps before. */
interface Step {
  readonly method: string;
  readonly url: URL;
  readonly body?: string;
  /** undefined for a typed address. */
  readonly initiator?: { readonly origin: string; readonly url: URL | undefined };
  readonly referrerPolicy: string;
  /** Set once a redirect with a body crosses origins twice: `Origin` is `null` from then on. */
  readonly tainted: boolean;
  readonly redirects: readonly Page[];
  readonly init: NavigationInit;
}

/** @example const browser = createBrowser({ stopAt: (url) => url.startsWith(redirectUri) }); */
export function createBrowser(options: BrowserOptions = {}): Browser {
  const jar = createCookieJar(options.now ?? Date.now);
  const rejectedCookies: { url: string; setCookie: string; reason: string }[] = [];
  const pending = new WeakMap<Page, Step>();

  async function navigate(first: Step): Promise<Page> {
    const stopAt = first.init.stopAt ?? options.stopAt;
    for (let step = first; ; ) {
      const page = await load(step);
      if (page.location === undefined) return page;
      const next = redirectStep(step, page, page.location);
      pending.set(page, next);
      if (!/^https?:$/.test(next.url.protocol) || stopAt?.(page.location)) return page;
      if (next.redirects.length > (step.init.maxRedirects ?? 20)) {
        throw new Error(`too many redirects:\n${next.redirects.map(({ url }) => url).join('\n')}`);
      }
      step = next;
    }
  }

  async function load(step: Step): Promise<Page> {
    const { status, headers, body } = await send(step, options.reverseProxy ?? {}, {
      'user-agent': 'scripted-browser',
      accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
      'accept-language': 'en',
      'upgrade-insecure-requests': '1',
      ...fetchMetadata(step),
      ...cookieHeader(jar.cookiesFor(step.url, cookieContext(step))),
      ...options.headers,
      ...step.init.headers,
    });
    for (const setCookie of headers.getSetCookie()) {
      const reason = jar.store(step.url, setCookie);
      if (reason !== undefined) rejectedCookies.push({ url: step.url.href, setCookie, reason });
    }
    const isHtml = /^(text\/html|application\/xhtml\+xml)\b/i.test(headers.get('content-type') ?? '');
    const document = isHtml ? parseHtml(body, step.url) : { text: body, forms: [], links: [] };
    const location = [301, 302, 303, 307, 308].includes(status) ? headers.get('location') : null;
    return {
      url: step.url.href,
      status,
      headers,
      html: body,
      ...document,
      ...(location !== null && { location: new URL(location, step.url).href }),
      redirects: step.redirects,
    };
  }

  function start(method: string, url: string, init: NavigationInit, body?: string): Promise<Page> {
    return navigate({
      method,
      url: new URL(url),
      ...(body !== undefined && { body }),
      ...initiatorOf(init.from),
      tainted: false,
      redirects: [],
      init,
    });
  }

  return {
    get: (url, init = {}) => start('GET', url, init),

    post: (url, fields, init = {}) =>
      start('POST', url, { from: new URL('/', url).href, ...init }, new URLSearchParams(fields).toString()),

    async submit(page, selector = 0, overrides = {}, init = {}) {
      const form = findForm(page, selector);
      const { entries, action } = formEntries(form, overrides);
      if (form.method === 'POST') return start('POST', action, { ...init, from: page }, entries.toString());
      const target = new URL(action);
      target.search = entries.toString();
      return start('GET', target.href, { ...init, from: page });
    },

    async follow(page, link, init = {}) {
      if (link !== undefined) return start('GET', findLink(page, link).href, { ...init, from: page });
      const step = pending.get(page);
      if (!step) throw new Error(`${page.url} answered ${page.status} without a redirect to follow`);
      // The stop was the test's wish: without a new one, go there and stop at the next match only.
      return navigate({ ...step, init: { ...step.init, ...init } });
    },

    cookies: (url) => (url === undefined ? jar.all() : jar.cookiesFor(new URL(url), 'same-site')),

    setCookie(url, setCookie) {
      const reason = jar.store(new URL(url), setCookie);
      if (reason !== undefined) throw new Error(`cookie refused: ${reason}`);
    },

    clearCookies: () => jar.clear(),
    rejectedCookies,
  };
}

function initiatorOf(from: Page | string | undefined): Pick<Step, 'initiator' | 'referrerPolicy'> {
  const referrerPolicy = 'strict-origin-when-cross-origin';
  if (from === undefined) return { referrerPolicy };
  if (from === 'null') return { initiator: { origin: 'null', url: undefined }, referrerPolicy };
  const url = new URL(typeof from === 'string' ? from : from.url);
  const headers = typeof from === 'string' ? undefined : from.headers;
  return { initiator: { origin: url.origin, url }, referrerPolicy: referrerPolicyOf(headers) ?? referrerPolicy };
}

/** Fetch, "HTTP-redirect fetch". */
function redirectStep(step: Step, page: Page, location: string): Step {
  const keepsBody = page.status === 307 || page.status === 308 || step.method === 'GET';
  const { body, ...rest } = step;
  const url = new URL(location);
  const crossed = url.origin !== step.url.origin && step.initiator?.origin !== step.url.origin;
  return {
    ...rest,
    url,
    method: keepsBody ? step.method : 'GET',
    ...(keepsBody && body !== undefined && { body }),
    referrerPolicy: referrerPolicyOf(page.headers) ?? step.referrerPolicy,
    tainted: step.tainted || crossed,
    redirects: [...step.redirects, page],
  };
}

async function send(
  step: Step,
  reverseProxy: Readonly<Record<string, string>>,
  headers: Record<string, string>,
): Promise<{ status: number; headers: Headers; body: string }> {
  const { url } = step;
  const upstream = reverseProxy[url.origin];
  if (upstream === undefined && (url.protocol !== 'http:' || !isLoopback(url.hostname))) {
    throw new Error(`${url.origin} is not http on loopback: name it in reverseProxy, or stop at it with stopAt`);
  }
  const { hostname, port } = new URL(upstream ?? url);
  const timeoutMs = step.init.timeoutMs ?? 10_000;
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port || 80,
      method: step.method,
      path: url.pathname + url.search,
      // A connection of its own: no idle sockets that keep a server from closing.
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        ...headers,
        host: url.host,
        ...(upstream !== undefined && { 'x-forwarded-proto': url.protocol.slice(0, -1), 'x-forwarded-host': url.host }),
        ...(step.body !== undefined && {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': String(Buffer.byteLength(step.body)),
        }),
      },
    });
    request.on('error', (cause) => {
      reject(new Error(`${step.method} ${url.origin}${url.pathname} failed: ${cause.message}`, { cause }));
    });
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const answer = new Headers();
        for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
          answer.append(response.rawHeaders[i] ?? '', response.rawHeaders[i + 1] ?? '');
        }
        resolve({ status: response.statusCode ?? 0, headers: answer, body: Buffer.concat(chunks).toString() });
      });
    });
    request.end(step.body);
  });
}

// --- Fetch metadata, Origin and Referer ---

/** W3C Fetch Metadata section 2; Fetch, "append a request Origin header"; Referrer Policy section 8. */
function fetchMetadata(step: Step): Record<string, string> {
  const referer = refererOf(step);
  return {
    // Sent to potentially trustworthy URLs only.
    ...((step.url.protocol === 'https:' || isLoopback(step.url.hostname)) && {
      'sec-fetch-site': fetchSite(step),
      'sec-fetch-mode': 'navigate',
      'sec-fetch-user': '?1',
      'sec-fetch-dest': 'document',
    }),
    ...(step.method !== 'GET' && { origin: originOf(step) }),
    ...(referer !== undefined && { referer }),
  };
}

function fetchSite({ initiator, redirects, url }: Step): 'none' | 'same-origin' | 'same-site' | 'cross-site' {
  // A typed address stays `none` through all its redirects.
  if (initiator === undefined) return 'none';
  const others = [...redirects.map((page) => new URL(page.url)), url].filter(
    ({ origin }) => origin !== initiator.origin,
  );
  if (others.length === 0) return 'same-origin';
  return others.every((other) => isSameSite(initiator.url, other)) ? 'same-site' : 'cross-site';
}

/** Why a form on a page with `Referrer-Policy: no-referrer` sends `Origin: null` even to its own origin. */
function originOf({ initiator, referrerPolicy, tainted, url }: Step): string {
  if (initiator === undefined || tainted) return 'null';
  const downgrade = initiator.url?.protocol === 'https:' && url.protocol === 'http:';
  switch (referrerPolicy) {
    case 'no-referrer':
      return 'null';
    case 'same-origin':
      return initiator.origin === url.origin ? initiator.origin : 'null';
    case 'no-referrer-when-downgrade':
    case 'strict-origin':
    case 'strict-origin-when-cross-origin':
      return downgrade ? 'null' : initiator.origin;
    default:
      return initiator.origin;
  }
}

function refererOf({ initiator, referrerPolicy, url }: Step): string | undefined {
  if (initiator?.url === undefined) return undefined;
  const from = initiator.url;
  const full = `${from.origin}${from.pathname}${from.search}`;
  const origin = `${from.origin}/`;
  const sameOrigin = from.origin === url.origin;
  const downgrade = from.protocol === 'https:' && url.protocol === 'http:';
  switch (referrerPolicy) {
    case 'no-referrer':
      return undefined;
    case 'origin':
      return origin;
    case 'unsafe-url':
      return full;
    case 'same-origin':
      return sameOrigin ? full : undefined;
    case 'origin-when-cross-origin':
      return sameOrigin ? full : origin;
    case 'no-referrer-when-downgrade':
      return downgrade ? undefined : full;
    case 'strict-origin':
      return downgrade ? undefined : origin;
    default:
      if (sameOrigin) return full;
      return downgrade ? undefined : origin;
  }
}

/** The last policy known to us wins, unknown ones are skipped (Referrer Policy section 8.1). */
function referrerPolicyOf(headers: Headers | undefined): string | undefined {
  const known =
    /^(no-referrer|no-referrer-when-downgrade|(strict-)?origin(-when-cross-origin)?|same-origin|unsafe-url)$/;
  const policies = (headers?.get('referrer-policy') ?? '').split(',').map((policy) => policy.trim().toLowerCase());
  return policies.findLast((policy) => known.test(policy));
}

function isLoopback(hostname: string): boolean {
  return /^(127(\.\d+){3}|\[::1\]|(.+\.)?localhost)$/.test(hostname);
}

/** Scheme and registrable domain, taken as the last two labels: there is no public suffix list here. Ports do not count. */
function isSameSite(a: URL | undefined, b: URL): boolean {
  const site = ({ hostname }: URL) => (isIP(hostname) ? hostname : hostname.split('.').slice(-2).join('.'));
  return a !== undefined && a.protocol === b.protocol && site(a) === site(b);
}

// --- Cookies (draft-ietf-httpbis-rfc6265bis) ---

type CookieContext = 'same-site' | 'cross-site-get' | 'cross-site-other';

function cookieContext({ initiator, method, url }: Step): CookieContext {
  if (initiator === undefined || isSameSite(initiator.url, url)) return 'same-site';
  return method === 'GET' ? 'cross-site-get' : 'cross-site-other';
}

function cookieHeader(cookies: readonly Cookie[]): { cookie?: string } {
  if (cookies.length === 0) return {};
  return { cookie: cookies.map(({ name, value }) => (name ? `${name}=${value}` : value)).join('; ') };
}

function createCookieJar(now: () => number) {
  // Insertion order is creation order: an overwritten cookie keeps its place, as section 5.7 wants.
  const cookies = new Map<string, Cookie>();
  const keyOf = ({ name, domain, hostOnly, path }: Cookie) => JSON.stringify([name, domain, hostOnly, path]);
  const live = () => [...cookies.values()].filter(({ expiresAt }) => expiresAt > now());

  return {
    all: live,
    clear: () => cookies.clear(),

    /** Returns the reason for a refusal. */
    store(url: URL, setCookie: string): string | undefined {
      const parsed = parseSetCookie(url, setCookie, now());
      if ('reason' in parsed) return parsed.reason;
      const overlaid = live().find(
        (old) =>
          old.secure &&
          old.name === parsed.name &&
          (domainMatches(old.domain, parsed.domain) || domainMatches(parsed.domain, old.domain)) &&
          pathMatches(parsed.path, old.path),
      );
      if (overlaid && !parsed.secure && url.protocol !== 'https:') return 'would overlay a Secure cookie from http';
      if (parsed.expiresAt <= now()) cookies.delete(keyOf(parsed));
      else cookies.set(keyOf(parsed), parsed);
      return undefined;
    },

    cookiesFor(url: URL, context: CookieContext): Cookie[] {
      const matching = live().filter(
        ({ domain, hostOnly, path, secure, sameSite }) =>
          (hostOnly ? url.hostname === domain : domainMatches(url.hostname, domain)) &&
          pathMatches(url.pathname, path) &&
          (!secure || url.protocol === 'https:') &&
          (context === 'same-site' || sameSite !== 'strict') &&
          // No attribute means None, as in Safari and Firefox: the browser that protects least.
          (context !== 'cross-site-other' || sameSite !== 'lax'),
      );
      return matching.sort((a, b) => b.path.length - a.path.length);
    },
  };
}

function parseSetCookie(url: URL, setCookie: string, now: number): Cookie | { reason: string } {
  const [pair = '', ...rest] = setCookie.split(';');
  const [name, value] = pair.includes('=') ? splitOnce(pair) : ['', pair.trim()];
  const attributes = new Map(rest.map(splitOnce).map(([key, text]) => [key.toLowerCase(), text]));
  const host = url.hostname;
  const domain = (attributes.get('domain') ?? '').replace(/^\./, '').toLowerCase();
  const path = attributes.get('path')?.startsWith('/') ? (attributes.get('path') ?? '/') : defaultPath(url);
  const secure = attributes.has('secure');
  const sameSite = attributes.get('samesite')?.toLowerCase();

  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is the rule itself.
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(setCookie)) return { reason: 'control character' };
  if (name === '' && value === '') return { reason: 'neither name nor value' };
  if (name.length + value.length > 4096) return { reason: 'name and value exceed 4096 characters' };
  if (domain && domain !== host && (!domain.includes('.') || !domainMatches(host, domain))) {
    return { reason: `Domain=${domain} is not a domain of ${host}` };
  }
  // Stricter than Chromium, which trusts loopback: what holds here holds in every browser.
  if (secure && url.protocol !== 'https:') return { reason: 'Secure cookie from http' };
  if (sameSite === 'none' && !secure) return { reason: 'SameSite=None without Secure' };
  // The prefixes are matched without case, also on the value of a cookie without a name.
  const prefixed = (name || value).toLowerCase();
  if (prefixed.startsWith('__secure-') && !secure) return { reason: '__Secure- without Secure' };
  if (prefixed.startsWith('__host-') && !(secure && !domain && attributes.get('path') === '/')) {
    return { reason: '__Host- needs Secure, Path=/ and no Domain' };
  }

  return {
    name,
    value,
    domain: domain || host,
    hostOnly: domain === '' || isIP(host) !== 0 || !domain.includes('.'),
    path,
    secure,
    httpOnly: attributes.has('httponly'),
    sameSite: sameSite === 'strict' || sameSite === 'lax' || sameSite === 'none' ? sameSite : undefined,
    expiresAt: expiryOf(attributes, now),
  };
}

/** Max-Age wins over Expires; one that cannot be read is ignored. */
function expiryOf(attributes: ReadonlyMap<string, string>, now: number): number {
  const maxAge = attributes.get('max-age');
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return now + Number(maxAge) * 1000;
  const expires = Date.parse(attributes.get('expires') ?? '');
  return Number.isNaN(expires) ? Number.POSITIVE_INFINITY : expires;
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text.trim(), ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

function defaultPath({ pathname }: URL): string {
  return pathname.slice(0, pathname.lastIndexOf('/')) || '/';
}

function domainMatches(host: string, domain: string): boolean {
  return host === domain || (!isIP(host) && host.endsWith(`.${domain}`));
}

function pathMatches(requestPath: string, path: string): boolean {
  return requestPath === path || requestPath.startsWith(path.endsWith('/') ? path : `${path}/`);
}

// --- HTML ---

const TAG = /<!--[\s\S]*?-->|<![^>]*>|<(\/?)([a-z][a-z0-9-]*)((?:[^>"']|"[^"]*"|'[^']*')*)>/gi;
const ATTRIBUTE = /([^\s=>"'/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g;
const INLINE = new Set([
  'a',
  'abbr',
  'b',
  'bdi',
  'code',
  'em',
  'i',
  'mark',
  'small',
  'span',
  'strong',
  'sub',
  'sup',
  'u',
]);
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

interface OpenElement {
  readonly tag: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Where its text begins in `ParsedHtml.text` while it is being collected. */
  readonly textStart: number;
}

/** Tolerant and small: enough for pages that servers write, not for the HTML living standard. */
function parseHtml(html: string, base: URL): { text: string; forms: Form[]; links: Link[] } {
  const forms: { attributes: ReadonlyMap<string, string>; controls: FormControl[] }[] = [];
  const links: Link[] = [];
  const outside: { formId: string; control: FormControl }[] = [];
  let text = '';
  let inForm: (typeof forms)[number] | undefined;
  let open: OpenElement | undefined;
  let select: { attributes: ReadonlyMap<string, string>; options: FormControl[] } | undefined;

  const collapsed = (from: number) => text.slice(from).replace(/\s+/g, ' ').trim();
  const add = (attributes: ReadonlyMap<string, string>, ...controls: FormControl[]) => {
    const formId = attributes.get('form');
    const usable = attributes.has('disabled') ? [] : controls;
    if (formId === undefined) inForm?.controls.push(...usable);
    else outside.push(...usable.map((control) => ({ formId, control })));
  };
  const addOption = () => {
    if (open?.tag !== 'option' || !select) return;
    const value = open.attributes.get('value') ?? collapsed(open.textStart);
    const name = select.attributes.get('name') ?? '';
    if (name && !open.attributes.has('disabled')) {
      select.options.push({ kind: 'toggle', name, value, active: open.attributes.has('selected'), text: '' });
    }
    open = undefined;
  };

  function closeTag(tag: string) {
    if (tag === 'form') inForm = undefined;
    if (tag === 'option' || tag === 'select') addOption();
    if (tag === 'select' && select) {
      const [first, ...others] = select.options;
      const preselects = first && !select.attributes.has('multiple') && !select.options.some(({ active }) => active);
      add(select.attributes, ...(preselects ? [{ ...first, active: true }, ...others] : select.options));
      select = undefined;
    }
    if (open?.tag !== tag) return;
    if (tag === 'a') links.push({ href: absolute(open.attributes.get('href'), base), text: collapsed(open.textStart) });
    if (tag === 'button' && (open.attributes.get('type') ?? 'submit').toLowerCase() === 'submit') {
      add(open.attributes, buttonControl(open.attributes, collapsed(open.textStart), base));
    }
    open = undefined;
  }

  function openTag(tag: string, attributes: ReadonlyMap<string, string>) {
    if (tag === 'form' && !inForm) {
      inForm = { attributes, controls: [] };
      forms.push(inForm);
    }
    if (tag === 'input') add(attributes, ...inputControls(attributes, base));
    if (tag === 'select') select = { attributes, options: [] };
    if (tag === 'option') addOption();
    if (tag === 'button' || tag === 'option' || (tag === 'a' && attributes.has('href'))) {
      open = { tag, attributes, textStart: text.length };
    }
  }

  let position = 0;
  TAG.lastIndex = 0;
  for (let match = TAG.exec(html); match; match = TAG.exec(html)) {
    text += decodeEntities(html.slice(position, match.index));
    position = TAG.lastIndex;
    const [, slash, tagName, rawAttributes = ''] = match;
    if (tagName === undefined) continue;
    const tag = tagName.toLowerCase();
    if (!INLINE.has(tag)) text += ' ';
    if (slash) {
      closeTag(tag);
      continue;
    }
    const attributes = parseAttributes(rawAttributes);
    openTag(tag, attributes);
    if (/^(script|style|textarea|title)$/.test(tag)) {
      const end = html.slice(position).search(new RegExp(`</${tag}[\\s>/]`, 'i'));
      const raw = html.slice(position, end < 0 ? html.length : position + end);
      if (tag === 'textarea') {
        const name = attributes.get('name');
        const value = decodeEntities(raw).replace(/^\r?\n/, '');
        if (name) add(attributes, { kind: 'field', name, value, active: true, text: '' });
      }
      position += raw.length;
      TAG.lastIndex = position;
    }
  }
  text += decodeEntities(html.slice(position));

  for (const { formId, control } of outside) {
    forms.find(({ attributes }) => attributes.get('id') === formId)?.controls.push(control);
  }
  return { text: collapsed(0), forms: forms.map((form) => toForm(form.attributes, form.controls, base)), links };
}

function inputControls(attributes: ReadonlyMap<string, string>, base: URL): FormControl[] {
  const type = (attributes.get('type') ?? 'text').toLowerCase();
  const name = attributes.get('name') ?? '';
  if (type === 'submit') return [buttonControl(attributes, attributes.get('value') ?? 'Submit', base)];
  if (name === '' || /^(button|reset|image|file)$/.test(type)) return [];
  const toggle = type === 'checkbox' || type === 'radio';
  const value = attributes.get('value') ?? (toggle ? 'on' : '');
  return [{ kind: toggle ? 'toggle' : 'field', name, value, active: !toggle || attributes.has('checked'), text: '' }];
}

function buttonControl(attributes: ReadonlyMap<string, string>, text: string, base: URL): FormControl {
  const action = attributes.get('formaction');
  return {
    kind: 'button',
    name: attributes.get('name') ?? '',
    value: attributes.get('value') ?? '',
    active: false,
    text,
    ...(action !== undefined && { action: absolute(action, base) }),
  };
}

function toForm(attributes: ReadonlyMap<string, string>, controls: FormControl[], base: URL): Form {
  return {
    id: attributes.get('id') ?? '',
    name: attributes.get('name') ?? '',
    action: absolute(attributes.get('action') || undefined, base),
    method: attributes.get('method')?.toLowerCase() === 'post' ? 'POST' : 'GET',
    enctype: attributes.get('enctype')?.toLowerCase() ?? 'application/x-www-form-urlencoded',
    controls,
    fields: Object.fromEntries(controls.filter(({ active }) => active).map(({ name, value }) => [name, value])),
  };
}

function absolute(href: string | undefined, base: URL): string {
  return URL.canParse(href ?? '', base.href) ? new URL(href ?? '', base).href : '';
}

function parseAttributes(raw: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = '', double, single, bare] of raw.matchAll(ATTRIBUTE)) {
    // The first of two equal attributes wins.
    if (!attributes.has(name.toLowerCase())) {
      attributes.set(name.toLowerCase(), decodeEntities(double ?? single ?? bare ?? ''));
    }
  }
  return attributes;
}

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi, (entity, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? entity;
    const codePoint = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return codePoint > 0 && codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : '\ufffd';
  });
}

function findForm(page: Page, selector: number | string): Form {
  const matches =
    typeof selector === 'number'
      ? page.forms.slice(selector, selector + 1)
      : page.forms.filter((form) =>
          selector.startsWith('#')
            ? form.id === selector.slice(1)
            : form.controls.some((control) => control.name === selector),
        );
  const [form] = matches;
  if (form && matches.length === 1) return form;
  throw new Error(
    `${matches.length} forms match ${selector} on ${page.url} (${page.status}): ${page.text.slice(0, 200)}`,
  );
}

function findLink(page: Page, link: string | RegExp): Link {
  const matches = ({ href, text }: Link) =>
    typeof link === 'string'
      ? text === link || href === absolute(link, new URL(page.url))
      : link.test(text) || link.test(href);
  const found = page.links.find(matches);
  if (!found) throw new Error(`no link matches ${link} on ${page.url}: ${page.text.slice(0, 200)}`);
  return found;
}

function formEntries(
  form: Form,
  overrides: Readonly<Record<string, FieldOverride>>,
): { entries: URLSearchParams; action: string } {
  if (form.enctype !== 'application/x-www-form-urlencoded')
    throw new Error(`enctype ${form.enctype} is not known here`);
  const names = new Set(form.controls.map(({ name }) => name));
  const unknown = Object.keys(overrides).filter((name) => !names.has(name));
  if (unknown.length > 0) throw new Error(`the form has no ${unknown.join(', ')}; it has ${[...names].join(', ')}`);

  const buttons = form.controls.filter(({ kind }) => kind === 'button');
  const clicked = buttons.find(({ name, value }) => name !== '' && overrides[name] === value) ?? buttons[0];
  const missed = buttons.find(({ name }) => name in overrides && overrides[name] !== clicked?.value);
  if (missed) throw new Error(`no button has ${missed.name}=${String(overrides[missed.name])}`);

  const entries = new URLSearchParams();
  const replaced = new Set<string>();
  for (const control of form.controls) {
    const override = overrides[control.name];
    if (control.kind === 'button') {
      if (control === clicked && control.name) entries.append(control.name, control.value);
    } else if (override === undefined) {
      if (control.active) entries.append(control.name, control.value);
    } else if (override === true) {
      entries.append(control.name, control.value);
    } else if (override !== false && !replaced.has(control.name)) {
      replaced.add(control.name);
      for (const value of [override].flat()) entries.append(control.name, value);
    }
  }
  return { entries, action: clicked?.action ?? form.action };
}
