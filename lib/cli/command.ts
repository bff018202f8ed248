/** Where a command writes its lines. */
export interface Output {
  readonly out: (line: string) => void;
  readonly error: (line: string) => void;
}

/** What a command is given besides its arguments. */
export type CommandContext = Output;

/** The arguments were not understood; the usage is shown. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}
