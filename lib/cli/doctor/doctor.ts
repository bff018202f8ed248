import type { LookupFunction } from 'node:net';
import type { McpOAuthOptions } from '../../options.ts';
import { recordId } from '../../shared/record-ids.ts';
import { readCertificate } from './certificate.ts';
import { type Check, type Diagnosis, Missing, runChecks } from './check.ts';
import { configurationChecks, connectionChecks, deploymentChecks } from './checks.ts';
import { type Configuration, openConfiguration } from './configuration.ts';
import type { Connection } from './connection.ts';
import { type Deployment, type DeploymentOptions, openDeployment } from './deployment.ts';
import { createProbe, type Probe } from './probe.ts';

/** What is looked at: a URL, options, or both. */
export interface DoctorInput {
  readonly deployment: DeploymentOptions | undefined;
  readonly configuration: McpOAuthOptions | undefined;
  /** Origin of the issuer, where the options have several. */
  readonly origin: string | undefined;
  /** Ids of the checks to run. @defaultValue all */
  readonly only?: readonly string[];
  /** Limit of one request, milliseconds. */
  readonly timeoutMs: number;
  /** Where names point. @defaultValue `dns.lookup` */
  readonly lookup?: LookupFunction;
  /** The present, UNIX milliseconds. */
  readonly now: () => number;
}

type Part = Omit<Diagnosis, 'notes'>;

function chosen<Subject>(checks: readonly Check<Subject>[], only: DoctorInput['only']): readonly Check<Subject>[] {
  return only === undefined ? checks : checks.filter(({ id }) => only.includes(id));
}

/** Without a connection that a client would trust, nothing else is asked. */
function notAsked(only: DoctorInput['only'], reason: string): Part {
  return { findings: [], passed: [], skipped: chosen(deploymentChecks, only).map(({ id }) => ({ id, reason })) };
}

async function lookAtDeployment(
  options: DeploymentOptions,
  { lookup, timeoutMs, only }: DoctorInput,
  probe: Probe,
): Promise<{ parts: Part[]; deployment: Deployment | undefined }> {
  const url = new URL(options.url);
  let certificate: ReturnType<Connection['certificate']> | undefined;
  const connection: Connection = {
    options,
    certificate() {
      certificate ??=
        url.protocol === 'https:'
          ? readCertificate(url, { ca: options.ca, lookup, timeoutMs })
          : Promise.resolve(undefined);
      return certificate;
    },
  };
  const first = await runChecks(chosen(connectionChecks, only), connection);
  if (first.findings.some(({ id }) => id === 'tls-certificate'))
    return { parts: [first, notAsked(only, 'the certificate is not trusted')], deployment: undefined };
  const deployment = await openDeployment(options, probe);
  return { parts: [first, await runChecks(chosen(deploymentChecks, only), deployment)], deployment };
}

/** Takes back what was registered: by the server's own endpoint, or with the options from the store. */
async function tidyUp(deployment: Deployment, configuration: Configuration | undefined): Promise<string[]> {
  const { remaining } = await deployment.registrations.remove().catch(() => ({ remaining: [] }));
  if (remaining.length === 0) return [];
  const settings = configuration && attempt(() => configuration.inspection().settings);
  if (settings?.issuer && settings.issuer.identifier === (await deployment.issuer())) {
    for (const id of remaining) await settings.storage.delete('Client', recordId(settings.issuer, id));
    return [];
  }
  const left = `${remaining.length} registrations of this run stay: the server offers no removal`;
  return [`${left}; express-mcp-auth ends unused ones after a day. With --config they are removed from the store`];
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Missing) return undefined;
    throw error;
  }
}

/** What a client comes to know, for the eye of whoever deployed it. */
async function clientView({ issuer, resourceDocument, serverDocument }: Deployment): Promise<string[]> {
  const nothing = () => ({}) as Readonly<Record<string, unknown>>;
  const [resource, server] = await Promise.all([resourceDocument().catch(nothing), serverDocument().catch(nothing)]);
  const seen = {
    resource: resource.resource,
    issuer: await issuer(),
    authorization: server.authorization_endpoint,
    token: server.token_endpoint,
    registration: server.registration_endpoint,
  };
  const parts = Object.entries(seen).map(([name, value]) => `${name} ${typeof value === 'string' ? value : 'none'}`);
  return [`clients see: ${parts.join(', ')}`];
}

async function callbackNotes(deployment: Deployment | undefined, configuration: Configuration | undefined) {
  const callbacks = new Set(configuration && attempt(() => configuration.inspection().callbacks));
  const visit = await deployment?.authorization.submission().catch(() => undefined); // Its checks say why.
  const sent = visit?.leftTo === undefined ? null : URL.parse(visit.leftTo)?.searchParams.get('redirect_uri');
  if (sent) callbacks.add(sent);
  return [...callbacks].map((callback) => `redirect URI to register at the identity provider: ${callback}`);
}

/**
 * Looks at a deployment, at options, or at both.
 * @throws ProbeError where nothing answers
 */
export async function diagnose(input: DoctorInput): Promise<Diagnosis> {
  const { deployment: options, configuration: given, now } = input;
  const configuration = given && openConfiguration(given, input.origin, now);
  const probe = createProbe({
    timeoutMs: input.timeoutMs,
    ...(options?.ca !== undefined && { ca: options.ca }),
    ...(input.lookup && { lookup: input.lookup }),
  });
  try {
    const looked = options && (await lookAtDeployment(options, input, probe));
    const parts = [
      ...(looked?.parts ?? []),
      ...(configuration
        ? [await runChecks<Configuration>(chosen(configurationChecks, input.only), configuration)]
        : []),
    ];
    const notes = [
      ...(looked?.deployment && !input.only ? await clientView(looked.deployment) : []),
      ...(input.only ? [] : await callbackNotes(looked?.deployment, configuration)),
      ...(looked?.deployment ? await tidyUp(looked.deployment, configuration) : []),
    ];
    return {
      findings: parts.flatMap(({ findings }) => findings),
      passed: parts.flatMap(({ passed }) => passed),
      skipped: parts.flatMap(({ skipped }) => skipped),
      notes,
    };
  } finally {
    await probe.close();
    await configuration?.close();
  }
}

/** Every check, for the documentation. */
export const allChecks: readonly Check<never>[] = [...connectionChecks, ...deploymentChecks, ...configurationChecks];
