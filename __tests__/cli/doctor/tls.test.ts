import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { connectionChecks } from '../../../lib/cli/doctor/checks.ts';
import { diagnose } from '../../../lib/cli/doctor/doctor.ts';
import { createTestCertificate } from '../../../lib/testing/certificate.ts';
import { type Gateway, startGateway } from '../../helpers/gateway.ts';
import { type BrokenFront, startBrokenFront } from './broken-front.ts';
import { idsOf, patience, pinnedDocuments, unresolvable } from './deployment.ts';

const name = 'mcp.example.test';
const dayMs = 86_400_000;

type Lookup = NonNullable<Parameters<typeof diagnose>[0]['lookup']>;
const lookup: Lookup = (_name, options, callback) => {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

const fresh = createTestCertificate([name], Date.now());
const ending = createTestCertificate([name], Date.now() - 25 * dayMs);
const ended = createTestCertificate([name], Date.now() - 60 * dayMs);
const foreign = createTestCertificate(['other.example.test'], Date.now());

const fronts: BrokenFront[] = [];
let gateway: Gateway;
let front: BrokenFront;
beforeAll(async () => {
  front = await open(fresh);
  gateway = await startGateway({
    options: () => ({
      issuer: front.origin,
      oidc: { issuer: 'https://idp.example.test', jwksUrl: 'https://idp.example.test/jwks' },
      browserLogin: {
        url: 'https://idp.example.test/authorize',
        tokenUrl: 'https://idp.example.test/token',
        clientId: 'gateway',
        clientSecret: 'a secret of the tests',
      },
      cimd: { pinned: pinnedDocuments },
      outbound: { lookup: unresolvable },
    }),
    routes: (app, auth) => void app.all('/mcp', auth.authenticate('/mcp'), (_req, res) => void res.json({})),
  });
  front.target = Number(new URL(gateway.url).port);
});
afterAll(async () => {
  await gateway.close();
  for (const opened of fronts) await opened.close();
});

async function open(certificate: { cert: string; key: string }): Promise<BrokenFront> {
  const opened = await startBrokenFront({ ...certificate, name });
  fronts.push(opened);
  return opened;
}

const look = (origin: string, ca: string | undefined, only?: readonly string[]) =>
  diagnose({
    deployment: { url: `${origin}/mcp`, ...patience, ca },
    configuration: undefined,
    origin: undefined,
    timeoutMs: 60_000,
    lookup,
    now: Date.now,
    ...(only && { only }),
  });

it('finds public-port alone at a sound deployment with TLS on another port', async () => {
  const diagnosis = await look(front.origin, fresh.cert);
  expect(diagnosis.findings).toMatchObject([{ id: 'public-port', severity: 'warning' }]);
  expect(diagnosis.passed).toEqual(
    expect.arrayContaining(['tls-certificate', 'tls-expiry', 'registration', 'form-action']),
  );
  expect(diagnosis.skipped.map(({ id }) => id)).toEqual(['idp-callback', 'registration-removal']);
});

it('finds nothing about a connection on port 443', async () => {
  const own = { ...patience, url: `https://${name}/mcp`, ca: undefined };
  const connection = {
    options: own,
    certificate: async () => ({ refusal: undefined, validToMs: Date.now() + 90 * dayMs }),
  };
  for (const check of connectionChecks) expect([check.id, await check.run(connection)]).toEqual([check.id, []]);
});

it('finds tls-certificate: an authority that nobody knows, and asks nothing else', async () => {
  const diagnosis = await look(front.origin, undefined);
  expect(idsOf(diagnosis)).toEqual(['tls-certificate', 'public-port']);
  expect(diagnosis.findings[0]?.what).toBe(
    'the certificate is not trusted: it signs itself, and nobody knows it (DEPTH_ZERO_SELF_SIGNED_CERT)',
  );
  expect(diagnosis.skipped).toContainEqual({ id: 'registration', reason: 'the certificate is not trusted' });
});

it.each([
  ['one that has ended', ended, 'it has expired (CERT_HAS_EXPIRED)'],
  ['one for another name', foreign, 'it is for another host name (ERR_TLS_CERT_ALTNAME_INVALID)'],
])('finds tls-certificate: %s', async (_what, certificate, says) => {
  const { origin } = await open(certificate);
  const diagnosis = await look(origin, certificate.cert, ['tls-certificate']);
  expect(diagnosis.findings).toMatchObject([
    { id: 'tls-certificate', what: `the certificate is not trusted: ${says}` },
  ]);
});

it('finds tls-expiry: a certificate that is about to end', async () => {
  const opened = await open(ending);
  opened.target = front.target;
  const diagnosis = await look(opened.origin, ending.cert, ['tls-certificate', 'tls-expiry']);
  expect(diagnosis.findings).toMatchObject([
    { id: 'tls-expiry', severity: 'warning', what: expect.stringMatching(/^the certificate ends in [45] days$/) },
  ]);
});
