import type { InspectedProvider, Inspection } from '../../inspection.ts';
import { inspectOptions } from '../../inspection.ts';
import type { McpOAuthOptions } from '../../options.ts';
import { Missing } from './check.ts';

type Document = Readonly<Record<string, unknown>>;

/** What an identity provider answered, read once. */
export interface ProviderAnswers {
  readonly provider: InspectedProvider;
  /** Its name in findings. */
  readonly name: string;
  /** The discovery document, if the options need one. @throws Error saying why it cannot be had */
  discovery(): Promise<{ readonly document: Document; readonly date: string | null } | undefined>;
  /** The key set. @throws Error saying why it cannot be had */
  keySet(): Promise<Document>;
}

/** The options of `mcpOAuth()`, in this process. */
export interface Configuration {
  readonly given: McpOAuthOptions;
  /** @throws ConfigurationError */
  inspect(): Inspection;
  /** @throws Missing where the options are refused */
  inspection(): Inspection;
  /** @throws Missing without an identity provider */
  providers(): readonly ProviderAnswers[];
  /** The present, UNIX milliseconds. */
  readonly now: () => number;
}

async function readJson({ outbound, login }: InspectedProvider, url: string) {
  const response = await outbound.fetch(url, {
    purpose: 'identity provider',
    timeoutMs: login.remoteTimeoutMs,
    maxResponseBytes: 64 * 1024,
    allowHttpLoopback: true,
  });
  if (response.status !== 200) throw new Error(`${url} answers ${response.status}`);
  const document: unknown = await response.json().catch(() => undefined);
  if (typeof document !== 'object' || document === null) throw new Error(`${url} answers no JSON`);
  return { document: document as Document, date: response.headers.get('date') };
}

function answersOf(provider: InspectedProvider): ProviderAnswers {
  const { login, id } = provider;
  const isStatic =
    login.protocol === 'oauth2' || ![login.authorizationUrl, login.tokenUrl, login.jwksUrl].includes(undefined);
  const discoveryUrl = login.discoveryUrl ?? `${login.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  let found: ReturnType<ProviderAnswers['discovery']> | undefined;
  const discovery = () => {
    found ??= isStatic ? Promise.resolve(undefined) : readJson(provider, discoveryUrl);
    return found;
  };
  return {
    provider,
    name: id ?? login.issuer,
    discovery,
    async keySet() {
      const url = login.jwksUrl ?? (await discovery())?.document.jwks_uri;
      if (typeof url !== 'string' || !URL.canParse(url)) throw new Missing('the identity provider publishes no keys');
      return (await readJson(provider, url)).document;
    },
  };
}

/** @param origin of the issuer, where there are several */
export function openConfiguration(
  given: McpOAuthOptions,
  origin: string | undefined,
  now: () => number,
): Configuration & { close(): Promise<void> } {
  let inspected: Inspection | undefined;
  let providers: readonly ProviderAnswers[] | undefined;

  function inspect(): Inspection {
    inspected ??= inspectOptions(given, origin);
    return inspected;
  }

  function inspection(): Inspection {
    try {
      return inspect();
    } catch (cause) {
      throw Object.assign(new Missing('the options are refused'), { cause });
    }
  }

  return {
    given,
    now,
    inspect,
    inspection,
    providers() {
      providers ??= inspection().identityProviders.map(answersOf);
      if (providers.length === 0) throw new Missing('there is no identity provider in the options');
      return providers;
    },
    close: async () => inspected?.settings.storage.close(),
  };
}

/** Why something could not be had, for a line of a report. */
export function reasonOf(error: unknown): string {
  if (error instanceof Missing) throw error;
  return error instanceof Error ? error.message : String(error);
}
