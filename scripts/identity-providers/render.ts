/** Renders docs/identity-providers.md from the recipes, the rows of the test table and the profiles' facts. */

import { callPreset } from '../../__tests__/identity/call-preset.ts';
import { type Row, rows } from '../../__tests__/identity/rows.ts';
import { type Fact, type ProviderProfile, providerProfiles } from '../../lib/testing.ts';
import { type Recipe, recipes } from './recipes.ts';

const callback = '`https://mcp.example.com/oauth/callback`';
const signedOut = '`https://mcp.example.com/oauth/logout/done`';

export function renderIdentityProviders(): string {
  const names = Object.keys(recipes) as Row['preset'][];
  return [
    introduction,
    table(),
    'Registered at the provider are two URLs of yours, with your issuer in place of `https://mcp.example.com` and your `gateway.basePath` in place of `/oauth`:',
    `- redirect URI: ${callback}`,
    `- where a logout leads back to: ${signedOut}`,
    '',
    ...names.flatMap((name) => section(name, recipes[name])),
    common,
    sources(),
  ].join('\n');
}

const introduction = `# Identity providers

<!-- Made by \`node scripts/identity-providers.ts\`; edit scripts/identity-providers/recipes.ts. -->

One line for each provider: a preset of \`express-mcp-auth/identity\` makes the options \`oidc\`, \`browserLogin\` and \`identity\` from a tenant's name, and knows
what is peculiar there. Endpoints come from the provider's discovery document. Each preset is an entry of its own, too, such as \`express-mcp-auth/identity/okta\`.

**What was checked.** Each preset signs people in, takes roles over, refreshes and signs out in the tests, against a fake provider
(\`express-mcp-auth/testing\`) with a profile of that provider: its discovery document and its peculiarities. The profiles were rebuilt **from public documents
only; none was checked against the running service**. Each fact names its source; those that no source states for this provider are marked as assumed, at
the [end of this page](#what-the-profiles-rest-on). If your tenant differs, every option can be given besides: see [sign-in.md](sign-in.md).

| preset | profile | wrong options refused | login, callback | a user is named by | roles from | refresh token by | signed out there by |
|---|---|---|---|---|---|---|---|`;

function table(): string {
  const lines = rows.map((row) => {
    const { browserLogin, identity } = presetOf(row);
    const { behaviour } = providerProfiles[row.profile];
    const request = browserLogin.offlineAccessRequest ?? { scope: 'offline_access' };
    const asked = [request.scope, ...Object.entries(request.parameters ?? {}).map((pair) => pair.join('='))];
    const refresh =
      behaviour.refreshToken.value === 'never' ? 'there is none' : asked.filter(Boolean).join(', ') || 'comes unasked';
    const roles = identity.rolesClaims?.map((claim) => (typeof claim === 'string' ? claim : claim.path));
    const profile = row.preset === row.profile ? '' : row.profile;
    return [
      `\`${row.preset}\``,
      profile,
      `${row.wrong.length || 'as above'}`,
      'passes',
      (identity.subjectClaims ?? ['sub']).join(' and '),
      roles === undefined ? 'roles, role, groups' : roles.join(', ') || 'nothing',
      refresh,
      row.logout === undefined
        ? 'nothing'
        : behaviour.logout.value === 'rp-initiated'
          ? 'RP-initiated logout'
          : behaviour.logout.value,
    ];
  });
  return `${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

function presetOf(row: Row): ReturnType<typeof callPreset> {
  const clientId = providerProfiles[row.profile].parameters as { clientId?: string };
  return callPreset(row, { ...row.options, clientId: clientId.clientId ?? 'client', clientSecret: 'secret' });
}

function section(name: Row['preset'], { title, variable, steps, notes }: Recipe): string[] {
  const fill = (text: string) => text.replaceAll('{callback}', callback).replaceAll('{signedOut}', signedOut);
  const variants = rows.filter(({ preset }) => preset === name);
  return [
    `## ${title}`,
    '',
    ...steps.map((step, index) => `${index + 1}. ${fill(step)}`),
    '',
    '```ts',
    "import { mcpOAuth } from 'express-mcp-auth';",
    `import { ${name} } from 'express-mcp-auth/identity';`,
    '',
    'export const auth = mcpOAuth({',
    "  issuer: 'https://mcp.example.com',",
    `  ...${name}({`,
    ...optionLines(variants[0]?.options ?? {}),
    `    clientId: process.env.${variable}_CLIENT_ID,`,
    `    clientSecret: process.env.${variable}_CLIENT_SECRET,`,
    '  }),',
    '  secret: process.env.MCP_OAUTH_SECRET,',
    '});',
    '```',
    '',
    ...variants.slice(1).map(({ options }) => `- Also: \`${inline(options)}\`.`),
    ...notes.map((note) => `- ${note}`),
    '',
  ];
}

function optionLines(options: Row['options']): string[] {
  return Object.entries(options).map(([name, value]) => `    ${name}: ${literal(value)},`);
}

function inline(options: Row['options']): string {
  return `{ ${Object.entries(options)
    .map(([name, value]) => `${name}: ${literal(value)}`)
    .join(', ')} }`;
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  return typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
}

const common = `## For all of them

\`\`\`ts
import { mcpOAuth } from 'express-mcp-auth';
import { okta } from 'express-mcp-auth/identity';

export const auth = mcpOAuth({
  issuer: 'https://mcp.example.com',
  ...okta({
    oktaDomain: 'acme.okta.com',
    clientId: process.env.OKTA_CLIENT_ID,
    clientSecret: process.env.OKTA_CLIENT_SECRET,
    scope: 'openid profile email groups', // in place of the preset's
    browserLoginOverrides: { offlineAccess: true, remoteTimeoutMs: 5000, sessionTtlSeconds: 28_800 },
    identity: { claims: ['department'] }, // over the preset's
    gateway: { accessTokenTtlSeconds: 900 },
  }),
});
\`\`\`

Several at once, with a page that asks where to sign in (see [sign-in.md](sign-in.md)); each has a redirect URI of its own, such as
\`https://mcp.example.com/oauth/callback/staff\`:

\`\`\`ts
import { mcpOAuth } from 'express-mcp-auth';
import { entra, github } from 'express-mcp-auth/identity';

export const auth = mcpOAuth({
  issuer: 'https://mcp.example.com',
  identityProviders: [
    {
      id: 'staff',
      displayName: 'Acme',
      emailDomains: ['acme.example'],
      ...entra({
        tenantId: '8eaef023-2b34-4da1-9baa-8bc8c9d6a490',
        clientId: process.env.ENTRA_CLIENT_ID,
        clientSecret: process.env.ENTRA_CLIENT_SECRET,
      }),
    },
    {
      id: 'community',
      displayName: 'GitHub',
      ...github({ clientId: process.env.GITHUB_CLIENT_ID, clientSecret: process.env.GITHUB_CLIENT_SECRET }),
    },
  ],
});
\`\`\`

- \`offlineAccess\` asks the provider again at every refresh of a client: changed roles hold from then on, and a user who was disabled gets no further token.
- The parameter \`resource\` (RFC 8707) is never sent to an identity provider, unless \`browserLogin.resource\` says so: several refuse it.
- Give \`identity\` and \`browserLoginOverrides\` to the preset, as above, and not beside it, where they would take the place of the preset's own: who is
  refused by \`hostedDomain\`, say, stays refused whatever else \`identity.requiredClaims\` asks for.
- Wrong options fail when the preset is called, all at once, with a right value to compare with.

## In your own tests

The fake provider takes the real one's place, under its own host names, and \`connectClient\` does what a client and a person do:

\`\`\`ts
import { createServer } from 'node:http';
import express from 'express';
import { mcpOAuth } from 'express-mcp-auth';
import { entra } from 'express-mcp-auth/identity';
import { connectClient, startIdentityProvider } from 'express-mcp-auth/testing';

const idp = await startIdentityProvider({ profile: 'entra', hosts: 'real' });
const { tenantId = '' } = idp.profile.parameters;
const auth = mcpOAuth({
  issuer: 'http://127.0.0.1:3000',
  ...entra({ tenantId, clientId: idp.clientId, clientSecret: idp.clientSecret }),
  outbound: idp.outbound,
});
idp.redirectUris.push('http://127.0.0.1:3000/oauth/callback');
const app = express();
app.use(auth);
app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({ yours: true }));
createServer(app).listen(3000, '127.0.0.1');

const { accessToken } = await connectClient(idp, { url: 'http://127.0.0.1:3000/mcp', user: 'alice' });
export const answer = await fetch('http://127.0.0.1:3000/mcp', { headers: { authorization: \`Bearer \${accessToken}\` } });
\`\`\`

- \`idp.users\` are the people, with the claims that this provider issues; change them while it runs. \`idp.requests\` is what it was asked.
- \`idp.misbehave\` breaks it: \`token\`, \`jwks\`, \`discovery\` and \`userinfo\` may hang, stall, answer slowly, with 500, HTML, 20 MB, a redirect or other JSON;
  \`idToken\` signs what it likes, such as each of \`idTokenFaults\`; \`authorize\` sends an error back. \`idp.rotateKeys()\`, \`idp.logoutToken(user)\`.
- Without \`hosts: 'real'\` everything, issuer included, is on one free port of 127.0.0.1, for \`oidc: { issuer: idp.issuer }\`.
`;

function sources(): string {
  const sections = Object.entries<ProviderProfile>(providerProfiles).map(([name, profile]) => {
    const lines = [...bySource(profile)]
      .sort(([a], [b]) => (a < b ? 1 : -1))
      .map(([key, fields]) => `| ${key} | ${fields.join(', ')} |`);
    return [`### ${profile.title} (\`${name}\`)`, '', '| | source | facts |', '|---|---|---|', ...lines, ''].join('\n');
  });
  const note = 'Fields of the discovery document, and in parentheses what the provider does.';
  return ['## What the profiles rest on', '', note, '', ...sections].join('\n');
}

/** Names of facts by `stated | source` or `assumed | source`. */
function bySource(profile: ProviderProfile): Map<string, string[]> {
  const { metadata, behaviour, discoveryUrl, clientAuthMethods, logoutEndpoint } = profile;
  const parenthesized = Object.entries({ ...behaviour, discoveryUrl, clientAuthMethods, logoutEndpoint }).map(
    ([name, fact]): [string, Fact<unknown> | undefined] => [`(${name})`, fact],
  );
  const found = new Map<string, string[]>();
  for (const [name, fact] of [...Object.entries(metadata), ...parenthesized]) {
    if (fact === undefined) continue;
    const key = `${fact.confirmed ? 'stated' : 'assumed'} | ${fact.source}`;
    found.set(key, [...(found.get(key) ?? []), name]);
  }
  return found;
}
