/** A browser just good enough for the two pages of the quick start: cookies by name, redirects, one form a page. */
export async function signInLikeAPerson(start: URL, redirectUri: string, person: Record<string, string>): Promise<URL> {
  const cookies = new Map<string, string>();

  /** Follows redirects up to a page or to the client's redirect URI. */
  async function visit(url: URL, form?: URLSearchParams): Promise<{ url: URL; html: string }> {
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { accept: 'text/html', cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form && { body: form }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (name !== undefined && value !== undefined) cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null) return { url, html: await response.text() };
    const next = new URL(location, url);
    return next.href.startsWith(redirectUri) ? { url: next, html: '' } : visit(next);
  }

  /** Submits the page's form with its hidden fields and the given ones. */
  async function submit(
    page: { url: URL; html: string },
    fields: Record<string, string>,
  ): Promise<{ url: URL; html: string }> {
    const action = /<form method="post" action="([^"]+)"/.exec(page.html)?.[1];
    if (action === undefined) throw new Error(`there is no form on the page at ${page.url.pathname}`);
    const form = new URLSearchParams(fields);
    for (const [, name = '', value = ''] of page.html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g))
      form.set(name, value);
    return visit(new URL(action, page.url), form);
  }

  const approval = await visit(start);
  const signIn = await submit(approval, { decision: 'approve' });
  const done = await submit(signIn, person);
  if (!done.url.href.startsWith(redirectUri))
    throw new Error(`the sign-in ended at ${done.url.pathname} instead of the client`);
  return done.url;
}
