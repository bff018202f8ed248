import {
  acceptedContent,
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequests,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { sampledText, samplingRequest } from './client-input-tools.ts';
import { type EverythingContext, textResult } from './context.ts';

type ToolOutcome = CallToolResult | InputRequiredResult;

/** A form with one required text field. */
export function oneFieldForm(message: string, field: string) {
  return inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { [field]: { type: 'string' } }, required: [field] },
  });
}

/** The field of an accepted form if it is a string, undefined in every other case: the client may send anything. */
export function stringAnswer(ctx: ServerContext, key: string, field: string): string | undefined {
  const value = acceptedContent(ctx.mcpReq.inputResponses, key)?.[field];
  return typeof value === 'string' ? value : undefined;
}

function rootUris(ctx: ServerContext, key: string): string | undefined {
  const answer = inputResponse(ctx.mcpReq.inputResponses, key);
  return answer.kind === 'roots' ? answer.roots.map((root) => root.uri).join(', ') : undefined;
}

const confirmForm = inputRequired.elicit({
  message: 'Please confirm',
  requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
});

const nameForm = oneFieldForm('What is your name?', 'name');

function askForName(ctx: ServerContext): ToolOutcome {
  const name = stringAnswer(ctx, 'user_name', 'name');
  return name === undefined ? inputRequired({ inputRequests: { user_name: nameForm } }) : textResult(`Hello, ${name}!`);
}

function askForCapital(ctx: ServerContext): ToolOutcome {
  const reply = sampledText(ctx, 'capital_question');
  return reply === undefined
    ? inputRequired({ inputRequests: { capital_question: samplingRequest('What is the capital of France?', 100) } })
    : textResult(`The client says: ${reply}`);
}

function askForRoots(ctx: ServerContext): ToolOutcome {
  const uris = rootUris(ctx, 'client_roots');
  return uris === undefined
    ? inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
    : textResult(`Roots: ${uris}`);
}

/** Only what the client declared for this request may be asked for (SEP-2322). */
function askWithinCapabilities(ctx: ServerContext): ToolOutcome {
  // The published type of the envelope names none of its keys.
  const envelope: Record<string, unknown> = { ...ctx.mcpReq.envelope };
  const declared = (envelope[CLIENT_CAPABILITIES_META_KEY] ?? {}) as ClientCapabilities;
  const inputRequests: InputRequests = {
    ...(declared.sampling && { greeting: samplingRequest('Generate a greeting', 50) }),
    ...(declared.elicitation && { user_name: nameForm }),
    ...(declared.roots && { client_roots: inputRequired.listRoots() }),
  };
  const isAnswered = Object.keys(ctx.mcpReq.inputResponses ?? {}).length > 0;
  return isAnswered || Object.keys(inputRequests).length === 0
    ? textResult('nothing more to ask')
    : inputRequired({ inputRequests });
}

/** Needs sampling, whatever the client declared: the SDK refuses with -32021 where it is undeclared. */
function requireSampling(ctx: ServerContext): ToolOutcome {
  const reply = sampledText(ctx, 'reply');
  return reply === undefined
    ? inputRequired({ inputRequests: { reply: samplingRequest('Say pong', 16) } })
    : textResult(reply);
}

/** The three tools that carry `requestState`; the server rejects a state it did not seal before they run. */
function stateTools({ stateCodec }: EverythingContext) {
  async function confirm(ctx: ServerContext): Promise<ToolOutcome> {
    const state = ctx.mcpReq.requestState<{ step: string }>();
    const answer = inputResponse(ctx.mcpReq.inputResponses, 'confirm');
    if (state?.step === 'confirm' && answer.kind === 'elicit') {
      return textResult('state-ok');
    }
    return inputRequired({
      inputRequests: { confirm: confirmForm },
      requestState: await stateCodec.mint({ step: 'confirm' }, ctx),
    });
  }

  async function askThreeAtOnce(ctx: ServerContext): Promise<ToolOutcome> {
    const name = stringAnswer(ctx, 'user_name', 'name');
    const greeting = sampledText(ctx, 'greeting');
    const uris = rootUris(ctx, 'client_roots');
    if (ctx.mcpReq.requestState() !== undefined && name !== undefined && greeting !== undefined && uris !== undefined) {
      return textResult(`${greeting}, ${name} (${uris})`);
    }
    return inputRequired({
      inputRequests: {
        user_name: nameForm,
        greeting: samplingRequest('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await stateCodec.mint({ step: 'three' }, ctx),
    });
  }

  async function askTwice(ctx: ServerContext): Promise<ToolOutcome> {
    const state = ctx.mcpReq.requestState<{ step: number; name?: string }>();
    const color = stringAnswer(ctx, 'step2', 'color');
    if (state?.step === 2 && color !== undefined) {
      return textResult(`${state.name} likes ${color}`);
    }
    const name = state?.step === 2 ? state.name : stringAnswer(ctx, 'step1', 'name');
    if (state !== undefined && name !== undefined) {
      return inputRequired({
        inputRequests: { step2: oneFieldForm('Step 2: What is your favorite color?', 'color') },
        requestState: await stateCodec.mint({ step: 2, name }, ctx),
      });
    }
    return inputRequired({
      inputRequests: { step1: oneFieldForm('Step 1: What is your name?', 'name') },
      requestState: await stateCodec.mint({ step: 1 }, ctx),
    });
  }

  return { confirm, askThreeAtOnce, askTwice };
}

/** Tools of 2026-07-28 that answer with `input_required` (SEP-2322). */
export function registerInputRequiredTools(server: McpServer, context: EverythingContext): void {
  const { confirm, askThreeAtOnce, askTwice } = stateTools(context);
  const tools: Record<string, (ctx: ServerContext) => ToolOutcome | Promise<ToolOutcome>> = {
    test_input_required_result_elicitation: askForName,
    test_input_required_result_sampling: askForCapital,
    test_input_required_result_list_roots: askForRoots,
    test_input_required_result_capabilities: askWithinCapabilities,
    test_input_required_result_request_state: confirm,
    test_input_required_result_tampered_state: confirm,
    test_input_required_result_multiple_inputs: askThreeAtOnce,
    test_input_required_result_multi_round: askTwice,
    test_missing_capability: requireSampling,
  };
  for (const [name, answer] of Object.entries(tools)) {
    server.registerTool(name, { description: 'Asks the client for input before it answers (SEP-2322)' }, answer);
  }
}

/** Announce a changed list on every open `subscriptions/listen` stream that asked for it (SEP-2575). */
export function registerTriggerTools(server: McpServer, context: EverythingContext): void {
  server.registerTool('test_trigger_tool_change', { description: 'Announces a changed tool list' }, () => {
    context.toolsChanged();
    return textResult('announced');
  });
  server.registerTool('test_trigger_prompt_change', { description: 'Announces a changed prompt list' }, () => {
    context.promptsChanged();
    return textResult('announced');
  });
}
