import {
  type CallToolResult,
  type ElicitInputParams,
  fromJsonSchema,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { textResult } from './context.ts';

type ToolOutcome = CallToolResult | InputRequiredResult;

/**
 * Asks the client for input with an `input_required` result. Before 2026-07-28 the SDK sends the same questions as
 * `elicitation/create` and `sampling/createMessage` requests, so the tools below are written once for all revisions.
 */
function elicitOnce(ctx: ServerContext, prefix: string, params: ElicitInputParams): ToolOutcome {
  const answer = inputResponse(ctx.mcpReq.inputResponses, 'answer');
  if (answer.kind !== 'elicit') {
    return inputRequired({ inputRequests: { answer: inputRequired.elicit(params) } });
  }
  return textResult(`${prefix}: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`);
}

export function samplingRequest(text: string, maxTokens: number) {
  return inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text } }], maxTokens });
}

/** The text of a sampling answer, undefined where the key holds none. */
export function sampledText(ctx: ServerContext, key: string): string | undefined {
  const answer = inputResponse(ctx.mcpReq.inputResponses, key);
  if (answer.kind !== 'sampling') {
    return undefined;
  }
  const block = [answer.result.content].flat()[0];
  return block?.type === 'text' ? block.text : JSON.stringify(block);
}

const defaultsForm: ElicitInputParams = {
  message: 'Check the proposed values',
  requestedSchema: {
    type: 'object',
    properties: {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    },
  },
};

const plainOptions = ['option1', 'option2', 'option3'];
const titledOptions = [
  { const: 'value1', title: 'First Option' },
  { const: 'value2', title: 'Second Option' },
  { const: 'value3', title: 'Third Option' },
];

const enumsForm: ElicitInputParams = {
  message: 'Choose from each list',
  requestedSchema: {
    type: 'object',
    properties: {
      untitledSingle: { type: 'string', enum: plainOptions },
      titledSingle: { type: 'string', oneOf: titledOptions },
      legacyEnum: {
        type: 'string',
        enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three'],
      },
      untitledMulti: { type: 'array', items: { type: 'string', enum: plainOptions } },
      titledMulti: { type: 'array', items: { anyOf: titledOptions } },
    },
  },
};

const userForm = {
  type: 'object',
  properties: {
    username: { type: 'string', description: "User's response" },
    email: { type: 'string', description: "User's email address" },
  },
  required: ['username', 'email'],
} satisfies ElicitInputParams['requestedSchema'];

/** Tools of the 2025 revisions that ask the client for input. */
export function registerClientInputTools(server: McpServer): void {
  server.registerTool(
    'test_sampling',
    {
      description: 'Asks the client to sample a prompt',
      inputSchema: fromJsonSchema<{ prompt: string }>({
        type: 'object',
        properties: { prompt: { type: 'string' } },
        required: ['prompt'],
      }),
    },
    ({ prompt }, ctx): ToolOutcome => {
      const reply = sampledText(ctx, 'reply');
      return reply === undefined
        ? inputRequired({ inputRequests: { reply: samplingRequest(prompt, 100) } })
        : textResult(`LLM response: ${reply}`);
    },
  );
  server.registerTool(
    'test_elicitation',
    {
      description: 'Asks the user for a name and an e-mail address',
      inputSchema: fromJsonSchema<{ message: string }>({
        type: 'object',
        properties: { message: { type: 'string' } },
        required: ['message'],
      }),
    },
    ({ message }, ctx) => elicitOnce(ctx, 'User response', { message, requestedSchema: userForm }),
  );
  server.registerTool(
    'test_elicitation_sep1034_defaults',
    { description: 'Asks with a default for every primitive type (SEP-1034)' },
    (ctx) => elicitOnce(ctx, 'Elicitation completed', defaultsForm),
  );
  server.registerTool(
    'test_elicitation_sep1330_enums',
    { description: 'Asks with the five ways to write an enumeration (SEP-1330)' },
    (ctx) => elicitOnce(ctx, 'Elicitation completed', enumsForm),
  );
}
