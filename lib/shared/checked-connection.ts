/**
 * A connection to an address that was checked first. Steps 2 to 4 of a fetch; `outbound.ts` has the others.
 *
 * Names are resolved once and the checked address itself is dialled, so a name that changes its mind between check and
 * connect gains nothing (MCP 2026-07-28, Security Best Practices, SSRF: DNS rebinding). Refused addresses see no packet.
 */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { isLoopbackAddress, isPrivateAddress, isPublicAddress, isSameAddress } from './address-policy.ts';

/** A resolver in the shape of `dns.lookup`, always asked for all addresses of a name. */
export type Lookup = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: Error | null, addresses: string | readonly ResolvedAddress[]) => void,
) => void;

interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
  /** Another port than the URL's. Counts at the issuer's own loopback address only: a stand-in in tests need not listen on 443. */
  readonly port?: number;
}

type Found = Pick<ResolvedAddress, 'address' | 'port'>;

/** Where a socket goes. */
interface Peer {
  readonly address: string;
  readonly port: number;
}

export type ConnectionFailure = 'address_refused' | 'connect_failed' | 'dns_failed' | 'scheme_refused' | 'tls_failed';

/** Where a connection goes. */
export interface Target {
  /** https, or http where the caller has allowed it. */
  readonly url: URL;
  /** Ends every wait. */
  readonly signal: AbortSignal;
  /** The error to throw for a reason. */
  readonly fail: (reason: ConnectionFailure, cause?: unknown) => Error;
}

export interface ConnectionSettings {
  readonly lookup: Lookup;
  /** The one loopback address that may be reached, over http too. */
  readonly loopbackAddress: string | undefined;
  /** `host:port` entries that may be at a private address. */
  readonly internalHosts: ReadonlySet<string>;
  readonly secureContext: () => tls.SecureContext;
}

/** Resolves, checks, connects and, for https, negotiates TLS. The caller destroys the socket. */
export async function openCheckedConnection(settings: ConnectionSettings, target: Target): Promise<net.Socket> {
  const peer = await choosePeer(settings, target);
  if (target.url.protocol === 'http:') return connect(peer, target);
  const secureContext = settings.secureContext();
  return secure(await connect(peer, target), secureContext, target);
}

/**
 * Every address of the name must be allowed, not only the one that is used: a name with a public and a private address
 * is somebody's attempt at the private one. Literals take the same way without the resolver; URL parsing has brought
 * decimal, octal, hexadecimal and short forms to the ordinary one.
 */
async function choosePeer(settings: ConnectionSettings, target: Target): Promise<Peer> {
  const { url, fail } = target;
  const { loopbackAddress, internalHosts } = settings;
  const host = bareHostname(url);
  const found = net.isIP(host) === 0 ? await lookupAll(settings.lookup, host, target) : [{ address: host }];

  const isOwnLoopback = (address: string) => loopbackAddress !== undefined && isSameAddress(address, loopbackAddress);
  const isInternal = internalHosts.has(`${url.hostname}:${portOf(url)}`);
  const isAllowed = (address: string) =>
    isPublicAddress(address) || isOwnLoopback(address) || (isInternal && isPrivateAddress(address));

  // `localhost` is often both ::1 and 127.0.0.1, while the issuer listens on one of them.
  const isLocalhost = loopbackAddress !== undefined && /^localhost\.?$/.test(host);
  const isSkipped = (address: string) => isLocalhost && isLoopbackAddress(address) && !isOwnLoopback(address);
  const candidates = found.filter(({ address }) => !isSkipped(address));

  const [chosen] = candidates;
  if (chosen === undefined || !candidates.every(({ address }) => isAllowed(address))) throw fail('address_refused');
  if (url.protocol === 'http:' && !candidates.every(({ address }) => isOwnLoopback(address)))
    throw fail('scheme_refused');
  const { address, port } = chosen;
  return { address, port: port !== undefined && isOwnLoopback(address) ? port : portOf(url) };
}

/** All addresses of a name, at least one. A resolver cannot be cancelled, so an abort only ends the wait for it. */
async function lookupAll(lookup: Lookup, hostname: string, { signal, fail }: Target): Promise<Found[]> {
  try {
    const found = await new Promise<string | readonly ResolvedAddress[]>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      lookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
    });
    const addresses: Found[] = typeof found === 'string' ? [{ address: found }] : [...found];
    if (addresses.length > 0) return addresses;
  } catch (cause) {
    throw fail('dns_failed', cause);
  }
  throw fail('dns_failed');
}

/** Given an address, `net.connect` asks no resolver; the peer is compared all the same, before a byte is sent. */
async function connect({ address, port }: Peer, { signal, fail }: Target): Promise<net.Socket> {
  const socket = net.connect({ host: address, port });
  socket.on('error', ignoreLateError);
  try {
    await once(socket, 'connect', { signal });
  } catch (cause) {
    socket.destroy();
    throw fail('connect_failed', cause);
  }
  if (socket.remoteAddress !== undefined && isSameAddress(socket.remoteAddress, address)) return socket;
  socket.destroy();
  throw fail('address_refused');
}

/** `rejectUnauthorized` is stated because NODE_TLS_REJECT_UNAUTHORIZED changes its default. */
async function secure(socket: net.Socket, secureContext: tls.SecureContext, target: Target): Promise<tls.TLSSocket> {
  const host = bareHostname(target.url);
  // RFC 6066 section 3: the server name has no trailing dot and is never an address.
  const servername = net.isIP(host) === 0 ? host.replace(/\.$/, '') : '';
  const trust = { host, servername, secureContext, rejectUnauthorized: true };
  const channel = tls.connect({ ...trust, socket, ALPNProtocols: ['http/1.1'] });
  channel.on('error', ignoreLateError);
  try {
    await once(channel, 'secureConnect', { signal: target.signal });
    return channel;
  } catch (cause) {
    channel.destroy();
    throw target.fail('tls_failed', cause);
  }
}

/** The host name, or an IPv6 literal without its brackets. */
function bareHostname(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'http:' ? 80 : 443;
}

/** An error after the outcome was settled has nobody to tell; unheard, it would end the process. */
function ignoreLateError(): void {}
