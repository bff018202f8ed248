import type { RequestListener } from 'node:http';

const answer = Buffer.from(
  JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: 'as small as it can be' }] } }),
);

/** The handler of every route that is measured: as little as possible, so that no ratio hides behind its work. */
export const answerMcp: RequestListener = (_req, res) => {
  res.setHeader('content-type', 'application/json');
  res.setHeader('content-length', answer.length);
  res.end(answer);
};
