import { once } from 'node:events';

/** Lets a test send the notifications of `count` one by one. */
export interface Gate {
  /** Lets one notification through; resolves once the server has handed it to its transport. */
  next(): Promise<void>;
}

/** What the tool `whoami` answers, as JSON in its one text block. */
export interface WhoAmI {
  /** False where the SDK was given no `req.auth` at all; the members below are then absent. */
  readonly isAuthenticated: boolean;
  readonly clientId?: string;
  readonly scopes?: readonly string[];
  readonly expiresAt?: number;
  readonly resource?: string;
  readonly extra?: Record<string, unknown>;
  /** Whether the access token itself reached the tool, in `authInfo.token`. */
  readonly isTokenVisible: boolean;
  /** Whether the SDK shows the tool an Authorization header. */
  readonly isAuthorizationHeaderVisible: boolean;
  /** Lower-case names of all request headers that the SDK shows the tool, sorted. */
  readonly headerNames: readonly string[];
}

function createSignal(): [reached: Promise<void>, report: () => void] {
  let report = () => {};
  const reached = new Promise<void>((resolve) => {
    report = resolve;
  });
  return [reached, report];
}

/** The pace of `count` and the two moments of `wait`. */
export function createControls() {
  const permits: (() => void)[] = [];
  const waiters: ((sent: () => void) => void)[] = [];
  const [waiting, reportWaiting] = createSignal();
  const [aborted, reportAborted] = createSignal();

  const gate: Gate = {
    next: () =>
      new Promise((sent) => {
        const waiter = waiters.shift();
        if (waiter === undefined) {
          permits.push(sent);
        } else {
          waiter(sent);
        }
      }),
  };

  /** Resolves when the test lets one notification through, with the function that reports it as sent. */
  function pass(signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const permit = permits.shift();
      if (permit !== undefined) {
        resolve(permit);
        return;
      }
      waiters.push(resolve);
      // A call that has ended must not take the permit of the next one.
      const leave = () => {
        const index = waiters.indexOf(resolve);
        if (index !== -1) {
          waiters.splice(index, 1);
        }
        reject(new Error('the call was aborted'));
      };
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  return { gate, waiting, aborted, reportWaiting, reportAborted, pass };
}

export type Controls = ReturnType<typeof createControls>;

export interface AuthInfoView {
  readonly token?: string;
  readonly clientId?: string;
  readonly scopes?: readonly string[];
  readonly expiresAt?: number;
  readonly resource?: URL;
  readonly extra?: Record<string, unknown>;
}

/** What both SDKs tell a tool about its call. */
export interface ToolCall {
  readonly authInfo: AuthInfoView | undefined;
  readonly headerNames: readonly string[];
  readonly signal: AbortSignal;
  /** Undefined where the request carried no progress token. */
  readonly sendProgress: ((progress: number, total: number) => Promise<void>) | undefined;
}

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: {
    type: 'object';
    properties: Record<string, { type: 'string' | 'integer' }>;
    required: string[];
  };
  run(args: Record<string, unknown>, call: ToolCall): Promise<string>;
}

const noInput = { type: 'object' as const, properties: {}, required: [] };

export function createTools(controls: Controls): readonly Tool[] {
  return [
    {
      name: 'echo',
      description: 'Answers with its text',
      inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
      run: async ({ text }) => String(text),
    },
    {
      name: 'whoami',
      description: 'Answers with what the tool can see of the caller',
      inputSchema: noInput,
      run: async (_args, call) => JSON.stringify(describeCaller(call)),
    },
    {
      name: 'count',
      description: 'Counts in progress notifications, each sent when the test says so',
      inputSchema: { type: 'object', properties: { to: { type: 'integer' } }, required: ['to'] },
      run: ({ to }, call) => countTo(Number(to), call, controls),
    },
    {
      name: 'wait',
      description: 'Never answers unless it is aborted',
      inputSchema: noInput,
      run: async (_args, { signal }) => {
        controls.reportWaiting();
        if (!signal.aborted) {
          await once(signal, 'abort');
        }
        controls.reportAborted();
        return 'aborted';
      },
    },
  ];
}

function describeCaller({ authInfo, headerNames }: ToolCall): WhoAmI {
  const { token, resource, ...rest } = authInfo ?? {};
  return {
    ...rest,
    ...(resource !== undefined && { resource: String(resource) }),
    isAuthenticated: authInfo !== undefined,
    isTokenVisible: Boolean(token),
    isAuthorizationHeaderVisible: headerNames.includes('authorization'),
    headerNames,
  };
}

async function countTo(to: number, { sendProgress, signal }: ToolCall, controls: Controls): Promise<string> {
  if (sendProgress === undefined) {
    throw new Error('count needs a progress token in _meta');
  }
  for (let progress = 1; progress <= to; progress++) {
    const reportSent = await controls.pass(signal);
    try {
      await sendProgress(progress, to);
    } finally {
      reportSent();
    }
  }
  return `counted to ${to}`;
}
