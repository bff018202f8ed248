import { isIP } from 'node:net';

/** The first four groups of an IPv6 address: one subscriber has at least a /64 network. */
function networkOf(address: string): string {
  const [head = '', tail] = (address.split('%', 1)[0] ?? '').split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0');
  const network = [...groups, ...zeros, ...rest].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/** Some proxies write the port behind the address: `192.0.2.1:1234`, `[2001:db8::1]:1234`. */
function withoutPort(address: string): string {
  const [, v6, v4] = /^(?:\[([^\]]+)\](?::\d+)?|([\d.]+):\d+)$/.exec(address) ?? [];
  return v6 ?? v4 ?? address;
}

/** All callers whose proxy names no address (RFC 7239 section 6), or whose own text stands in its place: they share one limit. */
const unnamed = 'unknown';

interface Called {
  readonly ip?: string | undefined;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** Of requests being served: several limits and the flow ask for it. */
const known = new WeakMap<Called, { readonly address: string | undefined }>();

/**
 * Who calls, for limits: the address as Express's `trust proxy` says, an IPv6 one as its network. Undefined on loopback and
 * on a local socket: a program of this machine, or every caller of a proxy in front that Express does not trust.
 */
export function callerAddress(req: Called): string | undefined {
  const caller = known.get(req) ?? { address: addressOf(req) };
  known.set(req, caller);
  return caller.address;
}

function addressOf(req: Called): string | undefined {
  const given = req.ip ?? req.socket.remoteAddress ?? '';
  const address = withoutPort(given).replace(/^::ffff:(?=\d+\.)/i, '');
  switch (isIP(address)) {
    case 4:
      return address.startsWith('127.') ? undefined : address;
    case 6:
      return address === '::1' ? undefined : networkOf(address);
    default:
      return given === '' ? undefined : unnamed;
  }
}
