import { setTimeout as delay } from 'node:timers/promises';
import { type CallToolResult, fromJsonSchema, type McpServer, type ServerContext } from '@modelcontextprotocol/server';
import { PNG_BASE64, textResult, WAV_BASE64 } from './context.ts';

/** Between two notifications of one call, so that a buffering intermediary is seen as one. */
const STEP_MS = 50;

const fixedResults: Record<string, { description: string; result: CallToolResult }> = {
  test_simple_text: {
    description: 'Returns one text block',
    result: textResult('This is a simple text response for testing.'),
  },
  test_image_content: {
    description: 'Returns one image block',
    result: { content: [{ type: 'image', data: PNG_BASE64, mimeType: 'image/png' }] },
  },
  test_audio_content: {
    description: 'Returns one audio block',
    result: { content: [{ type: 'audio', data: WAV_BASE64, mimeType: 'audio/wav' }] },
  },
  test_embedded_resource: {
    description: 'Returns one embedded resource',
    result: {
      content: [
        {
          type: 'resource',
          resource: {
            uri: 'test://embedded-resource',
            mimeType: 'text/plain',
            text: 'This is an embedded resource content.',
          },
        },
      ],
    },
  },
  test_multiple_content_types: {
    description: 'Returns a text, an image and a resource block',
    result: {
      content: [
        { type: 'text', text: 'Multiple content types test:' },
        { type: 'image', data: PNG_BASE64, mimeType: 'image/png' },
        {
          type: 'resource',
          resource: {
            uri: 'test://mixed-content-resource',
            mimeType: 'application/json',
            text: JSON.stringify({ test: 'data', value: 123 }),
          },
        },
      ],
    },
  },
  test_streaming_elicitation: {
    description: 'Answers with a result only: a response stream never carries a request of the server (SEP-2575)',
    result: textResult('result only'),
  },
};

async function reportProgress(ctx: ServerContext): Promise<CallToolResult> {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  for (const progress of [0, 50, 100]) {
    if (progress > 0) {
      await delay(STEP_MS);
    }
    if (progressToken !== undefined) {
      await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 100 } });
    }
  }
  return textResult('progress reported');
}

async function writeLogMessages(ctx: ServerContext): Promise<CallToolResult> {
  await ctx.mcpReq.log('info', 'Tool execution started');
  await delay(STEP_MS);
  await ctx.mcpReq.log('info', 'Tool processing data');
  await delay(STEP_MS);
  await ctx.mcpReq.log('info', 'Tool execution completed');
  return textResult('three messages logged');
}

/** Ends the response stream in the middle of the call; the result waits for a GET with Last-Event-ID (SEP-1699). */
async function answerAfterReconnect(ctx: ServerContext): Promise<CallToolResult> {
  ctx.http?.closeSSE?.();
  await delay(2 * STEP_MS);
  return textResult('delivered after the stream was closed');
}

/** The annotation is unknown to the schema type, which refuses it in a literal. */
const mirroredString = { type: 'string' as const, 'x-mcp-header': 'Region' };

/** Tools that answer without asking the client for anything. */
export function registerContentTools(server: McpServer): void {
  for (const [name, { description, result }] of Object.entries(fixedResults)) {
    server.registerTool(name, { description }, () => result);
  }
  server.registerTool('test_error_handling', { description: 'Always throws' }, () => {
    throw new Error('This tool intentionally returns an error for testing');
  });
  server.registerTool('test_tool_with_progress', { description: 'Reports progress at 0, 50 and 100' }, reportProgress);
  server.registerTool('test_tool_with_logging', { description: 'Logs three messages at info' }, writeLogMessages);
  server.registerTool(
    'test_reconnection',
    { description: 'Closes its stream before it answers' },
    answerAfterReconnect,
  );
  server.registerTool(
    'test_logging_tool',
    { description: 'Logs once, which only a request with a log level may see (SEP-2575)' },
    async (ctx) => {
      await ctx.mcpReq.log('info', 'visible only where the request asked for a level');
      return textResult('logged');
    },
  );
  server.registerTool(
    'test_x_mcp_header',
    {
      description: 'One argument is mirrored into the Mcp-Param-Region header (SEP-2243)',
      inputSchema: fromJsonSchema<{ region?: string; level?: number }>({
        type: 'object',
        properties: { region: mirroredString, level: { type: 'integer' } },
      }),
    },
    ({ region }) => textResult(`region: ${region ?? 'none'}`),
  );
  registerJsonSchemaTool(server);
}

/** Every keyword below has to reach tools/list unchanged (SEP-1613, SEP-2106). */
function registerJsonSchemaTool(server: McpServer): void {
  const needs = (property: string) => ({ required: [property] });
  server.registerTool(
    'json_schema_2020_12_tool',
    {
      description: 'Input described with the JSON Schema 2020-12 vocabulary',
      inputSchema: fromJsonSchema<Record<string, unknown>>({
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        type: 'object',
        $defs: {
          address: {
            $anchor: 'addressDef',
            type: 'object',
            properties: { street: { type: 'string' }, city: { type: 'string' } },
          },
        },
        properties: {
          name: { type: 'string' },
          address: { $ref: '#/$defs/address' },
          contactMethod: { type: 'string', enum: ['phone', 'email'] },
          phone: { type: 'string' },
          email: { type: 'string' },
        },
        allOf: [{ anyOf: [needs('phone'), needs('email')] }],
        if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
        // biome-ignore lint/suspicious/noThenProperty: a JSON Schema keyword, never awaited
        then: needs('phone'),
        else: needs('email'),
        additionalProperties: false,
      }),
    },
    (args) => textResult(JSON.stringify(args)),
  );
}
