import { AsyncLocalStorage } from 'node:async_hooks';
import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { callerAddress } from './caller-address.ts';
import { createRandomBytes } from './random-bytes.ts';

/** Answers carry the flow id in this header, so that a person at a terminal can name it, too. */
export const flowHeader = 'x-flow-id';

/** What one request is part of. */
interface Flow {
  /** Of the authorization, as soon as that is known; before, of the request or of its caller. */
  id: string;
  /** What the caller's requests before the authorization were told by; absent for a browser. */
  readonly discoveryId: string | undefined;
  readonly res: ServerResponse;
}

const flows = new AsyncLocalStorage<Flow>();

const nextBytes = createRandomBytes(12);
const newId = () => nextBytes().toString('base64url');

/** The flow id of the request being served; a reference of its own outside of one. */
export function newFlowId(): string {
  return flows.getStore()?.id ?? newId();
}

const given = new WeakMap<object, string>();

/** The same reference wherever one request asks for it. @param request any object that stands for it */
export function flowIdOf(request: object): string {
  const known = given.get(request) ?? newFlowId();
  given.set(request, known);
  return known;
}

/** Tells a client's requests before its authorization by its address and software: the same on every replica. */
export type CallerFlow = (req: IncomingMessage) => string;

const windowMs = 3_600_000;
/** Callers whose id is not computed again for their next request. */
const maxRemembered = 2000;
const maxRememberedLength = 300;

/**
 * Names callers without naming them: a keyed digest of the address and User-Agent, another one every hour. Clients behind
 * one address with the same software share it, so it finds the requests around a registration, and proves nothing.
 * @param secret undefined where each process makes up its own
 */
export function createCallerFlow(secret: string | undefined, now: () => number = Date.now): CallerFlow {
  const key = createSecretKey(
    createHmac('sha256', secret ?? randomBytes(32))
      .update('express-mcp-auth flow')
      .digest(),
  );
  const known = new Map<string, string>();
  return (req) => {
    const caller = `${callerAddress(req) ?? ''}\n${req.headers['user-agent'] ?? ''}\n${Math.floor(now() / windowMs)}`;
    const id = known.get(caller) ?? createHmac('sha256', key).update(caller).digest('base64url').slice(0, 16);
    if (known.size >= maxRemembered) known.clear();
    if (caller.length <= maxRememberedLength) known.set(caller, id);
    return id;
  };
}

/** Puts a flow id on an answer that is still to be sent. */
export function tellFlow(res: ServerResponse, flowId: string): void {
  if (!res.headersSent) res.setHeader(flowHeader, flowId);
}

/** Serves one request as part of a flow. @param discoveryId of a caller that is no browser: its flow until a better one is known */
export function inFlow<T>(res: ServerResponse, discoveryId: string | undefined, serve: () => T): T {
  const flow: Flow = { id: discoveryId ?? newId(), discoveryId, res };
  tellFlow(res, flow.id);
  return flows.run(flow, serve);
}

/** What an event says of its flow. The first one that names an authorization says what the whole request is part of. */
export function joinFlow(flowId: string | undefined): { flowId?: string; discoveryId?: string } {
  const flow = flows.getStore();
  if (!flow) return flowId === undefined ? {} : { flowId };
  if (flowId !== undefined && flowId !== flow.id) {
    flow.id = flowId;
    tellFlow(flow.res, flowId);
  }
  const { id, discoveryId } = flow;
  return { flowId: id, ...(discoveryId !== undefined && discoveryId !== id && { discoveryId }) };
}
