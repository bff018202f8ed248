/** A fault that the product must survive, and where that is tried. */
export interface Fault {
  readonly id: string;
  readonly fault: string;
  readonly requirement: string;
  /** Suites that record its figure, as paths below `__tests__`. */
  readonly suites: readonly string[];
}

const both = (name: string) => [`faults/postgres-${name}.test.ts`, `faults/redis-${name}.test.ts`];

/** In the order of their numbers. "N" is three processes on one PostgreSQL or Redis behind a round-robin. */
export const faults: readonly Fault[] = [
  {
    id: 'F-01',
    fault: '24 parallel redemptions of one code over N',
    requirement: 'exactly one 200, the others 400 `invalid_grant`',
    suites: both('redemption-races'),
  },
  {
    id: 'F-02',
    fault: '24 parallel refreshes over N, no grace window',
    requirement: 'exactly one 200; never two live refresh tokens',
    suites: both('refresh-races'),
  },
  {
    id: 'F-03',
    fault: 'one refresh token twice within the grace window',
    requirement: 'the same successor; after the window 400 and the family revoked',
    suites: both('refresh-races'),
  },
  {
    id: 'F-04',
    fault: 'answer of a refresh lost after it was stored',
    requirement: 'a retry within the window gets 200, after it `invalid_grant`',
    suites: both('refresh-races'),
  },
  {
    id: 'F-05',
    fault: '24 parallel uses of one ID-JAG over N',
    requirement: 'exactly one token',
    suites: both('redemption-races'),
  },
  {
    id: 'F-06',
    fault: '24 parallel uses of one client assertion over N',
    requirement: 'exactly one authenticates',
    suites: both('redemption-races'),
  },
  {
    id: 'F-07',
    fault: 'one callback of the identity provider 10 times in parallel over N',
    requirement: 'at most one login and one code',
    suites: both('redemption-races'),
  },
  {
    id: 'F-08',
    fault: 'one approval 10 times in parallel over N',
    requirement: 'at most one code and one grant',
    suites: both('redemption-races'),
  },
  {
    id: 'F-09',
    fault: 'login on A, callback on B, token on C, resource on A',
    requirement: '100 of 100 flows succeed without sticky routing',
    suites: both('redemption-races'),
  },
  {
    id: 'F-10',
    fault: 'kill -9 of one of N during flows',
    requirement: 'only the requests that it was answering fail',
    suites: both('restarts'),
  },
  {
    id: 'F-11',
    fault: 'rolling restart of all N during flows',
    requirement: 'nothing is lost; less than 1 % of requests sent again',
    suites: both('restarts'),
  },
  {
    id: 'F-12',
    fault: 'restart of every process',
    requirement: 'clients, sessions, refresh tokens and JWTs go on',
    suites: both('restarts'),
  },
  {
    id: 'F-13',
    fault: 'restart after use (CVE-2026-9802 class)',
    requirement: 'used code, rotated refresh token and used assertions are refused',
    suites: both('restarts'),
  },
  {
    id: 'F-14',
    fault: 'storage down at the start',
    requirement: '503 until it is there, then service without a restart',
    suites: both('outages'),
  },
  {
    id: 'F-15',
    fault: 'storage dies while running',
    requirement: '503 with Retry-After and `temporarily_unavailable` from everything',
    suites: both('outages'),
  },
  {
    id: 'F-16',
    fault: 'storage down, a JWT at the resource',
    requirement: '200 where revocation is not checked, else 503; never 401',
    suites: ['faults/jwt-outage.test.ts'],
  },
  {
    id: 'F-17',
    fault: 'storage comes back',
    requirement: 'service within 2 s, without a restart',
    suites: both('outages'),
  },
  {
    id: 'F-18',
    fault: 'storage hangs',
    requirement: 'every answer within the statement timeout and 1 s, 503; no pool exhausted',
    suites: both('outages'),
  },
  {
    id: 'F-19',
    fault: 'storage slow, 200 ms for each call',
    requirement: 'flows succeed, nothing is used twice, p99 below 3 s',
    suites: both('far-away'),
  },
  {
    id: 'F-20',
    fault: 'failure between using a code or token and saving its successor',
    requirement: 'one live token or a clean refusal; no token without a grant',
    suites: ['faults/interrupted.test.ts'],
  },
  {
    id: 'F-21',
    fault: 'storage full, unique violation, serialization failure, deadlock',
    requirement: 'tried again or 503; never SQL in an answer',
    suites: both('server-errors'),
  },
  {
    id: 'F-22',
    fault: 'Redis crashes at the moment of use',
    requirement: 'with `appendfsync always` nothing can be used twice; a failover is documented',
    suites: ['faults/redis-durability.test.ts'],
  },
  {
    id: 'F-23',
    fault: 'Redis evicts',
    requirement: 'named by a warning; `noeviction` documented',
    suites: ['faults/redis-durability.test.ts'],
  },
  {
    id: 'F-24',
    fault: '1,000,000 expired rows',
    requirement: 'removed in batches, insert p99 below 20 ms meanwhile',
    suites: ['faults/postgres-server-errors.test.ts'],
  },
  {
    id: 'F-25',
    fault: 'identity provider answers 500, refuses, hangs or has a wrong certificate',
    requirement: '`temporarily_unavailable` or `server_error` in time; issued tokens go on',
    suites: ['federation/outage.test.ts', 'identity/tls-error.test.ts'],
  },
  {
    id: 'F-26',
    fault: 'identity provider hangs, 100 logins wait',
    requirement: 'tokens and resources are served meanwhile',
    suites: ['federation/bounds.test.ts'],
  },
  {
    id: 'F-27',
    fault: 'identity provider down at the start',
    requirement: 'the product starts, logins are 503 and go on when it is back',
    suites: ['federation/outage.test.ts'],
  },
  {
    id: 'F-28',
    fault: 'identity provider rotates its keys',
    requirement: 'the first token under a new key is good; a removed key ends within 10 min',
    suites: ['federation/key-set.test.ts', 'id-jag/outage.test.ts'],
  },
  {
    id: 'F-29',
    fault: '1,000 forged key ids in 10 s',
    requirement: 'at most 2 fetches of the key set',
    suites: ['federation/bounds.test.ts', 'id-jag/outage.test.ts'],
  },
  {
    id: 'F-30',
    fault: 'key set of the identity provider down, key known',
    requirement: 'accepted for an hour, then 503 and no refusal',
    suites: ['federation/key-set.test.ts', 'id-jag/outage.test.ts'],
  },
  {
    id: 'F-31',
    fault: 'own signing key rotates under load over N',
    requirement: 'no call fails; both keys are published',
    suites: both('restarts'),
  },
  {
    id: 'F-32',
    fault: 'the secret rotates',
    requirement: 'cookies and tokens of the old one go on',
    suites: both('restarts'),
  },
  {
    id: 'F-33',
    fault: 'clock skew to the identity provider',
    requirement: 'one minute signs in, ten are refused with the skew named',
    suites: ['federation/id-token-faults.test.ts'],
  },
  {
    id: 'F-34',
    fault: 'the clock goes back one hour',
    requirement: 'what expired stays expired; no exception',
    suites: ['faults/clock.test.ts'],
  },
  {
    id: 'F-35',
    fault: 'upstream refuses, resets, is slow or breaks off',
    requirement: '502, 504 or a broken stream; nobody else is harmed',
    suites: ['flows/upstream-faults.test.ts'],
  },
  {
    id: 'F-36',
    fault: 'clients abort 500 event streams',
    requirement: 'upstream connections closed within 2 s; descriptors and memory back within 10 %',
    suites: ['faults/aborted-streams.test.ts', 'flows/upstream-storm.test.ts'],
  },
  {
    id: 'F-37',
    fault: 'host of a metadata document down after the approval',
    requirement: 'the last good copy serves whom somebody approved; refreshes go on',
    suites: ['clients/metadata-document-cache.test.ts'],
  },
  {
    id: 'F-38',
    fault: 'host of a metadata document answers 500 for a while',
    requirement: 'the error is not kept; the next try works',
    suites: ['clients/metadata-document-cache.test.ts'],
  },
  {
    id: 'F-39',
    fault: 'mixed load for long, a tenth of it garbage',
    requirement: 'no 5xx, memory rises less than 1 MB/min, event-loop delay p99 below 50 ms',
    suites: ['faults/soak.test.ts'],
  },
  {
    id: 'F-40',
    fault: 'SIGTERM with 50 requests and 10 event streams open',
    requirement: 'requests answered, new ones refused, exit code 0 within the grace period',
    suites: ['faults/shutdown.test.ts'],
  },
  {
    id: 'F-41',
    fault: 'two versions side by side, old and new schema',
    requirement: 'both serve, or the migration refuses clearly',
    suites: ['faults/postgres-versions.test.ts'],
  },
  {
    id: 'F-42',
    fault: 'wrong or missing settings in production',
    requirement: 'refuses to start and names every one',
    suites: ['faults/misconfiguration.test.ts'],
  },
  {
    id: 'F-43',
    fault: 'nobody reads the log (EPIPE)',
    requirement: 'the service goes on',
    suites: ['faults/closed-log.test.ts'],
  },
  {
    id: 'F-44',
    fault: '1,000,000 registered clients',
    requirement: 'registration and authorization p99 below twice that of an empty table',
    suites: both('growth'),
  },
];
