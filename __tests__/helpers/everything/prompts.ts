import {
  fromJsonSchema,
  type GetPromptResult,
  type InputRequiredResult,
  inputRequired,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { PNG_BASE64 } from './context.ts';
import { oneFieldForm, stringAnswer } from './input-required-tools.ts';

type PromptContent = GetPromptResult['messages'][number]['content'];

function userMessages(...contents: PromptContent[]): GetPromptResult {
  return { messages: contents.map((content) => ({ role: 'user', content })) };
}

function requiredStrings(...names: string[]) {
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  return fromJsonSchema<Record<string, string>>({ type: 'object', properties, required: names });
}

/** What `completion/complete` offers for an argument; the suite only looks at the shape. */
const COMPLETIONS = ['paris', 'park', 'party'];

export function registerPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'One text message' }, () =>
    userMessages({ type: 'text', text: 'This is a simple prompt for testing.' }),
  );
  server.registerPrompt(
    'test_prompt_with_arguments',
    { description: 'Repeats its two arguments', argsSchema: requiredStrings('arg1', 'arg2') },
    ({ arg1, arg2 }) => userMessages({ type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` }),
  );
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'Embeds a resource by its URI', argsSchema: requiredStrings('resourceUri') },
    ({ resourceUri = '' }) =>
      userMessages(
        {
          type: 'resource',
          resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        },
        { type: 'text', text: 'Please process the embedded resource above.' },
      ),
  );
  server.registerPrompt('test_prompt_with_image', { description: 'An image and a text message' }, () =>
    userMessages(
      { type: 'image', data: PNG_BASE64, mimeType: 'image/png' },
      { type: 'text', text: 'Please analyze the image above.' },
    ),
  );
  server.registerPrompt(
    'test_input_required_result_prompt',
    { description: 'Asks the client for input before it renders (SEP-2322)' },
    (ctx: ServerContext): GetPromptResult | InputRequiredResult => {
      const answer = stringAnswer(ctx, 'user_context', 'context');
      return answer === undefined
        ? inputRequired({
            inputRequests: { user_context: oneFieldForm('What context should the prompt use?', 'context') },
          })
        : userMessages({ type: 'text', text: `Use this context: ${answer}` });
    },
  );
  server.server.setRequestHandler('completion/complete', ({ params }) => {
    const values = COMPLETIONS.filter((value) => value.startsWith(params.argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
  });
}
