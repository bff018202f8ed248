import type { McpOAuthEvent } from '../shared/events.ts';
import type { Telemetry } from '../shared/telemetry.ts';
import { createReasonCodes } from './reason-code.ts';

/** Authorizations under way whose duration is measured: by the process in which they began. */
const maxStarted = 10_000;

const grantTypes: Readonly<Record<string, string>> = {
  authorization_code: 'authorization_code',
  refresh_token: 'refresh_token',
  client_credentials: 'client_credentials',
  'urn:ietf:params:oauth:grant-type:jwt-bearer': 'jwt-bearer',
};

/** Every event as a counter with a reason code, and on the span of its request, with the flow id that joins them. */
export function createEventTelemetry(telemetry: Telemetry): (event: McpOAuthEvent) => void {
  const codeOf = createReasonCodes();
  const startedAt = new Map<string, number>();

  function measureAuthorization({ flowId, at }: McpOAuthEvent): void {
    const from = flowId === undefined ? undefined : startedAt.get(flowId);
    if (flowId === undefined || from === undefined) return;
    startedAt.delete(flowId);
    telemetry.record('mcp_oauth.authorization.duration', (at - from) / 1000, {});
  }

  return (event) => {
    const { type, outcome, flowId, discoveryId, clientId, reason } = event;
    const code = reason === undefined ? undefined : codeOf(type, reason);
    telemetry.count('mcp_oauth.event', {
      'mcp_oauth.event.type': type,
      'mcp_oauth.outcome': outcome,
      'mcp_oauth.reason': code,
    });
    telemetry.note(
      type,
      { 'mcp_oauth.outcome': outcome, 'mcp_oauth.reason': code },
      { 'mcp_oauth.flow.id': flowId, 'mcp_oauth.discovery.id': discoveryId, 'mcp_oauth.client.id': clientId },
    );
    switch (type) {
      case 'client.registered':
        return telemetry.count('mcp_oauth.client.registered', {});
      case 'authorization.started':
        if (flowId === undefined || startedAt.has(flowId)) return;
        if (startedAt.size >= maxStarted) startedAt.delete(startedAt.keys().next().value as string);
        return void startedAt.set(flowId, event.at);
      case 'token.issued':
        telemetry.count('mcp_oauth.token.issued', { 'oauth.grant_type': grantTypes[event.grantType] ?? 'other' });
        if (event.grantType === 'authorization_code') measureAuthorization(event);
    }
  };
}
