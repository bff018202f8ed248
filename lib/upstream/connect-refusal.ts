import type { EventSink } from '../shared/events.ts';
import { newFlowId } from '../shared/flow-id.ts';
import type { Exchange } from '../shared/http.ts';
import type { PageContent, Pages } from '../shared/pages/pages.ts';
import type { ConnectableUpstream } from './connectable-upstream.ts';
import { describeUpstreamProblem, UpstreamError } from './upstream-problem.ts';

/** What a person sees where nothing can be connected. */
const refusals = {
  linkExpired: { status: 400, code: 'invalid_request' },
  linkOfAnother: { status: 403, code: 'access_denied' },
  notConnected: { status: 400, code: 'access_denied' },
  serviceUnavailable: { status: 503, code: 'temporarily_unavailable' },
} as const satisfies { [Kind in PageContent<'error'>['kind']]?: { status: number; code: string } };

/** The pages on which connecting ends without a connection. */
export interface ConnectRefusals {
  /** @param reason for the event alone */
  refuse(exchange: Exchange, refusal: keyof typeof refusals, reason: string, upstream?: ConnectableUpstream): void;
  /** What the upstream's authorization server did. @throws the error where it is of another kind */
  notConnected(exchange: Exchange, upstream: ConnectableUpstream, error: unknown): void;
  /** @returns false where the method was another, and the answer is sent */
  allow(exchange: Exchange, ...methods: string[]): boolean;
}

export function createConnectRefusals(events: EventSink, pages: Pages): ConnectRefusals {
  const refuse: ConnectRefusals['refuse'] = (exchange, refusal, reason, upstream) => {
    const { status, ...content } = refusals[refusal];
    const flowId = newFlowId();
    const values = { service: upstream?.displayName ?? '' };
    events.emit({ type: 'upstream.connect_refused', flowId, reason, ...(upstream && { upstream: upstream.id }) });
    pages.send(exchange, 'error', { kind: refusal, ...content, flowId, values }, { status });
  };
  return {
    refuse,
    notConnected(exchange, upstream, error) {
      if (!(error instanceof UpstreamError)) throw error;
      const refusal = error.problem.reason === 'unreachable' ? 'serviceUnavailable' : 'notConnected';
      refuse(exchange, refusal, describeUpstreamProblem(error.problem), upstream);
    },
    allow(exchange, ...methods) {
      if (methods.includes(exchange.req.method ?? '')) return true;
      exchange.res.setHeader('allow', methods.join(', '));
      pages.send(exchange, 'error', { kind: 'notUsable', code: 'invalid_request' }, { status: 405 });
      return false;
    },
  };
}
