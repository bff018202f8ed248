import { type NamedClient, namedClients } from './clients.ts';
import { type Answer, type Probe, ProbeError } from './probe.ts';

/** What became of one client's registration. */
export interface Registration {
  readonly client: NamedClient;
  readonly request: Readonly<Record<string, unknown>>;
  readonly answer: Answer;
  /** undefined where it was refused. */
  readonly clientId: string | undefined;
}

/** The registrations of one run. All are taken back at its end, where the server offers that. */
export interface Registrations {
  /** Those of the known clients. @throws Missing where the server registers nobody */
  all(): Promise<readonly Registration[]>;
  /** One more. */
  register(metadata: Readonly<Record<string, unknown>>): Promise<Answer>;
  /** Takes everything back that can be (RFC 7592 section 2.3). */
  remove(): Promise<Removal>;
}

/** What is left of the registrations of a run. */
export interface Removal {
  /** The server offers removal, and it failed. */
  readonly problems: readonly string[];
  /** Client ids for which no removal is offered. */
  readonly remaining: readonly string[];
}

/** The request of a client (RFC 7591 section 3.1). */
export function registrationOf({ name, redirectUris, method }: NamedClient): Record<string, unknown> {
  return {
    client_name: `${name} (express-mcp-auth doctor)`,
    redirect_uris: redirectUris,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: method,
  };
}

/** @returns undefined for what never came @throws what is no failure of the network */
function noAnswer(error: unknown): undefined {
  if (!(error instanceof ProbeError)) throw error;
}

/** Where `doctor` registers its clients. */
export function createRegistrations(
  probe: Probe,
  endpoint: () => Promise<string>,
  { initialAccessToken }: { readonly initialAccessToken: string | undefined },
): Registrations {
  const answers: Answer[] = [];
  let known: Promise<readonly Registration[]> | undefined;

  async function register(metadata: Readonly<Record<string, unknown>>): Promise<Answer> {
    const answer = await probe.send(await endpoint(), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(initialAccessToken !== undefined && { authorization: `Bearer ${initialAccessToken}` }),
      },
      body: JSON.stringify(metadata),
    });
    answers.push(answer);
    return answer;
  }

  async function registerAll(): Promise<readonly Registration[]> {
    const registrations: Registration[] = [];
    for (const client of namedClients) {
      const request = registrationOf(client);
      const answer = await register(request);
      const id = answer.json?.client_id;
      registrations.push({ client, request, answer, clientId: typeof id === 'string' ? id : undefined });
    }
    return registrations;
  }

  /** @returns the problem, if any */
  async function removeOne({ json }: Answer): Promise<string | undefined> {
    const uri = String(json?.registration_client_uri);
    const authorization = `Bearer ${String(json?.registration_access_token)}`;
    const sent = await probe.send(uri, { method: 'DELETE', headers: { authorization } }).catch(noAnswer);
    if (!sent) return 'DELETE of registration_client_uri gets no answer';
    const { status } = sent;
    if (status !== 204) return `DELETE of registration_client_uri answers ${status} instead of 204`;
    const after = await probe.send(uri, { headers: { authorization } }).catch(noAnswer);
    return after?.status === 200 ? 'the client is still there after DELETE answered 204' : undefined;
  }

  return {
    all() {
      known ??= registerAll();
      return known;
    },
    register,
    async remove() {
      const problems = new Set<string>();
      const remaining: string[] = [];
      for (const answer of answers.splice(0)) {
        const id = answer.json?.client_id;
        if (typeof id !== 'string') continue;
        const problem = typeof answer.json?.registration_client_uri === 'string' ? await removeOne(answer) : undefined;
        if (problem !== undefined) problems.add(problem);
        if (problem === undefined && typeof answer.json?.registration_client_uri === 'string') continue;
        remaining.push(id);
        answers.push(answer); // Whoever asks next hears of it, too.
      }
      return { problems: [...problems], remaining };
    },
  };
}
