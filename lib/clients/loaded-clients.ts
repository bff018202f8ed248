import type { ClientMetadata } from '../options.ts';
import { defaultAuthMethod } from './client-metadata.ts';

/** The app's own clients, asked for by id, remembered for a short time. */
export interface LoadedClients {
  find(clientId: string): Promise<ClientMetadata | undefined>;
  /** Whether a client that was looked up for this request is the app's. Asks nobody: a registered client never was. */
  isLoaded(clientId: string): boolean;
}

/** The app's loader failed: the request may be tried again; the client is not unknown. */
export class ClientLoaderError extends Error {
  constructor(options: ErrorOptions) {
    super('loadClient failed', options);
    this.name = 'ClientLoaderError';
  }
}

const maxRemembered = 1000;
const rememberMs = 30_000;
const timeoutMs = 5000;

/**
 * Wraps `loadClient` with a bounded memory and a time limit. Unknown ids are remembered too: anybody can ask for them.
 * A metadata document's URL is never asked for, so that no source can take over another's client.
 */
export function createLoadedClients(
  load: ((clientId: string) => Promise<ClientMetadata | undefined>) | undefined,
): LoadedClients {
  const remembered = new Map<string, { metadata: ClientMetadata | undefined; until: number }>();

  async function ask(clientId: string): Promise<ClientMetadata | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), timeoutMs);
    });
    try {
      const metadata = await Promise.race([Promise.resolve(load?.(clientId)), late]);
      if (metadata === undefined) return undefined;
      if (metadata.client_id !== clientId) throw new Error('the metadata is of another client');
      const { token_endpoint_auth_method = defaultAuthMethod({ ...metadata }) } = metadata;
      return { ...metadata, token_endpoint_auth_method } as ClientMetadata;
    } catch (cause) {
      throw new ClientLoaderError({ cause });
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    isLoaded: (clientId) => remembered.get(clientId)?.metadata !== undefined,

    async find(clientId) {
      if (!load || /^https?:/i.test(clientId) || clientId.length > 255) return undefined;
      const known = remembered.get(clientId);
      if (known && known.until > Date.now()) return known.metadata;
      const metadata = await ask(clientId);
      remembered.delete(clientId);
      if (remembered.size >= maxRemembered) remembered.delete(remembered.keys().next().value as string);
      remembered.set(clientId, { metadata, until: Date.now() + rememberMs });
      return metadata;
    },
  };
}
