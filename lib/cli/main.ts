#!/usr/bin/env node
import { run } from './run.ts';

const exitCode = await run(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${line}\n`),
  error: (line) => void process.stderr.write(`${line}\n`),
});
// The config may hold a connection pool, which is its own and would keep the process alive.
process.exit(exitCode);
