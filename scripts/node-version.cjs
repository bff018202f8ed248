// Loaded before a .ts entry (`node --require`), because a Node that cannot run .ts cannot print a message from it either.
if (!process.features.typescript) {
  process.stderr.write(
    `This needs Node 22.18 or newer, which runs TypeScript as it is; here runs ${process.version}.\n` +
      'npm scripts get Node 24 from the devDependency `node`: run `npm ci` (install scripts allowed) and use `npm test`.\n',
  );
  process.exit(1);
}
