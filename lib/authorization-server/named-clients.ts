/** Client ids that a form request names, proved or not: whoever is refused for one need not have proved it. */
export function namedClients(parameters: URLSearchParams, authorization: string | undefined): string[] {
  const named = [parameters.get('client_id'), basicUser(authorization), assertionIssuer(parameters)];
  return [...new Set(named.flatMap((id) => (id ? [id] : [])))];
}

/** The user of HTTP Basic authentication, which is form-encoded (RFC 6749 section 2.3.1). */
function basicUser(authorization: string | undefined): string | undefined {
  const [scheme, credentials = ''] = (authorization ?? '').split(' ', 2);
  if (scheme?.toLowerCase() !== 'basic') return undefined;
  const user = Buffer.from(credentials, 'base64').toString().split(':', 1)[0] ?? '';
  return new URLSearchParams(`user=${user}`).get('user') ?? undefined;
}

/** The issuer of a client assertion (RFC 7523 section 3): the client. */
function assertionIssuer(parameters: URLSearchParams): string | undefined {
  const claims = parameters.get('client_assertion')?.split('.')[1];
  if (claims === undefined) return undefined;
  try {
    const { iss } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')) as { iss?: unknown };
    return typeof iss === 'string' ? iss : undefined;
  } catch {
    return undefined;
  }
}
